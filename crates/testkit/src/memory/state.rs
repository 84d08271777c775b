//! What the store holds.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use scalbotics_core::agent::Agent;
use scalbotics_core::approval;
use scalbotics_core::audit::Record;
use scalbotics_core::audit::merkle::{Frontier, leaf_hash};
use scalbotics_core::digest::Digest;
use scalbotics_core::ids::{AgentUid, ApprovalId, DecisionId, HumanUid, PayloadId, TaskId};
use scalbotics_core::payload::Sealed;
use scalbotics_core::ports::{Human, SealedDecision, StoreError, StoredAnswer, StoredEvent};
use scalbotics_core::task::State;
use scalbotics_core::tenant::TenantId;
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
    pub(super) humans: BTreeMap<HumanUid, Human>,
    pub(super) agents: BTreeMap<AgentUid, Agent>,
    pub(super) answers: BTreeMap<String, StoredAnswer>,
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
