//! Tasks of the newest commits, kept in memory in front of the task log: who has just submitted a task asks about it and watches
//! it, and reading and folding what was written a moment ago costs more than the rest of such a call.
//!
//! **Invariant:** all commits of this process go through here, and a task is forgotten before its commit begins; so what is found
//! is the newest that was durable, also when somebody stops waiting for a commit.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use scalbotics_core::ids::TaskId;
use scalbotics_core::ports::{Batch, Committed, StoreError, StoredAnswer, StoredEvent, Summary, TaskFilter, TaskLog};
use scalbotics_core::task::State;
use scalbotics_core::tenant::TenantId;
use scalbotics_core::time::Timestamp;

/// Tasks kept: about 10 KiB each.
const TASKS_MAX: usize = 32;

/// Events of a task that is kept; a longer one is read from the log.
const EVENTS_MAX: usize = 64;

/// A task as its newest commit left it, with all of its events.
#[derive(Debug)]
struct Kept {
    state: State,
    events: Vec<StoredEvent>,
}

#[derive(Debug, Default)]
struct Shelf {
    tasks: BTreeMap<TaskId, Kept>,
    order: VecDeque<TaskId>,
}

/// The task log with the tasks of the newest commits in front.
#[derive(Debug)]
pub struct RecentTasks {
    log: Arc<dyn TaskLog>,
    shelf: Mutex<Shelf>,
}

impl RecentTasks {
    /// Keeps nothing yet.
    #[must_use]
    pub fn new(log: Arc<dyn TaskLog>) -> Self {
        Self { log, shelf: Mutex::default() }
    }

    fn take(&self, task: TaskId) -> Option<Kept> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner).tasks.remove(&task)
    }

    fn put(&self, kept: Kept) {
        let task = kept.state.envelope.id;
        let mut shelf = self.shelf.lock().unwrap_or_else(PoisonError::into_inner);
        if shelf.tasks.insert(task, kept).is_none() {
            shelf.order.retain(|known| *known != task);
            shelf.order.push_back(task);
        }
        while shelf.order.len() > TASKS_MAX {
            let Some(oldest) = shelf.order.pop_front() else { break };
            shelf.tasks.remove(&oldest);
        }
    }

    fn find<T>(&self, tenant: &TenantId, task: TaskId, read: impl FnOnce(&Kept) -> T) -> Option<T> {
        let shelf = self.shelf.lock().unwrap_or_else(PoisonError::into_inner);
        shelf.tasks.get(&task).filter(|kept| kept.state.envelope.tenant == *tenant).map(read)
    }
}

/// The task after a batch, if all of its events are at hand and they are few.
fn after(before: Option<Kept>, batch: &Batch) -> Option<Kept> {
    let mut events = match before {
        Some(kept) if kept.state.version == batch.base_version => kept.events,
        None if batch.base_version == 0 => Vec::new(),
        Some(_) | None => return None,
    };
    if events.len().saturating_add(batch.events.len()) > EVENTS_MAX {
        return None;
    }
    let stored = |(sequence, event): (u64, &_)| StoredEvent { sequence, at: batch.at, event: Clone::clone(event) };
    events.extend((batch.base_version..).zip(&batch.events).map(stored));
    Some(Kept { state: batch.state.clone(), events })
}

#[async_trait]
impl TaskLog for RecentTasks {
    async fn commit(&self, batch: Batch) -> Result<Committed, StoreError> {
        let kept = after(self.take(batch.task), &batch);
        let committed = self.log.commit(batch).await?;
        if let Some(kept) = kept {
            self.put(kept);
        }
        Ok(committed)
    }

    async fn state(&self, tenant: &TenantId, task: TaskId) -> Result<Option<State>, StoreError> {
        match self.find(tenant, task, |kept| kept.state.clone()) {
            Some(state) => Ok(Some(state)),
            None => self.log.state(tenant, task).await,
        }
    }

    async fn events(&self, tenant: &TenantId, task: TaskId, from: u64, limit: usize) -> Result<Vec<StoredEvent>, StoreError> {
        let wanted = |kept: &Kept| kept.events.iter().filter(|event| event.sequence >= from).take(limit).cloned().collect();
        match self.find(tenant, task, wanted) {
            Some(events) => Ok(events),
            None => self.log.events(tenant, task, from, limit).await,
        }
    }

    async fn list(&self, tenant: &TenantId, filter: &TaskFilter) -> Result<Vec<Summary>, StoreError> {
        self.log.list(tenant, filter).await
    }

    async fn unfinished(&self, after: Option<TaskId>, limit: usize) -> Result<Vec<State>, StoreError> {
        self.log.unfinished(after, limit).await
    }

    async fn answer(&self, key: &str, now: Timestamp) -> Result<Option<StoredAnswer>, StoreError> {
        self.log.answer(key, now).await
    }
}
