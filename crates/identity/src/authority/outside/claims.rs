//! What a verified token says, held against what the configuration trusts its issuer with.

use scalbotics_core::digest::Digest;
use scalbotics_core::outside::{CLAIMED_GROUPS_MAX, person};
use scalbotics_core::tenant::{Name, TenantId};
use scalbotics_core::time::Timestamp;
use serde_json::{Map, Value};

use super::trusted::claim;
use super::{Refusal, Trusted};
use crate::authority::issuer::LEEWAY_S;
use crate::holder::key::Thumbprint;

/// Longest life of a token, in seconds: a day.
pub const LIFETIME_S_MAX: i64 = 86_400;

/// Oldest token that is exchanged, in seconds: what it says of groups is to be of this hour, and it is remembered for no longer.
pub const AGE_S_MAX: i64 = 3_600;

/// Longest subject, in bytes (OpenID Connect Core 1.0 §2).
const SUBJECT_LEN_MAX: usize = 255;

/// Longest word for a tenant or a group, in bytes.
const WORD_LEN_MAX: usize = 512;

/// Separates these digests from all others.
const TAG: &str = "scalbotics/outside-token/v1";

/// Somebody who brings a token that counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrived {
    /// The issuer.
    pub issuer: String,
    /// Who they are there: a digest of issuer and subject.
    pub person: Digest,
    /// What the issuer calls them, where it says so.
    pub called: Option<String>,
    /// The tenant of ours that they are in.
    pub tenant: TenantId,
    /// The groups of ours that they are in, sorted.
    pub groups: Vec<Name>,
    /// When the issuer said all this.
    pub said_at: Timestamp,
    /// What tells this token from all others, whatever its signature looks like.
    pub once: Digest,
    /// Until when the caller must remember [`Arrived::once`].
    pub remember_until: Timestamp,
}

/// Checks the claims of a token whose signature is good.
pub(super) fn check(
    claims: &Map<String, Value>,
    trusted: &Trusted,
    (signed, proved): (&str, Thumbprint),
    now: Timestamp,
) -> Result<Arrived, Refusal> {
    check_audience(claims, &trusted.audience)?;
    let (iat, ends) = times(claims, now)?;
    check_bound(claims, proved)?;
    // A token about an event, such as a logout token, is nobody's login (OpenID Connect Back-Channel Logout 1.0 §2.6).
    if claims.contains_key("events") {
        return Err(Refusal::Type);
    }
    let subject = claims.get("sub").and_then(Value::as_str).filter(|sub| (1..=SUBJECT_LEN_MAX).contains(&sub.len()));
    let subject = subject.ok_or(Refusal::Claim { claim: "sub" })?;
    let said = claim(claims, &trusted.claims.tenant).and_then(Value::as_str).filter(|said| said.len() <= WORD_LEN_MAX);
    let said = said.ok_or(Refusal::Claim { claim: "tenant" })?;
    let tenant = trusted.tenants.get(said).ok_or(Refusal::Tenant)?.clone();
    let called = claim(claims, &trusted.claims.name).and_then(Value::as_str).map(str::to_owned);
    Ok(Arrived {
        issuer: trusted.url.clone(),
        person: person(&trusted.url, subject),
        called,
        tenant,
        groups: groups(claims, trusted)?,
        said_at: seconds(iat),
        once: Digest::of_parts(TAG, &[signed.as_bytes()]),
        remember_until: seconds(ends.saturating_add(1)),
    })
}

/// For us and for nobody else: a token that others get too, they could bring to us.
fn check_audience(claims: &Map<String, Value>, audience: &str) -> Result<(), Refusal> {
    let one = match claims.get("aud").ok_or(Refusal::Claim { claim: "aud" })? {
        Value::String(one) => Some(one.as_str()),
        Value::Array(all) => match all.as_slice() {
            [one] => one.as_str(),
            _ => None,
        },
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => None,
    };
    if one == Some(audience) { Ok(()) } else { Err(Refusal::Audience) }
}

/// When it was made, and when it is refused as old.
fn times(claims: &Map<String, Value>, now: Timestamp) -> Result<(i64, i64), Refusal> {
    let time = |name: &'static str| claims.get(name).and_then(Value::as_i64).ok_or(Refusal::Claim { claim: name });
    let (iat, exp) = (time("iat")?, time("exp")?);
    let nbf = if claims.contains_key("nbf") { time("nbf")? } else { iat };
    let now_s = now.unix_ms().div_euclid(1000);
    let lifetime_s = exp.checked_sub(iat).filter(|lifetime_s| *lifetime_s > 0).ok_or(Refusal::Claim { claim: "exp" })?;
    if lifetime_s > LIFETIME_S_MAX {
        return Err(Refusal::Lifetime);
    }
    if iat.max(nbf) > now_s.saturating_add(LEEWAY_S) {
        return Err(Refusal::NotYetValid);
    }
    let ends = exp.min(iat.saturating_add(AGE_S_MAX)).saturating_add(LEEWAY_S);
    if ends <= now_s { Err(Refusal::Expired) } else { Ok((iat, ends)) }
}

/// A token that its issuer bound to a key (RFC 7800) counts only with that key.
fn check_bound(claims: &Map<String, Value>, proved: Thumbprint) -> Result<(), Refusal> {
    let Some(confirmation) = claims.get("cnf") else { return Ok(()) };
    let bound = confirmation.get("jkt").and_then(Value::as_str).is_some_and(|jkt| jkt == proved.to_string());
    if bound { Ok(()) } else { Err(Refusal::Bound) }
}

/// The groups that count here; a claim that is left out is no empty one, for issuers leave it out when there are too many.
fn groups(claims: &Map<String, Value>, trusted: &Trusted) -> Result<Vec<Name>, Refusal> {
    let malformed = Refusal::Claim { claim: "groups" };
    let said = claim(claims, &trusted.claims.groups).and_then(Value::as_array).ok_or(malformed)?;
    let mut groups = Vec::new();
    for word in said {
        let word = word.as_str().filter(|word| word.len() <= WORD_LEN_MAX).ok_or(malformed)?;
        groups.extend(trusted.groups.get(word).cloned());
    }
    groups.sort();
    groups.dedup();
    if groups.len() > CLAIMED_GROUPS_MAX { Err(malformed) } else { Ok(groups) }
}

const fn seconds(seconds: i64) -> Timestamp {
    Timestamp::from_unix_ms(seconds.saturating_mul(1000))
}
