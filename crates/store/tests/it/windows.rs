//! Long reads look through a bounded number of rows at a time (semantics §1.4), and nobody sees where one ends.

use std::path::Path;

use rusqlite::{Connection, params};
use scalbotics_core::audit::Kind;
use scalbotics_core::ids::TaskId;
use scalbotics_core::ports::{AuditLog, AuditQuery, TaskFilter, TaskLog};
use scalbotics_core::task::Status;
use scalbotics_core::tenant::Name;
use scalbotics_testkit::fixture::World;

use crate::place::open;

/// More tasks than two windows.
const TASKS: u128 = 2_500;

/// More records than two windows.
const RECORDS: usize = 40_000;

/// Copies the only task of the store, so that the list is long without as many commits.
fn copy_task(dir: &Path, task: TaskId) {
    let mut conn = Connection::open(dir.join("core.db")).unwrap();
    let tx = conn.transaction().unwrap();
    for number in 1..TASKS {
        let status = if number % 1_200 == 7 { "FAILED" } else { "COMPLETED" };
        let agent = if number == 9 { "rare" } else { "clerk" };
        tx.execute(
            "INSERT INTO task SELECT ?1, tenant, ?2, 1, ?3, workflow, version, submitted_at, updated_at \
             FROM task WHERE id = ?4",
            params![(task.as_u128() + number).to_be_bytes(), status, agent, task.as_u128().to_be_bytes()],
        )
        .unwrap();
    }
    tx.commit().unwrap();
}

#[tokio::test]
async fn sem_1_4_rare_tasks_are_found_in_a_long_list() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let world = World::new("acme", 1);
    world.register(&store).await.unwrap();
    let batch = world.submit();
    let first = batch.task;
    store.commit(batch).await.unwrap();
    copy_task(dir.path(), first);
    let ids = async |filter: TaskFilter| -> Vec<u128> {
        let rows = store.list(&world.tenant, &filter).await.unwrap();
        rows.iter().map(|row| row.id.as_u128() - first.as_u128()).collect()
    };
    let failed = TaskFilter { statuses: vec![Status::Failed], limit: 50, ..TaskFilter::default() };
    assert_eq!(ids(failed.clone()).await, [2_407, 1_207, 7]);
    assert_eq!(ids(TaskFilter { limit: 2, ..failed.clone() }).await, [2_407, 1_207]);
    let before = Some(TaskId::from_u128(first.as_u128() + 1_207));
    assert_eq!(ids(TaskFilter { before, ..failed }).await, [7]);
    let rare = TaskFilter { agent: Some(Name::parse("rare").unwrap()), limit: 50, ..TaskFilter::default() };
    assert_eq!(ids(rare).await, [9]);
    let live = TaskFilter { statuses: vec![Status::Submitted, Status::Working], limit: 50, ..TaskFilter::default() };
    assert_eq!(ids(live).await, [0]);
    let all = ids(TaskFilter { limit: 1_000, ..TaskFilter::default() }).await;
    assert_eq!((all.len(), all[0], all[999]), (1_000, TASKS - 1, TASKS - 1_000));
}

#[tokio::test]
async fn sem_1_4_rare_records_are_found_in_a_long_log() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let world = World::new("acme", 1);
    let rare = [20_000, 39_999];
    let record = |n: usize| world.record(if rare.contains(&n) { Kind::Installation } else { Kind::Rpc }, "any");
    store.append((0..RECORDS).map(record).collect(), Vec::new()).await.unwrap();
    let found = async |query: AuditQuery| -> Vec<u64> {
        AuditLog::read(&store, &world.tenant, &query).await.unwrap().iter().map(|entry| entry.index).collect()
    };
    let query = AuditQuery { kind: Some(Kind::Installation), limit: 10, ..AuditQuery::default() };
    assert_eq!(found(query.clone()).await, [20_000, 39_999]);
    assert_eq!(found(AuditQuery { limit: 1, ..query.clone() }).await, [20_000]);
    assert_eq!(found(AuditQuery { from: 20_001, ..query }).await, [39_999]);
    let edge = found(AuditQuery { from: 16_380, limit: 10, ..AuditQuery::default() }).await;
    assert_eq!(edge, (16_380..16_390).collect::<Vec<u64>>());
}
