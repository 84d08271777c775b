//! Lists of people and agents, and many of them written at once: what no call depends on, beside [`super::Registry`], which every call asks.

use async_trait::async_trait;

use super::{Human, Note, StoreError};
use crate::agent::Agent;
use crate::digest::Digest;
use crate::tenant::{Name, TenantId};

/// Most agents of one page: a page of the API.
pub const ROSTER_PAGE_MAX: usize = 1_000;

/// Most agents of [`Roster::put_agents`] that a caller should hand in at once, so that others are not kept waiting: each takes some two
/// kilobytes of a commit.
pub const PUT_AGENTS_MAX: usize = 256;

/// Lists who is registered, and writes many at once.
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

    /// Agents of a tenant by name, those after `after`, whatever their standing: at most `limit`, and never more than [`ROSTER_PAGE_MAX`].
    ///
    /// # Errors
    /// [`StoreError`].
    async fn agents(&self, tenant: &TenantId, after: Option<&Name>, limit: usize) -> Result<Vec<Agent>, StoreError>;

    /// Does what [`super::Registry::put_agent`] does for each of them, in their order and in one commit: all of them, or none. At most
    /// [`PUT_AGENTS_MAX`] are wise.
    ///
    /// # Errors
    /// [`StoreError`], that of the first that is refused.
    ///
    /// # Cancel safety
    /// Whoever goes away does not know whether they were written.
    async fn put_agents(&self, agents: Vec<(Agent, Note)>) -> Result<(), StoreError>;
}

/// All agents of a tenant, by name, whatever their standing, read page by page: for what has to see each of them, and never for a call.
///
/// # Errors
/// [`StoreError`].
///
/// # Cancel safety
/// Cancel safe: reading changes nothing.
pub async fn all_agents(roster: &dyn Roster, tenant: &TenantId) -> Result<Vec<Agent>, StoreError> {
    let mut all: Vec<Agent> = Vec::new();
    loop {
        let page = roster.agents(tenant, all.last().map(|last| &last.name), ROSTER_PAGE_MAX).await?;
        let is_last = page.len() < ROSTER_PAGE_MAX;
        all.extend(page);
        if is_last {
            return Ok(all);
        }
    }
}
