//! What was erased stands in no file: neither the bytes, nor the key, nor the salt, whatever page or frame they were in.

use std::path::Path;

use scalbotics_core::payload::Sealed;
use scalbotics_core::ports::{PayloadStore, PrivacyChange, PrivacyStore, TaskLog};
use scalbotics_testkit::fixture::World;

use crate::place::open;

/// Bytes that no other payload has, as long as `len`.
fn marked(number: usize, len: usize) -> Vec<u8> {
    let line = format!("marker-{number}-of-a-secret-goal ");
    line.bytes().cycle().take(len).collect()
}

/// How often files of the data directory hold these bytes.
fn hits(dir: &Path, needle: &[u8]) -> usize {
    let files = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
    files.map(|path| std::fs::read(path).unwrap().windows(needle.len()).filter(|window| *window == needle).count()).sum()
}

async fn written(store: &scalbotics_store::SqliteStore, world: &World, bytes: &[u8]) -> Sealed {
    let (mut batch, sealed) = (world.submit(), world.payload(bytes));
    batch.payloads.push(sealed.clone());
    store.commit(batch).await.unwrap();
    sealed
}

#[tokio::test(flavor = "multi_thread")]
async fn sem_7_2_what_was_erased_stands_in_no_page_and_no_frame() {
    let dir = tempfile::tempdir().unwrap();
    let (store, world) = (open(dir.path()), World::new("acme", 1));
    let mut all = Vec::new();
    for number in 0..60 {
        // Rows within a page, over some pages, and over many.
        let len = [40, 700, 3_000, 60_000][number % 4];
        all.push((number, written(&store, &world, &marked(number, len)).await));
    }
    let (erased, kept): (Vec<_>, Vec<_>) = all.into_iter().partition(|(number, _)| number % 3 == 0);
    let needle = |number: usize| marked(number, 30);
    for (number, _) in &erased {
        assert!(hits(dir.path(), &needle(*number)) > 0, "{number} is there before");
    }
    for chunk in erased.chunks(7) {
        let destroy = chunk.iter().map(|(_, sealed)| sealed.reference.id).collect();
        let change = PrivacyChange { destroy, ..PrivacyChange::of(world.tenant.clone()) };
        assert_eq!(store.change(change).await.unwrap(), chunk.len() as u64);
    }
    store.scrub().await.unwrap();
    for (number, sealed) in &erased {
        assert_eq!(hits(dir.path(), &needle(*number)), 0, "{number}");
        // The salt stands in front of the bytes.
        assert_eq!(hits(dir.path(), sealed.ciphertext.get(..32).unwrap()), 0, "salt of {number}");
        assert!(PayloadStore::get(&store, &world.tenant, sealed.reference.id).await.unwrap().is_none());
    }
    for (number, sealed) in &kept {
        assert_eq!(
            PayloadStore::get(&store, &world.tenant, sealed.reference.id).await.unwrap().as_ref(),
            Some(sealed),
            "{number}"
        );
    }
    let after = written(&store, &world, b"after").await;
    let size = store.verify_audit(&world.tenant, |_, _| {}).unwrap().size;
    drop(store);
    let store = open(dir.path());
    assert!(
        PayloadStore::get(&store, &world.tenant, after.reference.id).await.unwrap().is_some(),
        "the log goes on behind a scrub"
    );
    assert_eq!(store.verify_audit(&world.tenant, |_, _| {}).unwrap().size, size, "the log still verifies");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scrub_waits_for_nobody_for_long_and_commits_go_on_beside_it() {
    let dir = tempfile::tempdir().unwrap();
    let (store, world) = (open(dir.path()), World::new("acme", 2));
    let busy = {
        let store = store.clone();
        tokio::spawn(async move {
            let world = World::new("acme", 3);
            for number in 0..200 {
                written(&store, &world, &marked(number, 300)).await;
            }
        })
    };
    for number in 1_000..1_010 {
        let sealed = written(&store, &world, &marked(number, 3_000)).await;
        let change = PrivacyChange { destroy: vec![sealed.reference.id], ..PrivacyChange::of(world.tenant.clone()) };
        store.change(change).await.unwrap();
        store.scrub().await.unwrap();
        assert_eq!(hits(dir.path(), &marked(number, 30)), 0, "{number}");
    }
    busy.await.unwrap();
    drop(store);
    let store = open(dir.path());
    assert_eq!(store.verify_audit(&world.tenant, |_, _| {}).unwrap().size, 210);
}
