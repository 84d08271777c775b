//! Files that end too early, at every boundary that they have and between: refused, or as far as they go; never a panic, never fewer records
//! than there were without a word.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use scalbotics_core::ports::{AuditLog, TaskLog};
use scalbotics_store::{OpenError, SqliteStore, open_read_only};
use scalbotics_testkit::fixture::World;

use crate::damage::{exercised, frames, settled};
use crate::place::{open, options};

/// Between two places that are tried inside of a page; a prime, so that all offsets of a page are met.
const STEP: usize = 1_009;

/// Before, at and behind each place, as long as it is in the file; what is whole is not among them.
fn around(places: impl IntoIterator<Item = usize>, len: usize) -> impl Iterator<Item = usize> {
    places.into_iter().flat_map(|place| [place.saturating_sub(1), place, place + 1]).filter(move |place| *place < len)
}

fn put(dir: &Path, name: &str, bytes: &[u8]) {
    for beside in ["core.db-wal", "core.db-shm"] {
        if beside != name {
            let _absent = fs::remove_file(dir.join(beside));
        }
    }
    fs::write(dir.join(name), bytes).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_cut_at_every_page_and_between_is_refused_or_whole() {
    let origin = tempfile::tempdir().unwrap();
    let world = settled(origin.path()).await;
    let size = open_read_only(origin.path()).unwrap().verify_audit(&world.tenant, |_, _| {}).unwrap().size;
    let good = fs::read(origin.path().join("core.db")).unwrap();
    let page = usize::from(u16::from_be_bytes([good[16], good[17]]));
    let places: BTreeSet<usize> =
        around((0..=good.len()).step_by(page), good.len()).chain(0..=100).chain((0..good.len()).step_by(STEP)).collect();
    let dir = tempfile::tempdir().unwrap();
    let mut whole = Vec::new();
    for place in &places {
        put(dir.path(), "core.db", &good[..*place]);
        if exercised(dir.path(), &world).await.is_ok() {
            whole.push(*place);
            // An empty file is a store that nothing was ever written to: the anchor beside the keystore knows better.
            let store = SqliteStore::open(dir.path(), &options()).unwrap();
            let now = store.head(&world.tenant).await.unwrap().size;
            assert!(*place == 0 || now > size, "cut at {place} of {}, {now} of {size} records are left", good.len());
        }
    }
    println!("{} places of {} bytes, {} of them whole", places.len(), good.len(), whole.len());
    assert!(places.len() > good.len() / page * 3 && whole.len() < places.len() / 10, "{whole:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_cut_at_every_frame_and_between_goes_as_far_as_its_last_whole_commit() {
    let origin = tempfile::tempdir().unwrap();
    let world = World::new("acme", 1);
    let store = open(origin.path());
    for _ in 0..4 {
        store.commit(world.submit()).await.unwrap();
    }
    drop(store);
    let wal = fs::read(origin.path().join("core.db-wal")).unwrap();
    let frames = frames(&wal);
    let used = wal.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    let ends = frames.iter().filter(|(_, ends)| *ends).map(|(at, _)| *at);
    let places: BTreeSet<usize> = around(ends.clone().chain(ends.map(|at| at + 24)), used)
        .chain(frames.iter().map(|(at, _)| *at))
        .chain((0..=56).step_by(7))
        .chain((0..used).step_by(4 * STEP))
        .collect();
    let dir = tempfile::tempdir().unwrap();
    let mut sizes = Vec::new();
    for place in &places {
        fs::copy(origin.path().join("core.db"), dir.path().join("core.db")).unwrap();
        put(dir.path(), "core.db-wal", &wal[..*place]);
        match SqliteStore::open(dir.path(), &options()) {
            Ok(store) => {
                let size = store.head(&world.tenant).await.unwrap().size;
                assert!(size == 0 || store.verify_audit(&world.tenant, |_, _| {}).unwrap().size == size, "{place}");
                sizes.push(size);
            }
            Err(error) => assert!(matches!(error, OpenError::Corrupt { .. } | OpenError::Engine { .. }), "{place}: {error:?}"),
        }
    }
    println!("{} places of {used} bytes", places.len());
    assert!(sizes.is_sorted() && sizes.last() >= Some(&3), "{sizes:?}");
}
