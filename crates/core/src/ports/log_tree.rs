//! The Merkle tree of an audit log, for proofs.

use async_trait::async_trait;

use super::StoreError;
use crate::digest::Digest;
use crate::tenant::TenantId;

/// Makes proofs about audit logs.
#[async_trait]
pub trait LogTree: Send + Sync + std::fmt::Debug {
    /// The inclusion proof of each leaf in the tree that the tenant's log was at `size` (RFC 6962 §2.1.1), in the order asked.
    ///
    /// # Errors
    /// [`StoreError`], also when the log never had that size, or an index is not below it.
    async fn inclusion(&self, tenant: &TenantId, size: u64, indexes: &[u64]) -> Result<Vec<Vec<Digest>>, StoreError>;
}
