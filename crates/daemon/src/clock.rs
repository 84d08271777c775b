//! The wall clock behind a guard: it never goes back, and after a large step forward it says so (semantics §4.7).

use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use scalbotics_core::ports::Clock;
use scalbotics_core::time::Timestamp;
use scalbotics_runtime::identity::TimeTrust;

/// A larger step of the wall clock against the boot clock is an alarm, in milliseconds: no leap second, no usual drift of a
/// laptop that slept, and no correction by NTP is that large.
pub(crate) const STEP_MAX_MS: u64 = 3_600_000;

/// What to do about a step that is not believed.
pub(crate) const NEXT: &str = "set the clock of the daemon's host; where it is right, say so there by `admin clock accept`";

/// Against what a step is measured while the daemon runs, and until the first look that is believed after a start.
const BOOT_CLOCK: &str = "the boot clock";
const LAST_COMMIT: &str = "the last commit";

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
    /// Against what a step is measured, for its words.
    against: &'static str,
    alarm: Option<String>,
}

/// What was seen of both clocks at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// The wall clock, in milliseconds since 1970.
    pub wall_ms: i64,
    /// Time since boot; none where the machine was started since, so that it says nothing any more.
    pub boot: Option<Duration>,
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
    /// A clock that goes on from the last commit of the store, if there was one, and believes the wall clock of this moment.
    #[must_use]
    pub fn new(source: S, last_commit_at: Option<Timestamp>) -> Self {
        let (wall_ms, boot) = (source.wall_ms(), source.boot());
        let mark_ms = last_commit_at.map_or(i64::MIN, Timestamp::unix_ms);
        let (latest_ms, against) = (wall_ms.max(mark_ms), BOOT_CLOCK);
        let state = State { latest_ms, believed_ms: wall_ms, believed_boot: boot, against, alarm: None };
        Self { source, state: Mutex::new(state) }
    }

    /// A clock that goes on from the last commit of the store and from what was last `seen` of the clocks. It believes a wall clock that is far ahead of
    /// both only where the boot clock has gone on as far.
    #[must_use]
    pub fn begin(source: S, last_commit_at: Option<Timestamp>, seen: Option<Seen>) -> Self {
        let clock = Self::new(source, last_commit_at);
        let (wall_ms, boot) = (clock.source.wall_ms(), clock.source.boot());
        let vouched = seen.map(|seen| {
            let since = seen.boot.and_then(|then| boot.checked_sub(then)).unwrap_or_default();
            let passed_ms = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
            Timestamp::from_unix_ms(seen.wall_ms).plus_ms(passed_ms)
        });
        // Before the first commit nothing is known of time.
        let expected = last_commit_at.into_iter().chain(vouched).max().filter(|expected| expected.unix_ms() > 0);
        if let Some(expected) = expected.filter(|expected| Timestamp::from_unix_ms(wall_ms).since_ms(*expected) > STEP_MAX_MS) {
            let mut state = clock.state.lock().unwrap_or_else(PoisonError::into_inner);
            (state.believed_ms, state.believed_boot, state.against) = (expected.unix_ms(), boot, LAST_COMMIT);
            state.latest_ms = expected.unix_ms();
        }
        clock
    }

    /// Believes the wall clock of this moment: what is over by it is over for good.
    pub fn accept(&self) {
        let (wall_ms, boot) = (self.source.wall_ms(), self.source.boot());
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        (state.believed_ms, state.believed_boot, state.against) = (wall_ms, boot, BOOT_CLOCK);
        state.latest_ms = state.latest_ms.max(wall_ms);
        state.alarm = None;
    }

    /// Both clocks at this moment; none while the wall clock is not believed.
    #[must_use]
    pub fn seen(&self) -> Option<Seen> {
        let is_believed = self.alarm().is_none();
        is_believed.then(|| Seen { wall_ms: self.source.wall_ms(), boot: Some(self.source.boot()) })
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
            state.alarm = Some(format!("the clock stepped forward by {} s against {}", ahead_ms / 1_000, state.against));
            // Time goes on by the boot clock: the step is not believed, so it is not persisted either.
            state.latest_ms = state.latest_ms.max(expected.unix_ms());
        } else {
            if state.alarm.take().is_some() {
                tracing::warn!("the clock came back");
            }
            (state.believed_ms, state.believed_boot, state.against) = (wall_ms, boot, BOOT_CLOCK);
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
    fn semantics_4_7_a_start_far_ahead_of_the_last_commit_fails_closed_until_time_returns_or_is_accepted() {
        let hour = 3_600_000;
        let began = |wall_ms, seen| {
            let fake = Fake::default();
            fake.set(wall_ms, 5_000);
            (Guarded::begin(fake.clone(), Some(Timestamp::from_unix_ms(10_000)), seen), fake)
        };
        let (clock, fake) = began(10_000 + 3 * hour, None);
        assert!(clock.alarm().unwrap().contains("10800 s against the last commit"), "{:?}", clock.alarm());
        assert_eq!((clock.now().unix_ms(), clock.seen()), (10_000, None));
        fake.set(10_000 + hour, 5_500);
        assert_eq!((clock.alarm(), clock.now().unix_ms()), (None, 10_000 + hour), "it came back");
        let (clock, _) = began(10_000 + 3 * hour, None);
        clock.accept();
        assert_eq!((clock.alarm(), clock.now().unix_ms()), (None, 10_000 + 3 * hour));
        // An hour is no step, and what the boot clock has counted is none either; of another boot it says nothing.
        let at = |wall_ms, boot: Option<u64>| Some(Seen { wall_ms, boot: boot.map(Duration::from_millis) });
        for (wall_ms, seen, alarms) in [
            (10_000 + hour, None, false),
            (9_000, None, false),
            (10_000 + 3 * hour, at(10_000 + 3 * hour - 4_000, Some(1_000)), false),
            (10_000 + 5 * hour, at(10_000 + 3 * hour, Some(1_000)), true),
            (10_000 + 3 * hour, at(10_000 + 2 * hour, None), false),
            (10_000 + 4 * hour, at(10_000 + 2 * hour, None), true),
            (10_000 + 4 * hour, at(10_000 + 2 * hour, Some(6_000)), true),
        ] {
            assert_eq!(began(wall_ms, seen).0.alarm().is_some(), alarms, "{wall_ms} {seen:?}");
        }
        let fake = Fake::default();
        fake.set(9 * hour, 0);
        assert_eq!(Guarded::begin(fake, Some(Timestamp::from_unix_ms(0)), None).alarm(), None, "a new installation");
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
