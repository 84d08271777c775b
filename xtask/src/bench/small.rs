//! Figures that need no task: size, `--help`, memory.

use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use super::figure::{Bound, Figure, Samples, number};
use super::place::{Place, THREE_READS};
use super::serving::{Daemon, Under};
use super::{probe, reading};

/// How long a daemon is left alone before its memory is read.
pub(super) const REST: Duration = Duration::from_secs(4);

/// Tasks after which memory is read again.
const TASKS: usize = 100;

/// Size of the daemon's program as it is released.
pub(super) fn size(place: &Place) -> Result<Figure> {
    let len = std::fs::metadata(place.program("scalboticsd")).context("there is no daemon")?.len();
    let what = "size of scalboticsd, stripped".to_owned();
    Ok(Figure { id: "daemon-size", what, measured: number(len) / 1e6, unit: "MB", limit: Bound::Most(35.0), goal: Some(20.0) })
}

/// Time of `scalbotics --help` from fork to its end.
pub(super) fn help(place: &Place, runs: usize) -> Result<Figure> {
    let mut samples = Vec::new();
    for _ in 0..runs {
        let mut command = place.command("scalbotics");
        command.arg("--help").stdout(Stdio::null());
        let begun = Instant::now();
        let status = command.status().context("cannot start scalbotics")?;
        samples.push(u64::try_from(begun.elapsed().as_micros())?);
        if !status.success() {
            bail!("`scalbotics --help` failed ({status})");
        }
    }
    let samples = Samples::of(samples);
    let what = format!("scalbotics --help, p50 of {} (max {:.1} ms)", samples.count(), samples.max_ms());
    Ok(Figure { id: "help", what, measured: samples.p50_ms(), unit: "ms", limit: Bound::Most(20.0), goal: None })
}

/// Resident memory of a daemon that does nothing, some seconds after its start; and told beside it, after some tasks.
pub(super) fn memory(place: &Place) -> Result<(Figure, String)> {
    let daemon = Daemon::start(place, Under::Nothing)?;
    std::thread::sleep(REST);
    let fresh = reading::memory(daemon.pid())?;
    probe::tasks(place, &[THREE_READS], (0, TASKS), None)?;
    std::thread::sleep(REST);
    let worked = reading::memory(daemon.pid())?;
    daemon.stop()?;
    let mib = |kib: u64| number(kib) / 1_024.0;
    let measured = mib(fresh.rss);
    let what = format!("resident memory, idle for {} s after the start", REST.as_secs());
    let note = format!(
        "memory: {:.1} MiB {} s after start ({:.1} not backed by a file), {:.1} MiB after {TASKS} tasks ({:.1})",
        mib(fresh.rss),
        REST.as_secs(),
        mib(fresh.anonymous),
        mib(worked.rss),
        mib(worked.anonymous),
    );
    Ok((Figure { id: "idle-rss", what, measured, unit: "MiB", limit: Bound::Most(20.0), goal: Some(12.0) }, note))
}
