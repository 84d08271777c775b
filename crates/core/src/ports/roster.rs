//! Lists of people and agents: what no call depends on, beside [`super::Registry`], which every call asks.

use async_trait::async_trait;

use super::{Human, StoreError};
use crate::agent::Agent;
use crate::digest::Digest;
use crate::tenant::TenantId;

/// Lists who is registered.
#[async_trait]
pub trait Roster: Send + Sync + std::fmt::Debug {
    /// All humans of a tenant, by name, whatever their standing.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn humans(&self, tenant: &TenantId) -> Result<Vec<Human>, StoreError>;

    /// The human whom an outside issuer knows as `person` ([`crate::outside::person`]), whatever their standing.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn human_of(&self, tenant: &TenantId, person: Digest) -> Result<Option<Human>, StoreError>;

    /// All agents of a tenant, by name, whatever their standing.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn agents(&self, tenant: &TenantId) -> Result<Vec<Agent>, StoreError>;
}
