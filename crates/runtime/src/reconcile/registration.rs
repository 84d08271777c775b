//! New agents of a commit get their identity for good before the commit is in force.

use scalbotics_core::agent::{Agent, Standing};
use scalbotics_core::audit::{Kind, OutcomeNote, Record};
use scalbotics_core::desired::Snapshot;
use scalbotics_core::ids::AgentUid;
use scalbotics_core::ports::StoreError;
use scalbotics_core::principal::Uid;

use crate::Ports;

/// Registers the agents of `snapshot` that the registry does not know by name; known ones keep uid, epoch and standing.
pub(super) async fn register(ports: &Ports, snapshot: &Snapshot) -> Result<(), StoreError> {
    for name in snapshot.agents.keys() {
        if ports.registry.agent_by_name(&snapshot.tenant, name).await?.is_some() {
            continue;
        }
        let uid = AgentUid::from_u128(ports.ids.next());
        let agent = Agent { uid, tenant: snapshot.tenant.clone(), name: name.clone(), standing: Standing::Active, epoch: 0 };
        let at = ports.clock.now();
        let mut record = Record::new(Kind::Installation, at, snapshot.tenant.clone(), Uid::Daemon, "agent.register");
        record.target = Some(uid.to_string());
        record.outcome = Some(OutcomeNote { word: "ok".to_owned(), attempt: None, commitment: None });
        ports.registry.put_agent(agent, record.into()).await?;
        tracing::info!(agent = %name, %uid, "agent registered");
    }
    Ok(())
}
