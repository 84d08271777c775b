//! The signature under an approver's statement.

use super::Human;
use crate::time::Timestamp;

/// Why a signed statement does not count.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The human has no enrolment statement, or none that a pinned approver-admin key signed.
    #[error("approval key of `{human}` is not enrolled")]
    NotEnrolled {
        /// The human's name.
        human: crate::tenant::Name,
        /// What is wrong with the enrolment, if there is one.
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
    /// The signature is not the enrolled key's over exactly these bytes.
    #[error("signature is not that of the enrolled key of `{human}`")]
    Signature {
        /// The human's name.
        human: crate::tenant::Name,
    },
}

/// An approval key of a human that counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnrolledKey {
    /// Its thumbprint (RFC 7638).
    pub thumbprint: String,
    /// When an approver-admin signed that it is the human's.
    pub issued_at: Timestamp,
}

/// Verifies approvers' signatures (semantics §5.1, §5.2).
pub trait StatementVerifier: Send + Sync + std::fmt::Debug {
    /// Checks the human's enrolment statement against the pinned approver-admin keys, then the statement's signature
    /// against the enrolled key; answers that key's thumbprint.
    ///
    /// # Errors
    /// [`VerifyError`].
    fn verify(&self, human: &Human, statement: &[u8], signature: &[u8]) -> Result<String, VerifyError>;

    /// Checks an enrolment statement that is to be this human's against the pinned approver-admin keys.
    ///
    /// # Errors
    /// [`VerifyError::NotEnrolled`].
    fn enrolled(&self, human: &Human, enrolment: &[u8]) -> Result<EnrolledKey, VerifyError>;
}
