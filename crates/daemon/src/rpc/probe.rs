//! What a step of a call costs, measured where it is made: for a build of the feature `probe`, which is made to be measured and never shipped.

use std::future::Future;
use std::hint::black_box;

use rustix::time::{ClockId, clock_gettime};

use super::call::Identity;
use super::failure::Failure;

/// How often the step is made.
const TIMES: u32 = 2_000;

/// Repeats the authentication of a call, and tells the log what one took of the processor. The first is not counted: it may read what is kept
/// from then on, and change threads; no later one waits for anything.
///
/// # Cancel safety
/// Cancel safe: authenticating changes nothing.
pub(super) async fn authentications<F: Future<Output = Result<Identity, Failure>>>(step: impl Fn() -> F) {
    let Ok(identity) = step().await else { return };
    let before = now();
    for _ in 0..TIMES {
        let _who = black_box(step().await);
    }
    let each_ns = now().saturating_sub(before) / i64::from(TIMES);
    tracing::info!(kind = identity.principal.uid.kind(), each_ns, "authentication was measured");
}

/// Processor time of this thread, in nanoseconds.
fn now() -> i64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec.saturating_mul(1_000_000_000).saturating_add(time.tv_nsec)
}
