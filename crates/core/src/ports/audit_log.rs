//! The audit log: appends that no task's commit makes, and all reads.

use async_trait::async_trait;

use super::{SealedDecision, StoreError};
use crate::audit::{Kind, Record};
use crate::digest::Digest;
use crate::ids::TaskId;
use crate::tenant::TenantId;
use crate::time::Timestamp;

/// One stored entry: the leaf's bytes as they were hashed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// Index in the tenant's log, from 0.
    pub index: u64,
    /// Canonical JSON of the record.
    pub leaf: Vec<u8>,
}

/// The newest head of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogHead {
    /// Number of leaves.
    pub size: u64,
    /// RFC 6962 root over them.
    pub root: Digest,
    /// The newest signed checkpoint, a C2SP signed note; it may be older than the head.
    pub checkpoint: Option<String>,
}

/// Which entries to read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditQuery {
    /// From this index on.
    pub from: u64,
    /// At most so many, from 1 to 1 000.
    pub limit: usize,
    /// Only of this task.
    pub task: Option<TaskId>,
    /// Only of this kind.
    pub kind: Option<Kind>,
    /// Only at or after this moment.
    pub since: Option<Timestamp>,
}

/// Appends and reads audit records.
#[async_trait]
pub trait AuditLog: Send + Sync + std::fmt::Debug {
    /// Appends records of one tenant in one durable commit, with the decisions that they note; answers the first index.
    ///
    /// # Errors
    /// [`StoreError`]: nothing was appended.
    async fn append(&self, records: Vec<Record>, decisions: Vec<SealedDecision>) -> Result<u64, StoreError>;

    /// Entries in order of index.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn read(&self, tenant: &TenantId, query: &AuditQuery) -> Result<Vec<AuditEntry>, StoreError>;

    /// The head of the tenant's log.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn head(&self, tenant: &TenantId) -> Result<LogHead, StoreError>;

    /// Stores a signed checkpoint of a size that was reached.
    ///
    /// # Errors
    /// [`StoreError`], also when the log never had that size and root.
    async fn put_checkpoint(&self, tenant: &TenantId, size: u64, root: Digest, note: &str) -> Result<(), StoreError>;

    /// All signed checkpoints, oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn checkpoints(&self, tenant: &TenantId) -> Result<Vec<String>, StoreError>;

    /// Returns when the tenant's log is longer than `size`, or at once if it is.
    ///
    /// # Errors
    /// [`StoreError`] when the store is closing.
    async fn grown(&self, tenant: &TenantId, size: u64) -> Result<(), StoreError>;
}
