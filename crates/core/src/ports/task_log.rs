//! The task log: the only write of a task, and the reads of its journal.

use async_trait::async_trait;

use super::{SealedDecision, StoredAnswer};
use crate::approval;
use crate::audit::Record;
use crate::ids::{EffectId, TaskId};
use crate::payload::Sealed;
use crate::policy::{Permit, Warrant};
use crate::task::{Event, State, Status};
use crate::tenant::{Name, TenantId};
use crate::time::Timestamp;
use crate::tool::Call;

/// Why the store did not do it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Somebody else wrote this task first; load and decide again.
    #[error("task `{task}` is at another version")]
    Conflict {
        /// The task.
        task: TaskId,
    },
    /// The acting agent is suspended or at a later epoch.
    #[error("agent of task `{task}` may not act")]
    Revoked {
        /// The task.
        task: TaskId,
    },
    /// A name or key belongs to another.
    #[error("`{name}` is taken")]
    Taken {
        /// The name.
        name: String,
    },
    /// The disk is full: effects wait, nothing is lost, it recovers by itself.
    #[error("store has no room")]
    Full,
    /// The tenant's quota of audit bytes is used up: effects wait, and it recovers with time (semantics §7.1).
    #[error("audit quota of tenant `{tenant}` is used up")]
    Quota {
        /// The tenant.
        tenant: TenantId,
    },
    /// More records than the configuration allows are in no checkpoint that a witness cosigned: calls of tier 2 wait, and it recovers
    /// when one has (semantics §7.3).
    #[error("more audit records than `audit.max_unwitnessed` are in no cosigned checkpoint")]
    Unwitnessed,
    /// A later writer has taken the data over: nothing more is written by this process.
    #[error("data was taken over by a later writer")]
    Superseded,
    /// The store is closing.
    #[error("store is closing")]
    Closing,
    /// What was read cannot have been written by this program.
    #[error("store is corrupt: {what}")]
    Corrupt {
        /// What does not fit.
        what: String,
    },
    /// Anything else that the engine underneath says.
    #[error("store failed to {attempt}")]
    Failed {
        /// What was attempted.
        attempt: &'static str,
        /// What the engine said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// The permit of an intent of a batch.
#[derive(Debug)]
pub struct IntentPermit {
    /// The permit.
    pub permit: Permit<Call>,
    /// Which attempt.
    pub attempt: u32,
    /// Nothing is sent at or after this moment.
    pub send_deadline: Timestamp,
    /// Most bytes that its outcome has: the store keeps room for them, so that it can always be written (semantics §1.3).
    pub outcome_len_max: u64,
}

/// One commit of a task: all of it becomes durable, or none.
#[derive(Debug)]
pub struct Batch {
    /// The task.
    pub task: TaskId,
    /// Version that the events were decided on; 0 for a submission.
    pub base_version: u64,
    /// Events, in order.
    pub events: Vec<Event>,
    /// State after them.
    pub state: State,
    /// When.
    pub at: Timestamp,
    /// Payloads that the events refer to.
    pub payloads: Vec<Sealed>,
    /// Approval requests as they stand after the events.
    pub approvals: Vec<approval::Request>,
    /// Audit records, in order; the record of an intent stands among them.
    pub audit: Vec<Record>,
    /// Decisions that the records note.
    pub decisions: Vec<SealedDecision>,
    /// One permit for each [`Event::Intended`].
    pub intents: Vec<IntentPermit>,
    /// The acting agent's epoch that the intents were decided under; checked when there are intents.
    pub agent_epoch: u64,
    /// The answer to keep under (principal, method, request id), for a mutating RPC.
    pub answer: Option<(String, StoredAnswer)>,
}

/// Why a batch is not one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BatchError {
    /// An intent lacks its permit, or a permit its intent, or they are about different calls.
    #[error("effect `{effect}` is intended without the permit of exactly that call")]
    Permit {
        /// The effect.
        effect: EffectId,
    },
    /// Events without any audit record.
    #[error("batch has events and no audit record")]
    Unaudited,
}

impl Batch {
    /// Checks that every intent has the permit of exactly its call, and that something is audited.
    ///
    /// # Errors
    /// [`BatchError`].
    pub fn check(&self) -> Result<(), BatchError> {
        if !self.events.is_empty() && self.audit.is_empty() {
            return Err(BatchError::Unaudited);
        }
        let mut permits: Vec<&IntentPermit> = self.intents.iter().collect();
        for event in &self.events {
            let Event::Intended { intent, attempt, decision, send_deadline, .. } = event else { continue };
            let place = permits.iter().position(|p| {
                let call = p.permit.act();
                call.effect == intent.effect
                    && call.mark == intent.call
                    && call.task == self.task
                    && p.permit.decision() == *decision
                    && p.attempt == *attempt
                    && p.send_deadline == *send_deadline
            });
            let place = place.ok_or(BatchError::Permit { effect: intent.effect })?;
            permits.swap_remove(place);
        }
        match permits.first() {
            Some(extra) => Err(BatchError::Permit { effect: extra.permit.act().effect }),
            None => Ok(()),
        }
    }
}

/// A commit that is durable.
#[derive(Debug)]
pub struct Committed {
    /// Warrants of the batch's intents, in their order.
    pub warrants: Vec<Warrant<Call>>,
    /// Index of the batch's first audit record in the tenant's log.
    pub audit_first: u64,
}

/// A stored event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredEvent {
    /// Sequence number within the task, from 0.
    pub sequence: u64,
    /// When.
    pub at: Timestamp,
    /// What.
    pub event: Event,
}

/// A task in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// The task.
    pub id: TaskId,
    /// Its agent's name.
    pub agent: Name,
    /// Its workflow; `None` where a model drives it.
    pub workflow: Option<Name>,
    /// Its status.
    pub status: Status,
    /// When it was submitted.
    pub submitted_at: Timestamp,
    /// When something last happened.
    pub updated_at: Timestamp,
}

/// Which tasks to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TaskFilter {
    /// Only in one of these statuses; empty means any.
    pub statuses: Vec<Status>,
    /// Only of this agent.
    pub agent: Option<Name>,
    /// Only older than this id (newest first).
    pub before: Option<TaskId>,
    /// At most so many, from 1 to 1 000.
    pub limit: usize,
}

/// Writes and reads tasks.
#[async_trait]
pub trait TaskLog: Send + Sync + std::fmt::Debug {
    /// Makes the batch durable: events, state, audit, payloads, approvals and answer in one transaction.
    ///
    /// # Errors
    /// [`StoreError`]: nothing of the batch is durable.
    ///
    /// # Cancel safety
    /// Dropping the future does not undo the commit; reload to learn.
    async fn commit(&self, batch: Batch) -> Result<Committed, StoreError>;

    /// The state of a task, or `None` when it is absent or another tenant's.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn state(&self, tenant: &TenantId, task: TaskId) -> Result<Option<State>, StoreError>;

    /// Events of a task from `from` on, at most `limit`.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn events(&self, tenant: &TenantId, task: TaskId, from: u64, limit: usize) -> Result<Vec<StoredEvent>, StoreError>;

    /// Tasks of a tenant, newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn list(&self, tenant: &TenantId, filter: &TaskFilter) -> Result<Vec<Summary>, StoreError>;

    /// States of all tasks of all tenants that have not ended, in order of id, at most `limit` after `after`; for recovery.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn unfinished(&self, after: Option<TaskId>, limit: usize) -> Result<Vec<State>, StoreError>;

    /// The answer kept under (principal, method, request id), if it is younger than 24 h.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn answer(&self, key: &str, now: Timestamp) -> Result<Option<StoredAnswer>, StoreError>;
}
