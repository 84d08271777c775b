//! Checking that stored states are the fold of their events: what does not agree is found, and named by its task.

use std::path::Path;

use rusqlite::Connection;
use scalbotics_core::ids::TaskId;
use scalbotics_core::ports::TaskLog as _;
use scalbotics_core::tenant::TenantId;
use scalbotics_store::{FoldFault, Folded, open_read_only};
use scalbotics_testkit::fixture::World;

use crate::place::open;

/// Calls of the larger task: enough that its state is no longer written whole at every commit.
const CALLS: usize = 40;

/// A task that has ended, one that runs with a state older than its last event, and one of another tenant.
async fn tasks(dir: &Path) -> (TenantId, TaskId, TaskId) {
    let store = open(dir);
    let (world, other) = (World::new("acme", 1), World::new("other", 2));
    for world in [&world, &other] {
        world.register(&store).await.unwrap();
    }
    store.commit(world.submit()).await.unwrap();
    let begun = world.submit();
    let (ended, state) = (begun.task, begun.state.clone());
    store.commit(begun).await.unwrap();
    store.commit(world.complete(&state)).await.unwrap();
    let begun = world.submit();
    let (large, mut state) = (begun.task, begun.state.clone());
    store.commit(begun).await.unwrap();
    for step in 0..CALLS {
        let intend = world.intend(&state, &format!("s{step}"));
        state = intend.state.clone();
        store.commit(intend).await.unwrap();
        let effect = *state.open_calls().next().unwrap().0;
        let land = world.land(&state, effect);
        state = land.state.clone();
        store.commit(land).await.unwrap();
    }
    store.commit(other.submit()).await.unwrap();
    (world.tenant, ended, large)
}

/// What is said once the database was changed behind the store's back.
async fn tampered(change: impl FnOnce(&Connection, (TaskId, TaskId))) -> Result<Folded, FoldFault> {
    let dir = tempfile::tempdir().unwrap();
    let (_, ended, large) = tasks(dir.path()).await;
    let conn = Connection::open(dir.path().join("core.db")).unwrap();
    change(&conn, (ended, large));
    drop(conn);
    open_read_only(dir.path()).unwrap().verify_tasks()
}

fn key(task: TaskId) -> [u8; 16] {
    task.as_u128().to_be_bytes()
}

#[tokio::test]
async fn sem_1_1_states_that_are_the_fold_of_their_events_are_counted() {
    let dir = tempfile::tempdir().unwrap();
    let (tenant, _, large) = tasks(dir.path()).await;
    let all = open_read_only(dir.path()).unwrap().verify_tasks().unwrap();
    let store = open(dir.path());
    let own = store.verify_tasks(&tenant).unwrap();
    assert_eq!((all.tasks, own.tasks), (4, 3));
    assert!(all.events > own.events && own.events >= 2 * CALLS as u64, "{all:?} {own:?}");
    let conn = Connection::open(dir.path().join("core.db")).unwrap();
    let lag: i64 = conn
        .query_row(
            "SELECT task.version - task_state.version FROM task JOIN task_state ON task = id WHERE id = ?1",
            [key(large)],
            |row| row.get(0),
        )
        .unwrap();
    assert!(lag > 0, "no stored state is older than its last event");
}

#[tokio::test]
async fn sem_1_1_a_state_that_is_not_the_fold_of_its_events_is_found() {
    type Change = fn(&Connection, (TaskId, TaskId));
    let changes: [(Change, &str); 7] = [
        (
            |conn, (_, large)| {
                let edited = "UPDATE task_state SET state = CAST(replace(CAST(state AS TEXT), 'WORKING', 'FAILED') AS BLOB) \
                              WHERE task = ?1";
                run(conn, edited, large);
            },
            "differs at version",
        ),
        (|conn, (ended, _)| run(conn, "UPDATE task SET status = 'FAILED' WHERE id = ?1", ended), "columns"),
        (|conn, (ended, _)| run(conn, "UPDATE task SET ended = 0 WHERE id = ?1", ended), "columns"),
        (|conn, (ended, _)| run(conn, "UPDATE task SET tenant = 'other' WHERE id = ?1", ended), "columns"),
        (|conn, (_, large)| run(conn, "DELETE FROM task_event WHERE task = ?1 AND sequence = 5", large), "event 5"),
        (
            |conn, (_, large)| run(conn, "UPDATE task_event SET at = at + 1 WHERE task = ?1 AND sequence = 3", large),
            "differs at version",
        ),
        (|conn, (_, large)| run(conn, "UPDATE task SET version = version + 1 WHERE id = ?1", large), "is missing"),
    ];
    for (change, part) in changes {
        let mut blamed = None;
        let verdict = tampered(|conn, (ended, large)| {
            change(conn, (ended, large));
            blamed = Some((ended, large));
        })
        .await;
        let (ended, large) = blamed.unwrap();
        let Err(FoldFault::Differs { task, what }) = verdict else { panic!("{part}: {verdict:?}") };
        assert!(what.contains(part), "{what}");
        assert!([ended, large].contains(&task));
    }
}

fn run(conn: &Connection, sql: &str, task: TaskId) {
    assert_eq!(conn.execute(sql, [key(task)]).unwrap(), 1, "{sql}");
}
