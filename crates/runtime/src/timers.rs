//! Waiting by the clock port, and one wake-up a task without keeping the task in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use scalbotics_core::ids::TaskId;
use scalbotics_core::ports::Clock;
use scalbotics_core::tenant::TenantId;
use scalbotics_core::time::Timestamp;
use tokio::sync::Notify;

/// Longest single sleep: the clock port may be corrected meanwhile, and nothing may be late by more than this.
const NAP_MAX_MS: u64 = 1_000;

/// Returns when the clock shows `at` or later.
pub(crate) async fn sleep_until(clock: &dyn Clock, at: Timestamp) {
    loop {
        let left_ms = at.since_ms(clock.now());
        if left_ms == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(left_ms.min(NAP_MAX_MS))).await;
    }
}

/// Whom to wake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sleeper {
    pub(crate) task: TaskId,
    pub(crate) tenant: TenantId,
    pub(crate) priority: u8,
}

#[derive(Debug, Default)]
struct Schedule {
    order: BTreeSet<(Timestamp, TaskId)>,
    entries: BTreeMap<TaskId, (Timestamp, Sleeper)>,
}

/// At most one wake-up a task; bounded by the number of unfinished tasks.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    schedule: Mutex<Schedule>,
    changed: Notify,
}

impl Timers {
    /// Sets the task's one wake-up, replacing an earlier one.
    pub(crate) fn set(&self, sleeper: Sleeper, at: Timestamp) {
        let mut schedule = self.schedule.lock().unwrap_or_else(PoisonError::into_inner);
        let task = sleeper.task;
        if let Some((old, _)) = schedule.entries.insert(task, (at, sleeper)) {
            schedule.order.remove(&(old, task));
        }
        schedule.order.insert((at, task));
        drop(schedule);
        self.changed.notify_one();
    }

    /// Forgets the task's wake-up.
    pub(crate) fn clear(&self, task: TaskId) {
        let mut schedule = self.schedule.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, _)) = schedule.entries.remove(&task) {
            schedule.order.remove(&(at, task));
        }
    }

    /// The next one that is due, in order of time; waits for it.
    pub(crate) async fn due(&self, clock: &dyn Clock) -> Sleeper {
        loop {
            let first = self.first();
            let Some(at) = first else {
                self.changed.notified().await;
                continue;
            };
            if clock.now() >= at {
                if let Some(sleeper) = self.take(at) {
                    return sleeper;
                }
                continue;
            }
            tokio::select! {
                biased;
                () = self.changed.notified() => {}
                () = sleep_until(clock, at) => {}
            }
        }
    }

    fn first(&self) -> Option<Timestamp> {
        let schedule = self.schedule.lock().unwrap_or_else(PoisonError::into_inner);
        schedule.order.first().map(|(at, _)| *at)
    }

    fn take(&self, at: Timestamp) -> Option<Sleeper> {
        let mut schedule = self.schedule.lock().unwrap_or_else(PoisonError::into_inner);
        let first = schedule.order.first().copied().filter(|(first_at, _)| *first_at <= at)?;
        schedule.order.remove(&first);
        schedule.entries.remove(&first.1).map(|(_, sleeper)| sleeper)
    }
}
