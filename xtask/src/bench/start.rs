//! From exec to an answer.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};

use super::figure::{Bound, Figure, Samples};
use super::place::Place;
use super::{probe, serving};

/// The first line that `scalbotics dev` prints, when it serves.
const READY: &str = "ScalBotics ";

/// From exec of `scalboticsd` to the first authenticated answer.
pub(super) fn first_answer(place: &Place, runs: usize) -> Result<(Figure, String)> {
    let starts = probe::starts(place, runs)?;
    let (connected, answered) = (Samples::of(starts.connected_us), Samples::of(starts.answered_us));
    let what = format!("exec to first authenticated answer, p50 of {} (max {:.1} ms)", answered.count(), answered.max_ms());
    let note = format!(
        "start: TLS handshake done after {:.1} ms (p50), first authenticated call answered after {:.1} ms; the client's part of both is in them",
        connected.p50_ms(),
        answered.p50_ms()
    );
    let measured = answered.p50_ms();
    Ok((Figure { id: "first-answer", what, measured, unit: "ms", limit: Bound::Most(100.0), goal: Some(50.0) }, note))
}

/// From exec of `scalbotics dev` to its first line, each time with a new installation.
pub(super) fn dev(place: &Place, runs: usize) -> Result<Figure> {
    let samples = (0..runs.max(1)).map(|_| dev_once(place)).collect::<Result<Vec<_>>>()?;
    let samples = Samples::of(samples);
    let what =
        format!("scalbotics dev: exec to ready, new installation, p50 of {} (max {:.1} ms)", samples.count(), samples.max_ms());
    Ok(Figure { id: "dev-ready", what, measured: samples.p50_ms(), unit: "ms", limit: Bound::Most(300.0), goal: None })
}

fn dev_once(place: &Place) -> Result<u64> {
    let log = std::fs::OpenOptions::new().create(true).append(true).open(place.log()).context("cannot open the log")?;
    let mut command = place.command("scalbotics");
    command.args(["dev", "--port", "0"]).stdout(Stdio::piped()).stderr(log);
    // People and keys of its own: those of the measured installation stay as they are.
    command.env("SCALBOTICS_CONFIG_DIR", place.path("dev-config")).env("SCALBOTICS_STATE_DIR", place.path("dev-state"));
    let begun = Instant::now();
    let mut child = command.spawn().context("cannot start `scalbotics dev`")?;
    let mut lines = BufReader::new(child.stdout.take().context("`scalbotics dev` has no output")?);
    let mut line = String::new();
    let read = lines.read_line(&mut line);
    let elapsed = begun.elapsed();
    let stopped = serving::terminate(&mut child);
    read.context("cannot read what `scalbotics dev` prints")?;
    if !line.starts_with(READY) {
        bail!("`scalbotics dev` did not get ready: {line:?}");
    }
    stopped?;
    Ok(u64::try_from(elapsed.as_micros())?)
}
