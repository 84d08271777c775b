//! Everything of a run that outlives the process.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use scalbotics_core::ids::{HumanUid, TaskId};
use scalbotics_core::ports::{Human, IdSource as _};
use scalbotics_core::task::State;
use scalbotics_core::tenant::Name;
use scalbotics_core::time::Timestamp;
use scalbotics_runtime::task::Submit;

use super::chance::Chance;
use super::clock::Clock;
use super::desired::Desired;
use super::engine::Engine;
use super::outside::Outside;
use super::trace::Trace;
use super::weather::Weather;
use crate::fixture::World;
use crate::{MemoryStore, SeededIds};

/// A request that may be repeated, and what was answered.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) submit: Submit,
    pub(super) answered: Option<TaskId>,
}

/// Everything of a run that outlives the process.
#[derive(Debug)]
pub(super) struct Stage {
    pub(super) chance: Chance,
    pub(super) clock: Arc<Clock>,
    pub(super) trace: Arc<Trace>,
    pub(super) weather: Arc<Weather>,
    pub(super) outside: Arc<Outside>,
    pub(super) engine: Arc<Engine>,
    pub(super) desired: Arc<Desired>,
    pub(super) world: World,
    pub(super) ids: Arc<SeededIds>,
    pub(super) approvers: Vec<Human>,
    store: Mutex<Arc<MemoryStore>>,
    asked: Mutex<BTreeMap<String, Asked>>,
}

impl Stage {
    pub(super) fn new(seed: u64) -> Self {
        let chance = Chance::new(seed);
        let world = World::new("acme", seed);
        let ids = Arc::new(SeededIds::new(seed ^ 0x5151));
        let engine: Arc<Engine> = Arc::default();
        let desired = Arc::new(Desired::random(&chance, world.tenant.clone(), engine.clone()));
        let clock = Arc::new(Clock::at(scalbotics_core::ports::Clock::now(&world.clock)));
        let trace: Arc<Trace> = Arc::default();
        let approver = |name: &str| Human {
            uid: HumanUid::from_u128(ids.next()),
            name: Name::parse(name).unwrap(),
            enrolment: Some(b"enrolled".to_vec()),
            ..world.human.clone()
        };
        Self {
            approvers: vec![approver("bob"), approver("carol")],
            outside: Arc::new(Outside::new(Arc::clone(&clock), Arc::clone(&trace))),
            weather: Arc::default(),
            store: Mutex::default(),
            asked: Mutex::default(),
            chance,
            clock,
            trace,
            engine,
            desired,
            world,
            ids,
        }
    }

    /// The store of the current life, without faults.
    pub(super) fn store(&self) -> Arc<MemoryStore> {
        Arc::clone(&self.store.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What is stored passes to the next life.
    pub(super) fn restart_store(&self) {
        let mut store = self.store.lock().unwrap_or_else(PoisonError::into_inner);
        *store = Arc::new(store.restarted());
    }

    /// The states of all tasks, in order of id.
    pub(super) fn tasks(&self) -> Vec<State> {
        self.store().states()
    }

    /// The time of the last commit of a task.
    pub(super) fn last_commit(&self) -> Timestamp {
        let started = scalbotics_core::ports::Clock::now(&self.world.clock);
        self.tasks().iter().map(|state| state.updated_at).max().unwrap_or(started)
    }

    pub(super) fn asked<T>(&self, f: impl FnOnce(&mut BTreeMap<String, Asked>) -> T) -> T {
        f(&mut self.asked.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
