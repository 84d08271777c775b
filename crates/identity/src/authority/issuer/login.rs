//! Verification of login assertions.

use scalbotics_core::principal::KeyHolder;
use scalbotics_core::tenant::TenantId;
use scalbotics_core::time::Timestamp;

use super::compact::Compact;
use super::{LEEWAY_S, Refusal};
use crate::holder::assertion::{Claims, LIFETIME_S_MAX, TYPE};
use crate::holder::key::{Public, Thumbprint};

/// Longest `jti`, in bytes; the caller remembers it until it expires.
const JTI_LEN_MAX: usize = 64;

/// An assertion that is well-formed and that nobody vouches for yet.
#[derive(Debug)]
pub struct Assertion<'a> {
    compact: Compact<'a>,
    claims: Claims,
}

/// A human or a service that has proved to hold its login key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedIn {
    /// Who.
    pub holder: KeyHolder,
    /// The tenant that they ask to act in; the caller compares it with the registry's.
    pub tenant: TenantId,
    /// The login key, to which the access token is bound.
    pub key: Thumbprint,
    /// The assertion's name; the caller refuses it when seen before.
    pub jti: String,
    /// Until when the caller must remember `jti`.
    pub replay_until: Timestamp,
}

impl<'a> Assertion<'a> {
    /// Parses an assertion, without believing any of it.
    ///
    /// # Errors
    /// [`Refusal::TooLong`], [`Refusal::Shape`], [`Refusal::Header`], [`Refusal::Claims`].
    pub fn parse(token: &'a str) -> Result<Self, Refusal> {
        let compact = Compact::parse(token)?;
        let claims = compact.unverified()?;
        Ok(Self { compact, claims })
    }

    /// Who it claims to be: only to find the login key that can verify it.
    #[must_use]
    pub const fn claimed_holder(&self) -> KeyHolder {
        self.claims.sub
    }

    /// Verifies the assertion with the login key that the registry holds for [`Assertion::claimed_holder`].
    ///
    /// # Errors
    /// Any [`Refusal`]. A replay is the caller's to find, by [`LoggedIn::jti`].
    pub fn verify(&self, login_key: &Public, audience: &str, now: Timestamp) -> Result<LoggedIn, Refusal> {
        let key = login_key.thumbprint();
        if self.compact.kid()? != key.to_string() {
            return Err(Refusal::UnknownKey);
        }
        let claims: Claims = self.compact.verify(TYPE, login_key)?;
        if claims.iss != claims.sub {
            return Err(Refusal::Issuer);
        }
        if claims.aud != audience {
            return Err(Refusal::Audience);
        }
        if claims.jti.is_empty() || claims.jti.len() > JTI_LEN_MAX {
            return Err(Refusal::Claims);
        }
        check_times(&claims, now)?;
        let replay_until = claims.exp.saturating_add(LEEWAY_S).saturating_mul(1000);
        Ok(LoggedIn {
            holder: claims.sub,
            tenant: claims.tenant,
            key,
            jti: claims.jti,
            replay_until: Timestamp::from_unix_ms(replay_until),
        })
    }
}

fn check_times(claims: &Claims, now: Timestamp) -> Result<(), Refusal> {
    let now_s = now.unix_ms().div_euclid(1000);
    let lifetime_s = claims.exp.checked_sub(claims.iat).ok_or(Refusal::Claims)?;
    if lifetime_s <= 0 {
        return Err(Refusal::Claims);
    }
    if lifetime_s > LIFETIME_S_MAX {
        return Err(Refusal::Lifetime);
    }
    if claims.iat > now_s.saturating_add(LEEWAY_S) {
        return Err(Refusal::NotYetValid);
    }
    if claims.exp.saturating_add(LEEWAY_S) <= now_s { Err(Refusal::Expired) } else { Ok(()) }
}
