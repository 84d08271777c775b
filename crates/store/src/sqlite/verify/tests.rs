//! Thousands of damages at random places of a log, each found, and named where the hashes of leaves survive it.

use rusqlite::backup::Backup;
use rusqlite::{Connection, params};
use scalbotics_core::audit::Kind;
use scalbotics_core::ports::AuditLog as _;
use scalbotics_testkit::fixture::World;

use super::super::fault::Place;
use super::super::{Options, SqliteStore};
use super::*;

/// Events of the log.
const SIZE: u64 = 2_000;

/// Sizes of its checkpoints; the last one was also kept elsewhere.
const CHECKPOINTS: [u64; 5] = [300, 700, 1_000, 1_600, 1_990];

/// Damages of each of four tests, which run beside each other: ten thousand together.
const DAMAGES: u64 = 2_500;

/// Where the log's leaves stand in the table.
const LOG: i64 = 1 << 40;

/// A small generator: the same damages in each run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }

    /// Two different indexes, the lower one first.
    fn pair(&mut self) -> (u64, u64) {
        let (one, other) = (self.roll(SIZE), self.roll(SIZE - 1));
        let other = if other >= one { other + 1 } else { other };
        (one.min(other), one.max(other))
    }
}

/// An honest log, its tenant and the checkpoint that was kept elsewhere.
async fn honest() -> (Connection, TenantId, Checkpoint) {
    let dir = tempfile::tempdir().unwrap();
    let world = World::new("acme", 1);
    let mut kept = None;
    {
        let store = SqliteStore::open(dir.path(), &Options::new(scalbotics_core::ids::InstallationId::from_u128(1))).unwrap();
        let mut size = 0;
        for upto in CHECKPOINTS.into_iter().chain([SIZE]) {
            let records = (size..upto).map(|n| world.record(Kind::Rpc, &format!("action.{n}"))).collect();
            store.append(records, Vec::new()).await.unwrap();
            size = upto;
            let root = store.head(&world.tenant).await.unwrap().root;
            let checkpoint = Checkpoint { origin: "example.org/audit/acme".to_owned(), size, root };
            let note = format!("{}\n\u{2014} example.org AAAAAAAAAAAA\n", checkpoint.text());
            if size < SIZE {
                store.put_checkpoint(&world.tenant, size, root, &note).await.unwrap();
                kept = Some(checkpoint);
            }
        }
    }
    let conn = Connection::open(dir.path().join("core.db")).unwrap();
    let memory = copy(&conn);
    (memory, world.tenant, kept.unwrap())
}

fn copy(from: &Connection) -> Connection {
    let mut to = Connection::open_in_memory().unwrap();
    Backup::new(from, &mut to).unwrap().run_to_completion(i32::MAX, std::time::Duration::ZERO, None).unwrap();
    to
}

/// What must be said of a damage.
#[derive(Debug)]
enum Wanted {
    /// This kind, at this index.
    Exactly(Damage, u64),
    /// One of these kinds, in a place that holds this index.
    Around(&'static [Damage], u64),
    /// Something is wrong.
    Anything,
}

fn execute(conn: &Connection, statement: &str, index: u64) {
    assert!(conn.execute(statement, [LOG | index.cast_signed()]).unwrap() > 0, "{statement}");
}

/// One bit of a column of a leaf.
fn flip(conn: &Connection, dice: &mut Dice, index: u64, column: &str) {
    let entry = LOG | index.cast_signed();
    let read = format!("SELECT CAST({column} AS BLOB) FROM audit_leaf WHERE entry = ?1");
    let mut bytes: Vec<u8> = conn.query_row(&read, [entry], |row| row.get(0)).unwrap();
    let place = usize::try_from(dice.roll(bytes.len() as u64)).unwrap();
    bytes[place] ^= 1 << dice.roll(8);
    conn.execute(&format!("UPDATE audit_leaf SET {column} = ?2 WHERE entry = ?1"), params![entry, bytes]).unwrap();
}

/// Moves the leaves from `index` on by one place, up or down, whole or their bytes alone.
fn shift(conn: &Connection, index: u64, by: i64) {
    let far = 1_i64 << 30;
    let from = LOG | index.cast_signed();
    conn.execute("UPDATE audit_leaf SET entry = entry + ?2 WHERE entry >= ?1", (from, far)).unwrap();
    conn.execute("UPDATE audit_leaf SET entry = entry - ?2 + ?3 WHERE entry >= ?1 + ?2", (from, far, by)).unwrap();
}

/// Gives each leaf from `index` on the bytes of the one before or behind it; hashes stay where they are.
fn shift_bytes(conn: &Connection, index: u64, by: i64) {
    let from = LOG | index.cast_signed();
    conn.execute_batch("CREATE TEMP TABLE moved (entry INTEGER PRIMARY KEY, at, kind, task, leaf)").unwrap();
    let near = "INSERT INTO moved SELECT entry, at, kind, task, leaf FROM main.audit_leaf WHERE entry >= ?1";
    conn.execute(near, [from + by.min(0)]).unwrap();
    let statement = "UPDATE audit_leaf SET (at, kind, task, leaf) = (SELECT at, kind, task, leaf FROM moved m WHERE m.entry = audit_leaf.entry + ?2) \
         WHERE entry >= ?1 AND EXISTS (SELECT 1 FROM moved m WHERE m.entry = audit_leaf.entry + ?2)";
    conn.execute(statement, (from, by)).unwrap();
    conn.execute_batch("DROP TABLE moved").unwrap();
}

fn swap(conn: &Connection, (one, other): (u64, u64), columns: &str) {
    let (one, other) = (LOG | one.cast_signed(), LOG | other.cast_signed());
    conn.execute("CREATE TEMP TABLE old AS SELECT * FROM main.audit_leaf WHERE entry IN (?1, ?2)", (one, other)).unwrap();
    for (to, from) in [(one, other), (other, one)] {
        let statement =
            format!("UPDATE audit_leaf SET ({columns}) = (SELECT {columns} FROM old WHERE entry = ?2) WHERE entry = ?1");
        conn.execute(&statement, (to, from)).unwrap();
    }
    conn.execute_batch("DROP TABLE old").unwrap();
}

/// The database as it was at an older checkpoint.
fn roll_back(conn: &Connection, size: u64) {
    conn.execute("DELETE FROM audit_leaf WHERE entry >= ?1", [LOG | size.cast_signed()]).unwrap();
    let head =
        "UPDATE audit_head SET (size, root, frontier) = (SELECT size, root, frontier FROM audit_checkpoint WHERE size = ?1)";
    conn.execute(head, [size.cast_signed()]).unwrap();
    conn.execute("DELETE FROM audit_checkpoint WHERE size > ?1", [size.cast_signed()]).unwrap();
}

/// Another history from `index` on, with head and checkpoints made anew, as who has the log's key could.
fn fork(conn: &Connection, index: u64) {
    let entry = LOG | index.cast_signed();
    let leaf: Vec<u8> = conn.query_row("SELECT leaf FROM audit_leaf WHERE entry = ?1", [entry], |row| row.get(0)).unwrap();
    let leaf = String::from_utf8(leaf).unwrap().replace("\"action.", "\"axtion.").into_bytes();
    conn.execute(
        "UPDATE audit_leaf SET leaf = ?2, leaf_hash = ?3 WHERE entry = ?1",
        params![entry, leaf, leaf_hash(&leaf).as_bytes()],
    )
    .unwrap();
    let mut tree = Frontier::new();
    let mut select = conn.prepare("SELECT leaf_hash FROM audit_leaf ORDER BY entry").unwrap();
    let hashes: Vec<[u8; 32]> = select.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap();
    for hash in hashes {
        tree.push(Digest::from_bytes(hash));
        let size = tree.size();
        if CHECKPOINTS.contains(&size) {
            let root = tree.root();
            let text = Checkpoint { origin: "example.org/audit/acme".to_owned(), size, root }.text();
            let note = format!("{text}\n\u{2014} example.org AAAAAAAAAAAA\n");
            let statement = "UPDATE audit_checkpoint SET root = ?2, frontier = ?3, note = ?4 WHERE size = ?1";
            conn.execute(statement, params![size.cast_signed(), root.as_bytes(), tree.to_bytes(), note]).unwrap();
        }
    }
    conn.execute("UPDATE audit_head SET root = ?1, frontier = ?2", params![tree.root().as_bytes(), tree.to_bytes()]).unwrap();
}

const ANY_OF_A_MIDDLE: &[Damage] = &[Damage::Edit, Damage::Swap];

fn damage(conn: &Connection, dice: &mut Dice) -> Wanted {
    let (index, pair) = (dice.roll(SIZE), dice.pair());
    let last = *CHECKPOINTS.last().unwrap();
    match dice.roll(15) {
        0 => {
            flip(conn, dice, index, "leaf");
            Wanted::Exactly(Damage::Edit, index)
        }
        1 => {
            flip(conn, dice, index, "leaf_hash");
            Wanted::Exactly(Damage::Edit, index)
        }
        2 => {
            execute(conn, "UPDATE audit_leaf SET at = at + 1 WHERE entry = ?1", index);
            Wanted::Exactly(Damage::Edit, index)
        }
        3 => {
            execute(conn, "DELETE FROM audit_leaf WHERE entry = ?1", index);
            Wanted::Exactly(if index == SIZE - 1 { Damage::Truncation } else { Damage::Delete }, index)
        }
        4 => {
            let index = dice.roll(SIZE - 1);
            shift_bytes(conn, index, 1);
            execute(conn, "DELETE FROM audit_leaf WHERE entry = ?1", SIZE - 1);
            Wanted::Exactly(if index == SIZE - 2 { Damage::Edit } else { Damage::Delete }, index)
        }
        5 => {
            // The bytes of an entry of another place stand here, and all others moved on; the last one is lost.
            let index = dice.roll(SIZE - 2) + 1;
            shift_bytes(conn, index, -1);
            let leaf = World::new("acme", 7).record(Kind::Rpc, "put.in").canonical().unwrap();
            conn.execute("UPDATE audit_leaf SET leaf = ?2 WHERE entry = ?1", params![LOG | index.cast_signed(), leaf]).unwrap();
            Wanted::Exactly(Damage::Insert, index)
        }
        6 => {
            swap(conn, pair, "at, kind, task, leaf");
            Wanted::Exactly(Damage::Swap, pair.0)
        }
        7 => {
            swap(conn, pair, "at, kind, task, leaf, leaf_hash");
            Wanted::Around(ANY_OF_A_MIDDLE, pair.0)
        }
        8 => {
            execute(conn, "DELETE FROM audit_leaf WHERE entry = ?1", index);
            shift(conn, index + 1, -1);
            Wanted::Around(&[Damage::Delete, Damage::Truncation], if index >= last { SIZE - 1 } else { index })
        }
        9 => {
            shift(conn, index, 1);
            let row =
                "INSERT INTO audit_leaf SELECT ?1, at, kind, task, leaf, leaf_hash FROM audit_leaf WHERE entry <> ?1 LIMIT 1";
            execute(conn, row, index);
            Wanted::Around(&[Damage::Insert], if index >= last { SIZE } else { index })
        }
        10 => {
            execute(conn, "DELETE FROM audit_leaf WHERE entry >= ?1", index);
            Wanted::Exactly(Damage::Truncation, index)
        }
        kind => damage_whole(conn, dice, kind),
    }
}

/// Damages of the whole log, of its head, and of a checkpoint.
fn damage_whole(conn: &Connection, dice: &mut Dice, kind: u64) -> Wanted {
    match kind {
        11 => {
            let size = CHECKPOINTS[usize::try_from(dice.roll(4)).unwrap()];
            roll_back(conn, size);
            Wanted::Around(&[Damage::Rollback], size)
        }
        12 => {
            let index = dice.roll(CHECKPOINTS[CHECKPOINTS.len() - 1]);
            fork(conn, index);
            Wanted::Around(&[Damage::Fork], index)
        }
        13 => {
            let what = ["root", "frontier", "size"][usize::try_from(dice.roll(3)).unwrap()];
            conn.execute(&format!("UPDATE audit_head SET {what} = {}", mutated(what, dice)), []).unwrap();
            Wanted::Anything
        }
        _ => {
            let size = CHECKPOINTS[usize::try_from(dice.roll(5)).unwrap()];
            let what = ["root", "frontier", "size"][usize::try_from(dice.roll(3)).unwrap()];
            let statement = format!("UPDATE audit_checkpoint SET {what} = {} WHERE size = {size}", mutated(what, dice));
            conn.execute(&statement, []).unwrap();
            Wanted::Anything
        }
    }
}

/// Another value of a head's or checkpoint's column.
fn mutated(what: &str, dice: &mut Dice) -> String {
    match what {
        "size" => format!("size + {}", 1 + dice.roll(3)),
        column => format!("zeroblob(length({column}))"),
    }
}

fn holds(place: Place, index: u64) -> bool {
    match place {
        Place::At(at) => at == index,
        Place::Between(from, to) => (from..to).contains(&index),
        Place::Unknown => false,
    }
}

/// Each of the damages of a part is found and named, and the log without one is not blamed.
async fn tried(part: u64) {
    let (log, tenant, kept) = honest().await;
    let kept = [kept];
    for _ in 0..5 {
        assert_eq!(run(&copy(&log), &tenant, &kept, |_, _| {}).unwrap().size, SIZE, "no false alarm");
    }
    let mut dice = Dice(0x5ca1_ab1e + (part << 40));
    for number in 0..DAMAGES {
        let conn = copy(&log);
        let seed = dice.0;
        let wanted = damage(&conn, &mut dice);
        let Err(fault) = run(&conn, &tenant, &kept, |_, _| {}) else {
            panic!("damage {number} ({seed:#x}) was not found: {wanted:?}")
        };
        let found = (fault.damage(), fault.place());
        let fits = match &wanted {
            Wanted::Exactly(damage, index) => found == (Some(*damage), Place::At(*index)),
            Wanted::Around(damages, index) => found.0.is_some_and(|found| damages.contains(&found)) && holds(found.1, *index),
            Wanted::Anything => true,
        };
        assert!(fits, "damage {number} ({seed:#x}): {wanted:?}, and {fault}");
    }
}

#[tokio::test]
async fn security_18_each_damage_is_found_and_named() {
    tried(0).await;
}

#[tokio::test]
async fn security_18_each_damage_of_a_second_part_is_found_and_named() {
    tried(1).await;
}

#[tokio::test]
async fn security_18_each_damage_of_a_third_part_is_found_and_named() {
    tried(2).await;
}

#[tokio::test]
async fn security_18_each_damage_of_a_fourth_part_is_found_and_named() {
    tried(3).await;
}

#[test]
fn what_is_found_in_a_leaf_is_what_it_says_when_it_is_read_as_a_whole() {
    let world = World::new("acme", 1);
    let hostile = [
        "a",
        "x\",\"at\":5,\"kind\":\"task\",\"task\":\"task_0\",\"tenant\":\"other\",\"",
        ",\"tenant\":\"other\"",
        "\\",
        "\\\",\"kind\":\"rpc\"",
        "\u{1f600}\u{0}\n",
    ];
    let mut found = 0;
    for text in hostile {
        for (number, kind) in [Kind::Rpc, Kind::Intent, Kind::Head].into_iter().enumerate() {
            let mut record = world.record(kind, text);
            record.target = (number > 0).then(|| text.to_owned());
            record.trace = (number > 1).then(|| text.to_owned());
            record.task = (number != 1).then(|| TaskId::from_u128(u128::MAX - number as u128));
            let leaf = record.canonical().unwrap();
            let whole: Shown<'_> = serde_json::from_slice(&leaf).unwrap();
            let quick = Shown::found(std::str::from_utf8(&leaf).unwrap());
            assert!(quick.is_none() || quick.as_ref() == Some(&whole), "{quick:?} of {}", String::from_utf8_lossy(&leaf));
            found += usize::from(quick.is_some());
        }
    }
    assert!(found >= 15, "{found}: most are found");
    for bad in ["", "{}", ",\"tenant\":\"", "\u{e9},\"tenant\":\"acme\"", ",\"at\":x,,\"kind\":\"rpc\",\"tenant\":\"a\""] {
        assert_eq!(Shown::found(bad), None, "{bad}");
    }
}
