//! How fast certificates are issued to agents.

use anyhow::Result;

use super::figure::{Bound, Figure, millis, number};
use super::place::Place;
use super::probe;

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
