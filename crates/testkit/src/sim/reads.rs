//! Reads of the registry and of payloads that are slow or fail.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use scalbotics_core::agent::Agent;
use scalbotics_core::ids::{AgentUid, HumanUid, PayloadId};
use scalbotics_core::payload::Sealed;
use scalbotics_core::ports::{Epochs, EpochsNow, Human, Note, PayloadStore, Registry, StoreError};
use scalbotics_core::tenant::{Name, TenantId};

use super::stage::Stage;
use crate::MemoryStore;

/// A store whose reads are slow or fail.
#[derive(Debug)]
pub(super) struct Reads {
    pub(super) stage: Arc<Stage>,
    pub(super) store: Arc<MemoryStore>,
}

/// The failure of an engine underneath.
pub(super) fn failed(attempt: &'static str) -> StoreError {
    StoreError::Failed { attempt, source: "simulated".into() }
}

/// One read: dead, slow, failing, or good.
pub(super) async fn read(stage: &Stage) -> Result<(), StoreError> {
    stage.weather.pass().await;
    if stage.weather.is_calm() {
        return Ok(());
    }
    match stage.chance.below(1_000) {
        0..3 => Err(failed("read")),
        3..15 => {
            tokio::time::sleep(Duration::from_millis(stage.chance.between(1, 8_000))).await;
            stage.weather.pass().await;
            Ok(())
        }
        _ => Ok(()),
    }
}

#[async_trait]
impl PayloadStore for Reads {
    async fn get(&self, tenant: &TenantId, id: PayloadId) -> Result<Option<Sealed>, StoreError> {
        read(&self.stage).await?;
        PayloadStore::get(self.store.as_ref(), tenant, id).await
    }
}

#[async_trait]
impl Epochs for Reads {
    async fn now(&self, agent: AgentUid) -> Result<EpochsNow, StoreError> {
        read(&self.stage).await?;
        Epochs::now(self.store.as_ref(), agent).await
    }
}

#[async_trait]
impl Registry for Reads {
    async fn human(&self, tenant: &TenantId, name: &Name) -> Result<Option<Human>, StoreError> {
        read(&self.stage).await?;
        self.store.human(tenant, name).await
    }

    async fn human_by_uid(&self, uid: HumanUid) -> Result<Option<Human>, StoreError> {
        read(&self.stage).await?;
        self.store.human_by_uid(uid).await
    }

    async fn put_human(&self, human: Human, note: Note) -> Result<(), StoreError> {
        self.stage.weather.pass().await;
        self.store.put_human(human, note).await
    }

    async fn agent_by_name(&self, tenant: &TenantId, name: &Name) -> Result<Option<Agent>, StoreError> {
        read(&self.stage).await?;
        self.store.agent_by_name(tenant, name).await
    }

    async fn agent(&self, uid: AgentUid) -> Result<Option<Agent>, StoreError> {
        read(&self.stage).await?;
        self.store.agent(uid).await
    }

    async fn put_agent(&self, agent: Agent, note: Note) -> Result<(), StoreError> {
        self.stage.weather.pass().await;
        self.store.put_agent(agent, note).await
    }
}
