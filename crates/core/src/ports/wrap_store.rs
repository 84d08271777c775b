//! The wrapped keys of payloads, for a rotation of the key that wraps them.

use async_trait::async_trait;

use super::StoreError;
use crate::ids::PayloadId;
use crate::payload::Sealed;
use crate::privacy::Marks;
use crate::tenant::TenantId;

/// A key that was wrapped anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rewrapped {
    /// The payload's id.
    pub id: PayloadId,
    /// How the key was wrapped: only a row that still says so is changed.
    pub old: Vec<u8>,
    /// How it is now.
    pub new: Vec<u8>,
}

/// Reads and replaces wrapped keys, of payloads, decisions and secrets.
#[async_trait]
pub trait WrapStore: Send + Sync + std::fmt::Debug {
    /// Payloads and decisions of a tenant in order of id, at most `limit` after `after`, without ciphertext and without those that
    /// were destroyed.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn wrapped(&self, tenant: &TenantId, after: Option<PayloadId>, limit: usize) -> Result<Vec<Sealed>, StoreError>;

    /// Replaces the keys in one commit, with how far the work has come; rows that changed meanwhile stay as they are.
    ///
    /// # Errors
    /// [`StoreError`]: nothing was replaced.
    async fn rewrap(&self, tenant: &TenantId, keys: Vec<Rewrapped>, marks: Marks) -> Result<(), StoreError>;
}
