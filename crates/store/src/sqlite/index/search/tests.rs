//! What the index finds is what a look at each leaf finds: whatever is asked, and whatever became of the file.

use std::path::Path;

use scalbotics_core::audit::{DecisionNote, Kind, Record};
use scalbotics_core::ids::{DecisionId, HumanUid, InstallationId};
use scalbotics_core::ports::{AuditLog as _, AuditSearch as _};
use scalbotics_core::principal::Uid;
use scalbotics_core::tenant::TenantId;
use scalbotics_testkit::fixture::World;

use super::super::super::{Options, SqliteStore, connect, logs};
use super::super::file;
use super::super::indexer::{Both, Indexer, Orders};
use super::*;

/// Three whole segments and a part of one.
const SIZE: u64 = 3 * SEGMENT + 700;

/// A small generator: the same questions in each run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

fn human(n: u64) -> Uid {
    Uid::Human(HumanUid::from_u128(u128::from(n)))
}

fn record(world: &World, dice: &mut Dice, n: u64) -> Record {
    let mut record = world.record(if dice.roll(5) == 0 { Kind::Task } else { Kind::Rpc }, &format!("action.{}", dice.roll(30)));
    record.actor = human(dice.roll(4) * dice.roll(4));
    record.chain = vec![human(dice.roll(3)), record.actor];
    // Rare in all of the log, and in one segment only.
    if n == SEGMENT + 5 {
        record.action = "action.rare".to_owned();
    }
    // A clock that goes on and is set back twice.
    record.at = record.at.plus_ms(n * 10 - if n > 3_000 { 20_000 } else { 0 } - if n > 5_000 { 15_000 } else { 0 });
    if dice.roll(3) > 0 {
        let (id, allow) = (DecisionId::from_u128(1), dice.roll(20) > 0);
        let none = Vec::new;
        record.decision = Some(DecisionNote {
            id,
            allow,
            denial: None,
            policies: Vec::new(),
            bundles: none(),
            slices: none(),
            commitment: None,
        });
    }
    record
}

fn options() -> Options {
    Options::new(InstallationId::from_u128(1))
}

async fn append(dir: &Path, seed: u64, range: Range<u64>) -> TenantId {
    let (world, mut dice) = (World::new("acme", 1), Dice(seed));
    let store = SqliteStore::open(dir, &options()).unwrap();
    let records: Vec<Record> = range.map(|n| record(&world, &mut dice, n)).collect();
    for part in records.chunks(512) {
        store.append(part.to_vec(), Vec::new()).await.unwrap();
    }
    world.tenant
}

fn question(dice: &mut Dice) -> Search {
    let start = World::new("acme", 1).record(Kind::Rpc, "").at;
    let time = |dice: &mut Dice| (dice.roll(4) == 0).then(|| start.plus_ms(dice.roll(SIZE * 12)));
    let filter = Filter {
        actor: (dice.roll(2) == 0).then(|| human(dice.roll(11))),
        on_behalf_of: (dice.roll(4) == 0).then(|| human(dice.roll(4))),
        action: (dice.roll(3) == 0).then(|| {
            let action = dice.roll(32);
            if action == 31 { "action.rare".to_owned() } else { format!("action.{action}") }
        }),
        kind: (dice.roll(6) == 0).then_some(Kind::Task),
        allowed: (dice.roll(3) == 0).then(|| dice.roll(2) == 0),
        task: None,
        since: time(dice),
        until: time(dice),
    };
    let order = if dice.roll(2) == 0 { Order::OldestFirst } else { Order::NewestFirst };
    let start = (dice.roll(2) == 0).then(|| dice.roll(SIZE + 100));
    Search { filter, order, start, limit: usize::try_from(1 + dice.roll(300)).unwrap() }
}

/// All that is found from a start on, page after page.
fn found(indexer: &Indexer, core: &Connection, tenant: &TenantId, search: &Search) -> Vec<AuditEntry> {
    let (mut search, mut all) = (search.clone(), Vec::new());
    loop {
        let page = indexer.search(core, tenant, &search).unwrap();
        all.extend(page.entries);
        match page.next {
            Some(next) => search.start = Some(next),
            None => return all,
        }
    }
}

/// All leaves of a log.
fn leaves(core: &Connection, tenant: &TenantId) -> Vec<AuditEntry> {
    let log = logs::load(core, tenant).unwrap().unwrap();
    let mut select = core.prepare_cached("SELECT entry, leaf FROM audit_leaf WHERE entry >> 40 = ?1 ORDER BY entry").unwrap();
    let rows = select.query_map([log.key], |row| Ok(AuditEntry { index: index_of(row.get(0)?), leaf: row.get(1)? })).unwrap();
    rows.map(Result::unwrap).collect()
}

/// What a look at each leaf finds.
fn looked_at(leaves: &[(u64, Facts<'_>)], search: &Search) -> Vec<u64> {
    let from_start = |index: u64| match (search.order, search.start) {
        (_, None) => true,
        (Order::OldestFirst, Some(start)) => index >= start,
        (Order::NewestFirst, Some(start)) => index <= start,
    };
    let wanted = leaves.iter().filter(|(index, facts)| from_start(*index) && search.filter.wants(facts));
    let mut all: Vec<u64> = wanted.map(|(index, _)| *index).collect();
    if search.order == Order::NewestFirst {
        all.reverse();
    }
    all
}

fn index(dir: &Path) {
    let database = connect::database(dir);
    Both::open(&database, &file::path(&database)).unwrap().catch_up(&Orders::default()).unwrap();
}

/// An indexer that is only asked: nothing is made behind the test's back.
fn asked(dir: &Path) -> (Indexer, Connection) {
    let database = connect::database(dir);
    let indexer = Indexer::new(&database);
    indexer.close();
    (indexer, connect::reader(&database).unwrap())
}

fn agrees(dir: &Path, tenant: &TenantId, questions: usize) -> usize {
    let (indexer, core) = asked(dir);
    let leaves = leaves(&core, tenant);
    let facts: Vec<_> = leaves.iter().map(|entry| (entry.index, Facts::of_leaf(&entry.leaf).unwrap())).collect();
    let mut dice = Dice(0x0bad_cafe);
    let mut hits = 0;
    for _ in 0..questions {
        let question = question(&mut dice);
        let (found, wanted) = (found(&indexer, &core, tenant, &question), looked_at(&facts, &question));
        hits += wanted.len();
        assert!(found.iter().map(|entry| entry.index).eq(wanted.iter().copied()), "{question:?}: {wanted:?}");
        assert!(found.iter().all(|entry| leaves[usize::try_from(entry.index).unwrap()] == *entry));
    }
    hits
}

fn segments(dir: &Path, tenant: &TenantId) -> Option<u64> {
    let (_, core) = asked(dir);
    let log = logs::load(&core, tenant).unwrap().unwrap();
    let file = File::to_read(&file::path(&connect::database(dir))).ok().flatten()?;
    View::of(&core, file, (log.key, log.frontier.size())).map(|view| view.segments)
}

#[tokio::test]
async fn the_index_finds_what_a_look_at_each_leaf_finds() {
    let dir = tempfile::tempdir().unwrap();
    let tenant = append(dir.path(), 7, 0..SIZE).await;
    file::remove(&file::path(&connect::database(dir.path()))).unwrap();
    assert!(agrees(dir.path(), &tenant, 10) > 0, "without an index");
    index(dir.path());
    assert_eq!(segments(dir.path(), &tenant), Some(3));
    assert!(agrees(dir.path(), &tenant, 150) > 10_000);
    let (indexer, core) = asked(dir.path());
    let stranger = TenantId::parse("other").unwrap();
    assert_eq!(indexer.search(&core, &stranger, &Search::default()).unwrap(), AuditFound::default());
}

/// A changed bit of the file hides nothing: what depends on it is not believed, and the leaves are read.
#[tokio::test]
async fn a_damaged_index_hides_no_record() {
    let dir = tempfile::tempdir().unwrap();
    let tenant = append(dir.path(), 7, 0..SIZE).await;
    index(dir.path());
    let path = file::path(&connect::database(dir.path()));
    let damage = |statement: &str| Connection::open(&path).unwrap().execute(statement, []).unwrap();
    assert!(damage("UPDATE posting SET entries = CAST(substr(entries, 1, length(entries) - 1) || x'81' AS BLOB)") > 0);
    agrees(dir.path(), &tenant, 10);
    for bytes in [b"SQLite format 3\0 and no more".as_slice(), b"rubbish", b""] {
        file::remove(&path).unwrap();
        std::fs::write(&path, bytes).unwrap();
        agrees(dir.path(), &tenant, 3);
    }
}

/// An older database that was put back, or another one: the index is of the log that is there, or is not asked.
#[tokio::test]
async fn an_index_of_another_log_is_not_believed() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let tenant = append(dir.path(), 7, 0..SIZE).await;
    append(other.path(), 8, 0..SIZE).await;
    index(dir.path());
    let path = |dir: &Path| file::path(&connect::database(dir));
    std::fs::copy(path(dir.path()), path(other.path())).unwrap();
    assert_eq!(segments(other.path(), &tenant), None, "of another log");
    agrees(other.path(), &tenant, 3);
    index(other.path());
    assert_eq!(segments(other.path(), &tenant), Some(3), "made anew");
    agrees(other.path(), &tenant, 20);
    let short = tempfile::tempdir().unwrap();
    append(short.path(), 7, 0..SEGMENT).await;
    std::fs::copy(path(dir.path()), path(short.path())).unwrap();
    assert_eq!(segments(short.path(), &tenant), None, "of a longer log");
    agrees(short.path(), &tenant, 3);
}

/// The thread indexes by itself what a running store appends, and goes on where an earlier one stopped.
#[tokio::test]
async fn whole_segments_are_indexed_by_themselves() {
    let dir = tempfile::tempdir().unwrap();
    let tenant = append(dir.path(), 7, 0..SEGMENT - 1).await;
    assert_eq!(segments(dir.path(), &tenant), None, "no segment is whole, and there is no file");
    append(dir.path(), 9, SEGMENT - 1..SIZE).await;
    let store = SqliteStore::open(dir.path(), &options()).unwrap();
    store.index().reached(&tenant, SIZE);
    store.index().finish();
    assert_eq!(segments(dir.path(), &tenant), Some(3));
    drop(store);
    agrees(dir.path(), &tenant, 20);
}

/// Somebody removes the file while the thread has it open: it is made anew, with what the thread is given and what it reads.
#[tokio::test]
async fn an_index_that_is_removed_under_the_thread_is_made_anew() {
    let (dir, world, mut dice) = (tempfile::tempdir().unwrap(), World::new("acme", 1), Dice(7));
    let store = SqliteStore::open(dir.path(), &options()).unwrap();
    let path = file::path(&connect::database(dir.path()));
    for until in 1..4 {
        let records = (0..SEGMENT).map(|n| record(&world, &mut dice, n)).collect();
        store.append(records, Vec::new()).await.unwrap();
        while segments(dir.path(), &world.tenant) != Some(until) {
            // Whoever asks has it made, if the thread could not.
            store.search(&world.tenant, &question(&mut Dice(3))).await.unwrap();
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        file::remove(&path).unwrap();
    }
    store.index().reached(&world.tenant, 4 * SEGMENT);
    store.index().finish();
    assert_eq!(segments(dir.path(), &world.tenant), Some(3));
    drop(store);
    agrees(dir.path(), &world.tenant, 20);
}
