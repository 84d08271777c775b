//! Minting, and the bundle by which others validate.

use scalbotics_core::identity::{SpiffeId, TrustDomain};
use scalbotics_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::validator::Validator;
use crate::authority::Minted;
use crate::encoding::to_base64url;
use crate::holder::key::{self, Algorithm, Jwk, Pair, Public};
use crate::{entropy, jws};

/// Life of a token, in seconds: five minutes, for nothing takes it back at third parties.
pub const LIFETIME_S: i64 = 300;

/// Most audiences of a token; more than one lets each of them use it at the others.
pub const AUDIENCES_MAX: usize = 16;

/// Most bytes of a token's audiences together: the whole token stays below what a header of HTTP may have.
pub const AUDIENCES_LEN_MAX: usize = 2_048;

/// The token's type (SPIFFE JWT-SVID §2.3).
pub(super) const TYPE: &str = "JWT";

/// What the keys of the bundle are for (SPIFFE Trust Domain and Bundle §4.2.2).
const USE: &str = "jwt-svid";

/// How often a verifier looks for newer keys, in seconds: as long as a token lives. A key is announced from the start on at which it begins to sign, when
/// streams begin anew, and for weeks after it.
const REFRESH_HINT_S: u64 = 300;

/// Bytes of randomness in a `jti`.
const JTI_LEN: usize = 16;

/// Why a token was not made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// They are signed with P-256 keys only.
    #[error("JWT-SVIDs are signed with ES256, not with {algorithm}")]
    Algorithm {
        /// The key's algorithm.
        algorithm: Algorithm,
    },
    /// There is no audience, or one is empty, or they are too many or too long.
    #[error("a JWT-SVID has 1 to 16 audiences of together 2048 bytes, none of them empty")]
    Audience,
    /// No random `jti`.
    #[error("cannot name a token")]
    Entropy(#[from] entropy::Exhausted),
    /// The key could not sign.
    #[error("cannot sign a token")]
    Key(#[from] key::Error),
    /// The bundle cannot be written.
    #[error("cannot write the bundle")]
    Json(#[from] serde_json::Error),
}

/// Whom a token is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// The workload.
    pub id: SpiffeId,
    /// Its epoch: this installation does not take a token of an older one.
    pub epoch: u64,
}

/// What a token says.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Claims {
    pub(super) sub: String,
    pub(super) aud: Vec<String>,
    pub(super) iat: i64,
    pub(super) exp: i64,
    pub(super) jti: String,
    pub(super) epoch: u64,
}

/// Signs JWT-SVIDs of one trust domain.
#[derive(Debug)]
pub struct Signer {
    key: Pair,
    previous: Vec<Public>,
    trust_domain: TrustDomain,
}

impl Signer {
    /// Signs with `key`; those of `previous` are still announced.
    ///
    /// # Errors
    /// [`Error::Algorithm`].
    pub fn new(key: Pair, previous: Vec<Public>, trust_domain: TrustDomain) -> Result<Self, Error> {
        match key.algorithm() {
            Algorithm::P256 => Ok(Self { key, previous, trust_domain }),
            algorithm @ Algorithm::Ed25519 => Err(Error::Algorithm { algorithm }),
        }
    }

    /// Mints a token that ends [`LIFETIME_S`] from now.
    ///
    /// # Errors
    /// [`Error::Audience`], [`Error::Entropy`], [`Error::Key`].
    pub fn mint(&self, subject: &Subject, audience: &[String], now: Timestamp) -> Result<Minted, Error> {
        check_audience(audience)?;
        let iat = now.unix_ms().div_euclid(1000);
        let exp = iat.saturating_add(LIFETIME_S);
        let jti = to_base64url(entropy::bytes::<JTI_LEN>()?);
        let (sub, epoch) = (subject.id.to_string(), subject.epoch);
        let claims = Claims { sub, aud: audience.to_vec(), iat, exp, jti: jti.clone(), epoch };
        let token = jws::sign(&self.key, TYPE, &claims)?;
        Ok(Minted { token, jti, expires_at: Timestamp::from_unix_ms(exp.saturating_mul(1000)) })
    }

    /// The keys by which tokens are validated, as a JWK set.
    ///
    /// # Errors
    /// [`Error::Json`].
    pub fn bundle(&self) -> Result<String, Error> {
        let keys = self.keys().map(jwk).collect::<Result<Vec<_>, _>>()?;
        Ok(serde_json::to_string(&json!({ "keys": keys, "spiffe_refresh_hint": REFRESH_HINT_S }))?)
    }

    /// A validator of its tokens.
    #[must_use]
    pub fn validator(&self) -> Validator {
        Validator::new(self.keys().cloned(), self.trust_domain.clone())
    }

    fn keys(&self) -> impl Iterator<Item = &Public> {
        [self.key.public()].into_iter().chain(&self.previous)
    }
}

/// Whether tokens for these audiences are made.
pub(super) fn check_audience(audience: &[String]) -> Result<(), Error> {
    let len: usize = audience.iter().map(String::len).sum();
    let good = (1..=AUDIENCES_MAX).contains(&audience.len())
        && len <= AUDIENCES_LEN_MAX
        && audience.iter().all(|one| !one.is_empty() && !one.chars().any(char::is_control));
    if good { Ok(()) } else { Err(Error::Audience) }
}

fn jwk(key: &Public) -> Result<Value, serde_json::Error> {
    let mut jwk = serde_json::to_value(Jwk::from(key))?;
    if let Some(members) = jwk.as_object_mut() {
        members.insert("kid".to_owned(), json!(key.thumbprint().to_string()));
        members.insert("use".to_owned(), json!(USE));
        members.insert("alg".to_owned(), json!(key.algorithm().as_jws()));
    }
    Ok(jwk)
}
