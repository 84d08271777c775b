//! The targets of effects: what really happened, whatever anybody heard of it.
//!
//! A keyed target drops a request whose key it knows; a request to a verifiable one may arrive late, within its settling time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use scalbotics_core::ids::EffectId;
use scalbotics_core::ports::Clock as _;
use scalbotics_core::time::Timestamp;
use scalbotics_core::tool::{Call, EffectClass};

use super::clock::Clock;
use super::trace::Trace;

/// A request on its way.
#[derive(Debug, Clone)]
pub(super) struct Sending {
    pub(super) effect: EffectId,
    pub(super) class: EffectClass,
    pub(super) key: String,
    pub(super) key_ttl_ms: u64,
    pub(super) attempt: u32,
}

impl Sending {
    pub(super) fn of(call: &Call, attempt: u32, key_ttl_ms: u64) -> Self {
        Self { effect: call.effect, class: call.class, key: call.idempotency_key(), key_ttl_ms, attempt }
    }
}

/// What became of an attempt, as the runtime was told; `None` while it was told nothing.
pub(super) type Told = Option<&'static str>;

#[derive(Debug, Default)]
struct Inner {
    /// Requests that arrive later.
    under_way: Vec<(Timestamp, Sending)>,
    /// Processes of a dead daemon that still live, and when they send.
    leftovers: Vec<(Timestamp, Sending)>,
    known_keys: BTreeMap<String, Timestamp>,
    happened: BTreeMap<EffectId, u32>,
    told: BTreeMap<EffectId, BTreeMap<u32, Told>>,
    keys: BTreeMap<EffectId, BTreeSet<String>>,
}

/// The outside world.
#[derive(Debug)]
pub(super) struct Outside {
    inner: Mutex<Inner>,
    clock: Arc<Clock>,
    trace: Arc<Trace>,
}

impl Outside {
    pub(super) fn new(clock: Arc<Clock>, trace: Arc<Trace>) -> Self {
        Self { inner: Mutex::default(), clock, trace }
    }

    fn with<T>(&self, f: impl FnOnce(&mut Inner) -> T) -> T {
        f(&mut self.inner.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// An attempt begins: the rules of its class about what was before.
    pub(super) fn begin(&self, sending: &Sending) {
        self.arrive(Some(self.clock.now()));
        let (effect, attempt) = (sending.effect, sending.attempt);
        let broken = self.with(|inner| {
            let happened = inner.happened.get(&effect).copied().unwrap_or(0);
            let expected = inner.is_expected(effect);
            let told = inner.told.entry(effect).or_default();
            let open = told.values().any(|told| told.is_none_or(|told| told != "never left" && told != "settled"));
            let repeated = told.insert(attempt, None).is_some();
            let keys = inner.keys.entry(effect).or_default();
            keys.insert(sending.key.clone());
            if repeated {
                Some("one attempt is sent twice")
            } else if keys.len() > 1 {
                Some("another key for the same effect")
            } else if sending.class == EffectClass::Opaque && open {
                Some("an opaque call is sent again")
            } else if sending.class == EffectClass::Verifiable && (happened > 0 || expected) {
                Some("a verifiable call is sent again while an earlier one landed or is on its way")
            } else {
                None
            }
        });
        if let Some(rule) = broken {
            self.trace.blame(format!("{rule}: {effect} attempt {attempt}"));
        }
    }

    /// The runtime is told about an attempt.
    pub(super) fn tell(&self, effect: EffectId, attempt: u32, told: &'static str) {
        self.with(|inner| inner.told.entry(effect).or_default().insert(attempt, Some(told)));
    }

    /// A person settles the effect as not landed, after looking.
    pub(super) fn settled(&self, effect: EffectId) {
        self.with(|inner| inner.told.entry(effect).or_default().values_mut().for_each(|told| *told = Some("settled")));
    }

    /// A request leaves, and arrives after a while.
    pub(super) fn send(&self, sending: Sending, lag_ms: u64) {
        let now = self.clock.now();
        self.trace.note(format!("{} sends {} attempt {}, {lag_ms} ms", now.unix_ms(), sending.effect, sending.attempt));
        self.with(|inner| inner.under_way.push((now.plus_ms(lag_ms), sending)));
        self.arrive(Some(now));
    }

    /// A process outlives its daemon, and will send.
    pub(super) fn leave(&self, sending: Sending, at: Timestamp) {
        self.with(|inner| inner.leftovers.push((at, sending)));
    }

    /// Kills what is left of an effect's processes.
    pub(super) fn kill(&self, effect: EffectId) {
        self.arrive(Some(self.clock.now()));
        self.with(|inner| inner.leftovers.retain(|(_, sending)| sending.effect != effect));
    }

    /// Whether the effect is there now.
    pub(super) fn is_there(&self, effect: EffectId) -> bool {
        self.arrive(Some(self.clock.now()));
        self.times(effect) > 0
    }

    /// Whether the effect is there or will be.
    pub(super) fn will_be_there(&self, effect: EffectId) -> bool {
        self.is_there(effect) || self.with(|inner| inner.is_expected(effect))
    }

    /// How often it happened.
    pub(super) fn times(&self, effect: EffectId) -> u32 {
        self.with(|inner| inner.happened.get(&effect).copied().unwrap_or(0))
    }

    /// Everything on its way arrives, at the latest now or, with `None`, whenever that would be.
    pub(super) fn arrive(&self, now: Option<Timestamp>) {
        let (left, twice) = self.with(|inner| {
            inner.leftovers.sort_by_key(|(at, sending)| (*at, sending.effect, sending.attempt));
            let due = |at: Timestamp| now.is_none_or(|now| at <= now);
            let (sent, left): (Vec<_>, Vec<_>) = inner.leftovers.drain(..).partition(|(at, _)| due(*at));
            inner.leftovers = left;
            let words: Vec<String> =
                sent.iter().map(|(at, sending)| format!("{} a leftover sends {}", at.unix_ms(), sending.effect)).collect();
            inner.under_way.extend(sent);
            inner.under_way.sort_by_key(|(at, sending)| (*at, sending.effect, sending.attempt));
            let (arrived, left): (Vec<_>, Vec<_>) = inner.under_way.drain(..).partition(|(at, _)| due(*at));
            inner.under_way = left;
            (words, arrived.into_iter().filter_map(|(at, sending)| inner.take(at, &sending)).collect::<Vec<_>>())
        });
        left.into_iter().for_each(|words| self.trace.note(words));
        for effect in twice {
            self.trace.blame(format!("an effect happened twice: {effect}"));
        }
    }
}

impl Inner {
    fn is_expected(&self, effect: EffectId) -> bool {
        self.under_way.iter().chain(&self.leftovers).any(|(_, sending)| sending.effect == effect)
    }

    /// Takes a request in; answers the effect if it happened once too often.
    fn take(&mut self, at: Timestamp, sending: &Sending) -> Option<EffectId> {
        if sending.class == EffectClass::Keyed {
            let known = self.known_keys.get(&sending.key).is_some_and(|first| at < first.plus_ms(sending.key_ttl_ms));
            if known {
                return None;
            }
            self.known_keys.insert(sending.key.clone(), at);
        }
        let happened = self.happened.entry(sending.effect).or_default();
        *happened += 1;
        (*happened > 1 && sending.class != EffectClass::Pure).then_some(sending.effect)
    }
}
