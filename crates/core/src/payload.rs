//! Payloads: the bytes of arguments, results, goals and reasons, kept apart from the journal that refers to them.
//!
//! **Invariant:** journal, outbox and audit hold a [`Ref`] and never the bytes (semantics §7.2). The commitment hides
//! the bytes behind a random salt; destroying key and salt erases them while every log still verifies.

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::ids::PayloadId;
use crate::tenant::TenantId;

/// Domain tag of payload commitments.
const COMMITMENT_TAG: &[u8] = b"scalbotics/payload/v1\0";

/// Largest payload, in bytes; what one tool call may take or give.
pub const LEN_MAX: usize = 4 << 20;

/// A salt of 32 random bytes.
pub type Salt = [u8; 32];

/// A reference to a stored payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ref {
    /// The payload's key in the payload store.
    pub id: PayloadId,
    /// SHA-256(tag ‖ salt ‖ bytes).
    pub commitment: Digest,
    /// Length of the bytes.
    pub len: u64,
}

/// A payload in the clear, on its way to or from the cipher.
#[derive(Clone, PartialEq, Eq)]
pub struct Payload {
    /// The payload's key.
    pub id: PayloadId,
    /// The salt of its commitment.
    pub salt: Salt,
    /// The bytes.
    pub bytes: Vec<u8>,
}

impl Payload {
    /// The reference that journal and audit hold.
    #[must_use]
    pub fn reference(&self) -> Ref {
        Ref { id: self.id, commitment: commitment(&self.salt, &self.bytes), len: self.bytes.len() as u64 }
    }
}

impl std::fmt::Debug for Payload {
    /// Prints the id and the length, never the bytes.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Payload").field("id", &self.id).field("len", &self.bytes.len()).finish_non_exhaustive()
    }
}

/// The commitment of `bytes` under `salt` (semantics §7.2).
#[must_use]
pub fn commitment(salt: &Salt, bytes: &[u8]) -> Digest {
    commitment_under(COMMITMENT_TAG, salt, bytes)
}

/// The same under another tag, which ends with a NUL: of something else that is to be forgotten with the payload of this salt.
pub(crate) fn commitment_under(tag: &[u8], salt: &Salt, bytes: &[u8]) -> Digest {
    use sha2::Digest as _;
    let mut hasher = sha2::Sha256::new();
    hasher.update(tag);
    hasher.update(salt);
    hasher.update(bytes);
    Digest::from_bytes(hasher.finalize().into())
}

/// An encrypted payload as the store keeps it: salt and bytes under a key of its own, that key wrapped by the tenant's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// What journal and audit refer to.
    pub reference: Ref,
    /// Whose payload this is; part of the authenticated data.
    pub tenant: TenantId,
    /// The payload's own key, wrapped by the tenant key; its destruction is erasure.
    pub wrapped_key: Vec<u8>,
    /// Nonce and encrypted salt ‖ bytes.
    pub ciphertext: Vec<u8>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commitment_depends_on_salt_and_bytes() {
        let base = commitment(&[1; 32], b"x");
        assert_ne!(base, commitment(&[2; 32], b"x"));
        assert_ne!(base, commitment(&[1; 32], b"y"));
    }

    #[test]
    fn debug_keeps_bytes_to_itself() {
        let payload = Payload { id: PayloadId::from_u128(1), salt: [7; 32], bytes: b"hunter2".to_vec() };
        assert!(!format!("{payload:?}").contains("104, 117") && !format!("{payload:?}").contains("hunter2"));
    }
}
