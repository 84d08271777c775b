//! A durable task of three steps: how long it takes beside bare SQLite, and how often it waits for the disk.

use std::time::Duration;

use anyhow::Result;

use super::figure::{Bound, Figure, Samples, number};
use super::place::{Place, THREE_READS};
use super::probe;
use super::serving::{Daemon, Under};
use super::syncs::Counter;

/// Rounds before those that count: caches fill and write-ahead logs reach their size.
const WARM_UP: usize = 100;

/// Longest time that an audit record of a read waits for its batch, and its commit.
const BATCHES: Duration = Duration::from_secs(2);

/// Names of the daemon's own sums, in seconds, with what they are.
const PARTS: [(&str, &str); 3] = [
    ("scalbotics_commit_duration_seconds", "commits"),
    ("scalbotics_call_decision_duration_seconds", "decisions"),
    ("scalbotics_call_duration_seconds", "reads"),
];

/// The time of a task as its client sees it, by the time of four bare commits made in turn with it.
pub(super) fn durable(place: &Place, tasks: usize) -> Result<(Figure, Vec<String>)> {
    let bare_dir = place.path("bare");
    std::fs::create_dir_all(&bare_dir)?;
    let daemon = Daemon::start(place, Under::Nothing)?;
    let read =
        |suffix: &str| PARTS.iter().map(|(name, _)| daemon.metric(&format!("{name}_{suffix}"))).collect::<Result<Vec<_>>>();
    let (sums, counts) = (read("sum")?, read("count")?);
    let measured = probe::tasks(place, &[THREE_READS], (WARM_UP, tasks), Some(&bare_dir))?;
    let (sums_after, counts_after) = (read("sum")?, read("count")?);
    daemon.stop()?;
    let task = Samples::of(measured.of(THREE_READS));
    let submit = Samples::of(measured.submit_us.get(THREE_READS).cloned().unwrap_or_default());
    let (call, bare) = (Samples::of(measured.call_us), Samples::of(measured.bare_us));
    let small = Samples::of(measured.small_us);
    let ratio = task.p50_ms() / bare.p50_ms();
    let all = number(u64::try_from(WARM_UP + tasks)?);
    let parts = PARTS.iter().zip(sums.iter().zip(&sums_after)).zip(counts.iter().zip(&counts_after));
    let parts = parts.map(|(((_, what), (sum, sum_after)), (count, count_after))| {
        let (time, number) = ((sum_after - sum) * 1_000.0 / all, (count_after - count) / all);
        format!("{number:.1} {what} {time:.2} ms")
    });
    let parts = parts.collect::<Vec<_>>().join(", ");
    let what = format!("task of 3 fs.read steps by 4 bare commits of {} bytes, p50 of {}", measured.bare_bytes, task.count());
    let notes = vec![
        format!(
            "task: p50 {:.2} ms, p90 {:.2}, p99 {:.2}; bare SQLite p50 {:.2} ms, p90 {:.2}, p99 {:.2}; with commits of 200 bytes p50 {:.2} ms, then the ratio is {:.2}",
            task.p50_ms(),
            task.percentile_ms(90),
            task.percentile_ms(99),
            bare.p50_ms(),
            bare.percentile_ms(90),
            bare.percentile_ms(99),
            small.p50_ms(),
            task.p50_ms() / small.p50_ms(),
        ),
        format!(
            "shares of a task, means by the daemon: {parts}; submission answered after {:.2} ms (p50); an empty call takes {:.2} ms, and a task is two calls",
            submit.p50_ms(),
            call.p50_ms()
        ),
    ];
    Ok((Figure { id: "durable-task", what, measured: ratio, unit: "x", limit: Bound::Most(4.0), goal: None }, notes))
}

/// Syncs of the daemon while tasks run, by task: everything counts, checkpoints and audit of the calls too.
pub(super) fn fsyncs(place: &Place, tasks: usize) -> Result<(Figure, String)> {
    let counter = Counter::build(place)?;
    let daemon = Daemon::start(place, Under::Library(&counter.preload, &counter.file))?;
    probe::tasks(place, &[THREE_READS], (0, WARM_UP), None)?;
    std::thread::sleep(BATCHES);
    let before = counter.counts()?;
    probe::tasks(place, &[THREE_READS], (0, tasks), None)?;
    std::thread::sleep(BATCHES);
    let after = counter.counts()?;
    daemon.stop()?;
    let by_task = |count: u64| number(count) / number(u64::try_from(tasks).unwrap_or(u64::MAX));
    let grown = after.iter().map(|(name, count)| (name, count - before.get(name).copied().unwrap_or_default()));
    let grown: Vec<_> = grown.filter(|(_, count)| *count > 0).collect();
    let measured = by_task(grown.iter().map(|(_, count)| count).sum());
    let files: Vec<_> = grown.iter().map(|(name, count)| format!("{name} {:.2}", by_task(*count))).collect();
    let what = format!("syncs of the daemon a task, over {tasks} tasks");
    let note = format!("syncs a task by file: {}", files.join(", "));
    Ok((Figure { id: "task-fsyncs", what, measured, unit: "", limit: Bound::Most(5.0), goal: None }, note))
}
