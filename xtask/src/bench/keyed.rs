//! Tasks that ask a target outside with a key each, and whether the target got each key once.

use anyhow::{Result, ensure};

use super::figure::{Bound, Figure, Samples};
use super::place::{KEYED_STEPS, Place, THREE_KEYED};
use super::probe;
use super::serving::{Daemon, Under};

/// Rounds before those that are measured; their keys are counted too.
const WARM_UP: usize = 20;

/// The time of a task of three requests, each with a key, to a target on this machine.
pub(super) fn fetches(place: &Place, rounds: usize) -> Result<(Figure, String)> {
    let daemon = Daemon::start(place, Under::Nothing)?;
    let measured = probe::keyed(place, THREE_KEYED, (WARM_UP, rounds))?;
    daemon.stop()?;
    let wanted = (WARM_UP + rounds) * KEYED_STEPS;
    ensure!(
        (measured.requests, measured.keys, measured.repeated, measured.without_key) == (wanted, wanted, 0, 0),
        "the target should have seen {wanted} keys once each; it saw {} requests, {} of them without a key, {} keys, {} of them repeatedly",
        measured.requests,
        measured.without_key,
        measured.keys,
        measured.repeated
    );
    let task = Samples::of(measured.tasks.of(THREE_KEYED));
    let what = format!("task of {KEYED_STEPS} http.fetch steps with keys, p50 of {}", task.count());
    let note = format!(
        "keyed-fetch: p50 {:.2} ms, p90 {:.2}, p99 {:.2}; the target saw {} requests with {} keys, each once",
        task.p50_ms(),
        task.percentile_ms(90),
        task.percentile_ms(99),
        measured.requests,
        measured.keys
    );
    Ok((Figure { id: "keyed-fetch", what, measured: task.p50_ms(), unit: "ms", limit: Bound::Open, goal: None }, note))
}
