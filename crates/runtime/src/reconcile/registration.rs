//! New agents of a commit get their identity for good before the commit is in force.

use std::collections::BTreeSet;

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use scalbotics_core::agent::{Agent, Standing};
use scalbotics_core::audit::{Kind, OutcomeNote, Record};
use scalbotics_core::desired::Snapshot;
use scalbotics_core::ids::AgentUid;
use scalbotics_core::ports::{StoreError, all_agents};
use scalbotics_core::principal::Uid;
use scalbotics_core::tenant::{Name, TenantId};

use crate::Ports;

/// Agents whose rows are written at one time: their commits go together, and a fleet of ten thousand waits for the disk two hundred times.
const AT_ONCE: usize = 64;

/// Registers the agents of `snapshot` that the registry does not know by name; known ones keep uid, epoch and standing. What was registered when a
/// row fails stays: the next look goes on from there.
pub(super) async fn register(ports: &Ports, snapshot: &Snapshot) -> Result<(), StoreError> {
    let known = all_agents(ports.roster.as_ref(), &snapshot.tenant).await?;
    let known: BTreeSet<Name> = known.into_iter().map(|agent| agent.name).collect();
    let new: Vec<Name> = snapshot.agents.keys().filter(|name| !known.contains(name)).cloned().collect();
    let registered = new.len();
    let put = |name| put(ports.clone(), snapshot.tenant.clone(), name);
    stream::iter(new).map(put).buffered(AT_ONCE).try_collect::<()>().await?;
    if registered > 0 {
        tracing::info!(registered, "new agents are registered");
    }
    Ok(())
}

async fn put(ports: Ports, tenant: TenantId, name: Name) -> Result<(), StoreError> {
    let uid = AgentUid::from_u128(ports.ids.next());
    let agent = Agent { uid, tenant: tenant.clone(), name: name.clone(), standing: Standing::Active, epoch: 0 };
    let at = ports.clock.now();
    let mut record = Record::new(Kind::Installation, at, tenant, Uid::Daemon, "agent.register");
    record.target = Some(uid.to_string());
    record.outcome = Some(OutcomeNote { word: "ok".to_owned(), attempt: None, commitment: None });
    ports.registry.put_agent(agent, record.into()).await?;
    tracing::info!(agent = %name, %uid, "agent registered");
    Ok(())
}
