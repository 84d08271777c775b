//! The registry.

use async_trait::async_trait;
use scalbotics_core::agent::{Agent, Standing};
use scalbotics_core::digest::Digest;
use scalbotics_core::ids::{AgentUid, HumanUid};
use scalbotics_core::ports::{Human, Note, ROSTER_PAGE_MAX, Registry, Roster, StoreError};
use scalbotics_core::tenant::{Name, TenantId};

use super::MemoryStore;
use super::state::{Tables, refused};

/// Name, epoch and standing as they were, or as they are to be.
pub(super) type Fixed<'a> = (&'a TenantId, &'a Name, u64, Standing);

pub(super) fn check(old: Option<Fixed<'_>>, new: Fixed<'_>, taken: bool) -> Result<(), StoreError> {
    let (tenant, name, epoch, standing) = new;
    let renamed = old.is_some_and(|old| (old.0, old.1) != (tenant, name));
    if taken || renamed {
        return Err(StoreError::Taken { name: name.to_string() });
    }
    let back = old.is_some_and(|old| old.3 == Standing::Offboarded && standing != Standing::Offboarded);
    if back || old.is_some_and(|old| old.2 > epoch) {
        return Err(refused("epochs never fall, and who is offboarded does not come back"));
    }
    Ok(())
}

pub(super) const fn takes_away(standing: Standing) -> bool {
    matches!(standing, Standing::Suspended | Standing::Offboarded)
}

#[async_trait]
impl Registry for MemoryStore {
    async fn human(&self, tenant: &TenantId, name: &Name) -> Result<Option<Human>, StoreError> {
        Ok(self.tables().humans.values().find(|human| human.tenant == *tenant && human.name == *name).cloned())
    }

    async fn human_by_uid(&self, uid: HumanUid) -> Result<Option<Human>, StoreError> {
        Ok(self.tables().humans.get(&uid).cloned())
    }

    async fn put_human(&self, human: Human, note: Note) -> Result<(), StoreError> {
        self.change(takes_away(human.standing), |tables| put_human(tables, human, note))
    }

    async fn agent_by_name(&self, tenant: &TenantId, name: &Name) -> Result<Option<Agent>, StoreError> {
        Ok(self.tables().agents.values().find(|agent| agent.tenant == *tenant && agent.name == *name).cloned())
    }

    async fn agent(&self, uid: AgentUid) -> Result<Option<Agent>, StoreError> {
        Ok(self.tables().agents.get(&uid).cloned())
    }

    async fn put_agent(&self, agent: Agent, note: Note) -> Result<(), StoreError> {
        self.change(takes_away(agent.standing), |tables| put_agent(tables, agent, note))
    }
}

#[async_trait]
impl Roster for MemoryStore {
    async fn humans(&self, tenant: &TenantId) -> Result<Vec<Human>, StoreError> {
        let mut humans: Vec<Human> = self.tables().humans.values().filter(|human| human.tenant == *tenant).cloned().collect();
        humans.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(humans)
    }

    async fn human_of(&self, tenant: &TenantId, person: Digest) -> Result<Option<Human>, StoreError> {
        let is =
            |human: &&Human| human.tenant == *tenant && human.outside.as_ref().is_some_and(|outside| outside.person == person);
        Ok(self.tables().humans.values().find(is).cloned())
    }

    async fn agents(&self, tenant: &TenantId, after: Option<&Name>, limit: usize) -> Result<Vec<Agent>, StoreError> {
        let listed = |agent: &&Agent| agent.tenant == *tenant && after.is_none_or(|after| agent.name > *after);
        let mut agents: Vec<Agent> = self.tables().agents.values().filter(listed).cloned().collect();
        agents.sort_by(|a, b| a.name.cmp(&b.name));
        agents.truncate(limit.min(ROSTER_PAGE_MAX));
        Ok(agents)
    }

    async fn put_agents(&self, agents: Vec<(Agent, Note)>) -> Result<(), StoreError> {
        let essential = agents.iter().all(|(agent, _)| takes_away(agent.standing));
        self.change(essential, |tables| agents.into_iter().try_for_each(|(agent, note)| put_agent(tables, agent, note)))
    }
}

pub(super) fn put_human(tables: &mut Tables, human: Human, note: Note) -> Result<(), StoreError> {
    let person = |human: &Human| human.outside.as_ref().map(|outside| outside.person);
    let taken = tables.humans.values().any(|h| {
        let same = h.name == human.name || (person(h).is_some() && person(h) == person(&human));
        h.tenant == human.tenant && same && h.uid != human.uid
    });
    let old = tables.humans.get(&human.uid).map(|old| (&old.tenant, &old.name, old.epoch, old.standing));
    check(old, (&human.tenant, &human.name, human.epoch, human.standing), taken)?;
    if old.is_some_and(|(_, _, epoch, _)| epoch < human.epoch) {
        tables.end_tokens_of(human.uid, note.record.at);
    }
    tables.note(&human.tenant, note)?;
    tables.humans.insert(human.uid, human);
    Ok(())
}

fn put_agent(tables: &mut Tables, agent: Agent, note: Note) -> Result<(), StoreError> {
    let taken = tables.agents.values().any(|a| a.tenant == agent.tenant && a.name == agent.name && a.uid != agent.uid);
    let old = tables.agents.get(&agent.uid).map(|old| (&old.tenant, &old.name, old.epoch, old.standing));
    check(old, (&agent.tenant, &agent.name, agent.epoch, agent.standing), taken)?;
    if old.is_some_and(|(_, _, epoch, _)| epoch < agent.epoch) {
        tables.cut_short(agent.uid, note.record.at);
    }
    tables.note(&agent.tenant, note)?;
    tables.agents.insert(agent.uid, agent);
    Ok(())
}
