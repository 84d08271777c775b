//! Checking a whole log: whatever is changed is found, at its index.

use std::path::Path;

use rusqlite::{Connection, params};
use scalbotics_core::audit::checkpoint::Checkpoint;
use scalbotics_core::audit::{Kind, LostNote, Record, RestoreNote, merkle};
use scalbotics_core::digest::Digest;
use scalbotics_core::ports::AuditLog;
use scalbotics_core::tenant::TenantId;
use scalbotics_core::time::Timestamp;
use scalbotics_store::{Damage, Fault, OpenError, SqliteStore, open_read_only, settle};
use scalbotics_testkit::fixture::World;

use crate::place::{open, options};

const SIZE: u64 = 600;
const LOG: i64 = 1 << 40;

/// A log of [`SIZE`] leaves with checkpoints at 100 and 500.
async fn log(dir: &Path) -> TenantId {
    let world = World::new("acme", 1);
    let store = open(dir);
    let mut size = 0;
    for upto in [100, 500, SIZE] {
        let records = (size..upto).map(|n| world.record(Kind::Rpc, &format!("action.{n}"))).collect();
        store.append(records, Vec::new()).await.unwrap();
        size = upto;
        if upto < SIZE {
            let root = store.head(&world.tenant).await.unwrap().root;
            let text = Checkpoint { origin: "example.org/audit/acme".to_owned(), size, root }.text();
            let note = format!("{text}\n\u{2014} example.org AAAAAAAAAAAA\n");
            store.put_checkpoint(&world.tenant, size, root, &note).await.unwrap();
        }
    }
    world.tenant
}

fn checked(dir: &Path, tenant: &TenantId) -> Result<u64, Fault> {
    open_read_only(dir).unwrap().verify_audit(tenant, |_, _| {}).map(|report| report.size)
}

#[tokio::test]
async fn a_whole_log_is_reported() {
    let dir = tempfile::tempdir().unwrap();
    let tenant = log(dir.path()).await;
    let mut seen = Vec::new();
    let report = open_read_only(dir.path()).unwrap().verify_audit(&tenant, |done, size| seen.push((done, size))).unwrap();
    assert_eq!((report.size, report.checkpoints), (SIZE, 2));
    assert_eq!(seen.last(), Some(&(SIZE, SIZE)));
    let store = open(dir.path());
    assert_eq!(store.verify_audit(&tenant, |_, _| {}).unwrap(), report);
    assert_eq!(store.head(&tenant).await.unwrap().root, report.root);
}

#[tokio::test]
async fn no_log_is_a_refusal() {
    let dir = tempfile::tempdir().unwrap();
    let other = TenantId::parse("other").unwrap();
    log(dir.path()).await;
    assert_eq!(checked(dir.path(), &other), Err(Fault::Absent { tenant: other }));
    let empty = tempfile::tempdir().unwrap();
    let store = open(empty.path());
    let tenant = TenantId::parse("acme").unwrap();
    assert_eq!(store.verify_audit(&tenant, |_, _| {}), Err(Fault::Absent { tenant }));
}

/// Changes the database behind the store's back and checks what is said about it.
async fn tampered(change: impl Fn(&Connection)) -> (Result<u64, Fault>, Result<SqliteStore, OpenError>) {
    let dir = tempfile::tempdir().unwrap();
    let tenant = log(dir.path()).await;
    let conn = Connection::open(dir.path().join("core.db")).unwrap();
    change(&conn);
    drop(conn);
    (checked(dir.path(), &tenant), SqliteStore::open(dir.path(), &options()))
}

fn rewrite(conn: &Connection, index: u64, hash_too: bool, edit: impl Fn(&mut Vec<u8>)) {
    let entry = LOG | index.cast_signed();
    let mut leaf: Vec<u8> = conn.query_row("SELECT leaf FROM audit_leaf WHERE entry = ?1", [entry], |row| row.get(0)).unwrap();
    edit(&mut leaf);
    let hash = merkle::leaf_hash(&leaf);
    conn.execute("UPDATE audit_leaf SET leaf = ?2 WHERE entry = ?1", params![entry, leaf]).unwrap();
    if hash_too {
        conn.execute("UPDATE audit_leaf SET leaf_hash = ?2 WHERE entry = ?1", params![entry, hash.as_bytes()]).unwrap();
    }
}

#[tokio::test]
async fn one_changed_byte_is_found_at_its_index() {
    for index in [0, 1, 99, 100, 321, 599] {
        for place in [0, 20, 60] {
            let (verdict, opened) = tampered(|conn| rewrite(conn, index, false, |leaf| leaf[place] ^= 1)).await;
            assert!(matches!(verdict, Err(Fault::Edited { index: found, .. }) if found == index), "{index} {verdict:?}");
            assert_eq!(opened.is_err(), index >= SIZE - 256, "the tail is checked at every start");
        }
    }
}

#[tokio::test]
async fn every_other_change_is_found() {
    let swap = |leaf: &mut Vec<u8>| {
        let text = String::from_utf8(leaf.clone()).unwrap().replace("action.", "axtion.");
        *leaf = text.into_bytes();
    };
    type Change = Box<dyn Fn(&Connection)>;
    let run = |statement: &'static str| -> Change { Box::new(move |conn| conn.execute_batch(statement).unwrap()) };
    let root = Digest::of_bytes(b"other");
    let with_root = |statement: &'static str| -> Change {
        Box::new(move |conn| assert_eq!(conn.execute(statement, [root.as_bytes()]).unwrap(), 1))
    };
    let cases: Vec<(Change, Fault)> = vec![
        // Leaf and its hash agree, and a checkpoint does not.
        (Box::new(move |conn| rewrite(conn, 50, true, swap)), unsigned(0, 100, Damage::Edit)),
        (Box::new(move |conn| rewrite(conn, 100, true, swap)), unsigned(100, 500, Damage::Edit)),
        (Box::new(move |conn| rewrite(conn, 550, true, swap)), Fault::Head { after: 500, size: SIZE }),
        (run("DELETE FROM audit_leaf WHERE entry = 1099511627776 + 7"), Fault::Missing { index: 7 }),
        (run("DELETE FROM audit_leaf WHERE entry = 1099511627776 + 599"), Fault::Truncated { size: 599, head: SIZE }),
        (run("UPDATE audit_leaf SET entry = 1099511627776 + 600 WHERE entry = 1099511627776 + 3"), Fault::Missing { index: 3 }),
        (
            run(
                "INSERT INTO audit_leaf SELECT entry + 1, at, kind, task, leaf, leaf_hash FROM audit_leaf WHERE entry = 1099511627776 + 599",
            ),
            Fault::Beyond { index: 600 },
        ),
        (run("UPDATE audit_leaf SET at = at + 1 WHERE entry = 1099511627776 + 9"), edited(9)),
        (run("UPDATE audit_leaf SET kind = 'task' WHERE entry = 1099511627776 + 9"), edited(9)),
        (run("UPDATE audit_leaf SET task = x'00' WHERE entry = 1099511627776 + 9"), edited(9)),
        (run("UPDATE audit_leaf SET leaf_hash = zeroblob(32) WHERE entry = 1099511627776 + 9"), edited(9)),
        (with_root("UPDATE audit_head SET root = ?1"), Fault::Head { after: 500, size: SIZE }),
        (with_root("UPDATE audit_checkpoint SET root = ?1 WHERE size = 500"), unsigned(100, 500, Damage::Edit)),
        (run("UPDATE audit_checkpoint SET size = 101 WHERE size = 100"), unsigned(0, 101, Damage::Edit)),
        (run("UPDATE audit_checkpoint SET size = 601 WHERE size = 500"), unsigned(100, 601, Damage::Truncation)),
        (
            run("UPDATE audit_checkpoint SET frontier = zeroblob(length(frontier)) WHERE size = 100"),
            unsigned(0, 100, Damage::Edit),
        ),
        (run("UPDATE audit_checkpoint SET note = 'x' WHERE size = 500"), unsigned(100, 500, Damage::Edit)),
    ];
    for (number, (change, expected)) in cases.into_iter().enumerate() {
        let (verdict, _) = tampered(|conn| change(conn)).await;
        match (&verdict, &expected) {
            (Err(Fault::Edited { index, .. }), Fault::Edited { index: wanted, .. }) => assert_eq!(index, wanted),
            _ => assert_eq!(verdict, Err(expected), "case {number}"),
        }
    }
}

fn unsigned(after: u64, size: u64, damage: Damage) -> Fault {
    Fault::Checkpoint { after, size, damage }
}

fn edited(index: u64) -> Fault {
    Fault::Edited { index, what: "" }
}

#[tokio::test]
async fn a_cut_tail_does_not_open() {
    let (verdict, opened) = tampered(|conn| {
        conn.execute_batch("DELETE FROM audit_leaf WHERE entry >= 1099511627776 + 590").unwrap();
    })
    .await;
    assert_eq!(verdict, Err(Fault::Truncated { size: 590, head: SIZE }));
    assert!(matches!(opened, Err(OpenError::Corrupt { .. })), "{opened:?}");
}

#[tokio::test]
async fn security_18_an_end_that_was_cut_off_is_found_by_a_checkpoint_kept_elsewhere() {
    let dir = tempfile::tempdir().unwrap();
    let tenant = log(dir.path()).await;
    let whole = open_read_only(dir.path()).unwrap().verify_audit(&tenant, |_, _| {}).unwrap();
    assert_eq!(whole.covered, 500);
    let cut = "DELETE FROM audit_leaf WHERE entry >= ?1";
    let db = Connection::open(dir.path().join("core.db")).unwrap();
    db.execute(cut, [LOG + 500]).unwrap();
    let back =
        "UPDATE audit_head SET (size, root, frontier) = (SELECT size, root, frontier FROM audit_checkpoint WHERE size = 500)";
    db.execute(back, []).unwrap();
    drop(db);
    let store = open_read_only(dir.path()).unwrap();
    let short = store.verify_audit(&tenant, |_, _| {}).unwrap();
    assert_eq!((short.size, short.covered), (500, 500), "by itself it is sound");
    let against = |size, root| {
        let kept = Checkpoint { origin: "example.org/audit/acme".to_owned(), size, root };
        store.verify_audit_against(&tenant, &[kept]).map(|report| report.size)
    };
    assert_eq!(against(SIZE, whole.root), Err(Fault::Short { size: 500, kept: SIZE, damage: Damage::Rollback }));
    assert_eq!(against(300, Digest::of_bytes(b"another")), Err(Fault::Kept { after: 0, size: 300 }));
    assert_eq!(against(500, short.root), Ok(500));
}

/// Somebody writes while the log is read from its begin to its end.
#[tokio::test]
async fn a_log_that_grows_meanwhile_is_no_damaged_one() {
    let dir = tempfile::tempdir().unwrap();
    let tenant = log(dir.path()).await;
    let (store, world) = (open(dir.path()), World::new("acme", 1));
    let append = || {
        let (store, record) = (store.clone(), world.record(Kind::Rpc, "action.meanwhile"));
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        std::thread::spawn(move || runtime.block_on(store.append(vec![record], Vec::new())).unwrap()).join().unwrap()
    };
    let report = store.verify_audit(&tenant, |_, _| assert!(append() >= SIZE)).unwrap();
    assert_eq!(report.size, SIZE);
    assert!(store.head(&tenant).await.unwrap().size > SIZE, "nothing was written meanwhile");
}

#[tokio::test]
async fn sem_7_4_a_checkpoint_of_what_a_restore_lost_is_told_apart() {
    let dir = tempfile::tempdir().unwrap();
    let tenant = log(dir.path()).await;
    let (root, other) = (Digest::of_bytes(b"lost"), Digest::of_bytes(b"other"));
    let lost = LostNote { tenant: tenant.clone(), kept: SIZE, size: Some(SIZE + 50), root: Some(root) };
    let at = Timestamp::from_unix_ms(1);
    let note = RestoreNote { incarnation: 2, backup: other, backup_at: at, checkpoint: None, lost: vec![lost.clone()] };
    let store = open(dir.path());
    store.append(vec![Record::of_restore(at, tenant.clone(), note)], Vec::new()).await.unwrap();
    drop(store);
    let kept = |size, root| Checkpoint { origin: "example.org/audit/acme".to_owned(), size, root };
    let against = |kept: Checkpoint| open_read_only(dir.path()).unwrap().verify_audit_against(&tenant, &[kept]);
    for (size, root) in [(SIZE + 1, other), (SIZE + 49, other), (SIZE + 50, root)] {
        let report = against(kept(size, root)).unwrap();
        assert_eq!((report.lost, report.gaps.len(), &report.gaps[0].lost), (vec![size], 1, &lost), "{size}");
    }
    for (size, root) in [(SIZE, other), (SIZE + 50, other), (SIZE + 51, root)] {
        assert!(against(kept(size, root)).is_err(), "{size}");
    }
}

/// A page that cannot be read, or a file that is cut, is said; whoever mapped the file would be ended by a signal.
#[tokio::test]
async fn a_database_that_is_cut_while_it_is_checked_is_no_clean_one() {
    /// More than two of the pieces that a check reads at once.
    const LEAVES: u64 = 10_000;
    let dir = tempfile::tempdir().unwrap();
    let world = World::new("acme", 1);
    let store = open(dir.path());
    for from in (0..LEAVES).step_by(500) {
        let records = (from..from + 500).map(|n| world.record(Kind::Rpc, &format!("action.{n}"))).collect();
        store.append(records, Vec::new()).await.unwrap();
    }
    drop(store);
    settle(dir.path()).unwrap();
    let database = dir.path().join("core.db");
    let (whole, mut told) = (std::fs::metadata(&database).unwrap().len(), 0);
    let cut = |done: u64, _: u64| {
        told += 1;
        if done < LEAVES {
            std::fs::File::options().write(true).open(&database).unwrap().set_len(whole / 4).unwrap();
        }
    };
    let checked = open_read_only(dir.path()).unwrap().verify_audit(&world.tenant, cut);
    assert!(matches!(checked, Err(Fault::Unreadable { .. } | Fault::Truncated { .. } | Fault::Missing { .. })), "{checked:?}");
    assert!(told >= 1, "it was cut while it was checked");
}
