//! Tasks of the newest commits, kept in memory in front of the task log: who has just submitted a task asks about it and watches
//! it, and reading and folding what was written a moment ago costs more than the rest of such a call.
//!
//! **Invariant:** all commits of this process go through here, so what is found is what was durable when the commit that is under
//! way began, or the newest; a task is forgotten when its commit fails, and when whoever committed stops waiting.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

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

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find<T>(&self, tenant: &TenantId, task: TaskId, read: impl FnOnce(&Kept) -> T) -> Option<T> {
        self.shelf().tasks.get(&task).filter(|kept| kept.state.envelope.tenant == *tenant).map(read)
    }
}

impl Shelf {
    fn forget(&mut self, task: TaskId) {
        if self.tasks.remove(&task).is_some() {
            self.order.retain(|known| *known != task);
        }
    }

    /// Keeps the task after a commit, if all of its events are at hand and they are few.
    fn keep(&mut self, Newer { base_version, state, events }: Newer) {
        let task = state.envelope.id;
        match self.tasks.get_mut(&task) {
            Some(kept) if kept.state.version == base_version && kept.events.len().saturating_add(events.len()) <= EVENTS_MAX => {
                kept.state = state;
                kept.events.extend(events);
            }
            None if base_version == 0 && events.len() <= EVENTS_MAX => {
                self.tasks.insert(task, Kept { state, events });
                self.order.push_back(task);
            }
            Some(_) | None => self.forget(task),
        }
        while self.order.len() > TASKS_MAX {
            let Some(oldest) = self.order.pop_front() else { break };
            self.tasks.remove(&oldest);
        }
    }
}

/// What a batch adds to a task.
#[derive(Debug)]
struct Newer {
    base_version: u64,
    state: State,
    events: Vec<StoredEvent>,
}

impl Newer {
    fn of(batch: &Batch) -> Self {
        let stored = |(sequence, event): (u64, &_)| StoredEvent { sequence, at: batch.at, event: Clone::clone(event) };
        let events = (batch.base_version..).zip(&batch.events).map(stored).collect();
        Self { base_version: batch.base_version, state: batch.state.clone(), events }
    }
}

/// A commit under way: unless it is known to be durable, what it was about is forgotten.
struct UnderWay<'a> {
    recent: &'a RecentTasks,
    task: Option<TaskId>,
}

impl UnderWay<'_> {
    fn keep(mut self, newer: Newer) {
        self.task = None;
        self.recent.shelf().keep(newer);
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        if let Some(task) = self.task {
            self.recent.shelf().forget(task);
        }
    }
}

#[async_trait]
impl TaskLog for RecentTasks {
    async fn commit(&self, batch: Batch) -> Result<Committed, StoreError> {
        let (newer, under_way) = (Newer::of(&batch), UnderWay { recent: self, task: Some(batch.task) });
        let committed = self.log.commit(batch).await?;
        under_way.keep(newer);
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
