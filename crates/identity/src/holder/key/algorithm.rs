//! The allow-list of signature algorithms.

use std::fmt;

/// A signature algorithm; a key has exactly one, and nothing that a token says can change it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// Ed25519 (RFC 8032); `EdDSA` in tokens.
    Ed25519,
    /// ECDSA over P-256 with SHA-256; `ES256` in tokens.
    P256,
}

impl Algorithm {
    /// The name in a token's `alg` (RFC 7518 §3.1, RFC 8037 §3.1).
    #[must_use]
    pub const fn as_jws(self) -> &'static str {
        match self {
            Self::Ed25519 => "EdDSA",
            Self::P256 => "ES256",
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_jws())
    }
}
