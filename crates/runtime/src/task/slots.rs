//! Who may run now: a limited number of places, and a queue of ids by priority.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use scalbotics_core::ids::TaskId;
use scalbotics_core::tenant::TenantId;
use tokio::sync::Notify;

use crate::metrics::Metrics;
use crate::timers::Sleeper;

/// Tasks that are driven at one time; each may hold its results and one tool process.
pub const RUNNING_MAX: usize = 256;

/// A place in the queue: higher priority first, then the older id.
type Key = (Reverse<u8>, TaskId);

#[derive(Debug)]
struct Places {
    running: usize,
    queue: BTreeMap<Key, TenantId>,
}

/// The places.
#[derive(Debug)]
pub(super) struct Slots {
    places: Mutex<Places>,
    freed: Notify,
    metrics: Arc<Metrics>,
}

/// One place; dropping it frees it.
#[derive(Debug)]
pub(super) struct Slot {
    slots: Arc<Slots>,
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut places = self.slots.places.lock().unwrap_or_else(PoisonError::into_inner);
        places.running = places.running.saturating_sub(1);
        drop(places);
        self.slots.metrics.tasks_running.fall();
        self.slots.freed.notify_one();
    }
}

impl Slots {
    pub(super) fn new(metrics: Arc<Metrics>) -> Arc<Self> {
        let places = Mutex::new(Places { running: 0, queue: BTreeMap::new() });
        Arc::new(Self { places, freed: Notify::new(), metrics })
    }

    /// A place for this task now, unless all are taken or somebody else is ahead of it.
    pub(super) fn take(self: &Arc<Self>, task: TaskId, priority: u8) -> Option<Slot> {
        let key = (Reverse(priority), task);
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let ahead = places.queue.first_key_value().is_some_and(|(first, _)| *first < key);
        if places.running >= RUNNING_MAX || ahead {
            return None;
        }
        places.queue.remove(&key);
        Some(self.grant(&mut places))
    }

    /// Queues the task.
    pub(super) fn enqueue(&self, sleeper: Sleeper) {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        places.queue.insert((Reverse(sleeper.priority), sleeper.task), sleeper.tenant);
        self.metrics.tasks_queued.set(u64::try_from(places.queue.len()).unwrap_or(u64::MAX));
        drop(places);
        self.freed.notify_one();
    }

    /// The next of the queue with its place; waits for both.
    pub(super) async fn next(self: &Arc<Self>) -> (Sleeper, Slot) {
        loop {
            if let Some(next) = self.pop() {
                return next;
            }
            self.freed.notified().await;
        }
    }

    fn pop(self: &Arc<Self>) -> Option<(Sleeper, Slot)> {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        if places.running >= RUNNING_MAX {
            return None;
        }
        let ((Reverse(priority), task), tenant) = places.queue.pop_first()?;
        let slot = self.grant(&mut places);
        Some((Sleeper { task, tenant, priority }, slot))
    }

    fn grant(self: &Arc<Self>, places: &mut Places) -> Slot {
        places.running += 1;
        self.metrics.tasks_running.rise();
        self.metrics.tasks_queued.set(u64::try_from(places.queue.len()).unwrap_or(u64::MAX));
        Slot { slots: Arc::clone(self) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sleeper(task: u128, priority: u8) -> Sleeper {
        Sleeper { task: TaskId::from_u128(task), tenant: TenantId::parse("acme").unwrap(), priority }
    }

    #[tokio::test(start_paused = true)]
    async fn higher_priority_first_then_the_older() {
        let slots = Slots::new(Arc::default());
        let mut held: Vec<Slot> = (0..RUNNING_MAX).map(|n| slots.take(TaskId::from_u128(n as u128), 0).unwrap()).collect();
        assert!(slots.take(TaskId::from_u128(9_000), 9).is_none());
        for (task, priority) in [(1_003, 1), (1_002, 1), (1_001, 0), (1_004, 9)] {
            slots.enqueue(sleeper(task, priority));
        }
        let mut order = Vec::new();
        for _ in 0..4 {
            held.pop();
            let (next, slot) = slots.next().await;
            order.push(next.task.as_u128());
            held.insert(0, slot);
        }
        assert_eq!(order, [1_004, 1_002, 1_003, 1_001]);
    }

    #[test]
    fn nobody_overtakes_the_queue() {
        let slots = Slots::new(Arc::default());
        slots.enqueue(sleeper(5, 3));
        assert!(slots.take(TaskId::from_u128(6), 3).is_none());
        assert!(slots.take(TaskId::from_u128(6), 4).is_some());
        assert!(slots.take(TaskId::from_u128(5), 3).is_some());
        assert!(slots.take(TaskId::from_u128(6), 3).is_some());
    }
}
