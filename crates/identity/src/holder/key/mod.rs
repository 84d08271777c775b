//! Key pairs of the two algorithms that this house signs with: Ed25519 (RFC 8032) and ECDSA over P-256 (RFC 7518 §3.4).
//!
//! Keys are named by their JWK thumbprint (RFC 7638), kept as PKCS#8 PEM (RFC 5958) and shown as JWK (RFC 7517, RFC 8037).

mod algorithm;
mod error;
mod jwk;
mod pair;
mod public;
mod thumbprint;

pub use algorithm::Algorithm;
pub use error::Error;
pub use jwk::Jwk;
pub use pair::{FILE_LEN_MAX, Pair};
pub use public::{Public, SIGNATURE_LEN};
pub use thumbprint::Thumbprint;

#[cfg(test)]
mod tests;
