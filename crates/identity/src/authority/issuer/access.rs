//! Access tokens (RFC 9068): minting and validation.

use std::collections::BTreeMap;
use std::sync::Arc;

use scalbotics_core::ids::HumanUid;
use scalbotics_core::principal::KeyHolder;
use scalbotics_core::tenant::{Name, TenantId};
use scalbotics_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::compact::Compact;
use super::verified::Verified;
use super::{Error, LEEWAY_S, Refusal};
use crate::authority::Minted;
use crate::encoding::to_base64url;
use crate::holder::key::{Algorithm, Pair, Public, Thumbprint};
use crate::{entropy, jws};

/// Life of an access token, in seconds: ten minutes (architecture §5).
pub const LIFETIME_S: i64 = 600;

/// Most groups of a token; a group is a name of at most 63 bytes.
pub const GROUPS_MAX: usize = 64;

/// Longest issuer or audience, in bytes; a trust domain or a URL.
pub const AUDIENCE_LEN_MAX: usize = 512;

/// The token's type (RFC 9068 §2.1).
const TYPE: &str = "at+jwt";

/// The only client of the built-in issuer (RFC 9068 §2.2 demands the claim).
const CLIENT_ID: &str = "scalbotics";

/// Bytes of randomness in a `jti`.
const JTI_LEN: usize = 16;

/// Longest `jti` that is accepted, in bytes.
const JTI_LEN_MAX: usize = 64;

/// What a token will say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Who.
    pub holder: KeyHolder,
    /// Who sponsored a service when it logged in: under another sponsor the token is void. None for a human.
    pub sponsor: Option<HumanUid>,
    /// Their tenant, from the registry.
    pub tenant: TenantId,
    /// Their groups, from the registry.
    pub groups: Vec<Name>,
    /// When they proved who they are.
    pub auth_time: Timestamp,
    /// The key that they proved it with: `cnf.jkt`.
    pub key: Thumbprint,
    /// The identity's epoch; a token of an older one is void (semantics §4.3).
    pub epoch: u64,
}

/// A token that has been validated. Whether its epoch is current is for the caller to ask the registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessToken {
    /// What it says.
    pub session: Session,
    /// Its name.
    pub jti: String,
    /// When it was made.
    pub issued_at: Timestamp,
    /// Its end.
    pub expires_at: Timestamp,
}

#[derive(Serialize, Deserialize)]
struct Confirmation {
    jkt: Thumbprint,
}

#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    sub: KeyHolder,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sponsor: Option<HumanUid>,
    aud: String,
    client_id: String,
    iat: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    nbf: Option<i64>,
    exp: i64,
    jti: String,
    tenant: TenantId,
    groups: Vec<Name>,
    auth_time: i64,
    cnf: Confirmation,
    epoch: u64,
}

/// Signs access tokens with the keystore's P-256 key.
#[derive(Debug)]
pub struct Issuer {
    key: Pair,
    name: String,
    audience: String,
}

impl Issuer {
    /// Issues as `name` for `audience`.
    ///
    /// # Errors
    /// [`Error::Algorithm`], [`Error::Limit`].
    pub fn new(key: Pair, name: &str, audience: &str) -> Result<Self, Error> {
        if key.algorithm() != Algorithm::P256 {
            return Err(Error::Algorithm { algorithm: key.algorithm() });
        }
        if name.len() > AUDIENCE_LEN_MAX || audience.len() > AUDIENCE_LEN_MAX {
            return Err(Error::Limit { what: "issuer or audience" });
        }
        Ok(Self { key, name: name.to_owned(), audience: audience.to_owned() })
    }

    /// The key that validates its tokens.
    #[must_use]
    pub const fn public(&self) -> &Public {
        self.key.public()
    }

    /// A validator of this issuer's tokens, which also accepts the keys of `previous` until their tokens have expired.
    #[must_use]
    pub fn validator(&self, previous: &[Public]) -> Validator {
        let keys = previous.iter().filter(|key| key.algorithm() == Algorithm::P256).chain([self.public()]);
        Validator {
            name: self.name.clone(),
            audience: self.audience.clone(),
            keys: keys.map(|key| (key.thumbprint().to_string(), key.clone())).collect(),
            verified: Arc::default(),
        }
    }

    /// Mints a token that ends [`LIFETIME_S`] from now.
    ///
    /// # Errors
    /// [`Error::Limit`], [`Error::Entropy`], [`Error::Key`].
    pub fn mint(&self, session: &Session, now: Timestamp) -> Result<Minted, Error> {
        if session.groups.len() > GROUPS_MAX {
            return Err(Error::Limit { what: "groups" });
        }
        let iat = now.unix_ms().div_euclid(1000);
        let exp = iat.saturating_add(LIFETIME_S);
        let jti = to_base64url(entropy::bytes::<JTI_LEN>()?);
        let claims = Claims {
            iss: self.name.clone(),
            sub: session.holder,
            sponsor: session.sponsor,
            aud: self.audience.clone(),
            client_id: CLIENT_ID.to_owned(),
            iat,
            nbf: None,
            exp,
            jti: jti.clone(),
            tenant: session.tenant.clone(),
            groups: session.groups.clone(),
            auth_time: session.auth_time.unix_ms().div_euclid(1000),
            cnf: Confirmation { jkt: session.key },
            epoch: session.epoch,
        };
        let token = jws::sign(&self.key, TYPE, &claims)?;
        Ok(Minted { token, jti, expires_at: seconds(exp) })
    }
}

/// Validates access tokens; shared by all connections.
#[derive(Debug, Clone)]
pub struct Validator {
    name: String,
    audience: String,
    keys: BTreeMap<String, Public>,
    verified: Arc<Verified<Claims>>,
}

impl Validator {
    /// Validates a token.
    ///
    /// Its end gets no leeway, for the clock that ends it is the one that began it; its beginning gets [`LEEWAY_S`].
    ///
    /// # Errors
    /// Any [`Refusal`].
    pub fn validate(&self, token: &str, now: Timestamp) -> Result<AccessToken, Refusal> {
        let claims = match self.verified.find(token) {
            Some(claims) => claims,
            None => self.verified.keep(token, self.verify(token)?),
        };
        check_times(&claims, now)?;
        Ok(AccessToken {
            session: Session {
                holder: claims.sub,
                sponsor: claims.sponsor,
                tenant: claims.tenant.clone(),
                groups: claims.groups.clone(),
                auth_time: seconds(claims.auth_time),
                key: claims.cnf.jkt,
                epoch: claims.epoch,
            },
            jti: claims.jti.clone(),
            issued_at: seconds(claims.iat),
            expires_at: seconds(claims.exp),
        })
    }
}

impl Validator {
    /// Everything about a token that time does not change.
    fn verify(&self, token: &str) -> Result<Claims, Refusal> {
        let compact = Compact::parse(token)?;
        let key = self.keys.get(compact.kid()?).ok_or(Refusal::UnknownKey)?;
        let claims: Claims = compact.verify(TYPE, key)?;
        if claims.iss != self.name {
            return Err(Refusal::Issuer);
        }
        if claims.aud != self.audience {
            return Err(Refusal::Audience);
        }
        check_limits(&claims)?;
        Ok(claims)
    }
}

fn check_limits(claims: &Claims) -> Result<(), Refusal> {
    let good = (1..=JTI_LEN_MAX).contains(&claims.jti.len())
        && claims.groups.len() <= GROUPS_MAX
        && claims.client_id == CLIENT_ID
        && claims.auth_time <= claims.iat;
    if good { Ok(()) } else { Err(Refusal::Claims) }
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
    if claims.iat.max(claims.nbf.unwrap_or(claims.iat)) > now_s.saturating_add(LEEWAY_S) {
        return Err(Refusal::NotYetValid);
    }
    if claims.exp <= now_s { Err(Refusal::Expired) } else { Ok(()) }
}

const fn seconds(seconds: i64) -> Timestamp {
    Timestamp::from_unix_ms(seconds.saturating_mul(1000))
}
