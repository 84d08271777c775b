//! From exec to an answer after `kill -9` with many open tasks.

use anyhow::{Result, bail};

use super::figure::{Bound, Figure, Samples, millis, number};
use super::place::{ONE_ASK, Place};
use super::probe;

/// From exec to the first authenticated answer with so many tasks that wait for an approval, the slowest of several times.
pub(super) fn with_open_tasks(place: &Place, tasks: usize, runs: usize) -> Result<(Figure, String)> {
    let measured = probe::restarts(place, ONE_ASK, tasks, runs)?;
    if measured.open != tasks {
        bail!("{tasks} tasks waited for an approval, and {} do after {runs} restarts", measured.open);
    }
    let first = measured.answered_us.first().copied().unwrap_or_default();
    let answered = Samples::of(measured.answered_us);
    let what = format!("kill -9 with {tasks} open tasks: exec to first authenticated answer, slowest of {runs}");
    let note = format!(
        "restart: first {:.0} ms, p50 {:.0}, max {:.0}; database and log {:.1} MB; a task was taken on in {:.2} ms, many at once; all {} were open afterwards",
        millis(first),
        answered.p50_ms(),
        answered.max_ms(),
        number(measured.bytes) / 1e6,
        millis(measured.submitted_us) / number(u64::try_from(tasks)?),
        measured.open
    );
    let measured = answered.max_ms() / 1_000.0;
    Ok((Figure { id: "restart", what, measured, unit: "s", limit: Bound::Most(2.0), goal: None }, note))
}
