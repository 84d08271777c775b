//! A damaged file: never a panic, never a quiet success.

use std::fs;
use std::path::Path;

use scalbotics_core::audit::Kind;
use scalbotics_core::ports::{AuditLog, AuditQuery, StoreError, TaskFilter, TaskLog};
use scalbotics_store::{OpenError, SqliteStore, open_read_only};
use scalbotics_testkit::fixture::World;

use crate::place::{open, options};

/// A store whose every page has moved from the log into the database.
pub(crate) async fn settled(dir: &Path) -> World {
    let world = World::new("acme", 1);
    let store = open(dir);
    for _ in 0..20 {
        store.commit(world.submit()).await.unwrap();
    }
    let records = (0..100).map(|n| world.record(Kind::Rpc, &format!("action.{n}"))).collect();
    store.append(records, Vec::new()).await.unwrap();
    drop(store);
    let conn = rusqlite::Connection::open(dir.join("core.db")).unwrap();
    conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    drop(conn);
    world
}

/// Opens and reads everything; an answer is right or an error.
pub(crate) async fn exercised(dir: &Path, world: &World) -> Result<(), String> {
    let store = SqliteStore::open(dir, &options()).map_err(|error| match error {
        OpenError::Corrupt { .. } | OpenError::Engine { .. } | OpenError::Foreign { .. } | OpenError::Newer { .. } => {
            error.to_string()
        }
        OpenError::Locked { .. } | OpenError::Missing { .. } | OpenError::Io { .. } => panic!("{error:?}"),
    })?;
    let said = |error: StoreError| error.to_string();
    let tasks = store.list(&world.tenant, &TaskFilter { limit: 1_000, ..TaskFilter::default() }).await.map_err(said)?;
    for task in tasks {
        store.state(&world.tenant, task.id).await.map_err(said)?;
        store.events(&world.tenant, task.id, 0, 100).await.map_err(said)?;
    }
    store.unfinished(None, 1_000).await.map_err(said)?;
    AuditLog::read(&store, &world.tenant, &AuditQuery { limit: 1_000, ..AuditQuery::default() }).await.map_err(said)?;
    store.verify_audit(&world.tenant, |_, _| {}).map_err(|fault| fault.to_string())?;
    store.verify_tasks(&world.tenant).map_err(|fault| fault.to_string())?;
    store.commit(world.submit()).await.map(|_| ()).map_err(said)
}

#[tokio::test(flavor = "multi_thread")]
async fn flipped_bits_never_panic_and_never_pass_in_the_log() {
    let origin = tempfile::tempdir().unwrap();
    let world = settled(origin.path()).await;
    let good = fs::read(origin.path().join("core.db")).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let mut found = 0;
    let offsets = (0..100).chain((0..good.len()).step_by(good.len() / 150)).collect::<Vec<_>>();
    for (number, offset) in offsets.iter().enumerate() {
        let mut bent = good.clone();
        bent[*offset] ^= 1 << (number % 8);
        for name in ["core.db-wal", "core.db-shm"] {
            let _absent = fs::remove_file(dir.path().join(name));
        }
        fs::write(dir.path().join("core.db"), &bent).unwrap();
        found += usize::from(exercised(dir.path(), &world).await.is_err());
    }
    assert!(found > 0 && found <= offsets.len(), "{found}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flip_inside_of_a_leaf_is_always_found() {
    let origin = tempfile::tempdir().unwrap();
    let world = settled(origin.path()).await;
    let good = fs::read(origin.path().join("core.db")).unwrap();
    let leaf = b"\"action\":\"action.";
    let places: Vec<usize> =
        good.windows(leaf.len()).enumerate().filter(|(_, window)| window == leaf).map(|(place, _)| place).collect();
    assert!(places.len() >= 100);
    let dir = tempfile::tempdir().unwrap();
    for (number, place) in places.iter().enumerate().step_by(3) {
        let mut bent = good.clone();
        bent[place + number % leaf.len()] ^= 1 << (number % 8);
        fs::write(dir.path().join("core.db"), &bent).unwrap();
        let offline = open_read_only(dir.path()).unwrap();
        assert!(offline.verify_audit(&world.tenant, |_, _| {}).is_err(), "{place}");
    }
}

/// Frames of a log: where each begins, and whether it ends a commit.
pub(crate) fn frames(wal: &[u8]) -> Vec<(usize, bool)> {
    let page_len = u32::from_be_bytes(wal[8..12].try_into().unwrap()) as usize;
    let frames = (32..wal.len() - 24).step_by(24 + page_len).take_while(|at| wal[at + 8..at + 16] == wal[16..24]);
    frames.map(|at| (at, wal[at + 4..at + 8] != [0; 4])).collect()
}

/// SQLite would stop at the changed byte and drop every commit behind it without a word.
#[tokio::test(flavor = "multi_thread")]
async fn a_flip_in_the_log_is_refused_unless_only_the_last_commit_is_lost() {
    let origin = tempfile::tempdir().unwrap();
    let world = World::new("acme", 1);
    let store = open(origin.path());
    for _ in 0..10 {
        store.commit(world.submit()).await.unwrap();
    }
    let size = store.head(&world.tenant).await.unwrap().size;
    drop(store);
    let wal = fs::read(origin.path().join("core.db-wal")).unwrap();
    let commits: Vec<_> = frames(&wal).into_iter().filter(|(_, ends)| *ends).map(|(at, _)| at).collect();
    let [.., last_but_one, last] = commits[..] else { panic!("{commits:?}") };
    let dir = tempfile::tempdir().unwrap();
    // The header, the first frames closely, then everywhere; the frame that ends the last commit but one, and the last commit.
    let places = (0..64).chain((64..last_but_one).step_by(4_999)).chain(last_but_one..last_but_one + 30);
    for at in places.chain([last + 99]) {
        let _absent = fs::remove_file(dir.path().join("core.db-shm"));
        fs::copy(origin.path().join("core.db"), dir.path().join("core.db")).unwrap();
        let mut bent = wal.clone();
        bent[at] ^= 1 << (at % 8);
        fs::write(dir.path().join("core.db-wal"), &bent).unwrap();
        let (opened, read) = (SqliteStore::open(dir.path(), &options()), open_read_only(dir.path()));
        if at < last {
            let Err(refused) = opened.map_err(|error| error.to_string()) else { panic!("the flip at {at} passed") };
            assert!(refused.contains("core.db-wal") && refused.contains("checksum"), "{at}: {refused}");
            assert!(matches!(read, Err(OpenError::Corrupt { .. })), "{at}: {read:?}");
        } else {
            // As after a crash in that very commit, which nobody can tell from this.
            let size_now = opened.unwrap().head(&world.tenant).await.unwrap().size;
            assert!(size_now > 0 && size_now < size, "{size_now} of {size}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_torn_log_loses_only_its_tail() {
    let origin = tempfile::tempdir().unwrap();
    let world = World::new("acme", 1);
    let store = open(origin.path());
    for _ in 0..10 {
        store.commit(world.submit()).await.unwrap();
    }
    drop(store);
    let wal = fs::read(origin.path().join("core.db-wal")).unwrap();
    let used = wal.iter().rposition(|byte| *byte != 0).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let mut sizes = Vec::new();
    for step in 0..40 {
        for name in ["core.db-shm", "core.db"] {
            let _absent = fs::remove_file(dir.path().join(name));
        }
        fs::copy(origin.path().join("core.db"), dir.path().join("core.db")).unwrap();
        fs::write(dir.path().join("core.db-wal"), &wal[..used * step / 40]).unwrap();
        match SqliteStore::open(dir.path(), &options()) {
            Ok(store) => {
                let size = store.head(&world.tenant).await.unwrap().size;
                assert!(size == 0 || store.verify_audit(&world.tenant, |_, _| {}).unwrap().size == size);
                sizes.push(size);
            }
            Err(error) => assert!(matches!(error, OpenError::Corrupt { .. } | OpenError::Engine { .. }), "{error:?}"),
        }
    }
    assert!(sizes.is_sorted() && sizes.last() >= Some(&8), "{sizes:?}");
}
