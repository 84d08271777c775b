//! On which processor this program computes.

use anyhow::{Context as _, Result};
use rustix::thread::{CpuSet, sched_setaffinity};

/// Computes on this processor only from now on; so do threads and processes that begin here.
///
/// # Errors
/// When there is no such processor.
pub(crate) fn pin(core: usize) -> Result<()> {
    let mut only = CpuSet::new();
    only.set(core);
    sched_setaffinity(None, &only).with_context(|| format!("cannot compute on processor {core}"))
}
