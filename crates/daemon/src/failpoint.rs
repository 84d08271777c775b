//! Dies at a named failpoint: only in a build with the feature `failpoints`, which is never shipped.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::config;

static ARMED: OnceLock<(String, u64)> = OnceLock::new();
static HITS: AtomicU64 = AtomicU64::new(0);

/// Arms the failpoint that the environment names as `name:count`; the process aborts at its `count`-th hit.
pub fn arm() {
    let armed = config::process().into_iter().find(|(variable, _)| variable == config::FAILPOINT_VARIABLE);
    let parsed = armed.and_then(|(_, value)| {
        let (name, count) = value.split_once(':')?;
        Some((name.to_owned(), count.parse().ok()?))
    });
    if let Some(parsed) = parsed {
        let _already = ARMED.set(parsed);
        scalbotics_core::failpoint::install(hit);
    }
}

fn hit(name: &'static str) {
    let Some((armed, count)) = ARMED.get() else { return };
    if armed == name && HITS.fetch_add(1, Ordering::SeqCst) + 1 == *count {
        std::process::abort();
    }
}
