//! Moments.

use scalbotics_core::time::Timestamp;

/// A moment on the wire.
pub(in crate::rpc) fn timestamp(at: Timestamp) -> prost_types::Timestamp {
    let seconds = at.unix_ms().div_euclid(1_000);
    let nanos = at.unix_ms().rem_euclid(1_000).saturating_mul(1_000_000);
    prost_types::Timestamp { seconds, nanos: i32::try_from(nanos).unwrap_or(0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments() {
        for (ms, seconds, nanos) in [(0, 0, 0), (1_500, 1, 500_000_000), (-1, -1, 999_000_000), (-1_000, -1, 0)] {
            let converted = timestamp(Timestamp::from_unix_ms(ms));
            assert_eq!((converted.seconds, converted.nanos), (seconds, nanos), "{ms}");
        }
    }
}
