//! Opening: one process a directory, epochs, foreign and newer databases, and nothing made where nothing is.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::sync::atomic::{AtomicBool, Ordering};

use rusqlite::Connection;
use scalbotics_core::ids::InstallationId;
use scalbotics_core::ports::{AuditLog, Clock as _, TaskLog};
use scalbotics_store::{OpenError, Options, SqliteStore, open_read_only};
use scalbotics_testkit::fixture::World;

use crate::place::{open, options};

#[tokio::test]
async fn what_was_written_is_there_again_under_a_new_epoch() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::new("acme", 1);
    let store = open(dir.path());
    assert_eq!((store.writer_epoch(), store.last_commit_at()), (1, None));
    let batch = world.submit();
    let state = batch.state.clone();
    store.commit(batch).await.unwrap();
    drop(store);
    let other = Options { installation: InstallationId::from_u128(78), ..options() };
    let store = SqliteStore::open(dir.path(), &other).unwrap();
    assert_eq!(store.installation(), InstallationId::from_u128(77), "an installation keeps its identity");
    assert_eq!((store.writer_epoch(), store.last_commit_at()), (2, Some(world.clock.now())));
    assert_eq!(store.state(&world.tenant, state.envelope.id).await.unwrap(), Some(state));
    assert!(store.fatal().borrow().is_none());
}

#[test]
fn a_second_process_is_told_who_has_it() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let error = SqliteStore::open(dir.path(), &options()).unwrap_err();
    assert!(matches!(error, OpenError::Locked { pid: Some(pid), .. } if pid == std::process::id()), "{error:?}");
    assert!(error.to_string().contains(&std::process::id().to_string()), "{error}");
    drop(store);
    open(dir.path());
}

/// A child has the lock's file until it becomes its program: that is no second daemon.
#[test]
fn children_that_start_meanwhile_keep_no_store_closed() {
    let dir = tempfile::tempdir().unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    assert!(std::process::Command::new("/bin/true").status().unwrap().success());
                }
            });
        }
        let opened: Result<Vec<_>, _> =
            (0..40).map(|_| SqliteStore::open(dir.path(), &options()).map(|store| store.writer_epoch())).collect();
        done.store(true, Ordering::Relaxed);
        assert_eq!(opened.unwrap().len(), 40);
    });
}

#[tokio::test]
async fn files_are_for_the_owner_alone_and_commits_do_not_grow_the_log() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let sized = Options { wal_len: 1 << 20, ..options() };
    let store = SqliteStore::open(&data, &sized).unwrap();
    assert_eq!(fs::metadata(&data).unwrap().permissions().mode() & 0o777, 0o700);
    for entry in fs::read_dir(&data).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().mode() & 0o077, 0, "{:?}", entry.file_name());
    }
    let wal = data.join("core.db-wal");
    assert_eq!(fs::metadata(&wal).unwrap().len(), sized.wal_len);
    let world = World::new("acme", 1);
    for _ in 0..3 {
        store.commit(world.submit()).await.unwrap();
    }
    assert_eq!(fs::metadata(&wal).unwrap().len(), sized.wal_len);
    drop(store);
    assert_eq!(fs::metadata(&wal).unwrap().len(), sized.wal_len, "also after it was closed");
}

#[test]
fn other_databases_are_refused() {
    let with = |statements: &str| {
        let dir = tempfile::tempdir().unwrap();
        let conn = Connection::open(dir.path().join("core.db")).unwrap();
        conn.execute_batch(statements).unwrap();
        drop(conn);
        SqliteStore::open(dir.path(), &options()).unwrap_err()
    };
    assert!(matches!(with("CREATE TABLE foreign_table (x)"), OpenError::Foreign { .. }));
    assert!(matches!(with("PRAGMA application_id = 7"), OpenError::Foreign { .. }));
    let dir = tempfile::tempdir().unwrap();
    drop(open(dir.path()));
    let conn = Connection::open(dir.path().join("core.db")).unwrap();
    conn.execute_batch("PRAGMA user_version = 99").unwrap();
    drop(conn);
    for error in [SqliteStore::open(dir.path(), &options()).unwrap_err(), open_read_only(dir.path()).unwrap_err()] {
        assert!(matches!(error, OpenError::Newer { found: 99, .. }), "{error:?}");
        assert!(!error.next_step().is_empty());
    }
}

#[test]
fn reading_a_store_that_is_not_there_makes_none() {
    let dir = tempfile::tempdir().unwrap();
    let missing = dir.path().join("mistyped");
    for place in [missing.as_path(), dir.path()] {
        let error = open_read_only(place).unwrap_err();
        assert!(matches!(error, OpenError::Missing { .. }), "{error:?}");
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    fs::write(dir.path().join("core.db"), "").unwrap();
    assert!(matches!(open_read_only(dir.path()).unwrap_err(), OpenError::Missing { .. }), "an empty file is no store");
    fs::write(dir.path().join("core.db"), "not a database at all, but long enough to be looked at ".repeat(99)).unwrap();
    assert!(matches!(open_read_only(dir.path()).unwrap_err(), OpenError::Corrupt { .. }));
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[tokio::test]
async fn offline_sees_what_is_committed_and_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::new("acme", 1);
    let store = open(dir.path());
    store.commit(world.submit()).await.unwrap();
    let size = |place: &std::path::Path| {
        let offline = open_read_only(place).unwrap();
        assert_eq!(offline.tenants().unwrap(), std::slice::from_ref(&world.tenant));
        offline.verify_audit(&world.tenant, |_, _| {}).unwrap().size
    };
    assert_eq!(size(dir.path()), 1, "beside the daemon");
    store.commit(world.submit()).await.unwrap();
    assert_eq!(size(dir.path()), 2, "beside the daemon");
    assert_eq!(store.head(&world.tenant).await.unwrap().size, 2);
    drop(store);
    let names = |place: &std::path::Path| {
        let mut names: Vec<_> = fs::read_dir(place)
            .unwrap()
            .map(|entry| entry.map(|e| (e.file_name(), fs::read(e.path()).unwrap())).unwrap())
            .filter(|(name, _)| name != "core.db-shm")
            .collect();
        names.sort();
        names
    };
    let before = names(dir.path());
    assert_eq!(size(dir.path()), 2, "after the daemon");
    // A copy, as from a backup: the database and its log, and nothing else.
    let copy = tempfile::tempdir().unwrap();
    for name in ["core.db", "core.db-wal"] {
        fs::copy(dir.path().join(name), copy.path().join(name)).unwrap();
    }
    let copied = names(copy.path());
    assert_eq!(size(copy.path()), 2, "of a copy");
    assert_eq!(names(copy.path()), copied);
    assert_eq!(names(dir.path()), before);
}
