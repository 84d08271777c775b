//! Everything of a run that outlives the process.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use scalbotics_core::ids::{HumanUid, TaskId};
use scalbotics_core::outside as issuers;
use scalbotics_core::ports::{Human, IdSource as _};
use scalbotics_core::task::State;
use scalbotics_core::tenant::Name;
use scalbotics_core::time::{Span, Timestamp};
use scalbotics_runtime::task::Submit;

use super::chance::Chance;
use super::clock::Clock;
use super::desired::Desired;
use super::engine::{Engine, ROLE};
use super::outside::Outside;
use super::trace::Trace;
use super::weather::Weather;
use crate::fixture::World;
use crate::{MemoryStore, SeededIds};

/// The issuer that says groups of the human, in runs that have one.
const ISSUER: &str = "https://issuer.example";

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
    /// How old the word may be by which the human has the role, where an outside issuer says it; without it, it is bound.
    pub(super) claims_age: Option<Span>,
    /// When the issuer said something of the human, in order.
    words: Mutex<Vec<Timestamp>>,
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
            claims_age: chance.in_thousand(400).then(|| Span::from_ms(chance.between(5_000, 600_000))),
            words: Mutex::default(),
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

    /// The human, with the role or without: it is bound, or their issuer has said so just now.
    pub(super) fn human(&self, has_role: bool) -> Human {
        let human = &self.world.human;
        let (roles, others): (Vec<Name>, Vec<Name>) = human.groups.iter().cloned().partition(|group| group.as_str() == ROLE);
        let roles = if has_role { roles } else { Vec::new() };
        if self.claims_age.is_none() {
            return Human { groups: [others, roles].concat(), ..human.clone() };
        }
        let claims_at = scalbotics_core::ports::Clock::now(self.clock.as_ref());
        self.words.lock().unwrap_or_else(PoisonError::into_inner).push(claims_at);
        let outside =
            issuers::Outside { issuer: ISSUER.to_owned(), person: issuers::person(ISSUER, "1"), groups: roles, claims_at };
        Human { groups: others, outside: Some(outside), ..human.clone() }
    }

    /// Whether what the issuer said last is too old at `at` for what touches the world.
    pub(super) fn is_stale(&self, at: Timestamp) -> bool {
        let words = self.words.lock().unwrap_or_else(PoisonError::into_inner);
        let aged = |age: Span| words.last().is_none_or(|said| at.since_ms(*said) > age.as_ms());
        self.claims_age.is_some_and(aged)
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
