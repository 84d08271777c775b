//! The trees of the audit logs, as far as a proof needs them.

use std::ops::Range;

use async_trait::async_trait;

use super::StoreError;
use crate::digest::Digest;
use crate::tenant::TenantId;

/// Reads hashes of a log's tree, and makes proofs of many leaves at once. What they are is in [`crate::audit::merkle::inclusion_ranges`] and its sibling.
#[async_trait]
pub trait AuditTree: Send + Sync + std::fmt::Debug {
    /// The RFC 6962 root over each of these ranges of leaves of the tenant's log.
    ///
    /// # Errors
    /// [`StoreError`], also when a range is empty or goes behind the end.
    ///
    /// # Cancel safety
    /// Cancel safe: reading changes nothing.
    async fn roots(&self, tenant: &TenantId, ranges: Vec<Range<u64>>) -> Result<Vec<Digest>, StoreError>;

    /// The inclusion proof of each leaf in the tree that the tenant's log was at `size` (RFC 6962 §2.1.1), in the order asked. All leaf
    /// hashes are read once: for many leaves; one or two are cheaper by [`AuditTree::roots`].
    ///
    /// # Errors
    /// [`StoreError`], also when the log never had that size, or an index is not below it.
    ///
    /// # Cancel safety
    /// Cancel safe: reading changes nothing.
    async fn inclusion(&self, tenant: &TenantId, size: u64, indexes: &[u64]) -> Result<Vec<Vec<Digest>>, StoreError>;

    /// The signed checkpoint of the smallest size from `size` on; `None` where none is so large.
    ///
    /// # Errors
    /// [`StoreError`].
    ///
    /// # Cancel safety
    /// Cancel safe: reading changes nothing.
    async fn checkpoint_from(&self, tenant: &TenantId, size: u64) -> Result<Option<String>, StoreError>;
}
