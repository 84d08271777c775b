//! Privacy: what is destroyed is gone and known to be, holds refuse, and keys are wrapped anew where they are as they were.

use scalbotics_core::ids::{ErasureId, HoldId, PayloadId, TaskId};
use scalbotics_core::payload::{Ref, Sealed};
use scalbotics_core::ports::{
    DecisionStore, Forgotten, IdSource as _, Orders, PayloadStore, PrivacyChange, Rewrapped, StoreError, StoredAnswer,
};
use scalbotics_core::principal::Uid;
use scalbotics_core::privacy::{Class, Erasure, Hold, Marks, Scope};
use scalbotics_core::tenant::TenantId;
use scalbotics_core::time::Timestamp;

use super::Store;
use crate::fixture::World;

const AT: Timestamp = Timestamp::from_unix_ms(1_000);

/// Runs the suite.
pub(super) async fn suite(store: &dyn Store) {
    destroyed(store).await;
    held(store).await;
    under_way(store).await;
    wrapped(store).await;
}

async fn submitted(store: &dyn Store, world: &World, bytes: &[u8]) -> Sealed {
    let (mut batch, sealed) = (world.submit(), world.payload(bytes));
    batch.payloads.push(sealed.clone());
    store.commit(batch).await.unwrap();
    sealed
}

async fn gone(store: &dyn Store, tenant: &TenantId, id: PayloadId) -> (bool, bool) {
    let is_absent = PayloadStore::get(store, tenant, id).await.unwrap().is_none();
    (is_absent, store.is_destroyed(tenant, id).await.unwrap())
}

async fn destroyed(store: &dyn Store) {
    let (world, other) = (World::new("privacy", 240), World::new("privacy-2", 241));
    let tenant = &world.tenant;
    let kept = submitted(store, &world, b"kept").await;
    for len in [1, 8 << 10, 8 << 16] {
        let sealed = submitted(store, &world, &vec![b'x'; len]).await;
        let id = sealed.reference.id;
        let foreign = PrivacyChange { destroy: vec![id], ..PrivacyChange::of(other.tenant.clone()) };
        assert_eq!(store.change(foreign).await.unwrap(), 0, "another tenant's");
        assert_eq!(gone(store, tenant, id).await, (false, false));
        let absent = PayloadId::from_u128(world.ids.next());
        let change = || PrivacyChange { destroy: vec![id, absent], ..PrivacyChange::of(tenant.clone()) };
        assert_eq!(store.change(change()).await.unwrap(), 1, "{len} bytes");
        assert_eq!(store.change(change()).await.unwrap(), 0, "once is enough");
        assert_eq!(gone(store, tenant, id).await, (true, true));
        assert_eq!(gone(store, tenant, absent).await, (true, false), "it never was");
        assert_eq!(gone(store, &other.tenant, id).await, (true, false), "to another tenant it never was");
    }
    store.scrub().await.unwrap();
    assert_eq!(PayloadStore::get(store, tenant, kept.reference.id).await.unwrap(), Some(kept));
    decision(store, &world).await;
    answers(store, &world).await;
}

async fn decision(store: &dyn Store, world: &World) {
    world.register(store).await.unwrap();
    let submitted = world.submit();
    let batch = world.intend(&submitted.state, "a");
    let id = batch.decisions.first().unwrap().id;
    store.commit(submitted).await.unwrap();
    store.commit(batch).await.unwrap();
    assert!(DecisionStore::get(store, &world.tenant, id).await.unwrap().is_some());
    let payload = PayloadId::from_u128(id.as_u128());
    let change = PrivacyChange { destroy: vec![payload], ..PrivacyChange::of(world.tenant.clone()) };
    assert_eq!(store.change(change).await.unwrap(), 1);
    assert!(DecisionStore::get(store, &world.tenant, id).await.unwrap().is_none());
    assert!(store.is_destroyed(&world.tenant, payload).await.unwrap());
}

async fn answers(store: &dyn Store, world: &World) {
    let answer = StoredAnswer { body: scalbotics_core::digest::Digest::of_bytes(b"goal"), answer: b"a".to_vec(), at: AT };
    for key in [
        "hum_1/task.submit/a",
        "hum_1/task.submit/b",
        "hum_1/task.cancel/a",
        "hum_1/task.cancel/ab",
        "hum_1/task.settle/a",
        "hum_12/task.submit/a",
    ] {
        let mut batch = world.submit();
        batch.answer = Some((key.to_owned(), answer.clone()));
        store.commit(batch).await.unwrap();
    }
    let (all, one) = ("hum_1/task.submit/".to_owned(), "hum_1/task.cancel/a".to_owned());
    let forget_answers = vec![Forgotten::Beginning(all), Forgotten::Key(one)];
    store.change(PrivacyChange { forget_answers, ..PrivacyChange::of(world.tenant.clone()) }).await.unwrap();
    for (key, kept) in [
        ("hum_1/task.submit/a", false),
        ("hum_1/task.submit/b", false),
        ("hum_1/task.cancel/a", false),
        ("hum_1/task.cancel/ab", true),
        ("hum_1/task.settle/a", true),
        ("hum_12/task.submit/a", true),
    ] {
        assert_eq!(store.answer(key, AT).await.unwrap().is_some(), kept, "{key}");
    }
}

fn hold(world: &World, scope: Scope, reason: Ref) -> Hold {
    let (id, by) = (HoldId::from_u128(world.ids.next()), Uid::Daemon);
    Hold { id, tenant: world.tenant.clone(), scope, by, at: AT, reason }
}

async fn held(store: &dyn Store) {
    let (world, other) = (World::new("privacy-3", 242), World::new("privacy-4", 243));
    let tenant = &world.tenant;
    let sealed = submitted(store, &world, b"held").await;
    let (id, task) = (sealed.reference.id, TaskId::from_u128(world.ids.next()));
    let reason = world.payload(b"a lawsuit");
    let placed = hold(&world, Scope::Task(task), reason.reference);
    let place = PrivacyChange { hold: Some(placed.clone()), payloads: vec![reason], ..PrivacyChange::of(tenant.clone()) };
    store.change(place).await.unwrap();
    assert_eq!(store.holds(tenant).await.unwrap(), std::slice::from_ref(&placed));
    assert_eq!(store.holds(&other.tenant).await.unwrap(), []);
    assert!(PayloadStore::get(store, tenant, placed.reason.id).await.unwrap().is_some());
    let erase = |scopes: Vec<Scope>| PrivacyChange {
        destroy: vec![id],
        unless_held: Some(scopes.into_iter().collect()),
        ..PrivacyChange::of(tenant.clone())
    };
    let refused = store.change(erase(vec![Scope::Task(task)])).await;
    assert!(matches!(refused, Err(StoreError::Taken { name }) if name == placed.id.to_string()));
    assert_eq!(gone(store, tenant, id).await, (false, false), "nothing of a refused change is done");
    let lift = |tenant: &TenantId| PrivacyChange { lift: Some(placed.id), ..PrivacyChange::of(tenant.clone()) };
    assert!(matches!(store.change(lift(&other.tenant)).await, Err(StoreError::Taken { .. })), "another tenant's");
    store.change(lift(tenant)).await.unwrap();
    assert!(matches!(store.change(lift(tenant)).await, Err(StoreError::Taken { .. })), "it was lifted");
    assert_eq!(store.change(erase(vec![Scope::Task(task)])).await.unwrap(), 1);
}

async fn under_way(store: &dyn Store) {
    let world = World::new("privacy-5", 244);
    let tenant = world.tenant.clone();
    let reason = world.payload(b"asked for").reference;
    let (id, scope) = (ErasureId::from_u128(world.ids.next()), Scope::Task(TaskId::from_u128(world.ids.next())));
    let order = Erasure { id, tenant: tenant.clone(), scope, by: Uid::Daemon, at: AT, reason, destroyed: 0, done_at: None };
    assert_eq!(store.marks(&tenant).await.unwrap(), Marks::default());
    let mut marks = Marks { believed_at: Some(AT), ..Marks::default() };
    marks.next.insert(Class::Goals, 7);
    let begin = PrivacyChange { erasure: Some(order.clone()), marks: Some(marks.clone()), ..PrivacyChange::of(tenant.clone()) };
    store.change(begin).await.unwrap();
    let (open, finished) = (Orders::UnderWay, Orders::Done);
    assert_eq!(store.orders(&tenant, open).await.unwrap(), std::slice::from_ref(&order));
    assert_eq!(store.orders(&tenant, finished).await.unwrap(), []);
    assert_eq!(store.marks(&tenant).await.unwrap(), marks);
    let done = Erasure { destroyed: 3, done_at: Some(AT), ..order };
    let later = Erasure { id: ErasureId::from_u128(world.ids.next()), ..done.clone() };
    for order in [&done, &later] {
        store.change(PrivacyChange { erasure: Some(order.clone()), ..PrivacyChange::of(tenant.clone()) }).await.unwrap();
    }
    assert_eq!(store.orders(&tenant, open).await.unwrap(), []);
    assert_eq!(store.orders(&tenant, finished).await.unwrap(), [later, done], "the newest first");
    assert_eq!(store.orders(&World::new("privacy-7", 246).tenant, finished).await.unwrap(), [], "nobody else's");
}

async fn wrapped(store: &dyn Store) {
    let world = World::new("privacy-6", 245);
    let tenant = &world.tenant;
    let (first, second) = (submitted(store, &world, b"1").await, submitted(store, &world, b"2").await);
    let all = store.wrapped(tenant, None, 1_000).await.unwrap();
    assert!(all.is_sorted_by_key(|sealed| sealed.reference.id) && all.iter().all(|sealed| sealed.ciphertext.is_empty()));
    assert!([&first, &second].iter().all(|one| all.iter().any(|sealed| sealed.reference == one.reference)));
    let after = store.wrapped(tenant, Some(first.reference.id), 1).await.unwrap();
    assert!(after.len() == 1 && after.first().unwrap().reference.id > first.reference.id);
    let (old, new) = (first.wrapped_key.clone(), b"new".to_vec());
    let marks = Marks { rewrapping: true, ..Marks::default() };
    let stale = Rewrapped { id: second.reference.id, old: b"other".to_vec(), new: new.clone() };
    let keys = vec![Rewrapped { id: first.reference.id, old, new: new.clone() }, stale];
    store.rewrap(tenant, keys, marks.clone()).await.unwrap();
    assert_eq!(store.marks(tenant).await.unwrap(), marks);
    let stored = PayloadStore::get(store, tenant, first.reference.id).await.unwrap();
    assert_eq!(stored, Some(Sealed { wrapped_key: new, ..first.clone() }));
    assert_eq!(
        PayloadStore::get(store, tenant, second.reference.id).await.unwrap(),
        Some(second.clone()),
        "it is another by now"
    );
    let destroy = vec![second.reference.id];
    store.change(PrivacyChange { destroy, ..PrivacyChange::of(tenant.clone()) }).await.unwrap();
    let left = store.wrapped(tenant, None, 1_000).await.unwrap();
    assert!(left.iter().all(|sealed| sealed.reference.id != second.reference.id), "what is destroyed has no key");
    let back = vec![Rewrapped { id: second.reference.id, old: second.wrapped_key, new: b"back".to_vec() }];
    store.rewrap(tenant, back, Marks::default()).await.unwrap();
    assert_eq!(gone(store, tenant, second.reference.id).await, (true, true), "and gets none");
}
