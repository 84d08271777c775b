//! What a measurement spent: time, and processor time of this process.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Whole microseconds.
pub(crate) fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// Processor time of this process so far.
pub(crate) fn computed() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or_default())
}

/// Processor time of this process since then.
pub(crate) fn computed_since(before: Duration) -> Duration {
    computed().saturating_sub(before)
}
