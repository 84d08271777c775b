//! Why a token of an outside issuer does not count.

/// Why a token of an outside issuer does not count. Callers answer UNAUTHENTICATED to each; the word is for metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Longer than any token needs to be.
    #[error("the token is longer than 16384 bytes")]
    TooLong,
    /// Not three parts of canonical base64url, or a part that is no JSON object with each member once.
    #[error("the token is no compact JWS of JSON objects")]
    Shape,
    /// The header says what is never followed: `crit`, `jwk`, `jku`, `x5u`, `x5c`, `b64`, `enc`, `zip`, `cty`; or it lacks `alg` or `kid`.
    #[error("the token's header lacks `alg` or `kid`, or says what is never followed, such as a key or a place of keys")]
    Header,
    /// Another kind of token than was said.
    #[error("the token is of another type")]
    Type,
    /// Nobody trusts its issuer here.
    #[error("the token's issuer is not trusted here")]
    Issuer,
    /// The issuer has no such key.
    #[error("the token names a key that its issuer does not publish")]
    UnknownKey,
    /// `alg` is not the key's.
    #[error("the token's algorithm is not that of its key")]
    Algorithm,
    /// The signature does not verify.
    #[error("the token's signature does not verify")]
    Signature,
    /// Made for somebody else, or for somebody else too.
    #[error("the token is not for this installation alone")]
    Audience,
    /// A required claim is missing or malformed.
    #[error("the token's claim `{claim}` is missing or malformed")]
    Claim {
        /// What is wanted of it, by its usual name.
        claim: &'static str,
    },
    /// The configuration gives no tenant to what the token says.
    #[error("the token's tenant is not one that its issuer speaks for")]
    Tenant,
    /// Past its end, or made more than an hour ago.
    #[error("the token has expired, or was made more than an hour ago")]
    Expired,
    /// Before its beginning.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// Lives longer than a day.
    #[error("the token lives longer than a day")]
    Lifetime,
    /// Bound to another key than the one that it comes with.
    #[error("the token is bound to another key")]
    Bound,
}

impl Refusal {
    /// A word of few, for metrics.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::TooLong | Self::Shape | Self::Header => "malformed",
            Self::Type => "type",
            Self::Issuer => "issuer",
            Self::UnknownKey => "unknown_key",
            Self::Algorithm | Self::Signature => "signature",
            Self::Audience => "audience",
            Self::Claim { .. } | Self::Lifetime => "claims",
            Self::Tenant => "tenant",
            Self::Expired | Self::NotYetValid => "time",
            Self::Bound => "proof",
        }
    }
}
