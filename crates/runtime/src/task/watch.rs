//! Streams of a task's events: the journal first, then live, until the task has ended.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::stream::{self, Stream};
use scalbotics_core::ids::TaskId;
use scalbotics_core::ports::{StoredEvent, TaskLog};
use scalbotics_core::task::{State, Status, evolve};
use scalbotics_core::tenant::TenantId;
use tokio::sync::watch;

use super::Error;
use crate::Supervisor;
use crate::metrics::Metrics;

/// Streams that may be open at one time over all tasks; each holds one page of events and one state.
pub const WATCHERS_MAX: u64 = 10_000;

/// Events read at once.
const PAGE: usize = 256;

/// One event of a task with the status after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watched {
    /// The event.
    pub event: StoredEvent,
    /// The task's status after it.
    pub status: Status,
}

/// Who watches which task.
#[derive(Debug)]
pub(super) struct Watchers {
    channels: Mutex<BTreeMap<TaskId, watch::Sender<u64>>>,
    metrics: Arc<Metrics>,
}

/// One watcher's place; dropping it gives the place back.
#[derive(Debug)]
struct Seat {
    task: TaskId,
    news: Option<watch::Receiver<u64>>,
    watchers: Arc<Watchers>,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.news = None;
        let mut channels = self.watchers.channels.lock().unwrap_or_else(PoisonError::into_inner);
        if channels.get(&self.task).is_some_and(watch::Sender::is_closed) {
            channels.remove(&self.task);
        }
        self.watchers.metrics.watchers.fall();
    }
}

impl Watchers {
    pub(super) fn new(metrics: Arc<Metrics>) -> Arc<Self> {
        Arc::new(Self { channels: Mutex::default(), metrics })
    }

    /// Tells watchers that the task is at `version`.
    pub(super) fn tell(&self, task: TaskId, version: u64) {
        let channels = self.channels.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sender) = channels.get(&task) {
            sender.send_replace(version);
        }
    }

    fn sit(self: &Arc<Self>, task: TaskId) -> Option<Seat> {
        let mut channels = self.channels.lock().unwrap_or_else(PoisonError::into_inner);
        if self.metrics.watchers.get() >= WATCHERS_MAX {
            return None;
        }
        self.metrics.watchers.rise();
        let sender = channels.entry(task).or_insert_with(|| watch::channel(0).0);
        Some(Seat { task, news: Some(sender.subscribe()), watchers: Arc::clone(self) })
    }
}

struct Stand {
    seat: Seat,
    log: Arc<dyn TaskLog>,
    supervisor: Supervisor,
    tenant: TenantId,
    from: u64,
    read: u64,
    state: Option<State>,
    ready: VecDeque<StoredEvent>,
    failed: bool,
}

/// The events of a task from `from` on; ends after the event that ended the task, and when a drain begins.
pub(super) fn events(
    watchers: &Arc<Watchers>,
    log: Arc<dyn TaskLog>,
    supervisor: Supervisor,
    (tenant, task): (TenantId, TaskId),
    from: u64,
) -> Result<impl Stream<Item = Result<Watched, Error>> + Send + use<>, Error> {
    // Sitting down before the first read, so that no commit falls between.
    let seat = watchers.sit(task).ok_or(Error::Busy { task })?;
    let stand = Stand { seat, log, supervisor, tenant, from, read: 0, state: None, ready: VecDeque::new(), failed: false };
    Ok(stream::unfold(stand, |mut stand| async move {
        match stand.next().await {
            Ok(Some(watched)) => Some((Ok(watched), stand)),
            Ok(None) => None,
            Err(error) => {
                stand.failed = true;
                Some((Err(error), stand))
            }
        }
    }))
}

impl Stand {
    async fn next(&mut self) -> Result<Option<Watched>, Error> {
        let task = self.seat.task;
        loop {
            if self.failed {
                return Ok(None);
            }
            // Folding from the start gives each event the status after it, as the machine sees it.
            if let Some(event) = self.ready.pop_front() {
                let state = evolve(self.state.take(), &event.event, event.at);
                let state = state.map_err(|_| Error::Unreadable { task })?;
                let (status, sequence) = (state.status, event.sequence);
                self.state = Some(state);
                if sequence >= self.from {
                    return Ok(Some(Watched { event, status }));
                }
                continue;
            }
            let page = self.log.events(&self.tenant, task, self.read, PAGE).await.map_err(Error::store(task))?;
            if let Some(last) = page.last() {
                self.read = last.sequence.saturating_add(1);
                self.ready = page.into();
                continue;
            }
            if self.state.as_ref().is_none_or(|state| state.status.is_final()) || !self.more().await {
                return Ok(None);
            }
        }
    }

    /// Waits for news; `false` when a drain begins.
    async fn more(&mut self) -> bool {
        let read = self.read;
        let Some(news) = &mut self.seat.news else { return false };
        tokio::select! {
            biased;
            () = self.supervisor.draining() => false,
            changed = news.wait_for(|version| *version > read) => changed.is_ok(),
        }
    }
}
