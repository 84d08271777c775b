//! Who may run now: a limited number of places, and a queue of ids by priority for each tenant.
//!
//! **Invariant:** of two tenants that wait, the one that has less running is served first; and where there are several, none has so many
//! places that nothing is left for the others (security row 22).

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use scalbotics_core::ids::TaskId;
use scalbotics_core::tenant::TenantId;
use tokio::sync::Notify;

use crate::metrics::Metrics;
use crate::timers::Sleeper;

/// Tasks that are driven at one time; each may hold its results and one tool process.
pub const RUNNING_MAX: usize = 256;

/// Tasks of one tenant that run beside those of others, however many these are.
const RUNNING_OF_ONE_MIN: usize = 8;

/// A place in the queue: higher priority first, then the older id.
type Key = (Reverse<u8>, TaskId);

/// One tenant's.
#[derive(Debug, Default)]
struct Own {
    running: usize,
    queue: BTreeSet<Key>,
}

#[derive(Debug, Default)]
struct Places {
    /// Whether there are several tenants, whoever has had a task.
    several: bool,
    running: usize,
    queued: usize,
    /// Whoever had a task since the start.
    tenants: BTreeMap<TenantId, Own>,
}

impl Places {
    fn own(&mut self, tenant: &TenantId) -> &mut Own {
        self.tenants.entry(tenant.clone()).or_default()
    }

    /// Most tasks of one tenant that run.
    fn of_one_max(&self) -> usize {
        if !self.several {
            return RUNNING_MAX;
        }
        let busy = self.tenants.values().filter(|own| own.running > 0 || !own.queue.is_empty()).count();
        // As if one more came: whoever has nothing at work finds a place.
        (RUNNING_MAX / (busy.max(1) + 1)).max(RUNNING_OF_ONE_MIN)
    }

    /// Who is next, by how much of their tenant runs, priority and id.
    fn next(&self) -> Option<(usize, Key, &TenantId)> {
        let most = self.of_one_max();
        let waiting = self.tenants.iter().filter(|(_, own)| own.running < most);
        waiting.filter_map(|(tenant, own)| Some((own.running, *own.queue.first()?, tenant))).min()
    }

    fn remove(&mut self, tenant: &TenantId, key: &Key) {
        if self.own(tenant).queue.remove(key) {
            self.queued = self.queued.saturating_sub(1);
        }
    }
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
    tenant: TenantId,
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut places = self.slots.places.lock().unwrap_or_else(PoisonError::into_inner);
        places.running = places.running.saturating_sub(1);
        let own = places.own(&self.tenant);
        own.running = own.running.saturating_sub(1);
        drop(places);
        self.slots.metrics.tasks_running.fall();
        self.slots.freed.notify_one();
    }
}

impl Slots {
    pub(super) fn new(metrics: Arc<Metrics>) -> Arc<Self> {
        Arc::new(Self { places: Mutex::default(), freed: Notify::new(), metrics })
    }

    /// Says that there are several tenants from now on, of which none takes all places.
    pub(super) fn share(&self) {
        self.places.lock().unwrap_or_else(PoisonError::into_inner).several = true;
    }

    /// A place for this task now, unless all are taken or somebody else is ahead of it.
    pub(super) fn take(self: &Arc<Self>, task: TaskId, (tenant, priority): (&TenantId, u8)) -> Option<Slot> {
        let key = (Reverse(priority), task);
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let (running, most) = (places.own(tenant).running, places.of_one_max());
        let is_first = places.next().is_none_or(|first| (running, key, tenant) <= first);
        if places.running >= RUNNING_MAX || running >= most || !is_first {
            return None;
        }
        places.remove(tenant, &key);
        Some(self.grant(&mut places, tenant.clone()))
    }

    /// Queues the task.
    pub(super) fn enqueue(&self, sleeper: Sleeper) {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        if places.own(&sleeper.tenant).queue.insert((Reverse(sleeper.priority), sleeper.task)) {
            places.queued += 1;
        }
        self.count(&places);
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
        let (_, key, tenant) = places.next()?;
        let ((Reverse(priority), task), tenant) = (key, tenant.clone());
        places.remove(&tenant, &key);
        let slot = self.grant(&mut places, tenant.clone());
        Some((Sleeper { task, tenant, priority }, slot))
    }

    fn grant(self: &Arc<Self>, places: &mut Places, tenant: TenantId) -> Slot {
        places.running += 1;
        places.own(&tenant).running += 1;
        self.metrics.tasks_running.rise();
        self.count(places);
        Slot { slots: Arc::clone(self), tenant }
    }

    fn count(&self, places: &Places) {
        self.metrics.tasks_queued.set(u64::try_from(places.queued).unwrap_or(u64::MAX));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tenant(name: &str) -> TenantId {
        TenantId::parse(name).unwrap()
    }

    fn sleeper(task: u128, priority: u8) -> Sleeper {
        Sleeper { task: TaskId::from_u128(task), tenant: tenant("acme"), priority }
    }

    #[tokio::test(start_paused = true)]
    async fn higher_priority_first_then_the_older() {
        let slots = Slots::new(Arc::default());
        let mut held: Vec<Slot> =
            (0..RUNNING_MAX).map(|n| slots.take(TaskId::from_u128(n as u128), (&tenant("acme"), 0)).unwrap()).collect();
        assert!(slots.take(TaskId::from_u128(9_000), (&tenant("acme"), 9)).is_none());
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
        assert!(slots.take(TaskId::from_u128(6), (&tenant("acme"), 3)).is_none());
        assert!(slots.take(TaskId::from_u128(6), (&tenant("acme"), 4)).is_some());
        assert!(slots.take(TaskId::from_u128(5), (&tenant("acme"), 3)).is_some());
        assert!(slots.take(TaskId::from_u128(6), (&tenant("acme"), 3)).is_some());
    }

    #[test]
    fn no_tenant_takes_all_places_from_another() {
        let slots = Slots::new(Arc::default());
        slots.share();
        let (loud, quiet, third) = (tenant("loud"), tenant("quiet"), tenant("third"));
        let take = |task: usize, whose: &TenantId| slots.take(TaskId::from_u128(task as u128), (whose, 9));
        let half = RUNNING_MAX / 2;
        let mut held: Vec<Slot> = (0..half).map(|task| take(task, &loud).unwrap()).collect();
        assert!(take(1_000, &loud).is_none(), "the rest is for others, who have not come yet");
        slots.enqueue(Sleeper { task: TaskId::from_u128(1_000), tenant: loud.clone(), priority: 9 });
        assert!(slots.pop().is_none(), "whatever waits");
        held.extend((2_000..2_000 + RUNNING_MAX / 3).map(|task| take(task, &quiet).unwrap()));
        assert!(take(3_000, &quiet).is_none(), "a third has room still");
        held.push(take(4_000, &third).unwrap());
        slots.enqueue(Sleeper { task: TaskId::from_u128(5_000), tenant: third.clone(), priority: 0 });
        drop(held);
        let served: Vec<TenantId> = (0..2).map(|_| slots.pop().unwrap().0.tenant).collect();
        assert!(served.contains(&loud) && served.contains(&third), "{served:?}");
        assert!(slots.pop().is_none());
    }
}
