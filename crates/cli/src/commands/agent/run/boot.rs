//! The clock by which a worker counts: it never steps, and it goes on while the machine sleeps.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Milliseconds since the machine was started.
pub(super) fn now_ms() -> u64 {
    let now = clock_gettime(ClockId::Boottime);
    let (seconds, nanos) = (u64::try_from(now.tv_sec).unwrap_or(0), u64::try_from(now.tv_nsec).unwrap_or(0));
    seconds.saturating_mul(1_000).saturating_add(nanos / 1_000_000)
}

/// Longest sleep at a time: a machine that slept meanwhile is noticed within it.
const NAP: Duration = Duration::from_secs(1);

/// Returns at a moment of this clock.
pub(super) async fn sleep_until(moment_ms: u64) {
    loop {
        let left = Duration::from_millis(moment_ms.saturating_sub(now_ms()));
        if left.is_zero() {
            return;
        }
        tokio::time::sleep(left.min(NAP)).await;
    }
}
