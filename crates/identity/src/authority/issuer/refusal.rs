//! Why a token is refused. Callers answer UNAUTHENTICATED to each; the variant is for the audit log and the metrics.

use crate::entropy;
use crate::holder::key;

/// How far a peer's clock may differ, in seconds (security row 2).
pub const LEEWAY_S: i64 = 60;

/// Why a token is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Longer than any token of ours.
    #[error("token is longer than 8192 bytes")]
    TooLong,
    /// Not three parts of canonical base64url.
    #[error("token is not a compact JWS")]
    Shape,
    /// The header has other parameters than `alg`, `kid` and `typ`, or lacks one: `crit`, `jwk`, `x5u` and the like.
    #[error("token's header is not exactly `alg`, `kid`, `typ`")]
    Header,
    /// Another kind of token.
    #[error("token is of another type")]
    Type,
    /// `kid` names no key that may sign this.
    #[error("token names an unknown key")]
    UnknownKey,
    /// `alg` is not the key's: `none`, `HS256` and the like.
    #[error("token's algorithm is not that of its key")]
    Algorithm,
    /// The signature does not verify.
    #[error("token's signature does not verify")]
    Signature,
    /// A claim is missing, malformed or over its limit.
    #[error("a claim of the token is missing or malformed")]
    Claims,
    /// Another issuer, or an assertion whose issuer is not its subject.
    #[error("token is of another issuer")]
    Issuer,
    /// Made for another audience.
    #[error("token is for another audience")]
    Audience,
    /// Past its end.
    #[error("token has expired")]
    Expired,
    /// Before its beginning.
    #[error("token is not valid yet")]
    NotYetValid,
    /// Lives longer than its kind may.
    #[error("token lives longer than its kind may")]
    Lifetime,
}

/// Why the issuer could not be made or could not issue.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Access tokens are signed with P-256 keys only.
    #[error("access tokens are signed with ES256, not with {algorithm}")]
    Algorithm {
        /// The key's algorithm.
        algorithm: key::Algorithm,
    },
    /// A field of the session is over its limit.
    #[error("session is over a limit: {what}")]
    Limit {
        /// What is too long or too many.
        what: &'static str,
    },
    /// No random `jti`.
    #[error("cannot name a token")]
    Entropy(#[from] entropy::Exhausted),
    /// The key could not sign.
    #[error("cannot sign a token")]
    Key(#[from] key::Error),
}
