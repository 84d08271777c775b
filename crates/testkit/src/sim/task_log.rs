//! A task log whose commits crash, fail, are slow, or succeed without anybody hearing of it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use scalbotics_core::ids::TaskId;
use scalbotics_core::ports::{Batch, Committed, StoreError, StoredAnswer, StoredEvent, Summary, TaskFilter, TaskLog};
use scalbotics_core::task::{Event, State, fold};
use scalbotics_core::tenant::TenantId;
use scalbotics_core::time::Timestamp;
use scalbotics_core::tool::Tier;

use super::reads::{failed, read};
use super::stage::Stage;
use crate::MemoryStore;

/// Most events of a task that a simulation can have.
const EVENTS_MAX: usize = 1_000;

/// The task log of a life.
#[derive(Debug)]
pub(super) struct Log {
    pub(super) stage: Arc<Stage>,
    pub(super) store: Arc<MemoryStore>,
}

/// What goes wrong with a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    DieBefore,
    DieAfter,
    Fail,
    Unheard,
    Conflict,
    Full,
    SlowBefore,
    SlowAfter,
    None,
}

impl Log {
    fn fault(&self, batch: &Batch) -> Fault {
        if self.stage.weather.is_calm() {
            return Fault::None;
        }
        // A store keeps room for what ends an effect.
        let has_room = batch.intents.is_empty() && batch.base_version > 0;
        match self.stage.chance.below(1_000) {
            0..12 => Fault::DieBefore,
            12..24 => Fault::DieAfter,
            24..40 => Fault::Fail,
            40..52 => Fault::Unheard,
            52..68 => Fault::Conflict,
            68..84 if !has_room => Fault::Full,
            84..124 => Fault::SlowBefore,
            124..150 => Fault::SlowAfter,
            _ => Fault::None,
        }
    }

    async fn slow(&self) {
        tokio::time::sleep(Duration::from_millis(self.stage.chance.between(1, 20_000))).await;
        self.stage.weather.pass().await;
    }

    async fn apply(&self, batch: Batch) -> Result<Committed, StoreError> {
        let (task, tenant) = (batch.task, batch.state.envelope.tenant.clone());
        let words: Vec<&str> = batch.events.iter().map(word).collect();
        let (version, words) = (batch.state.version, words.join(" "));
        let audited = batch.audit.len() >= batch.events.len();
        let stale = self.stage.is_stale(batch.at) && batch.events.iter().any(touches);
        let was_final = self.store.state(&tenant, task).await?.is_some_and(|state| state.status.is_final());
        let committed = self.store.commit(batch).await;
        let trace = &self.stage.trace;
        match &committed {
            Ok(_) => trace.note(format!("commit {task} v{version}: {words}")),
            Err(error) => trace.note(format!("commit {task} v{version}: {words}: {error}")),
        }
        if committed.is_ok() {
            trace.must(audited, || format!("{task} v{version} has events without a record"));
            trace.must(!stale, || format!("{task} v{version} touches the world by a word that is too old"));
            trace.must(!was_final, || format!("{task} v{version} was written after its end"));
            self.check_fold(&tenant, task).await?;
        }
        committed
    }

    /// Stored state is the fold of its events (semantics §1.1).
    async fn check_fold(&self, tenant: &TenantId, task: TaskId) -> Result<(), StoreError> {
        let events = self.store.events(tenant, task, 0, EVENTS_MAX).await?;
        let state = self.store.state(tenant, task).await?;
        let folded = fold(events.iter().map(|stored| (&stored.event, stored.at)));
        self.stage.trace.must(folded.as_ref() == Ok(&state), || format!("{task} is not the fold of its events"));
        Ok(())
    }
}

#[async_trait]
impl TaskLog for Log {
    async fn commit(&self, batch: Batch) -> Result<Committed, StoreError> {
        self.stage.weather.pass().await;
        let fault = self.fault(&batch);
        let task = batch.task;
        if fault != Fault::None {
            self.stage.trace.note(format!("commit of {task} v{}: {fault:?}", batch.state.version));
        }
        match fault {
            Fault::DieBefore => self.stage.weather.perish().await,
            Fault::SlowBefore => self.slow().await,
            Fault::Fail => return Err(failed("commit")),
            Fault::Conflict => return Err(StoreError::Conflict { task }),
            Fault::Full => return Err(StoreError::Full),
            Fault::DieAfter | Fault::Unheard | Fault::SlowAfter | Fault::None => {}
        }
        let committed = self.apply(batch).await;
        match fault {
            Fault::DieAfter => self.stage.weather.perish().await,
            Fault::SlowAfter => self.slow().await,
            Fault::Unheard => return Err(failed("hear of the commit")),
            Fault::DieBefore | Fault::SlowBefore | Fault::Fail | Fault::Conflict | Fault::Full | Fault::None => {}
        }
        committed
    }

    async fn state(&self, tenant: &TenantId, task: TaskId) -> Result<Option<State>, StoreError> {
        read(&self.stage).await?;
        self.store.state(tenant, task).await
    }

    async fn events(&self, tenant: &TenantId, task: TaskId, from: u64, limit: usize) -> Result<Vec<StoredEvent>, StoreError> {
        read(&self.stage).await?;
        self.store.events(tenant, task, from, limit).await
    }

    async fn list(&self, tenant: &TenantId, filter: &TaskFilter) -> Result<Vec<Summary>, StoreError> {
        read(&self.stage).await?;
        self.store.list(tenant, filter).await
    }

    async fn unfinished(&self, after: Option<TaskId>, limit: usize) -> Result<Vec<State>, StoreError> {
        self.stage.weather.pass().await;
        // Small pages, so that reading them goes on.
        self.store.unfinished(after, limit.min(2)).await
    }

    async fn answer(&self, key: &str, now: Timestamp) -> Result<Option<StoredAnswer>, StoreError> {
        read(&self.stage).await?;
        self.store.answer(key, now).await
    }
}

/// Whether the event is the intent of a call of tier 2.
fn touches(event: &Event) -> bool {
    matches!(event, Event::Intended { intent, .. } if intent.tier == Tier::Risky)
}

/// The word for an event in the trace.
const fn word(event: &Event) -> &'static str {
    match event {
        Event::Submitted { .. } => "submitted",
        Event::ApprovalRequested { .. } => "asked",
        Event::ApprovalGranted { .. } => "granted",
        Event::ApprovalDenied { .. } => "denied",
        Event::ApprovalExpired { .. } => "expired",
        Event::LoginRequested { .. } => "awaits-login",
        Event::LoginSeen { .. } => "login-seen",
        Event::LoginExpired => "login-expired",
        Event::Intended { .. } => "intended",
        Event::CallDenied { .. } => "refused",
        Event::Landed { .. } => "landed",
        Event::CallFailed { .. } => "call-failed",
        Event::NotLanded { .. } => "not-landed",
        Event::InDoubt { .. } => "in-doubt",
        Event::Settled { .. } => "settled",
        Event::CancelRequested { .. } => "cancel",
        Event::Completed { .. } => "COMPLETED",
        Event::Failed { .. } => "FAILED",
        Event::Canceled => "CANCELED",
    }
}
