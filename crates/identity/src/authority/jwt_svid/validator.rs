//! Validation (SPIFFE JWT-SVID §4).

use std::collections::BTreeMap;

use scalbotics_core::identity::{SpiffeId, TrustDomain};
use scalbotics_core::time::Timestamp;
use serde_json::{Map, Value};

use super::signer::{Claims, LIFETIME_S, TYPE};
use crate::authority::issuer::compact::Compact;
use crate::authority::issuer::{LEEWAY_S, Refusal};
use crate::holder::key::Public;

/// A token that is good, whose subject the caller still has to look up: it may be suspended by now.
#[derive(Debug, Clone, PartialEq)]
pub struct Valid {
    /// The workload.
    pub id: SpiffeId,
    /// Its epoch when the token was made.
    pub epoch: u64,
    /// All claims, as they stand there.
    pub claims: Map<String, Value>,
}

/// Why a token is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Its form, its header, its signature, its times.
    #[error(transparent)]
    Token(#[from] Refusal),
    /// Its subject is no workload of this trust domain.
    #[error("token's subject is no workload of this trust domain")]
    Subject,
}

/// Validates JWT-SVIDs of one trust domain, made by this installation.
#[derive(Debug, Clone)]
pub struct Validator {
    keys: BTreeMap<String, Public>,
    trust_domain: TrustDomain,
}

impl Validator {
    pub(super) fn new(keys: impl Iterator<Item = Public>, trust_domain: TrustDomain) -> Self {
        Self { keys: keys.map(|key| (key.thumbprint().to_string(), key)).collect(), trust_domain }
    }

    /// Validates a token for one audience, which must be among its own.
    ///
    /// Its end gets no leeway, for the clock that ends it is the one that began it; its beginning gets [`LEEWAY_S`].
    ///
    /// # Errors
    /// Any [`Refused`].
    pub fn validate(&self, token: &str, audience: &str, now: Timestamp) -> Result<Valid, Refused> {
        let compact = Compact::parse(token)?;
        let key = self.keys.get(compact.kid()?).ok_or(Refusal::UnknownKey)?;
        let claims: Claims = compact.verify(TYPE, key)?;
        if audience.is_empty() || !claims.aud.iter().any(|one| one == audience) {
            return Err(Refusal::Audience.into());
        }
        check_times(&claims, now)?;
        let id = SpiffeId::parse(&claims.sub).map_err(|_| Refused::Subject)?;
        if id.trust_domain() != &self.trust_domain || id.path().is_empty() {
            return Err(Refused::Subject);
        }
        Ok(Valid { id, epoch: claims.epoch, claims: compact.unverified()? })
    }
}

fn check_times(claims: &Claims, now: Timestamp) -> Result<(), Refusal> {
    let now_s = now.unix_ms().div_euclid(1000);
    let lifetime_s = claims.exp.checked_sub(claims.iat).ok_or(Refusal::Claims)?;
    if lifetime_s <= 0 {
        return Err(Refusal::Claims);
    }
    if lifetime_s > LIFETIME_S {
        return Err(Refusal::Lifetime);
    }
    if claims.iat > now_s.saturating_add(LEEWAY_S) {
        return Err(Refusal::NotYetValid);
    }
    if claims.exp <= now_s { Err(Refusal::Expired) } else { Ok(()) }
}
