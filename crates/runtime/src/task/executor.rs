//! What all actors share, and the loops that bring tasks to life: the queue and the clock.

use std::sync::Arc;

use scalbotics_core::ids::TaskId;
use scalbotics_core::outside::ClaimsAge;
use scalbotics_core::task::State;
use scalbotics_core::time::Timestamp;
use tokio::sync::oneshot;

use super::actor::Actor;
use super::logins::Logins;
use super::order::{Mail, Order, OrderError};
use super::residents::{Posted, Residence, Residents};
use super::run::Born;
use super::slots::{Slot, Slots};
use super::watch::Watchers;
use crate::audit::Quota;
use crate::metrics::Metrics;
use crate::reconcile::States;
use crate::timers::{Sleeper, Timers};
use crate::tool::Gate;
use crate::vault::Vault;
use crate::{Ports, Supervisor};

/// What all actors share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) ports: Ports,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) states: States,
    pub(crate) supervisor: Supervisor,
    pub(crate) vault: Vault,
    pub(crate) quota: Arc<Quota>,
    pub(super) gate: Gate,
    pub(super) residents: Arc<Residents>,
    pub(super) slots: Arc<Slots>,
    pub(super) timers: Timers,
    pub(super) logins: Logins,
    pub(super) watchers: Arc<Watchers>,
}

impl Shared {
    pub(super) fn new(
        ports: Ports,
        states: States,
        supervisor: Supervisor,
        metrics: Arc<Metrics>,
        (quota, ages): (Arc<Quota>, ClaimsAge),
    ) -> Arc<Self> {
        Arc::new(Self {
            gate: Gate::new(ports.clone(), Arc::clone(&metrics), ages),
            vault: Vault::new(&ports),
            residents: Arc::default(),
            slots: Slots::new(Arc::clone(&metrics)),
            timers: Timers::default(),
            logins: Logins::default(),
            watchers: Watchers::new(Arc::clone(&metrics)),
            ports,
            quota,
            metrics,
            states,
            supervisor,
        })
    }

    /// Starts the two loops; they end when a drain begins.
    pub(super) fn start(self: &Arc<Self>) {
        let this = Arc::clone(self);
        self.supervisor.spawn_essential("task queue", async move {
            loop {
                let (sleeper, slot) = tokio::select! {
                    biased;
                    () = this.supervisor.draining() => return,
                    next = this.slots.next() => next,
                };
                this.wake(&sleeper, Some(slot));
            }
        });
        let this = Arc::clone(self);
        self.supervisor.spawn_essential("task timers", async move {
            loop {
                let sleeper = tokio::select! {
                    biased;
                    () = this.supervisor.draining() => return,
                    due = this.timers.due(this.ports.clock.as_ref()) => due,
                };
                this.wake(&sleeper, None);
            }
        });
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.ports.clock.now()
    }

    /// Lets the task's actor look whether there is something to do; brings it into memory if need be.
    pub(super) fn wake(self: &Arc<Self>, sleeper: &Sleeper, slot: Option<Slot>) {
        match self.residents.post(sleeper.task, Mail::Wake) {
            // With a full box it looks anyway; an actor in memory takes the place that `slot` frees by itself.
            Posted::Taken | Posted::Full => drop(slot),
            Posted::Opened(residence) => {
                let actor = Actor::asleep(Arc::clone(self), sleeper.task, sleeper.tenant.clone(), residence, slot);
                self.supervisor.spawn("task", actor.live());
            }
        }
    }

    /// Has the task's actor carry out an order; answers the state after it.
    pub(crate) async fn order(self: &Arc<Self>, task: TaskId, order: Order) -> Result<State, OrderError> {
        if self.supervisor.is_draining() {
            return Err(OrderError::Draining);
        }
        let (reply, answer) = oneshot::channel();
        let tenant = order.tenant.clone();
        match self.residents.post(task, Mail::Order(Box::new(order), reply)) {
            Posted::Taken => {}
            Posted::Full => return Err(OrderError::Busy),
            Posted::Opened(residence) => {
                let actor = Actor::asleep(Arc::clone(self), task, tenant, residence, None);
                self.supervisor.spawn("task", actor.live());
            }
        }
        answer.await.map_err(|_| OrderError::Busy)?
    }

    /// Brings a task to life that was just submitted.
    pub(super) fn adopt(self: &Arc<Self>, residence: Residence, born: Born) {
        let actor = Actor::born(Arc::clone(self), residence, born);
        self.supervisor.spawn("task", actor.live());
        // What a thread of the loops has started last, it keeps for itself until it has nothing else to do, and this one makes the answer
        // first. Something newer lets another thread take the actor meanwhile.
        self.supervisor.spawn("nothing", std::future::ready(()));
    }
}
