//! The task log.

use async_trait::async_trait;
use scalbotics_core::agent::Standing;
use scalbotics_core::audit::Kind;
use scalbotics_core::ids::TaskId;
use scalbotics_core::policy::{Commit, seal_warrants};
use scalbotics_core::ports::{
    Batch, Committed, IntentPermit, StoreError, StoredAnswer, StoredEvent, Summary, TaskFilter, TaskLog,
};
use scalbotics_core::task::State;
use scalbotics_core::tenant::TenantId;
use scalbotics_core::time::Timestamp;

use super::MemoryStore;
use super::state::{Tables, corrupt, is_young};

/// Most rows of one read.
const PAGE_MAX: usize = 1_000;

/// A batch behind its permits.
struct Writing {
    batch: Batch,
    tenant: TenantId,
}

#[async_trait]
impl TaskLog for MemoryStore {
    async fn commit(&self, mut batch: Batch) -> Result<Committed, StoreError> {
        batch.check().map_err(|error| corrupt(&error.to_string()))?;
        let intents: Vec<IntentPermit> = std::mem::take(&mut batch.intents);
        let mut places = Vec::new();
        for intent in &intents {
            let effect = intent.permit.act().effect;
            let place = batch.audit.iter().position(|r| r.kind == Kind::Intent && r.effect == Some(effect));
            places.push(place.ok_or_else(|| corrupt("an intent without its record"))? as u64);
        }
        let (epoch, essential) = (batch.agent_epoch, intents.is_empty() && batch.base_version > 0);
        let writing = Writing { tenant: batch.state.envelope.tenant.clone(), batch };
        let audit_first = self.change(essential, |tables| writing.apply(tables, !intents.is_empty()))?;
        let seal = |(intent, place): (IntentPermit, u64)| {
            let commit = Commit { writer_epoch: self.writer_epoch, revocation_epoch: epoch, audit_leaf: audit_first + place };
            seal_warrants(intent.permit, intent.attempt, intent.send_deadline, commit)
        };
        Ok(Committed { warrants: intents.into_iter().zip(places).map(seal).collect(), audit_first })
    }

    async fn state(&self, tenant: &TenantId, task: TaskId) -> Result<Option<State>, StoreError> {
        Ok(self.tables().tasks.get(&task).map(|(state, _)| state.clone()).filter(|state| state.envelope.tenant == *tenant))
    }

    async fn events(&self, tenant: &TenantId, task: TaskId, from: u64, limit: usize) -> Result<Vec<StoredEvent>, StoreError> {
        let tables = self.tables();
        let Some((_, events)) = tables.tasks.get(&task).filter(|(state, _)| state.envelope.tenant == *tenant) else {
            return Ok(Vec::new());
        };
        Ok(events.iter().filter(|event| event.sequence >= from).take(limit.clamp(1, PAGE_MAX)).cloned().collect())
    }

    async fn list(&self, tenant: &TenantId, filter: &TaskFilter) -> Result<Vec<Summary>, StoreError> {
        let wanted = |state: &State| {
            state.envelope.tenant == *tenant
                && filter.before.is_none_or(|before| state.envelope.id < before)
                && filter.agent.as_ref().is_none_or(|agent| state.envelope.agent_name == *agent)
                && (filter.statuses.is_empty() || filter.statuses.contains(&state.status))
        };
        let tables = self.tables();
        let states = tables.tasks.values().rev().map(|(state, _)| state).filter(|state| wanted(state));
        Ok(states.take(filter.limit.clamp(1, PAGE_MAX)).map(summary).collect())
    }

    async fn unfinished(&self, after: Option<TaskId>, limit: usize) -> Result<Vec<State>, StoreError> {
        let tables = self.tables();
        let open =
            tables.tasks.iter().filter(|(id, (state, _))| after.is_none_or(|after| **id > after) && !state.status.is_final());
        Ok(open.map(|(_, (state, _))| state.clone()).take(limit.clamp(1, PAGE_MAX)).collect())
    }

    async fn answer(&self, key: &str, now: Timestamp) -> Result<Option<StoredAnswer>, StoreError> {
        Ok(self.tables().answers.get(key).filter(|answer| is_young(answer, now)).cloned())
    }
}

fn summary(state: &State) -> Summary {
    Summary {
        id: state.envelope.id,
        agent: state.envelope.agent_name.clone(),
        workflow: state.path.workflow().cloned(),
        status: state.status,
        submitted_at: state.envelope.submitted_at,
        updated_at: state.updated_at,
    }
}

impl Writing {
    fn apply(self, tables: &mut Tables, sends: bool) -> Result<u64, StoreError> {
        self.compare(tables)?;
        if sends && !self.may_act(tables) {
            return Err(StoreError::Revoked { task: self.batch.task });
        }
        let Self { batch, tenant } = self;
        let events = batch.events.into_iter().zip(batch.base_version..);
        let events = events.map(|(event, sequence)| StoredEvent { sequence, at: batch.at, event });
        let row = tables.tasks.entry(batch.task).or_insert_with(|| (batch.state.clone(), Vec::new()));
        row.1.extend(events);
        row.0 = batch.state;
        for sealed in batch.payloads {
            if sealed.tenant != tenant || tables.payloads.insert(sealed.reference.id, sealed).is_some() {
                return Err(corrupt("a payload of another tenant, or written twice"));
            }
        }
        for request in batch.approvals {
            let foreign = |old: &scalbotics_core::approval::Request| old.tenant != tenant;
            if request.tenant != tenant || tables.approvals.insert(request.id, request).as_ref().is_some_and(foreign) {
                return Err(corrupt("an approval of another tenant"));
            }
        }
        tables.answer(batch.answer)?;
        tables.decide(&tenant, batch.decisions)?;
        tables.append(&tenant, &batch.audit)
    }

    fn compare(&self, tables: &Tables) -> Result<(), StoreError> {
        let Batch { task, base_version, events, state, .. } = &self.batch;
        let fits = state.version == base_version + events.len() as u64 && state.envelope.id == *task && state.version > 0;
        if !fits {
            return Err(corrupt("a state that is not that of its task after the events"));
        }
        let stored = tables.tasks.get(task).map(|(state, _)| state);
        if stored.map_or(0, |state| state.version) != *base_version {
            return Err(StoreError::Conflict { task: *task });
        }
        match stored {
            Some(stored) if stored.envelope.tenant != self.tenant => Err(corrupt("a task of another tenant")),
            Some(_) | None => Ok(()),
        }
    }

    fn may_act(&self, tables: &Tables) -> bool {
        tables.agents.get(&self.batch.state.envelope.agent).is_some_and(|agent| {
            agent.tenant == self.tenant && agent.standing == Standing::Active && agent.epoch == self.batch.agent_epoch
        })
    }
}
