//! Moments and lengths of time.

use scalbotics_core::time::Timestamp;

use crate::rpc::failure::Failure;

/// A moment on the wire.
pub(in crate::rpc) fn timestamp(at: Timestamp) -> prost_types::Timestamp {
    let seconds = at.unix_ms().div_euclid(1_000);
    let nanos = at.unix_ms().rem_euclid(1_000).saturating_mul(1_000_000);
    prost_types::Timestamp { seconds, nanos: i32::try_from(nanos).unwrap_or(0) }
}

/// A positive length of time from the wire, in milliseconds.
///
/// # Errors
/// INVALID_ARGUMENT.
pub(in crate::rpc) fn length_ms(field: &str, duration: prost_types::Duration) -> Result<u64, Failure> {
    let refuse = || Failure::invalid(field, "it is not a positive length of time");
    let seconds = u64::try_from(duration.seconds).map_err(|_| refuse())?;
    let nanos = u64::try_from(duration.nanos).ok().filter(|nanos| *nanos < 1_000_000_000).ok_or_else(refuse)?;
    let ms = seconds.checked_mul(1_000).and_then(|ms| ms.checked_add(nanos / 1_000_000)).ok_or_else(refuse)?;
    if ms == 0 { Err(refuse()) } else { Ok(ms) }
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
