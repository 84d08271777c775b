//! How fast a text is looked at that holds nothing to cover.

use std::path::Path;

use anyhow::Result;

use super::figure::{Bound, Figure, Samples, number};
use super::place::Place;
use super::probe;

/// Megabytes of a second of one processor: this repository's own text, looked at for secrets.
pub(super) fn clean(root: &Path, place: &Place, rounds: usize) -> Result<(Figure, String)> {
    let measured = probe::redaction(place, root, rounds.max(3))?;
    let rate = |times: Vec<u64>| number(measured.bytes) / 1e3 / Samples::of(times).p50_ms();
    let (secrets, personal) = (rate(measured.secrets_us), rate(measured.personal_us));
    let note = format!(
        "redaction-speed: {:.1} MB of sources and pages; with personal data {personal:.0} MB/s; {} places covered, {} with personal data",
        number(measured.bytes) / 1e6,
        measured.covered[0],
        measured.covered[1],
    );
    let what = "redaction of clean text, by its processor time".to_owned();
    Ok((Figure { id: "redaction-speed", what, measured: secrets, unit: "MB/s", limit: Bound::Least(200.0), goal: None }, note))
}
