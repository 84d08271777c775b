//! How long a worker may start effects after it has last known that the daemon hears it.
//!
//! **Invariant:** a lease is counted from the moment when a question was *asked*, not from when its answer was read: an answer that waited in a
//! buffer, or a process that was stopped between both, never makes it longer.

/// How long a worker may start effects after it asked the last question that was answered, in milliseconds.
pub const LEASE_MS: u64 = 2_000;

/// How often a worker asks, in milliseconds: a lost beat or two end no lease.
pub const BEAT_EVERY_MS: u64 = 400;

/// The right of a worker to start effects, which ends by itself.
///
/// Moments are milliseconds of a clock that never steps, and goes on while the machine sleeps.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Lease {
    until_ms: u64,
}

impl Lease {
    /// A lease that has ended.
    pub const ENDED: Self = Self { until_ms: 0 };

    /// The same after the question of `asked_ms` was answered. An answer that is older than another one changes nothing.
    #[must_use]
    pub const fn renewed(self, asked_ms: u64) -> Self {
        let until_ms = asked_ms.saturating_add(LEASE_MS);
        if until_ms > self.until_ms { Self { until_ms } } else { self }
    }

    /// Whether an effect may start at `now_ms`.
    #[must_use]
    pub const fn is_held(self, now_ms: u64) -> bool {
        now_ms < self.until_ms
    }

    /// The first moment at which nothing may start any more.
    #[must_use]
    pub const fn until_ms(self) -> u64 {
        self.until_ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_counts_from_the_question_and_ends_by_itself() {
        assert!(!Lease::ENDED.is_held(0));
        let lease = Lease::ENDED.renewed(1_000);
        assert!(lease.is_held(1_000) && lease.is_held(2_999) && !lease.is_held(3_000));
        assert_eq!(lease.renewed(500), lease, "an older answer that comes late changes nothing");
        assert_eq!(lease.renewed(1_400).until_ms(), 3_400);
        assert!(Lease::ENDED.renewed(u64::MAX).is_held(u64::MAX - 1));
    }
}
