//! Reading approvals. They are written by [`super::TaskLog::commit`], with the events that they belong to.

use async_trait::async_trait;

use super::StoreError;
use crate::approval::{Request, Status};
use crate::ids::ApprovalId;
use crate::tenant::TenantId;

/// Which approvals to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ApprovalFilter {
    /// Only in this status.
    pub status: Option<Status>,
    /// Only older than this id (newest first).
    pub before: Option<ApprovalId>,
    /// At most so many, from 1 to 1 000.
    pub limit: usize,
}

/// Reads approval requests.
#[async_trait]
pub trait ApprovalStore: Send + Sync + std::fmt::Debug {
    /// The request, or `None` when it is absent or another tenant's.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    async fn get(&self, tenant: &TenantId, id: ApprovalId) -> Result<Option<Request>, StoreError>;

    /// Requests, newest first.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    async fn list(&self, tenant: &TenantId, filter: &ApprovalFilter) -> Result<Vec<Request>, StoreError>;
}
