//! Reading decisions. They are written by [`super::TaskLog::commit`] and [`super::AuditLog::append`], with their records.
//!
//! **Invariant:** a decision holds names of people and resources, so it is stored sealed like every payload (semantics §7.2).

use async_trait::async_trait;

use super::StoreError;
use crate::ids::DecisionId;
use crate::payload::Sealed;
use crate::tenant::TenantId;

/// A decision on its way to the store: its id, which is the payload's too, and the decision sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedDecision {
    /// Its id.
    pub id: DecisionId,
    /// The [`crate::policy::Decision`], sealed under the same id.
    pub sealed: Sealed,
}

/// Reads decisions, for `policy explain`.
#[async_trait]
pub trait DecisionStore: Send + Sync + std::fmt::Debug {
    /// The decision, or `None` when it is absent, another tenant's or erased.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    async fn get(&self, tenant: &TenantId, id: DecisionId) -> Result<Option<Sealed>, StoreError>;
}
