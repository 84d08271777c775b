//! The epochs that void warrants, read again just before an effect is sent (semantics §2.1).

use async_trait::async_trait;

use super::StoreError;
use crate::agent::Agent;
use crate::ids::AgentUid;

/// The epochs of this moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EpochsNow {
    /// The newest writer's: a warrant of an older one is void.
    pub writer: u64,
    /// The acting agent with its epoch; `None` when there is no such agent.
    pub agent: Option<Agent>,
}

/// Reads the epochs as they are stored.
#[async_trait]
pub trait Epochs: Send + Sync + std::fmt::Debug {
    /// The writer's epoch and the agent's.
    ///
    /// # Errors
    /// [`StoreError`] when they cannot be read; nothing may be sent then.
    async fn now(&self, agent: AgentUid) -> Result<EpochsNow, StoreError>;
}
