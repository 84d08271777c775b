//! The registry: humans, agents, and the answers given to requests that may be repeated.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{Note, StoreError};
use crate::agent::Agent;
use crate::ids::{AgentUid, HumanUid};
use crate::principal::{Principal, Uid};
use crate::tenant::{Name, TenantId};
use crate::time::Timestamp;

/// A registered human.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Human {
    /// Identity for good.
    pub uid: HumanUid,
    /// The tenant.
    pub tenant: TenantId,
    /// Unique in the tenant, never reused.
    pub name: Name,
    /// Groups bound to the human, sorted.
    pub groups: Vec<Name>,
    /// Public login key, as a JWK in JSON.
    pub login_key: String,
    /// Signed enrolment statement of the approval key, if the human has one; the row is a cache of the log's entry.
    pub enrolment: Option<Vec<u8>>,
    /// Whether the human may act.
    pub standing: crate::agent::Standing,
    /// Rises with each suspension.
    pub epoch: u64,
}

impl Human {
    /// The human as policy sees them.
    #[must_use]
    pub fn principal(&self) -> Principal {
        let (uid, tenant, name) = (Uid::Human(self.uid), self.tenant.clone(), self.name.clone());
        let mut groups = self.groups.clone();
        groups.sort();
        Principal { uid, tenant, name, groups }
    }
}

/// The first answer to a request id, replayed for 24 h (semantics §9.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredAnswer {
    /// Digest of the request's body: another body under the same key is refused.
    pub body: crate::digest::Digest,
    /// The answer's bytes.
    pub answer: Vec<u8>,
    /// When it was given.
    pub at: Timestamp,
}

/// Reads and writes the registry.
#[async_trait]
pub trait Registry: Send + Sync + std::fmt::Debug {
    /// A human by name.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn human(&self, tenant: &TenantId, name: &Name) -> Result<Option<Human>, StoreError>;

    /// A human by identity.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn human_by_uid(&self, uid: HumanUid) -> Result<Option<Human>, StoreError>;

    /// Inserts the human, or replaces the row of the same uid; with its note in the same commit.
    ///
    /// # Errors
    /// [`StoreError`], also when the name belongs to another uid.
    async fn put_human(&self, human: Human, note: Note) -> Result<(), StoreError>;

    /// An agent by name.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn agent_by_name(&self, tenant: &TenantId, name: &Name) -> Result<Option<Agent>, StoreError>;

    /// An agent by identity.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn agent(&self, uid: AgentUid) -> Result<Option<Agent>, StoreError>;

    /// Inserts the agent, or replaces the row of the same uid; with its note in the same commit.
    ///
    /// # Errors
    /// [`StoreError`], also when the name belongs to another uid.
    async fn put_agent(&self, agent: Agent, note: Note) -> Result<(), StoreError>;
}
