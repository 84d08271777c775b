//! New agents of a commit get their identity for good before the commit is in force.

use scalbotics_core::agent::{Agent, Standing};
use scalbotics_core::audit::{Kind, OutcomeNote, Record};
use scalbotics_core::desired::Snapshot;
use scalbotics_core::ids::AgentUid;
use scalbotics_core::ports::{Note, PUT_AGENTS_MAX, ROSTER_PAGE_MAX, StoreError};
use scalbotics_core::principal::Uid;
use scalbotics_core::tenant::{Name, TenantId};

use crate::Ports;

/// Registers the agents of `snapshot` that the registry does not know by name, many in a commit; known ones keep uid, epoch and standing. What
/// was registered when a commit fails stays: the next look goes on from there.
pub(super) async fn register(ports: &Ports, snapshot: &Snapshot) -> Result<(), StoreError> {
    let new = unknown(ports, snapshot).await?;
    let registered = new.len();
    for names in new.chunks(PUT_AGENTS_MAX) {
        let agents: Vec<_> = names.iter().map(|name| registered_now(ports, &snapshot.tenant, name)).collect();
        let uids: Vec<AgentUid> = agents.iter().map(|(agent, _)| agent.uid).collect();
        ports.roster.put_agents(agents).await?;
        for (agent, uid) in names.iter().zip(uids) {
            tracing::info!(%agent, %uid, "agent registered");
        }
    }
    if registered > 0 {
        tracing::info!(registered, "new agents are registered");
    }
    Ok(())
}

/// The agents of `snapshot` whose names the registry does not have. Both are in order of name, so that a page of the registry is all that is
/// held of it.
async fn unknown(ports: &Ports, snapshot: &Snapshot) -> Result<Vec<Name>, StoreError> {
    let mut wanted = snapshot.agents.keys().peekable();
    let (mut new, mut last) = (Vec::new(), None);
    while wanted.peek().is_some() {
        let page = ports.roster.agents(&snapshot.tenant, last.as_ref(), ROSTER_PAGE_MAX).await?;
        for known in &page {
            new.extend(std::iter::from_fn(|| wanted.next_if(|name| **name < known.name)).cloned());
            if wanted.next_if(|name| **name == known.name).is_some() && known.standing == Standing::Offboarded {
                tracing::warn!(agent = %known.name, "the commit has a file of an agent that was offboarded: it binds nobody");
            }
        }
        let is_last = page.len() < ROSTER_PAGE_MAX;
        last = page.into_iter().next_back().map(|agent| agent.name);
        if is_last {
            new.extend(wanted.by_ref().cloned());
        }
    }
    Ok(new)
}

/// A new agent of that name, and the record of it.
fn registered_now(ports: &Ports, tenant: &TenantId, name: &Name) -> (Agent, Note) {
    let uid = AgentUid::from_u128(ports.ids.next());
    let agent = Agent { uid, tenant: tenant.clone(), name: name.clone(), standing: Standing::Active, epoch: 0 };
    let at = ports.clock.now();
    let mut record = Record::new(Kind::Installation, at, tenant.clone(), Uid::Daemon, "agent.register");
    record.target = Some(uid.to_string());
    record.outcome = Some(OutcomeNote { word: "ok".to_owned(), attempt: None, commitment: None });
    (agent, record.into())
}
