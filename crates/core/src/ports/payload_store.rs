//! Reading payloads. They are written by [`super::TaskLog::commit`], with the events that refer to them.

use async_trait::async_trait;

use super::StoreError;
use crate::ids::PayloadId;
use crate::payload::Sealed;
use crate::tenant::TenantId;

/// Reads sealed payloads.
#[async_trait]
pub trait PayloadStore: Send + Sync + std::fmt::Debug {
    /// The payload, or `None` when it is absent, another tenant's or erased.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    async fn get(&self, tenant: &TenantId, id: PayloadId) -> Result<Option<Sealed>, StoreError>;
}
