//! SHA-256 as the records use it.

use sha2::{Digest as _, Sha256};

/// A SHA-256 digest.
pub(crate) type Hash = [u8; 32];

/// Domain tag of commitments (semantics §7.2).
const COMMITMENT_TAG: &[u8] = b"scalbotics/payload/v1\0";

/// Domain tag of commitments to call digests.
const CALL_TAG: &[u8] = b"scalbotics/call-commitment/v1\0";

/// SHA-256 of bytes, as `sha256sum` prints it.
pub(crate) fn sha256(bytes: &[u8]) -> Hash {
    Sha256::digest(bytes).into()
}

/// SHA-256 over the tag, a NUL, and each part behind its length as eight big-endian bytes.
pub(crate) fn of_parts<'p>(tag: &str, parts: impl IntoIterator<Item = &'p [u8]>) -> Hash {
    let mut hasher = Sha256::new();
    hasher.update(tag.as_bytes());
    hasher.update([0]);
    for part in parts {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    hasher.finalize().into()
}

/// The commitment to bytes: SHA-256(tag ‖ salt ‖ bytes).
pub(crate) fn commitment(salt: &[u8; 32], bytes: &[u8]) -> Hash {
    let mut hasher = Sha256::new();
    hasher.update(COMMITMENT_TAG);
    hasher.update(salt);
    hasher.update(bytes);
    hasher.finalize().into()
}

/// The commitment to a call digest, under the salt of the arguments.
pub(crate) fn of_call(salt: &[u8; 32], digest: &Hash) -> Hash {
    let mut hasher = Sha256::new();
    hasher.update(CALL_TAG);
    hasher.update(salt);
    hasher.update(digest);
    hasher.finalize().into()
}

/// The hash of a leaf (RFC 6962 §2.1).
pub(crate) fn leaf(bytes: &[u8]) -> Hash {
    let mut hasher = Sha256::new();
    hasher.update([0]);
    hasher.update(bytes);
    hasher.finalize().into()
}

/// The hash of an inner node (RFC 6962 §2.1).
pub(crate) fn node(left: &Hash, right: &Hash) -> Hash {
    let mut bytes = [1; 65];
    for (to, from) in bytes.iter_mut().skip(1).zip(left.iter().chain(right)) {
        *to = *from;
    }
    sha256(&bytes)
}
