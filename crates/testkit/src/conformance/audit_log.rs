//! The audit log: order, head, filters, checkpoints, waiting for growth.

use scalbotics_core::audit::checkpoint::Checkpoint;
use scalbotics_core::audit::{Kind, Record, merkle};
use scalbotics_core::digest::Digest;
use scalbotics_core::ports::{AuditEntry, AuditLog, AuditQuery};

use super::Store;
use crate::fixture::World;

/// A note whose signature line has the right shape and no meaning.
fn note(size: u64, root: Digest) -> String {
    let text = Checkpoint { origin: "example.org/audit/logs".to_owned(), size, root }.text();
    format!("{text}\n\u{2014} example.org AAAAAAAAAAAA\n")
}

/// Runs the suite.
pub(super) async fn suite(store: &dyn Store) {
    an_absent_log_is_empty(store).await;
    leaves_stand_in_order(store).await;
    checkpoints_are_of_sizes_that_were(store).await;
    growth_is_heard_of(store).await;
    roots_over_ranges_make_proofs(store).await;
}

async fn roots_over_ranges_make_proofs(store: &dyn Store) {
    let world = World::new("proofs", 25);
    assert!(store.roots(&world.tenant, std::iter::once(0..1).collect()).await.is_err(), "there is no log");
    let mut heads = vec![merkle::Head { size: 0, root: merkle::root(&[]) }];
    for n in 0..40_u64 {
        store.append(vec![world.record(Kind::Rpc, &format!("a.{n}"))], Vec::new()).await.unwrap();
        let head = store.head(&world.tenant).await.unwrap();
        heads.push(merkle::Head { size: head.size, root: head.root });
        // Some sizes have a checkpoint and some have none.
        if [5, 16, 17, 30, 33].contains(&head.size) {
            store.put_checkpoint(&world.tenant, head.size, head.root, &note(head.size, head.root)).await.unwrap();
        }
    }
    let query = AuditQuery { limit: 1_000, ..AuditQuery::default() };
    let entries = AuditLog::read(store, &world.tenant, &query).await.unwrap();
    let head = heads.last().unwrap();
    for entry in &entries {
        let ranges = merkle::inclusion_ranges(entry.index, head.size).unwrap();
        let proof = store.roots(&world.tenant, ranges).await.unwrap();
        let leaf = merkle::leaf_hash(&entry.leaf);
        assert_eq!(merkle::verify_inclusion(&leaf, entry.index, head.size, &proof, &head.root), Ok(()));
    }
    for (old, new) in
        heads.iter().flat_map(|old| heads.iter().map(move |new| (old, new))).filter(|(old, new)| old.size <= new.size)
    {
        let ranges = merkle::consistency_ranges(old.size, new.size).unwrap();
        let proof = store.roots(&world.tenant, ranges).await.unwrap();
        assert_eq!(merkle::verify_consistency(*old, *new, &proof), Ok(()), "{} to {}", old.size, new.size);
    }
    for (size, found) in [(0, Some(5)), (5, Some(5)), (6, Some(16)), (33, Some(33)), (34, None), (u64::MAX, None)] {
        let note = store.checkpoint_from(&world.tenant, size).await.unwrap();
        assert_eq!(note.map(|note| Checkpoint::of_note(&note).unwrap().size), found, "{size}");
    }
    assert_eq!(store.roots(&world.tenant, Vec::new()).await.unwrap(), []);
    for bad in [0..0, 0..41, 40..41, u64::MAX - 1..u64::MAX] {
        assert!(store.roots(&world.tenant, vec![bad.clone()]).await.is_err(), "{bad:?}");
    }
}

async fn an_absent_log_is_empty(store: &dyn Store) {
    let world = World::new("no-log", 20);
    let head = store.head(&world.tenant).await.unwrap();
    assert_eq!((head.size, head.root, head.checkpoint), (0, merkle::root(&[]), None));
    assert_eq!(AuditLog::read(store, &world.tenant, &AuditQuery { limit: 5, ..AuditQuery::default() }).await.unwrap(), []);
    assert_eq!(store.checkpoints(&world.tenant).await.unwrap(), Vec::<String>::new());
    assert!(store.append(Vec::new(), Vec::new()).await.is_err(), "nothing to append");
    let foreign = World::new("no-log-2", 21);
    let mixed = vec![world.record(Kind::Rpc, "a"), foreign.record(Kind::Rpc, "b")];
    assert!(store.append(mixed, Vec::new()).await.is_err(), "records of two tenants");
    assert_eq!(store.head(&world.tenant).await.unwrap().size, 0);
}

async fn leaves_stand_in_order(store: &dyn Store) {
    let world = World::new("order", 22);
    world.register(store).await.unwrap();
    let submitted = world.submit();
    let task = submitted.task;
    store.commit(submitted).await.unwrap();
    let later = world.clock.advance(1_000);
    let records: Vec<Record> = (0..20).map(|n| world.record(Kind::Rpc, &format!("action.{n}"))).collect();
    let first = store.append(records.clone(), Vec::new()).await.unwrap();
    assert_eq!(first, 3, "human, agent and submission stand before");
    let too_long = world.record(Kind::Rpc, &"x".repeat(70_000));
    assert!(store.append(vec![world.record(Kind::Rpc, "good"), too_long], Vec::new()).await.is_err());

    let read = async |query: AuditQuery| -> Vec<AuditEntry> { AuditLog::read(store, &world.tenant, &query).await.unwrap() };
    let all = AuditQuery { limit: 1_000, ..AuditQuery::default() };
    let entries = read(all.clone()).await;
    assert!(entries.iter().map(|entry| entry.index).eq(0..23));
    let written = records.iter().map(|record| record.canonical().unwrap());
    assert!(entries.iter().skip(3).map(|entry| entry.leaf.clone()).eq(written));
    let head = store.head(&world.tenant).await.unwrap();
    let hashes: Vec<Digest> = entries.iter().map(|entry| merkle::leaf_hash(&entry.leaf)).collect();
    assert_eq!((head.size, head.root), (23, merkle::root(&hashes)));

    let indexes = async |query| -> Vec<u64> { read(query).await.into_iter().map(|entry| entry.index).collect() };
    assert_eq!(indexes(AuditQuery { from: 5, limit: 2, ..all.clone() }).await, [5, 6]);
    assert_eq!(indexes(AuditQuery { task: Some(task), ..all.clone() }).await, [2]);
    assert_eq!(indexes(AuditQuery { kind: Some(Kind::Task), ..all.clone() }).await, [2]);
    assert_eq!(indexes(AuditQuery { since: Some(later), from: 20, ..all.clone() }).await, [20, 21, 22]);
    assert_eq!(indexes(AuditQuery { since: Some(later), limit: 1, ..all.clone() }).await, [3]);
    assert_eq!(indexes(AuditQuery { from: 23, ..all.clone() }).await, Vec::<u64>::new());
    assert_eq!(indexes(AuditQuery { from: u64::MAX, ..all }).await, Vec::<u64>::new());
}

async fn checkpoints_are_of_sizes_that_were(store: &dyn Store) {
    let world = World::new("checkpoints", 23);
    let mut roots = vec![merkle::root(&[])];
    for n in 0..4 {
        store.append(vec![world.record(Kind::Rpc, &format!("a.{n}"))], Vec::new()).await.unwrap();
        roots.push(store.head(&world.tenant).await.unwrap().root);
    }
    let root = |size: usize| *roots.get(size).unwrap();
    for size in [2, 4, 3] {
        let note = note(size as u64, root(size));
        store.put_checkpoint(&world.tenant, size as u64, root(size), &note).await.unwrap();
    }
    let kept: Vec<String> = [2, 3, 4].map(|size| note(size as u64, root(size))).into();
    assert_eq!(store.checkpoints(&world.tenant).await.unwrap(), kept);
    assert_eq!(store.head(&world.tenant).await.unwrap().checkpoint.as_ref(), kept.last());
    for (size, of, text) in [
        (5, root(4), note(5, root(4))),
        (1, root(2), note(1, root(2))),
        (0, root(0), note(0, root(0))),
        (1, root(1), note(2, root(1))),
        (1, root(1), note(1, root(2))),
        (1, root(1), "no note".to_owned()),
    ] {
        assert!(store.put_checkpoint(&world.tenant, size, of, &text).await.is_err(), "{size} {text}");
    }
    let stranger = World::new("checkpoints-2", 24);
    assert!(store.put_checkpoint(&stranger.tenant, 2, root(2), &note(2, root(2))).await.is_err(), "another log");
    assert_eq!(store.checkpoints(&world.tenant).await.unwrap(), kept);
}

async fn growth_is_heard_of(store: &dyn Store) {
    let world = World::new("growth", 25);
    let (appended, grown) = tokio::join!(
        biased;
        async {
            let waits = store.grown(&world.tenant, 0);
            let appends = store.append(vec![world.record(Kind::Rpc, "a")], Vec::new());
            let (heard, first) = tokio::join!(waits, appends);
            heard.unwrap();
            first.unwrap()
        },
        store.grown(&world.tenant, 0),
    );
    assert_eq!(appended, 0);
    grown.unwrap();
    store.grown(&world.tenant, 0).await.unwrap();
}
