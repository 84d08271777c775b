//! What the store holds.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use scalbotics_core::agent::Agent;
use scalbotics_core::approval;
use scalbotics_core::audit::Record;
use scalbotics_core::audit::merkle::{Frontier, leaf_hash};
use scalbotics_core::digest::Digest;
use scalbotics_core::identity::{JoinToken, Svid};
use scalbotics_core::ids::{
    AgentUid, ApprovalId, DecisionId, ErasureId, HoldId, HumanUid, PayloadId, SecretId, ServiceUid, TaskId,
};
use scalbotics_core::payload::Sealed;
use scalbotics_core::ports::{Human, Note, SealedDecision, SealedSecret, StoreError, StoredAnswer, StoredEvent, Tenant};
use scalbotics_core::privacy::{Erasure, Hold, Marks};
use scalbotics_core::service::Service;
use scalbotics_core::task::State;
use scalbotics_core::tenant::TenantId;
use scalbotics_core::time::Timestamp;
use tokio::sync::watch;

/// One audit log.
#[derive(Debug, Clone, Default)]
pub(super) struct Log {
    pub(super) records: Vec<(Record, Vec<u8>)>,
    pub(super) checkpoints: BTreeMap<u64, String>,
}

impl Log {
    /// The root over the first `size` leaves; `None` when there are fewer.
    pub(super) fn root_at(&self, size: u64) -> Option<Digest> {
        let size = usize::try_from(size).ok().filter(|size| *size <= self.records.len())?;
        let mut frontier = Frontier::new();
        self.records.iter().take(size).for_each(|(_, leaf)| frontier.push(leaf_hash(leaf)));
        Some(frontier.root())
    }
}

/// Everything; a commit works on a copy that takes its place, so that a refused one leaves no trace.
#[derive(Debug, Clone, Default)]
pub(super) struct Tables {
    pub(super) tasks: BTreeMap<TaskId, (State, Vec<StoredEvent>)>,
    pub(super) payloads: BTreeMap<PayloadId, Sealed>,
    pub(super) approvals: BTreeMap<ApprovalId, approval::Request>,
    pub(super) decisions: BTreeMap<DecisionId, Sealed>,
    pub(super) logs: BTreeMap<TenantId, Log>,
    pub(super) tenants: BTreeMap<TenantId, Tenant>,
    pub(super) humans: BTreeMap<HumanUid, Human>,
    pub(super) agents: BTreeMap<AgentUid, Agent>,
    pub(super) services: BTreeMap<ServiceUid, Service>,
    pub(super) svids: BTreeMap<String, Svid>,
    pub(super) join_tokens: BTreeMap<Digest, JoinToken>,
    pub(super) answers: BTreeMap<String, StoredAnswer>,
    pub(super) secrets: BTreeMap<SecretId, SealedSecret>,
    pub(super) destroyed: BTreeMap<PayloadId, TenantId>,
    pub(super) holds: BTreeMap<HoldId, Hold>,
    pub(super) erasures: BTreeMap<ErasureId, Erasure>,
    pub(super) marks: BTreeMap<TenantId, Marks>,
}

impl Tables {
    /// Appends records of one tenant; answers the first index.
    pub(super) fn append(&mut self, tenant: &TenantId, records: &[Record]) -> Result<u64, StoreError> {
        if records.iter().any(|record| record.tenant != *tenant) {
            return Err(corrupt("an audit record of another tenant"));
        }
        let log = self.logs.entry(tenant.clone()).or_default();
        let first = log.records.len() as u64;
        for record in records {
            let leaf = record.canonical().map_err(|error| refused(&error.to_string()))?;
            log.records.push((record.clone(), leaf));
        }
        Ok(first)
    }

    /// Keeps what comes with a change that is no task's.
    pub(super) fn note(&mut self, tenant: &TenantId, note: Note) -> Result<(), StoreError> {
        self.decide(tenant, note.decisions)?;
        self.answer(note.answer)?;
        self.append(tenant, &[note.record]).map(|_| ())
    }

    /// Keeps the first answer under its key; a second one is refused while that one is young.
    pub(super) fn answer(&mut self, answer: Option<(String, StoredAnswer)>) -> Result<(), StoreError> {
        let Some((key, answer)) = answer else { return Ok(()) };
        let at = answer.at;
        match self.answers.insert(key.clone(), answer) {
            Some(old) if is_young(&old, at) => Err(StoreError::Taken { name: key }),
            Some(_) | None => Ok(()),
        }
    }

    /// Keeps decisions, each once.
    pub(super) fn decide(&mut self, tenant: &TenantId, decisions: Vec<SealedDecision>) -> Result<(), StoreError> {
        for SealedDecision { id, sealed } in decisions {
            if sealed.tenant != *tenant || sealed.reference.id.as_u128() != id.as_u128() {
                return Err(corrupt("a decision of another tenant, or under another id"));
            }
            if self.decisions.insert(id, sealed).is_some() {
                return Err(refused("a decision is kept once"));
            }
        }
        Ok(())
    }
}

/// How long an answer is kept, in milliseconds.
const ANSWER_LIFE_MS: u64 = 24 * 3_600_000;

/// Whether an answer is still replayed.
pub(super) fn is_young(answer: &StoredAnswer, now: Timestamp) -> bool {
    now.since_ms(answer.at) < ANSWER_LIFE_MS
}

/// A store in memory.
#[derive(Debug)]
pub struct MemoryStore {
    tables: Mutex<Tables>,
    full: Mutex<bool>,
    pub(super) writer_epoch: u64,
    pub(super) commits: watch::Sender<u64>,
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryStore {
    /// An empty store of writer epoch 1.
    #[must_use]
    pub fn new() -> Self {
        Self { tables: Mutex::default(), full: Mutex::new(false), writer_epoch: 1, commits: watch::Sender::new(0) }
    }

    /// The same contents under the next writer epoch, as after a crash and a restart.
    #[must_use]
    pub fn restarted(&self) -> Self {
        Self {
            tables: Mutex::new(self.tables().clone()),
            full: Mutex::new(false),
            writer_epoch: self.writer_epoch + 1,
            commits: watch::Sender::new(0),
        }
    }

    /// Whether the disk is full from now on: then only outcomes are written, as by a store that keeps room for them.
    pub fn set_full(&self, full: bool) {
        *self.full.lock().unwrap_or_else(PoisonError::into_inner) = full;
    }

    /// The states of all tasks of all tenants, in order of id.
    #[must_use]
    pub fn states(&self) -> Vec<State> {
        self.tables().tasks.values().map(|(state, _)| state.clone()).collect()
    }

    pub(super) fn tables(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes everything or nothing.
    pub(super) fn change<T>(
        &self,
        essential: bool,
        change: impl FnOnce(&mut Tables) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        if !essential && *self.full.lock().unwrap_or_else(PoisonError::into_inner) {
            return Err(StoreError::Full);
        }
        let mut tables = self.tables();
        let mut copy = tables.clone();
        let made = change(&mut copy)?;
        *tables = copy;
        drop(tables);
        self.commits.send_modify(|commits| *commits += 1);
        Ok(made)
    }
}

/// Something that no caller may hand in.
pub(super) fn corrupt(what: &str) -> StoreError {
    StoreError::Corrupt { what: what.to_owned() }
}

/// Something that is refused for a reason of its own.
pub(super) fn refused(why: &str) -> StoreError {
    StoreError::Failed { attempt: "write", source: why.into() }
}
