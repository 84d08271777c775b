//! Histograms of durations with fixed bounds.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Upper bounds of the buckets, in seconds: from one fsync of a fast disk to a minute of a slow tool.
pub const BOUNDS_SECONDS: [f64; 12] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.25, 1.0, 5.0, 15.0, 60.0];

/// The same bounds in microseconds, exact.
const BOUNDS_US: [u64; 12] =
    [500, 1_000, 2_500, 5_000, 10_000, 25_000, 100_000, 250_000, 1_000_000, 5_000_000, 15_000_000, 60_000_000];

/// How often something took how long.
#[derive(Debug, Default)]
pub struct Histogram {
    buckets: [AtomicU64; 12],
    count: AtomicU64,
    sum_us: AtomicU64,
}

impl Histogram {
    /// Counts one duration.
    pub fn observe(&self, duration: Duration) {
        let us = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        if let Some((_, bucket)) = BOUNDS_US.iter().zip(&self.buckets).find(|(bound, _)| us <= **bound) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
        self.count.fetch_add(1, Ordering::Relaxed);
        self.sum_us.fetch_add(us, Ordering::Relaxed);
    }

    /// For each bound of [`BOUNDS_SECONDS`], how many were at most that long.
    #[must_use]
    pub fn cumulative(&self) -> [u64; 12] {
        let mut total = 0;
        self.buckets.each_ref().map(|bucket| {
            total += bucket.load(Ordering::Relaxed);
            total
        })
    }

    /// How many were counted.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// The sum of all, to the microsecond.
    #[must_use]
    pub fn sum(&self) -> Duration {
        Duration::from_micros(self.sum_us.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_cumulative_and_the_longest_is_only_counted() {
        let histogram = Histogram::default();
        for us in [1, 500, 501, 59_000_000, 61_000_000] {
            histogram.observe(Duration::from_micros(us));
        }
        let cumulative = histogram.cumulative();
        assert_eq!((cumulative[0], cumulative[1], cumulative[11]), (2, 3, 4));
        assert_eq!((histogram.count(), histogram.sum()), (5, Duration::from_micros(120_001_002)));
    }

    #[test]
    fn both_tables_of_bounds_say_the_same() {
        for (seconds, us) in BOUNDS_SECONDS.iter().zip(BOUNDS_US) {
            assert_eq!(Duration::from_secs_f64(*seconds), Duration::from_micros(us));
        }
    }
}
