//! Login assertions (RFC 7523 §2.2, §3): the program of a human, or a service, proves to the built-in issuer that it holds its login key.

use scalbotics_core::principal::KeyHolder;
use scalbotics_core::tenant::TenantId;
use scalbotics_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::key;
use crate::encoding::to_base64url;
use crate::{entropy, jws};

/// Longest life of an assertion, in seconds: it is used at once, so a minute only covers a slow network.
pub const LIFETIME_S_MAX: i64 = 60;

/// The token's `typ` (registered by the successor of RFC 7523), so that no other token of the same key passes as one.
pub const TYPE: &str = "client-authentication+jwt";

/// Bytes of randomness in a `jti`.
const JTI_LEN: usize = 16;

/// Why an assertion could not be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The lifetime is not between 1 s and [`LIFETIME_S_MAX`].
    #[error("assertion lifetime of {lifetime_s} s is not between 1 and 60")]
    Lifetime {
        /// The lifetime asked for, in seconds.
        lifetime_s: i64,
    },
    /// No random `jti` could be drawn.
    #[error("cannot name an assertion")]
    Entropy(#[from] entropy::Exhausted),
    /// The key could not sign.
    #[error("cannot sign an assertion")]
    Key(#[from] key::Error),
}

/// Who logs in where.
#[derive(Debug, Clone, Copy)]
pub struct Login<'a> {
    /// Who: both `iss` and `sub`.
    pub holder: KeyHolder,
    /// The tenant to act in.
    pub tenant: &'a TenantId,
    /// The issuer that shall accept it, and no other: `aud`.
    pub audience: &'a str,
    /// Life of the assertion, in seconds, 1 to [`LIFETIME_S_MAX`].
    pub lifetime_s: i64,
}

/// The claims on the wire.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Claims {
    pub(crate) iss: KeyHolder,
    pub(crate) sub: KeyHolder,
    pub(crate) aud: String,
    pub(crate) iat: i64,
    pub(crate) exp: i64,
    pub(crate) jti: String,
    pub(crate) tenant: TenantId,
}

/// Signs an assertion with the holder's login key.
///
/// # Errors
/// Any [`Error`].
pub fn sign(login: &Login<'_>, key: &key::Pair, now: Timestamp) -> Result<String, Error> {
    let lifetime_s = login.lifetime_s;
    if !(1..=LIFETIME_S_MAX).contains(&lifetime_s) {
        return Err(Error::Lifetime { lifetime_s });
    }
    let iat = now.unix_ms().div_euclid(1000);
    let claims = Claims {
        iss: login.holder,
        sub: login.holder,
        aud: login.audience.to_owned(),
        iat,
        exp: iat.saturating_add(lifetime_s),
        jti: to_base64url(entropy::bytes::<JTI_LEN>()?),
        tenant: login.tenant.clone(),
    };
    Ok(jws::sign(key, TYPE, &claims)?)
}

#[cfg(test)]
mod tests {
    use scalbotics_core::ids::HumanUid;

    use super::*;

    #[test]
    fn lifetime_is_limited() {
        let key = key::Pair::generate(key::Algorithm::Ed25519).unwrap();
        let tenant = TenantId::parse("acme").unwrap();
        for (lifetime_s, good) in
            [(i64::MIN, false), (-1, false), (0, false), (1, true), (60, true), (61, false), (i64::MAX, false)]
        {
            let holder = KeyHolder::Human(HumanUid::from_u128(1));
            let login = Login { holder, tenant: &tenant, audience: "td", lifetime_s };
            assert_eq!(sign(&login, &key, Timestamp::from_unix_ms(0)).is_ok(), good, "{lifetime_s}");
        }
    }
}
