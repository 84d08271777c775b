//! Payloads: written by commits, seen by their tenant alone.

use scalbotics_core::ids::PayloadId;
use scalbotics_core::ports::{IdSource as _, PayloadStore};

use super::Store;
use crate::fixture::World;

/// Runs the suite.
pub(super) async fn suite(store: &dyn Store) {
    let world = World::new("payloads", 30);
    let batch = world.submit();
    let sealed = batch.payloads.first().unwrap().clone();
    store.commit(batch).await.unwrap();
    let id = sealed.reference.id;
    assert_eq!(PayloadStore::get(store, &world.tenant, id).await.unwrap(), Some(sealed));
    let other = World::new("payloads-2", 31);
    assert_eq!(PayloadStore::get(store, &other.tenant, id).await.unwrap(), None, "another tenant");
    let absent = PayloadId::from_u128(world.ids.next());
    assert_eq!(PayloadStore::get(store, &world.tenant, absent).await.unwrap(), None);
    for len in [8 << 10, 8 << 16] {
        let mut batch = world.submit();
        let long = world.payload(&vec![b'x'; len]);
        batch.payloads.push(long.clone());
        store.commit(batch).await.unwrap();
        let id = long.reference.id;
        assert_eq!(PayloadStore::get(store, &world.tenant, id).await.unwrap(), Some(long), "{len} bytes");
        assert_eq!(PayloadStore::get(store, &other.tenant, id).await.unwrap(), None, "another tenant");
    }
}
