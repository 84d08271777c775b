//! Keys of an agent, and the issuing CA, rotated by the command line under 500 calls a second of workers that watch, renew and switch.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::figure::{Bound, Figure, number};
use super::place::{AGENT, CONTEXT, ONE_ASK, Place};
use super::probe::{self, Rotation};
use super::serving::{Daemon, Under};
use crate::cargo;

/// Calls before something is rotated.
const BEFORE: Duration = Duration::from_secs(3);

/// How long old certificates go on, and a moment: those who have not renewed by then are refused.
const OVERLAP: Duration = Duration::from_secs(61);

/// Seconds of calls: what comes before, the overlap, and what the command line takes and some calls behind it.
const SECONDS: u64 = 75;

/// Failed calls while keys are rotated, and while the issuing CA is rotated, tainted and revoked.
pub(super) fn under_calls(place: &Place) -> Result<(Vec<Figure>, Vec<String>)> {
    let daemon = Daemon::start(place, Under::Nothing)?;
    let keys = probe::rotation(place, (ONE_ASK, SECONDS), || {
        std::thread::sleep(BEFORE);
        cargo::output(&mut cli(place, &["agent", "rotate-keys", AGENT])).map(drop)
    })?;
    let authority = probe::rotation(place, (ONE_ASK, SECONDS), || {
        std::thread::sleep(BEFORE);
        replace_authority(place)
    })?;
    daemon.stop()?;
    let (figures, notes) = [
        ("rotate-keys", "while their agent's keys are rotated", keys),
        ("rotate-ca", "while the issuing CA is rotated, the old one tainted and, a minute later, revoked", authority),
    ]
    .into_iter()
    .map(|(id, when, measured)| figure(id, when, &measured))
    .unzip();
    Ok((figures, notes))
}

fn figure(id: &'static str, when: &str, measured: &Rotation) -> (Figure, String) {
    let rate = number(measured.calls) * 1e6 / number(measured.wall_us);
    let what = format!("of {} calls of workers that watch failed, {rate:.0} a second, {when}", measured.calls);
    let said = if measured.said.is_empty() { String::new() } else { format!("; {}", measured.said.join("; ")) };
    let note = format!("{id}: {} renewals, a stream moved {} times{said}", measured.renewed, measured.moved);
    // One that nobody noticed, or under fewer calls than are promised, shows nothing.
    let shows = rate >= 490.0 && measured.renewed > 0 && measured.moved > 0;
    let failed = if shows { number(measured.failed) } else { f64::NAN };
    (Figure { id, what, measured: failed, unit: "failed", limit: Bound::Most(0.0), goal: None }, note)
}

/// Prepare and activate, taint at once, and revoke when the overlap is over.
fn replace_authority(place: &Place) -> Result<()> {
    let shown = cargo::output(&mut cli(place, &["-o", "json", "identity", "ca", "show"]))?;
    let all: Value = serde_json::from_str(&shown).context("the issuing CAs are not shown as JSON")?;
    let active = all.as_array().into_iter().flatten().find(|one| one.get("state").is_some_and(|state| state == "active"));
    let old = active.and_then(|one| one.get("id")?.as_str()).context("no issuing CA is active")?;
    let config = place.config().display().to_string();
    cargo::output(&mut cli(place, &["identity", "ca", "rotate", "--config", &config]))?;
    cargo::output(&mut cli(place, &["identity", "ca", "taint", old]))?;
    std::thread::sleep(OVERLAP);
    cargo::output(&mut cli(place, &["identity", "ca", "revoke", old, "--config", &config])).map(drop)
}

fn cli(place: &Place, words: &[&str]) -> Command {
    let mut command = place.command("scalbotics");
    command.args(["--context", CONTEXT, "--yes"]).args(words);
    command
}
