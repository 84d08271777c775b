//! The wall clock behind a guard: it never goes back, and after a large step forward it says so (semantics §4.7).

use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use scalbotics_core::ports::Clock;
use scalbotics_core::time::Timestamp;
use scalbotics_runtime::identity::TimeTrust;

/// A larger step of the wall clock against the boot clock is an alarm, in milliseconds: no leap second, no usual drift of a
/// laptop that slept, and no correction by NTP is that large.
const STEP_MAX_MS: u64 = 3_600_000;

/// Where raw time comes from.
pub trait Source: Send + Sync + std::fmt::Debug {
    /// The wall clock, in milliseconds since 1970; whatever the system says.
    fn wall_ms(&self) -> i64;

    /// Time since boot, sleep included; it never steps.
    fn boot(&self) -> Duration;
}

/// The system's clocks.
#[derive(Debug, Clone, Copy, Default)]
pub struct System;

impl Source for System {
    #[expect(clippy::disallowed_methods, reason = "the daemon's one wall clock; everything else asks the port")]
    fn wall_ms(&self) -> i64 {
        match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
            Err(before) => i64::try_from(before.duration().as_millis()).map_or(i64::MIN, |ms| -ms),
        }
    }

    fn boot(&self) -> Duration {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
        Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or(0))
    }
}

#[derive(Debug)]
struct State {
    /// The latest answer.
    latest_ms: i64,
    /// Wall and boot clock of the last look that was believed.
    believed_ms: i64,
    believed_boot: Duration,
    alarm: Option<String>,
}

/// The guarded clock.
///
/// **Invariant:** answers never decrease, and begin at or after the last commit's time, so a clock that is set back revives
/// nothing, also not across a restart.
#[derive(Debug)]
pub struct Guarded<S = System> {
    source: S,
    state: Mutex<State>,
}

impl<S: Source> Guarded<S> {
    /// A clock that goes on from the last commit of the store, if there was one.
    #[must_use]
    pub fn new(source: S, last_commit_at: Option<Timestamp>) -> Self {
        let (wall_ms, boot) = (source.wall_ms(), source.boot());
        let mark_ms = last_commit_at.map_or(i64::MIN, Timestamp::unix_ms);
        let state = State { latest_ms: wall_ms.max(mark_ms), believed_ms: wall_ms, believed_boot: boot, alarm: None };
        Self { source, state: Mutex::new(state) }
    }

    /// Why issuance and expiry decisions fail closed, if they do; it goes when time comes back.
    #[must_use]
    pub fn alarm(&self) -> Option<String> {
        self.look().1
    }

    /// Whether the wall clock stands behind the last answer, in words for an operator.
    #[must_use]
    pub fn behind(&self) -> Option<String> {
        let wall_ms = self.source.wall_ms();
        let latest_ms = self.state.lock().unwrap_or_else(PoisonError::into_inner).latest_ms;
        let behind_ms = Timestamp::from_unix_ms(latest_ms).since_ms(Timestamp::from_unix_ms(wall_ms));
        (behind_ms > 1_000).then(|| {
            format!("the clock is {} s behind the newest record; time stands still until it catches up", behind_ms / 1_000)
        })
    }

    fn look(&self) -> (i64, Option<String>) {
        let (wall_ms, boot) = (self.source.wall_ms(), self.source.boot());
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let passed_ms = u64::try_from(boot.saturating_sub(state.believed_boot).as_millis()).unwrap_or(u64::MAX);
        let expected = Timestamp::from_unix_ms(state.believed_ms).plus_ms(passed_ms);
        let ahead_ms = Timestamp::from_unix_ms(wall_ms).since_ms(expected);
        if ahead_ms > STEP_MAX_MS {
            if state.alarm.is_none() {
                tracing::error!(
                    ahead_s = ahead_ms / 1_000,
                    "the clock stepped forward; nothing is issued and nothing expires by it"
                );
            }
            state.alarm = Some(format!("the clock stepped forward by {} s against the boot clock", ahead_ms / 1_000));
            // Time goes on by the boot clock: the step is not believed, so it is not persisted either.
            state.latest_ms = state.latest_ms.max(expected.unix_ms());
        } else {
            if state.alarm.take().is_some() {
                tracing::warn!("the clock came back");
            }
            (state.believed_ms, state.believed_boot) = (wall_ms, boot);
            state.latest_ms = state.latest_ms.max(wall_ms);
        }
        (state.latest_ms, state.alarm.clone())
    }
}

impl<S: Source> TimeTrust for Guarded<S> {
    fn is_believed(&self) -> bool {
        self.alarm().is_none()
    }
}

impl<S: Source> Clock for Guarded<S> {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_ms(self.look().0)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

    use super::*;

    #[derive(Debug, Clone, Default)]
    struct Fake(Arc<(AtomicI64, AtomicU64)>);

    impl Fake {
        fn set(&self, wall_ms: i64, boot_ms: u64) {
            self.0.0.store(wall_ms, Ordering::Relaxed);
            self.0.1.store(boot_ms, Ordering::Relaxed);
        }
    }

    impl Source for Fake {
        fn wall_ms(&self) -> i64 {
            self.0.0.load(Ordering::Relaxed)
        }

        fn boot(&self) -> Duration {
            Duration::from_millis(self.0.1.load(Ordering::Relaxed))
        }
    }

    #[test]
    fn semantics_4_7_a_backward_step_revives_nothing() {
        let fake = Fake::default();
        fake.set(10_000, 0);
        let clock = Guarded::new(fake.clone(), Some(Timestamp::from_unix_ms(50_000)));
        assert_eq!(clock.now().unix_ms(), 50_000);
        assert!(clock.behind().is_some());
        fake.set(60_000, 50_000);
        assert_eq!(clock.now().unix_ms(), 60_000);
        fake.set(-5, 50_001);
        assert_eq!(clock.now().unix_ms(), 60_000);
        fake.set(i64::MIN, 50_002);
        assert_eq!((clock.now().unix_ms(), clock.alarm()), (60_000, None));
    }

    #[test]
    fn semantics_4_7_a_large_step_forward_fails_closed_until_time_returns() {
        let fake = Fake::default();
        fake.set(1_000, 0);
        let clock = Guarded::new(fake.clone(), None);
        fake.set(1_000 + 3_600_000, 10);
        assert_eq!(clock.alarm(), None);
        fake.set(1_000 + 3_600_000 * 3, 20);
        assert!(clock.alarm().is_some());
        assert_eq!(clock.now().unix_ms(), 1_000 + 3_600_000 + 10);
        fake.set(i64::MAX, 30);
        assert!(clock.alarm().is_some());
        fake.set(1_000 + 3_600_000 + 40, 40);
        assert_eq!((clock.alarm(), clock.now().unix_ms()), (None, 1_000 + 3_600_000 + 40));
    }
}
