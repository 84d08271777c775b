//! A clock that stands still until it is told.

use std::sync::atomic::{AtomicI64, Ordering};

use scalbotics_core::ports::Clock;
use scalbotics_core::time::Timestamp;

/// Where the clock stands at first: 2026-11-01T00:00:00Z.
const START_UNIX_MS: i64 = 1_793_491_200_000;

/// A clock that stands still until it is told.
#[derive(Debug)]
pub struct FixedClock {
    unix_ms: AtomicI64,
}

impl Default for FixedClock {
    fn default() -> Self {
        Self::at(Timestamp::from_unix_ms(START_UNIX_MS))
    }
}

impl FixedClock {
    /// A clock that stands at `at`.
    #[must_use]
    pub const fn at(at: Timestamp) -> Self {
        Self { unix_ms: AtomicI64::new(at.unix_ms()) }
    }

    /// Puts the clock to `at`, also backwards.
    pub fn set(&self, at: Timestamp) {
        self.unix_ms.store(at.unix_ms(), Ordering::SeqCst);
    }

    /// Moves the clock on, in milliseconds; answers the new time.
    pub fn advance(&self, ms: u64) -> Timestamp {
        let at = self.now().plus_ms(ms);
        self.set(at);
        at
    }
}

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_ms(self.unix_ms.load(Ordering::SeqCst))
    }
}
