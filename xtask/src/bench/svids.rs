//! How fast certificates are issued to agents, how fast agents join, and how soon a suspension bites.

use anyhow::Result;

use super::figure::{Bound, Figure, Samples, millis, number};
use super::place::Place;
use super::probe;
use super::serving::{Daemon, Under};

/// Certificates of a second of one core, each signed and entered into the book with an audit record.
pub(super) fn issue(place: &Place, count: u64) -> Result<(Figure, String)> {
    let measured = probe::svids(place, count)?;
    let rate = number(measured.issued) * 1e6 / number(measured.computed_us);
    let note = format!(
        "svid-issue: {} certificates, {:.1} s of processors in {:.1} s",
        measured.issued,
        millis(measured.computed_us) / 1e3,
        millis(measured.wall_us) / 1e3
    );
    let what = "certificates of a second of one core, each with its row and its audit record".to_owned();
    Ok((Figure { id: "svid-issue", what, measured: rate, unit: "/s", limit: Bound::Least(5_000.0), goal: None }, note))
}

/// Enrolments of a second through the API, and the time until a suspended agent's next call is refused; `tasks` says how thoroughly.
pub(super) fn joins(place: &Place, tasks: usize) -> Result<(Vec<Figure>, Vec<String>)> {
    let daemon = Daemon::start(place, Under::Nothing)?;
    let measured = probe::joins(place, tasks * 4, tasks / 2)?;
    daemon.stop()?;
    let refused = Samples::of(measured.refused_us);
    let enrolments = number(u64::try_from(measured.enrolments)?);
    let figures = vec![
        Figure {
            id: "enrol",
            what: "enrolments of a second, each over a connection of its own".to_owned(),
            measured: enrolments * 1e6 / number(measured.enrolled_us),
            unit: "/s",
            limit: Bound::Least(500.0),
            goal: None,
        },
        Figure {
            id: "suspend-refusal",
            what: format!("from `suspend` to the agent's next call refused, p99 of {} while others call", refused.count()),
            measured: refused.percentile_ms(99),
            unit: "ms",
            limit: Bound::Most(100.0),
            goal: None,
        },
    ];
    let note = format!("suspend-refusal: p50 {:.2} ms, max {:.2}", refused.p50_ms(), refused.max_ms());
    Ok((figures, vec![note]))
}
