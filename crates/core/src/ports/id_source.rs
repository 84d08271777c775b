//! Ids and randomness.

use crate::payload::Salt;

/// Makes ids and salts; the simulator's makes the same ones from the same seed.
pub trait IdSource: Send + Sync + std::fmt::Debug {
    /// The 128 bits of a new UUIDv7.
    fn next(&self) -> u128;

    /// 32 random bytes.
    fn salt(&self) -> Salt;
}
