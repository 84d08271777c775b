//! What it takes to know who calls, by a token and by a certificate: the step alone, repeated inside of a daemon that serves and has it warm.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};

use super::figure::{Bound, Figure, number};
use super::place::Place;
use super::serving::{Daemon, Under};
use super::{aside, probe};

/// Calls of each kind, each of which repeats the step.
const CALLS: usize = 20;

/// What the daemon's log says of each.
const SAID: &str = "authentication was measured";

/// Processor time of an authentication by a token and by a certificate.
pub(super) fn authentications(root: &Path, place: &Place) -> Result<Vec<Figure>> {
    let program = aside::daemon(root, "probe")?;
    let daemon = Daemon::start(place, Under::Another(&program))?;
    probe::known_calls(place, CALLS)?;
    daemon.stop()?;
    let log = std::fs::read_to_string(place.log()).context("the daemon has no log")?;
    [("auth-token", "human", "a token"), ("auth-certificate", "agent", "a certificate")]
        .into_iter()
        .map(|(id, kind, by)| figure(id, by, said(&log, kind)))
        .collect()
}

fn figure(id: &'static str, by: &str, mut each_ns: Vec<u64>) -> Result<Figure> {
    ensure!(each_ns.len() >= CALLS, "the daemon has measured {} calls by {by}, not {CALLS}", each_ns.len());
    each_ns.sort_unstable();
    let middle = each_ns.get(each_ns.len() / 2).copied().unwrap_or(u64::MAX);
    let what = format!("processor time of authenticating a call by {by}, warm, median of {CALLS} loops");
    Ok(Figure { id, what, measured: number(middle) / 1e3, unit: "µs", limit: Bound::Most(10.0), goal: None })
}

/// What the log says of callers of this kind, in nanoseconds.
fn said(log: &str, kind: &str) -> Vec<u64> {
    let lines = log.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let says = |line: &serde_json::Value, field: &str, text: &str| line.get(field).is_some_and(|said| said == text);
    let ours = lines.filter(|line| says(line, "message", SAID) && says(line, "kind", kind));
    ours.filter_map(|line| line.get("each_ns")?.as_u64()).collect()
}

#[cfg(test)]
mod tests {
    use super::said;

    #[test]
    fn what_is_said_of_a_kind_is_found() {
        let line = |kind: &str, ns: u64| format!(r#"{{"message":"authentication was measured","kind":"{kind}","each_ns":{ns}}}"#);
        let log =
            [line("human", 7), "no JSON".to_owned(), line("agent", 5), r#"{"message":"serving"}"#.to_owned(), line("human", 9)];
        assert_eq!((said(&log.join("\n"), "human"), said(&log.join("\n"), "agent")), (vec![7, 9], vec![5]));
    }
}
