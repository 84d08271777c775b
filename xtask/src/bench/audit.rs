//! A long audit log: appends beside bare SQLite, checks of all of it with and without a daemon, queries and a proof.

use std::process::Stdio;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};

use super::figure::{Bound, Figure, Samples, millis, number};
use super::place::Place;
use super::probe;
use super::serving::{Daemon, Under};

/// The tenant of the installation that is measured.
const TENANT: &str = "bench";

/// Rounds of all questions.
const ROUNDS: usize = 30;

/// Checks of the whole log by a daemon.
const CHECKS: usize = 3;

/// All figures of a log with so many records more.
pub(super) fn long_log(place: &Place, events: u64) -> Result<(Vec<Figure>, Vec<String>)> {
    let grown = probe::log(place, TENANT, events)?;
    let whole = offline(place)?;
    let daemon = Daemon::start(place, Under::Nothing)?;
    // The first question has the index made; what is measured is how it stands afterwards.
    let asked = queries(place)?;
    daemon.stop()?;
    let mut notes = of_appends(&grown);
    notes.push(whole);
    notes.push(of_questions("audit-query", &asked.queries, &asked.found));
    notes.push(of_questions("audit-query, the store alone", &grown.searches, &[]));
    Ok(([appends(&grown), questions(&asked)].concat(), notes))
}

/// Figures of the store by itself.
fn appends(grown: &probe::Log) -> Vec<Figure> {
    let (single, bare) = (Samples::of(grown.single_us.clone()), Samples::of(grown.bare_us.clone()));
    let rate = |count: u64, micros: f64| number(count) * 1e6 / micros;
    let checked = rate(grown.records, Samples::of(grown.checks_us.clone()).p50_ms() * 1e3);
    vec![
        Figure {
            id: "audit-append",
            what: format!("a bare SQLite commit by an append of one audit record, p50 of {} each, in turn", single.count()),
            measured: bare.p50_ms() / single.p50_ms(),
            unit: "\u{d7}",
            limit: Bound::Least(0.85),
            goal: None,
        },
        Figure {
            id: "audit-batch",
            what: format!("audit records appended many at once, of a second of one core ({} records)", grown.events),
            measured: rate(grown.events, number(grown.computed_us)),
            unit: "/s",
            limit: Bound::Least(75_000.0),
            goal: Some(150_000.0),
        },
        Figure {
            id: "audit-verify",
            what: format!("check of a whole audit log from its files, records of a second of one core, of {}", grown.records),
            measured: checked,
            unit: "/s",
            limit: Bound::Least(500_000.0),
            goal: None,
        },
    ]
}

/// Figures of a daemon that serves the log.
fn questions(asked: &probe::Queries) -> Vec<Figure> {
    let slowest = asked.queries.iter().map(|(_, times)| Samples::of(times.clone()).p50_ms()).fold(0.0, f64::max);
    let checks = Samples::of(asked.checks_us.clone());
    vec![
        Figure {
            id: "audit-verify-live",
            what: format!("check of an audit log by the daemon that serves it, records a second, of {}", asked.records),
            measured: number(asked.records) / checks.p50_ms() * 1e3,
            unit: "/s",
            limit: Bound::Least(100_000.0),
            goal: None,
        },
        Figure {
            id: "audit-query",
            what: format!("query of {} audit records, the slowest of {} questions by p50", asked.records, asked.queries.len()),
            measured: slowest,
            unit: "ms",
            limit: Bound::Most(20.0),
            goal: None,
        },
        Figure {
            id: "audit-proof",
            what: format!("inclusion proof in a log of {} audit records", asked.records),
            measured: number(u64::try_from(asked.proof_bytes).unwrap_or(u64::MAX)),
            unit: "B",
            limit: Bound::Most(1_024.0),
            goal: None,
        },
    ]
}

fn of_appends(grown: &probe::Log) -> Vec<String> {
    let (single, bare) = (Samples::of(grown.single_us.clone()), Samples::of(grown.bare_us.clone()));
    vec![
        format!(
            "audit-append: p50 {:.3} ms, p99 {:.3}; bare {:.3}, {:.3}; leaves of {} bytes",
            single.p50_ms(),
            single.percentile_ms(99),
            bare.p50_ms(),
            bare.percentile_ms(99),
            grown.leaf_bytes
        ),
        format!("audit-batch: {:.1} s of processors in {:.1} s", millis(grown.computed_us) / 1e3, millis(grown.wall_us) / 1e3),
    ]
}

fn of_questions(id: &str, queries: &[(String, Vec<u64>)], found: &[usize]) -> String {
    let each = queries.iter().enumerate().map(|(at, (name, times))| {
        let times = Samples::of(times.clone());
        let found = found.get(at).map(|found| format!(", {found} found")).unwrap_or_default();
        format!("{name} {:.1} ms (max {:.1}{found})", times.p50_ms(), times.max_ms())
    });
    format!("{id}: {}", each.collect::<Vec<_>>().join("; "))
}

/// Asked until every question is answered with a page that no limit cut off: then the index is there.
fn queries(place: &Place) -> Result<probe::Queries> {
    let begun = Instant::now();
    loop {
        match probe::queries(place, ROUNDS, CHECKS) {
            Err(_) if begun.elapsed().as_secs() < 120 => std::thread::sleep(super::small::REST),
            answer => return answer,
        }
    }
}

/// The whole program, from exec to its verdict, which is about all logs and all tasks.
fn offline(place: &Place) -> Result<String> {
    let mut command = place.command("scalboticsd");
    command.args(["audit", "verify", "--offline", "-o", "json", "--config"]).arg(place.config()).stderr(Stdio::inherit());
    let begun = Instant::now();
    let output = command.output().context("cannot start scalboticsd")?;
    let took = begun.elapsed().as_secs_f64();
    let said: serde_json::Value = serde_json::from_slice(&output.stdout).context("scalboticsd said something else")?;
    if !output.status.success() {
        bail!("the log does not verify: {said}");
    }
    let tasks = said.get("tasks").and_then(serde_json::Value::as_u64).unwrap_or_default();
    Ok(format!("audit-verify: `scalboticsd audit verify --offline` took {took:.1} s, all logs and {tasks} tasks"))
}
