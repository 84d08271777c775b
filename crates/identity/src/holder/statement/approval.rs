//! Approvals: the canonical bytes of what the approver's own program displayed, signed by the approver's key.

use super::Error;
use crate::holder::key::{Algorithm, Pair, Public, SIGNATURE_LEN};

/// Longest approval statement, in bytes: arguments of 1 MiB, escaped, and the fields around them.
pub const APPROVAL_LEN_MAX: usize = 2 << 20;

/// Separates approvals from everything else that an approver's key could sign.
const TAG: &[u8] = b"scalbotics/approval/v1\0";

/// Signs the canonical JSON bytes of an approval statement.
///
/// # Errors
/// [`Error::Algorithm`], [`Error::TooLong`], [`Error::Key`].
pub fn sign_approval(approver: &Pair, canonical: &[u8]) -> Result<[u8; SIGNATURE_LEN], Error> {
    Ok(approver.sign(&message(approver.algorithm(), TAG, canonical)?)?)
}

/// Verifies an approver's signature over the canonical JSON bytes of an approval statement.
///
/// # Errors
/// [`Error::Algorithm`], [`Error::TooLong`], [`Error::Key`].
pub fn verify_approval(approver: &Public, canonical: &[u8], signature: &[u8]) -> Result<(), Error> {
    Ok(approver.verify(&message(approver.algorithm(), TAG, canonical)?, signature)?)
}

/// The bytes that are signed: the tag, then the statement.
pub(super) fn message(algorithm: Algorithm, tag: &[u8], statement: &[u8]) -> Result<Vec<u8>, Error> {
    if algorithm != Algorithm::Ed25519 {
        return Err(Error::Algorithm { algorithm });
    }
    if statement.len() > APPROVAL_LEN_MAX {
        return Err(Error::TooLong { len: statement.len() });
    }
    Ok([tag, statement].concat())
}
