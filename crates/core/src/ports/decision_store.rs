//! Reading decisions. They are written by [`super::TaskLog::commit`] and [`super::AuditLog::append`], with their records.

use async_trait::async_trait;

use super::StoreError;
use crate::ids::DecisionId;
use crate::policy::Decision;
use crate::tenant::TenantId;

/// Reads decisions, for `policy explain`.
#[async_trait]
pub trait DecisionStore: Send + Sync + std::fmt::Debug {
    /// The decision, or `None` when it is absent or another tenant's.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    async fn get(&self, tenant: &TenantId, id: DecisionId) -> Result<Option<Decision>, StoreError>;
}
