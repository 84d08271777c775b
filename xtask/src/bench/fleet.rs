//! Ten thousand agents, registered as an operator does it: by one commit that is pushed and applied. What that takes, what it makes of the
//! daemon's memory, and of the first page of the list of agents.

use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::json;

use super::figure::{Bound, Figure, Samples, number};
use super::place::{CONTEXT, Place};
use super::serving::{Daemon, Under};
use super::small::REST;
use super::{probe, reading};
use crate::cargo;

/// How often the first page is asked for, by a client that is connected and by the command line.
const PAGES: usize = 100;
const LISTS: usize = 20;

/// Agents of a page of the command line, which shows all of them where nobody says.
const PAGE: &str = "50";

/// The figures of a fleet of so many.
pub(super) fn of_agents(place: &Place, agents: usize) -> Result<(Vec<Figure>, Vec<String>)> {
    let daemon = Daemon::start(place, Under::Nothing)?;
    std::thread::sleep(REST);
    let before = reading::memory(daemon.pid())?;
    let applied = register(place, agents)?;
    std::thread::sleep(REST);
    let after = reading::memory(daemon.pid())?;
    daemon.stop()?;
    let begun = Instant::now();
    let daemon = Daemon::start(place, Under::Nothing)?;
    let started = begun.elapsed();
    std::thread::sleep(REST);
    let again = reading::memory(daemon.pid())?;
    let listed = probe::agents(place, PAGES)?;
    ensure!(listed.agents >= agents, "{} agents are listed, not {agents}", listed.agents);
    let shown = lists(place)?;
    daemon.stop()?;
    let megabytes = |of: reading::Memory| number(of.rss.saturating_sub(before.rss)) * 1_024.0 / 1e6;
    let pages = Samples::of(listed.page_us);
    let figures = vec![
        Figure {
            id: "agent-page",
            what: format!("the first page of {agents} agents, one call, p99 of {} (p50 {:.2} ms)", pages.count(), pages.p50_ms()),
            measured: pages.percentile_ms(99),
            unit: "ms",
            limit: Bound::Most(50.0),
            goal: None,
        },
        Figure {
            id: "agent-list",
            what: format!("`scalbotics agent list --limit {PAGE}` of them, from exec to its end, p50 of {}", shown.count()),
            measured: shown.p50_ms(),
            unit: "ms",
            limit: Bound::Most(50.0),
            goal: None,
        },
        Figure {
            id: "fleet-rss",
            what: format!("resident memory that {agents} agents add: the more of the daemon that took them on and the next one"),
            measured: megabytes(after).max(megabytes(again)),
            unit: "MB",
            limit: Bound::Most(20.0),
            goal: None,
        },
    ];
    let note = format!(
        "fleet: in force {:.1} s after the push; {:.1} MB more then, {:.1} MB after a start, which took {:.2} s; all pages {:.0} ms; `agent list` max {:.1} ms",
        applied.as_secs_f64(),
        megabytes(after),
        megabytes(again),
        started.as_secs_f64(),
        number(listed.all_us) / 1e3,
        shown.max_ms(),
    );
    Ok((figures, vec![note]))
}

/// Commits so many agents, pushes, and applies; answers how long the last took.
fn register(place: &Place, agents: usize) -> Result<Duration> {
    let clone = place.path("fleet");
    cargo::output(Command::new("git").args(["clone", "-q"]).arg(place.path("box/desired.git")).arg(&clone))?;
    for n in 0..agents {
        let name = format!("walker-{n:05}");
        let agent = json!({ "id": name, "team": "ops", "description": "One of many.", "tools": ["fs.read"] });
        fs::write(clone.join(format!("agents/{name}.yaml")), format!("{agent:#}\n")).context("cannot write an agent")?;
    }
    let git = |words: &[&str]| {
        let mut command = Command::new("git");
        command.arg("-C").arg(&clone).args(["-c", "user.name=bench", "-c", "user.email=bench@localhost"]).args(words);
        cargo::output(&mut command)
    };
    git(&["add", "-A"])?;
    git(&["commit", "-qm", "Many agents"])?;
    git(&["push", "-q"])?;
    let begun = Instant::now();
    cargo::output(place.command("scalbotics").args(["--context", CONTEXT, "repo", "apply"]))?;
    Ok(begun.elapsed())
}

/// The command line, again and again; its token is kept from the first one on.
fn lists(place: &Place) -> Result<Samples> {
    let mut samples = Vec::new();
    for run in 0..=LISTS {
        let mut command = place.command("scalbotics");
        command.args(["--context", CONTEXT, "agent", "list", "--limit", PAGE]).stdout(Stdio::null()).stderr(Stdio::null());
        let begun = Instant::now();
        ensure!(command.status().context("cannot start scalbotics")?.success(), "`agent list` failed");
        if run > 0 {
            samples.push(u64::try_from(begun.elapsed().as_micros())?);
        }
    }
    Ok(Samples::of(samples))
}
