//! What it costs that a tool is a sandboxed process: tasks of one process in turn with tasks of one read.

use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result};

use super::figure::{Bound, Figure, Samples, number};
use super::place::{ONE_PROCESS, ONE_READ, Place};
use super::serving::{Daemon, Under};
use super::{probe, reading};

/// Rounds before those that count.
const WARM_UP: usize = 20;

/// The time that a sandboxed process adds to a task over a read inside of the daemon: making the sandbox, the program itself
/// (`/bin/true`), and collecting what it said.
pub(super) fn process(place: &Place, rounds: usize) -> Result<(Figure, String)> {
    let daemon = Daemon::start(place, Under::Nothing)?;
    let measured = probe::tasks(place, &[ONE_READ, ONE_PROCESS], (WARM_UP, rounds), None)?;
    let (read, process) = (Samples::of(measured.of(ONE_READ)), Samples::of(measured.of(ONE_PROCESS)));
    let cpu = |workflow: &str| -> Result<f64> {
        let before = reading::cpu_ms(daemon.pid())?;
        probe::tasks(place, &[workflow], (0, rounds), None)?;
        Ok((reading::cpu_ms(daemon.pid())? - before) / number(u64::try_from(rounds)?))
    };
    let (cpu_read, cpu_process) = (cpu(ONE_READ)?, cpu(ONE_PROCESS)?);
    let bare = bare(rounds)?;
    daemon.stop()?;
    let what = format!("a sandboxed process over a read in the daemon, difference of the p50 of {rounds}");
    let note = format!(
        "sandbox: task of one process p50 {:.2} ms (p99 {:.2}), of one read {:.2}; CPU {:.2} ms a process; the program alone, without sandbox, {:.2} ms",
        process.p50_ms(),
        process.percentile_ms(99),
        read.p50_ms(),
        cpu_process - cpu_read,
        bare.p50_ms(),
    );
    let measured = process.p50_ms() - read.p50_ms();
    Ok((Figure { id: "sandbox-start", what, measured, unit: "ms", limit: Bound::Most(8.0), goal: None }, note))
}

/// The same program as a plain child of this process.
fn bare(runs: usize) -> Result<Samples> {
    let one = |_| -> Result<u64> {
        let begun = Instant::now();
        Command::new("/bin/true").stdin(Stdio::null()).status().context("cannot start /bin/true")?;
        Ok(u64::try_from(begun.elapsed().as_micros())?)
    };
    Ok(Samples::of((0..runs).map(one).collect::<Result<Vec<_>>>()?))
}
