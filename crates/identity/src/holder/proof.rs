//! Proofs of possession (RFC 9449): who brings a token shows with each that they hold the key that it is bound to, or shall be.

use scalbotics_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::key::{self, Jwk, Thumbprint};
use crate::encoding::to_base64url;
use crate::{entropy, jws};

/// The header of a request that carries one (RFC 9449 §4.1).
pub const HEADER: &str = "dpop";

/// The token's type (RFC 9449 §4.2), so that no other token of the same key passes as one.
pub const TYPE: &str = "dpop+jwt";

/// The only HTTP method of gRPC.
pub(crate) const METHOD: &str = "POST";

/// Bytes of randomness in a `jti`.
const JTI_LEN: usize = 16;

/// Why a proof could not be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No random `jti` could be drawn.
    #[error("cannot name a proof")]
    Entropy(#[from] entropy::Exhausted),
    /// The key could not sign.
    #[error("cannot sign a proof")]
    Key(#[from] key::Error),
}

/// The header on the wire: the key itself, since nobody knows it yet.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Header {
    pub(crate) typ: String,
    pub(crate) alg: String,
    pub(crate) jwk: Jwk,
}

/// The claims on the wire.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Claims {
    pub(crate) jti: String,
    pub(crate) htm: String,
    pub(crate) htu: String,
    pub(crate) iat: i64,
    pub(crate) ath: String,
}

/// The address that a proof names: of a method of the API of the installation of this trust domain, at whatever address it is reached. Nothing is
/// ever fetched there.
#[must_use]
pub fn target(trust_domain: &str, method_path: &str) -> String {
    format!("https://{trust_domain}{method_path}")
}

/// Signs a proof for one call of the method at [`target`], which goes with `token`.
///
/// # Errors
/// Any [`Error`].
pub fn sign(key: &key::Pair, target: &str, token: &str, now: Timestamp) -> Result<String, Error> {
    let header = Header { typ: TYPE.to_owned(), alg: key.algorithm().as_jws().to_owned(), jwk: Jwk::from(key.public()) };
    let claims = Claims {
        jti: to_base64url(entropy::bytes::<JTI_LEN>()?),
        htm: METHOD.to_owned(),
        htu: target.to_owned(),
        iat: now.unix_ms().div_euclid(1000),
        ath: token_hash(token),
    };
    Ok(jws::sign_parts(key, &header, &claims)?)
}

/// The hash of a token in a proof that goes with it (RFC 9449 §4.2).
pub(crate) fn token_hash(token: &str) -> String {
    to_base64url(scalbotics_core::digest::Digest::of_bytes(token.as_bytes()).as_bytes())
}

/// A key that somebody has proved to hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proved {
    /// The key.
    pub key: Thumbprint,
    /// The proof's name, which its holder gave.
    pub jti: String,
    /// When it was made, by its holder's clock, to the second.
    pub made_at: Timestamp,
}
