//! Why a statement is refused.

use scalbotics_core::identity::TrustDomain;

use crate::document;
use crate::holder::key::{self, Thumbprint};

/// Why a statement could not be signed, or does not count.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Statements are signed with Ed25519 keys only.
    #[error("statements are signed with Ed25519, not with {algorithm}")]
    Algorithm {
        /// The key's algorithm.
        algorithm: key::Algorithm,
    },
    /// The statement is longer than any approval is.
    #[error("statement of {len} bytes is longer than 2097152")]
    TooLong {
        /// Length of the statement, in bytes.
        len: usize,
    },
    /// The key failed to sign, or the signature is not of this statement by this key.
    #[error("signature of the statement is not good")]
    Key(#[from] key::Error),
    /// The enrolment is not a canonical document with the members of an enrolment.
    #[error("enrolment statement is malformed")]
    Document(#[from] document::Error),
    /// Statement or signature of a stored enrolment is not base64url, or the signature not 64 bytes.
    #[error("stored enrolment is malformed")]
    Envelope,
    /// The enrolment is of a version that this program does not know.
    #[error("enrolment statement has version {version}, not 1")]
    Version {
        /// The version found.
        version: u32,
    },
    /// The thumbprint in the enrolment is not that of the key in it.
    #[error("enrolment statement names key `{named}` but holds key `{held}`")]
    Thumbprint {
        /// The thumbprint that the statement names.
        named: Thumbprint,
        /// The thumbprint of the key that it holds.
        held: Thumbprint,
    },
    /// The enrolment is for another installation.
    #[error("enrolment statement is for trust domain `{named}`")]
    TrustDomain {
        /// The trust domain that the statement names.
        named: TrustDomain,
    },
    /// The signer is not an approver-admin key of the trust file.
    #[error("enrolment statement is signed by key `{signer}`, which the trust file does not pin as approver admin")]
    Signer {
        /// The key that claims to have signed.
        signer: Thumbprint,
    },
}
