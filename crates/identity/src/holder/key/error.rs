//! What can go wrong with a key.

use super::Algorithm;
use crate::private_file;

/// Why a key could not be made, read or used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The bytes are not a key of the algorithm, or a weak one.
    #[error("malformed or weak {algorithm} public key")]
    Public {
        /// The algorithm that was expected.
        algorithm: Algorithm,
    },
    /// The public key is of no algorithm that this house accepts.
    #[error("public key is neither Ed25519 nor P-256 in its canonical encoding")]
    UnknownAlgorithm,
    /// The JWK is not exactly the public members of an accepted key.
    #[error("JWK is not a public Ed25519 or P-256 key")]
    Jwk,
    /// The text is not the thumbprint of a key.
    #[error("thumbprint `{text}` is not 43 base64url characters")]
    Thumbprint {
        /// The first characters of the text.
        text: String,
    },
    /// The secret bytes are not an unencrypted PKCS#8 key of an accepted algorithm.
    #[error("private key is not unencrypted PKCS#8 of Ed25519 or P-256")]
    Private,
    /// The signature is not of these bytes by this key.
    #[error("signature does not verify")]
    Signature,
    /// The cryptographic library failed to make a key or a signature.
    #[error("cannot {what}")]
    Library {
        /// What was attempted.
        what: &'static str,
    },
    /// The key's file could not be read or written.
    #[error("cannot use the key's file")]
    File(#[from] private_file::Error),
}
