//! Who attends, and what was given to whom. One worker attends for an agent: the newest.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use scalbotics_core::ids::{AgentUid, EffectId};
use scalbotics_core::worker::{CallWarrant, LEASE_MS};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::Instant;

use super::Word;
use crate::metrics::Metrics;

/// Calls that one worker has at one time at most; more wait for their next attempt.
pub(super) const CALLS_MAX: usize = 64;

/// Orders that wait to be sent to one worker: three for each call that it can have.
const ORDERS_MAX: usize = 3 * CALLS_MAX;

/// One process of a worker, by a number that it drew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Instance(pub u128);

/// What a worker says of itself when it attends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hello {
    /// Which process it is.
    pub instance: Instance,
    /// How many programs it runs at one time: it is given no more.
    pub places: usize,
}

/// One attempt of an effect, or one question about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// The effect.
    pub effect: EffectId,
    /// Which attempt, or which question.
    pub attempt: u32,
}

/// What a worker is told.
#[derive(Debug)]
pub enum Order {
    /// To carry a call out.
    Assign {
        /// Its warrant, to be signed on the way.
        warrant: Box<CallWarrant>,
        /// The arguments.
        arguments: Arc<[u8]>,
    },
    /// To end an attempt.
    Stop {
        /// Which.
        key: Key,
        /// Without the time that a request which is on its way has to answer.
        at_once: bool,
    },
    /// To say what became of an attempt.
    Ask {
        /// Which.
        key: Key,
    },
}

/// Why a call was given to nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NotGiven {
    /// No worker of this epoch attends, or it is silent.
    Absent,
    /// It has as many calls as it may have.
    Busy,
}

/// Every post of a worker, by its agent. Cloning shares them.
#[derive(Debug, Clone, Default)]
pub struct Posts {
    all: Arc<Mutex<BTreeMap<AgentUid, Post>>>,
    changed: Arc<Notify>,
    metrics: Arc<Metrics>,
}

#[derive(Debug, Default)]
struct Post {
    attended: u64,
    attendance: Option<Attendance>,
    given: BTreeMap<Key, Given>,
}

#[derive(Debug)]
struct Attendance {
    /// One process attends again and again, and the end of an older stream may be noticed late.
    number: u64,
    instance: Instance,
    epoch: u64,
    orders: mpsc::Sender<Order>,
    heard: Instant,
    /// How many calls it may have; none while it ends.
    places: usize,
}

/// What is waited for.
#[derive(Debug)]
struct Given {
    /// To whom it was given; nobody knows after a restart.
    to: Option<Instance>,
    told: oneshot::Sender<Word>,
}

impl Attendance {
    fn is_heard(&self) -> bool {
        self.heard.elapsed() < Duration::from_millis(LEASE_MS)
    }
}

impl Posts {
    /// Nobody attends yet; who does is counted in `metrics`.
    #[must_use]
    pub fn new(metrics: Arc<Metrics>) -> Self {
        Self { metrics, ..Self::default() }
    }

    /// A worker takes its agent's post; whoever had it before is relieved: their orders end. What it is told comes by the receiver.
    pub fn attend(&self, agent: AgentUid, epoch: u64, Hello { instance, places }: Hello) -> (Attending, mpsc::Receiver<Order>) {
        let (orders, told) = mpsc::channel(ORDERS_MAX);
        let number = {
            let mut all = self.lock();
            let post = all.entry(agent).or_default();
            post.attended = post.attended.wrapping_add(1);
            let number = post.attended;
            for key in post.given.keys() {
                // Each fits: there are fewer calls than places.
                let _asked = orders.try_send(Order::Ask { key: *key });
            }
            let places = places.min(CALLS_MAX);
            post.attendance = Some(Attendance { number, instance, epoch, orders, heard: Instant::now(), places });
            number
        };
        self.metrics.workers.rise();
        self.changed.notify_waiters();
        (Attending { posts: self.clone(), agent, number }, told)
    }

    /// Whether the agent's worker attends and is heard.
    #[must_use]
    pub fn is_attended(&self, agent: AgentUid) -> bool {
        let all = self.lock();
        all.get(&agent).and_then(|post| post.attendance.as_ref()).is_some_and(Attendance::is_heard)
    }

    /// Returns when the agent's worker attends and is heard, or `false` after `time`.
    pub(super) async fn wait(&self, agent: AgentUid, time: Duration) -> bool {
        tokio::time::timeout(time, self.until(|| self.is_attended(agent))).await.is_ok()
    }

    /// Returns when it has a free place too, or `false` after `time`.
    pub(super) async fn wait_for_place(&self, agent: AgentUid, time: Duration) -> bool {
        tokio::time::timeout(time, self.until(|| self.has_place(agent))).await.is_ok()
    }

    fn has_place(&self, agent: AgentUid) -> bool {
        self.lock().get(&agent).is_some_and(|post| {
            post.attendance.as_ref().is_some_and(|worker| worker.is_heard() && post.given.len() < worker.places)
        })
    }

    /// Returns when nothing is waited for from the agent's worker.
    pub async fn idle(&self, agent: AgentUid) {
        let is_idle = || self.lock().get(&agent).is_none_or(|post| post.given.is_empty());
        self.until(is_idle).await;
    }

    async fn until(&self, holds: impl Fn() -> bool) {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if holds() {
                return;
            }
            changed.await;
        }
    }

    /// Gives a call to the worker of this epoch.
    pub(super) fn give(
        &self,
        (agent, epoch): (AgentUid, u64),
        warrant: CallWarrant,
        arguments: Arc<[u8]>,
    ) -> Result<Waiting, NotGiven> {
        let key = Key { effect: warrant.effect, attempt: warrant.attempt };
        let mut all = self.lock();
        let post = all.get_mut(&agent).ok_or(NotGiven::Absent)?;
        let worker = post.attendance.as_ref().filter(|worker| worker.epoch == epoch && worker.is_heard());
        let worker = worker.ok_or(NotGiven::Absent)?;
        if post.given.len() >= worker.places {
            return Err(NotGiven::Busy);
        }
        let sent = worker.orders.try_send(Order::Assign { warrant: Box::new(warrant), arguments });
        sent.map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => NotGiven::Busy,
            mpsc::error::TrySendError::Closed(_) => NotGiven::Absent,
        })?;
        let (to, (told, word)) = (Some(worker.instance), oneshot::channel());
        post.given.insert(key, Given { to, told });
        Ok(Waiting { posts: self.clone(), agent, epoch, key, word })
    }

    /// Asks what became of an attempt that nobody waits for any more, after telling that it has to end.
    pub(super) fn ask(&self, agent: AgentUid, key: Key) -> Result<Waiting, NotGiven> {
        let mut all = self.lock();
        let post = all.get_mut(&agent).ok_or(NotGiven::Absent)?;
        let worker = post.attendance.as_ref().filter(|worker| worker.is_heard()).ok_or(NotGiven::Absent)?;
        let worker_epoch = worker.epoch;
        for order in [Order::Stop { key, at_once: true }, Order::Ask { key }] {
            worker.orders.try_send(order).map_err(|_| NotGiven::Busy)?;
        }
        let (told, word) = oneshot::channel();
        post.given.insert(key, Given { to: None, told });
        Ok(Waiting { posts: self.clone(), agent, epoch: worker_epoch, key, word })
    }

    fn stop(&self, agent: AgentUid, key: Key, at_once: bool) {
        if let Some(worker) = self.lock().get(&agent).and_then(|post| post.attendance.as_ref()) {
            // A worker that is not there, or takes no orders, ends the attempt at its time.
            let _told = worker.orders.try_send(Order::Stop { key, at_once });
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<AgentUid, Post>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A worker at its post; leaving it gives the post up.
#[derive(Debug)]
pub struct Attending {
    posts: Posts,
    agent: AgentUid,
    number: u64,
}

impl Attending {
    /// The worker was heard; one that `ends` gets nothing more.
    pub fn beat(&self, ends: bool) {
        let mut all = self.posts.lock();
        let own = all.get_mut(&self.agent).and_then(|post| post.attendance.as_mut());
        if let Some(own) = own.filter(|own| own.number == self.number) {
            let was_silent = !own.is_heard();
            own.heard = Instant::now();
            if ends {
                own.places = 0;
            }
            drop(all);
            if was_silent {
                self.posts.changed.notify_waiters();
            }
        }
    }

    /// What the worker says of an attempt goes to whoever waits for it, if anybody does. Answers whether it was heard: one that was relieved is not,
    /// and has to keep what it said.
    #[must_use]
    pub fn say(&self, key: Key, word: Word) -> bool {
        let mut all = self.posts.lock();
        let Some(post) = all.get_mut(&self.agent) else { return false };
        let Some(own) = post.attendance.as_ref().filter(|own| own.number == self.number) else { return false };
        if let Some(Given { to, told }) = post.given.remove(&key) {
            // Only the process that got it can know that it never did; another one cannot even know that the first is gone.
            let word = match word {
                Word::Unknown if to == Some(own.instance) => Word::NotBegun { reason: "it never came".to_owned() },
                word @ (Word::NotBegun { .. } | Word::Ended(_) | Word::Unknown) => word,
            };
            let _nobody_waits = told.send(word);
        }
        true
    }
}

impl Drop for Attending {
    fn drop(&mut self) {
        let mut all = self.posts.lock();
        if let Some(post) = all.get_mut(&self.agent) {
            post.attendance.take_if(|own| own.number == self.number);
        }
        drop(all);
        self.posts.metrics.workers.fall();
    }
}

/// A call that a worker has; dropping it tells the worker to end it at once.
#[derive(Debug)]
pub(super) struct Waiting {
    posts: Posts,
    agent: AgentUid,
    /// Under which it was given.
    epoch: u64,
    key: Key,
    word: oneshot::Receiver<Word>,
}

impl Waiting {
    /// What the worker says; [`Word::Unknown`] where it cannot be heard any more.
    pub(super) async fn word(&mut self) -> Word {
        (&mut self.word).await.unwrap_or(Word::Unknown)
    }

    /// Under which epoch of the worker's agent it was given.
    pub(super) const fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Tells the worker to end it.
    pub(super) fn stop(&self, at_once: bool) {
        self.posts.stop(self.agent, self.key, at_once);
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let open = {
            let mut all = self.posts.lock();
            let Some(post) = all.get_mut(&self.agent) else { return };
            post.given.remove(&self.key).is_some()
        };
        self.posts.changed.notify_waiters();
        if open {
            self.stop(true);
        }
    }
}
