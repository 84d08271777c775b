//! The guarded wall clock over tokio's virtual time: it steps, and what it tells never falls within a life.

use std::sync::{Mutex, PoisonError};

use scalbotics_core::ports::Clock as Port;
use scalbotics_core::time::Timestamp;
use tokio::time::Instant;

#[derive(Debug)]
struct Inner {
    /// The wall clock when this life began, without steps.
    base_ms: i64,
    begun: Option<Instant>,
    /// What the steps so far add up to.
    step_ms: i64,
    /// The last answer.
    mark_ms: i64,
}

/// The guarded clock of all lives of a run.
#[derive(Debug)]
pub(super) struct Clock(Mutex<Inner>);

impl Inner {
    fn base_now_ms(&self) -> i64 {
        let elapsed = self.begun.map_or(0, |begun| i64::try_from(begun.elapsed().as_millis()).unwrap_or(i64::MAX));
        self.base_ms.saturating_add(elapsed)
    }
}

impl Clock {
    pub(super) const fn at(at: Timestamp) -> Self {
        let base_ms = at.unix_ms();
        Self(Mutex::new(Inner { base_ms, begun: None, step_ms: 0, mark_ms: base_ms }))
    }

    fn with<T>(&self, f: impl FnOnce(&mut Inner) -> T) -> T {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Begins a life: the guard knows the last commit and nothing else of the lives before (semantics §4.7).
    pub(super) fn begin(&self, last_commit: Timestamp) {
        self.with(|inner| {
            inner.begun = Some(Instant::now());
            inner.mark_ms = last_commit.unix_ms();
        });
    }

    /// Ends a life, while its runtime still tells virtual time.
    pub(super) fn end(&self) {
        self.with(|inner| {
            inner.base_ms = inner.base_now_ms();
            inner.begun = None;
        });
    }

    /// Lets time go on between two lives.
    pub(super) fn pass(&self, down_ms: u64) {
        self.with(|inner| inner.base_ms = inner.base_ms.saturating_add_unsigned(down_ms));
    }

    /// Steps the wall clock.
    pub(super) fn step(&self, ms: i64) {
        self.with(|inner| inner.step_ms = inner.step_ms.saturating_add(ms));
    }
}

impl Port for Clock {
    fn now(&self) -> Timestamp {
        self.with(|inner| {
            let wall_ms = inner.base_now_ms().saturating_add(inner.step_ms);
            inner.mark_ms = inner.mark_ms.max(wall_ms);
            Timestamp::from_unix_ms(inner.mark_ms)
        })
    }
}
