//! What the audit log costs of a task: the daemon as it is released, in turn with one whose log takes every record and keeps none.
//!
//! Both make records, decide, seal decisions and keep their journal. What differs is encoding, hashing, writing, indexing and signing.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;

use super::figure::{Bound, Figure, number};
use super::place::{Place, THREE_READS};
use super::serving::{Daemon, Under};
use super::{aside, probe, reading};

/// Pairs of a daemon with its log and one with the null log, of which the middle one counts.
const PAIRS: usize = 7;

/// Tasks before those that count.
const WARM_UP: usize = 50;

/// Time in which records that are batched and pages that wait are written: they belong to the tasks before.
const REST: Duration = Duration::from_secs(2);

/// The share of the log of a task's processor time.
pub(super) fn of_tasks(root: &Path, place: &Place, tasks: usize) -> Result<(Figure, String)> {
    let null = aside::daemon(root, "null-log")?;
    let mut pairs = Vec::new();
    for pair in 0..PAIRS {
        let each = [Under::Nothing, Under::Another(&null)];
        // Whoever is second finds a longer journal: that is each of them in turn.
        let order = if pair % 2 == 0 { [0, 1] } else { [1, 0] };
        let mut cpu = [0.0; 2];
        for which in order {
            if let (Some(cpu), Some(under)) = (cpu.get_mut(which), each.get(which)) {
                *cpu = of_a_task(place, *under, tasks)?;
            }
        }
        pairs.push(cpu);
    }
    let mut shares: Vec<f64> = pairs.iter().map(|[with, without]| (with - without) / with * 100.0).collect();
    shares.sort_by(f64::total_cmp);
    let measured = shares.get(PAIRS / 2).copied().unwrap_or(f64::NAN);
    let each = pairs.iter().map(|[with, without]| format!("{with:.2} and {without:.2} ms"));
    let note =
        format!("audit-share: CPU of the daemon a task, with its log and without: {}", each.collect::<Vec<_>>().join("; "));
    let what = format!("of the CPU of a task of three reads is its audit log's, median of {PAIRS} pairs of {tasks} tasks");
    Ok((Figure { id: "audit-share", what, measured, unit: "%", limit: Bound::Most(20.0), goal: None }, note))
}

/// CPU of the daemon a task, in milliseconds.
fn of_a_task(place: &Place, under: Under<'_>, tasks: usize) -> Result<f64> {
    let daemon = Daemon::start(place, under)?;
    probe::tasks(place, &[THREE_READS], (0, WARM_UP), None)?;
    std::thread::sleep(REST);
    let before = reading::cpu_ms(daemon.pid())?;
    probe::tasks(place, &[THREE_READS], (0, tasks), None)?;
    std::thread::sleep(REST);
    let spent = reading::cpu_ms(daemon.pid())? - before;
    daemon.stop()?;
    Ok(spent / number(u64::try_from(tasks)?))
}
