//! Kill -9 in the middle of commits: whatever was acknowledged is there.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use scalbotics_core::ids::TaskId;
use scalbotics_core::ports::TaskLog;
use scalbotics_core::tenant::TenantId;
use scalbotics_testkit::fixture::World;

use crate::place::open;

/// Tells the child where its store is and which seed it has.
const DIR: &str = "STORE_TEST_COMMITTER_DIR";
const SEED: &str = "STORE_TEST_COMMITTER_SEED";

/// The child: commits and prints the id of every task that was acknowledged. As a test of its own it commits five.
#[tokio::test(flavor = "multi_thread")]
async fn committer() {
    let given = std::env::var_os(DIR).map(std::path::PathBuf::from);
    // Only where it is not killed: nobody would remove it then.
    let own = given.is_none().then(|| tempfile::tempdir().unwrap());
    let (dir, seed, count) = match (given, &own) {
        (Some(dir), _) => (dir, std::env::var(SEED).unwrap().parse().unwrap(), usize::MAX),
        (None, own) => (own.as_ref().unwrap().path().to_owned(), 1, 5),
    };
    let store = open(&dir);
    let mut running = tokio::task::JoinSet::new();
    for lane in 0..4 {
        let store = store.clone();
        running.spawn(async move {
            let world = World::new("acme", seed * 10 + lane);
            for _ in 0..count {
                let batch = world.submit();
                let task = batch.task;
                store.commit(batch).await.unwrap();
                println!("acknowledged {task}");
            }
        });
    }
    running.join_all().await;
    let tenant = TenantId::parse("acme").unwrap();
    assert_eq!(store.verify_audit(&tenant, |_, _| {}).unwrap().size, 4 * count as u64);
}

fn killed_after(dir: &Path, seed: u64, acknowledged: usize) -> Vec<TaskId> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "killed::committer", "--nocapture", "--test-threads", "1"])
        .env(DIR, dir)
        .env(SEED, seed.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    // The harness may print its own words before the first of ours on the same line.
    let task = |line: String| line.split_once("acknowledged ").and_then(|(_, task)| task.trim().parse().ok());
    let mut tasks: Vec<TaskId> = lines.by_ref().map_while(Result::ok).filter_map(task).take(acknowledged).collect();
    child.kill().unwrap();
    child.wait().unwrap();
    // What the pipe still holds was acknowledged before the kill; its last line may be torn.
    tasks.extend(
        lines
            .map_while(Result::ok)
            .filter_map(|line| line.ends_with(|c: char| c.is_ascii_alphanumeric()).then(|| task(line)).flatten()),
    );
    tasks
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let tenant = TenantId::parse("acme").unwrap();
    let mut expected = Vec::new();
    for round in 0..6 {
        let acknowledged = [1, 7, 40, 120, 300, 3][round as usize];
        let tasks = killed_after(dir.path(), round + 1, acknowledged);
        assert!(tasks.len() >= acknowledged, "the committer did not get that far");
        expected.extend(tasks);
        let store = open(dir.path());
        for task in &expected {
            assert!(store.state(&tenant, *task).await.unwrap().is_some(), "{task} is lost after round {round}");
        }
        let report = store.verify_audit(&tenant, |_, _| {}).unwrap();
        assert!(report.size >= expected.len() as u64);
    }
}
