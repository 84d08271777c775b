//! What the store costs on this disk, beside bare SQLite with the same guarantees: `cargo bench -p scalbotics-store --bench cost`.
//!
//! Does nothing when a test run starts it, since its figures mean something in a release build alone.
#![forbid(unsafe_code)]
#![allow(
    clippy::allow_attributes,
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    reason = "a program that measures, run by hand"
)]

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use scalbotics_core::audit::Kind;
use scalbotics_core::ids::InstallationId;
use scalbotics_core::ports::{AuditLog, Batch, TaskLog};
use scalbotics_core::task::State;
use scalbotics_store::{Options, SqliteStore};
use scalbotics_testkit::fixture::World;

/// Commits measured one after another.
const COMMITS: usize = 1_000;

/// Tasks measured one after another.
const TASKS: usize = 300;

/// Leaves of the large log.
const LEAVES: usize = 1_000_000;

/// Commits of the bare run that a three-step task is held against.
const BARE_COMMITS: usize = 4;

fn main() {
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let dir = tempfile::tempdir_in(".").unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let conn = bare(dir.path());
    let rows: Vec<Duration> = (0..COMMITS).map(|_| timed(|| bare_commit(&conn))).collect();
    report("bare SQLite, WAL, FULL, one row a commit", &rows);
    let data = dir.path().join("data");
    let opened = Instant::now();
    let store = SqliteStore::open(&data, &Options::new(InstallationId::from_u128(1))).unwrap();
    println!("open, new: {:?}", opened.elapsed());
    let world = World::new("acme", 1);
    runtime.block_on(world.register(&store)).unwrap();
    let single = runtime.block_on(submissions(&store, &world));
    report("submission, one at a time", &single);
    let together = Instant::now();
    runtime.block_on(lanes(&store, 32));
    let rate = 32.0 * COMMITS as f64 / together.elapsed().as_secs_f64();
    println!("submissions, 32 at a time: {rate:.0}/s");
    let (tasks, of_bare) = runtime.block_on(three_steps(&store, &world, &conn));
    report("task of three steps, five commits", &tasks);
    report("bare SQLite, four commits, in turn with the tasks", &of_bare);
    println!("ratio of the medians: {:.2}", median(&tasks).as_secs_f64() / median(&of_bare).as_secs_f64());
    drop(store);
    large_log(&data, &runtime);
}

fn median(times: &[Duration]) -> Duration {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    sorted[sorted.len() / 2]
}

fn report(what: &str, times: &[Duration]) {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    let total: Duration = sorted.iter().sum();
    let rate = sorted.len() as f64 / total.as_secs_f64();
    println!("{what}: p50 {:?}, p99 {:?}, {rate:.0}/s", median(times), sorted[sorted.len() * 99 / 100]);
}

fn bare(dir: &Path) -> Connection {
    let conn = Connection::open(dir.join("bare.db")).unwrap();
    conn.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE t (id INTEGER PRIMARY KEY, x BLOB)")
        .unwrap();
    conn
}

fn bare_commit(conn: &Connection) {
    conn.prepare_cached("INSERT INTO t (x) VALUES (zeroblob(200))").unwrap().execute([]).unwrap();
}

fn timed<T>(run: impl FnOnce() -> T) -> Duration {
    let start = Instant::now();
    run();
    start.elapsed()
}

async fn submissions(store: &SqliteStore, world: &World) -> Vec<Duration> {
    let mut times = Vec::new();
    for _ in 0..COMMITS {
        let batch = world.submit();
        let start = Instant::now();
        store.commit(batch).await.unwrap();
        times.push(start.elapsed());
    }
    times
}

async fn lanes(store: &SqliteStore, count: u64) {
    let mut running = tokio::task::JoinSet::new();
    for lane in 0..count {
        let store = store.clone();
        running.spawn(async move {
            let world = World::new("lanes", 100 + lane);
            submissions(&store, &world).await
        });
    }
    running.join_all().await;
}

/// Two batches as one commit: an outcome and the next intent.
fn joined(first: Batch, second: Batch) -> Batch {
    Batch {
        base_version: first.base_version,
        events: [first.events, second.events].concat(),
        audit: [first.audit, second.audit].concat(),
        payloads: [first.payloads, second.payloads].concat(),
        decisions: [first.decisions, second.decisions].concat(),
        ..second
    }
}

/// Times of tasks, and of the bare commits made in turn with them: a busy disk then slows both.
async fn three_steps(store: &SqliteStore, world: &World, conn: &Connection) -> (Vec<Duration>, Vec<Duration>) {
    let (mut times, mut bare) = (Vec::new(), Vec::new());
    for _ in 0..TASKS {
        let batches = task(world);
        let start = Instant::now();
        for batch in batches {
            store.commit(batch).await.unwrap();
        }
        times.push(start.elapsed());
        bare.push(timed(|| (0..BARE_COMMITS).for_each(|_| bare_commit(conn))));
    }
    (times, bare)
}

fn task(world: &World) -> Vec<Batch> {
    let submit = world.submit();
    let mut state: State = submit.state.clone();
    let mut batches = vec![submit];
    for step in ["a", "b", "c"] {
        let landed = state.open_calls().next().map(|(effect, _)| world.land(&state, *effect));
        let after = landed.as_ref().map_or(&state, |landed| &landed.state);
        let intend = world.intend(after, step);
        state = intend.state.clone();
        batches.push(match landed {
            Some(landed) => joined(landed, intend),
            None => intend,
        });
    }
    let effect = *state.open_calls().next().unwrap().0;
    let landed = world.land(&state, effect);
    let complete = world.complete(&landed.state);
    batches.push(joined(landed, complete));
    batches
}

fn large_log(data: &Path, runtime: &tokio::runtime::Runtime) {
    let world = World::new("large", 7);
    let options = Options::new(InstallationId::from_u128(1));
    let store = SqliteStore::open(data, &options).unwrap();
    let start = Instant::now();
    for page in 0..LEAVES / 1_000 {
        let mut records: Vec<_> = (0..1_000).map(|n| world.record(Kind::Rpc, &format!("task.submit.{page}.{n}"))).collect();
        for record in &mut records {
            record.target = Some("x".repeat(200));
        }
        runtime.block_on(store.append(records, Vec::new())).unwrap();
    }
    println!("append {LEAVES} leaves: {:?}", start.elapsed());
    let start = Instant::now();
    let report = store.verify_audit(&world.tenant, |_, _| {}).unwrap();
    println!("verify: {:.0} leaves/s", report.size as f64 / start.elapsed().as_secs_f64());
    drop(store);
    let start = Instant::now();
    let store = SqliteStore::open(data, &options).unwrap();
    println!("open, {LEAVES} leaves: {:?}", start.elapsed());
    drop(store);
}
