//! Randomness from the seed.

use std::sync::atomic::{AtomicU64, Ordering};

/// Step of the SplitMix64 generator.
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

/// A SplitMix64 generator.
#[derive(Debug)]
pub(super) struct Chance(AtomicU64);

impl Chance {
    pub(super) const fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed.wrapping_mul(GOLDEN) ^ 0x51D0))
    }

    fn next(&self) -> u64 {
        let state = self.0.fetch_add(GOLDEN, Ordering::SeqCst).wrapping_add(GOLDEN);
        let a = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let b = (a ^ (a >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        b ^ (b >> 31)
    }

    /// A number from 0 to `limit` - 1; 0 for a limit of 0.
    pub(super) fn below(&self, limit: u64) -> u64 {
        self.next().checked_rem(limit).unwrap_or(0)
    }

    /// A number from `low` to `high`, both included.
    pub(super) fn between(&self, low: u64, high: u64) -> u64 {
        low + self.below(high.saturating_sub(low) + 1)
    }

    /// True so many times of a thousand.
    pub(super) fn in_thousand(&self, times: u64) -> bool {
        self.below(1_000) < times
    }

    /// One of the items.
    pub(super) fn pick<'a, T>(&self, items: &'a [T]) -> Option<&'a T> {
        let place = self.below(u64::try_from(items.len()).unwrap_or(0));
        items.get(usize::try_from(place).unwrap_or(0))
    }
}
