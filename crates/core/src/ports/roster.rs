//! Lists of people and agents: what no call depends on, beside [`super::Registry`], which every call asks.

use async_trait::async_trait;

use super::{Human, StoreError};
use crate::agent::Agent;
use crate::tenant::TenantId;

/// Lists who is registered.
#[async_trait]
pub trait Roster: Send + Sync + std::fmt::Debug {
    /// All humans of a tenant, by name, whatever their standing.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn humans(&self, tenant: &TenantId) -> Result<Vec<Human>, StoreError>;

    /// All agents of a tenant, by name, whatever their standing.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn agents(&self, tenant: &TenantId) -> Result<Vec<Agent>, StoreError>;
}
