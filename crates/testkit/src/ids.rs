//! Ids and salts from a seed: the same seed makes the same ones.

use std::sync::atomic::{AtomicU64, Ordering};

use scalbotics_core::payload::Salt;
use scalbotics_core::ports::IdSource;

/// Milliseconds in the first id: 2026-11-01T00:00:00Z.
const START_UNIX_MS: u128 = 1_793_491_200_000;

/// Step of the SplitMix64 generator.
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

/// Makes UUIDv7 values whose order is the order of their making.
#[derive(Debug)]
pub struct SeededIds {
    seed: u64,
    made: AtomicU64,
}

impl SeededIds {
    /// A source of the given seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self { seed, made: AtomicU64::new(0) }
    }

    fn draw(&self) -> (u64, u64) {
        let number = self.made.fetch_add(1, Ordering::SeqCst);
        (number, mix(self.seed.wrapping_mul(GOLDEN) ^ mix(number)))
    }
}

const fn mix(value: u64) -> u64 {
    let a = value.wrapping_add(GOLDEN);
    let b = (a ^ (a >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let c = (b ^ (b >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    c ^ (c >> 31)
}

impl IdSource for SeededIds {
    fn next(&self) -> u128 {
        let (number, random) = self.draw();
        let time = (START_UNIX_MS + u128::from(number)) & ((1 << 48) - 1);
        (time << 80) | (7 << 76) | (2 << 62) | u128::from(random >> 2)
    }

    fn salt(&self) -> Salt {
        let (_, random) = self.draw();
        let mut salt = [0; 32];
        for (part, place) in salt.chunks_mut(8).zip(0..) {
            part.copy_from_slice(&mix(random ^ place).to_be_bytes());
        }
        salt
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_seed_one_sequence_in_order() {
        let ids = |seed| {
            let source = SeededIds::new(seed);
            (0..1_000).map(|_| source.next()).collect::<Vec<_>>()
        };
        assert_eq!(ids(1), ids(1));
        assert_ne!(ids(1), ids(2));
        assert!(ids(1).is_sorted());
        assert!(ids(1).iter().all(|id| (id >> 76) & 15 == 7 && (id >> 62) & 3 == 2));
    }
}
