//! Secrets: a name has one, a version follows the one before it, and every change and every use is a record.

use scalbotics_core::audit::Kind;
use scalbotics_core::digest::Digest;
use scalbotics_core::ids::SecretId;
use scalbotics_core::ports::{Clock as _, IdSource as _, Note, SealedSecret, SecretStore, StoreError, StoredAnswer};
use scalbotics_core::principal::Uid;
use scalbotics_core::secret::Facts;
use scalbotics_core::tenant::Name;

use super::Store;
use crate::fixture::World;

/// Runs the suite.
pub(super) async fn suite(store: &dyn Store) {
    life(store).await;
    answers(store).await;
}

fn secret(world: &World, name: &str, value: &[u8]) -> SealedSecret {
    let facts = Facts {
        id: SecretId::from_u128(world.ids.next()),
        tenant: world.tenant.clone(),
        name: Name::parse(name).unwrap(),
        version: 1,
        created_at: world.clock.now(),
        rotated_at: None,
        used_at: None,
        by: Uid::Human(world.human.uid),
        fingerprint: "f".to_owned(),
    };
    SealedSecret { facts, sealed: world.payload(value) }
}

fn next(world: &World, old: &SealedSecret, value: &[u8]) -> SealedSecret {
    let facts = Facts { version: old.facts.version + 1, rotated_at: Some(world.clock.now()), ..old.facts.clone() };
    SealedSecret { facts, sealed: world.payload(value) }
}

fn is_taken<T: std::fmt::Debug>(answer: Result<T, StoreError>) -> bool {
    matches!(answer, Err(StoreError::Taken { .. }))
}

async fn life(store: &dyn Store) {
    let secrets: &dyn SecretStore = store;
    let (world, elsewhere) = (World::new("secrets", 70), World::new("secrets-2", 71));
    let note = |action: &str| Note::from(world.record(Kind::Rpc, action));
    let used = || world.record(Kind::Secret, "secret.use");
    let token = secret(&world, "token", b"one");
    let name = token.facts.name.clone();
    assert_eq!(secrets.get(&world.tenant, &name).await.unwrap(), None);
    secrets.put(token.clone(), note("secret.put")).await.unwrap();
    assert_eq!(secrets.get(&world.tenant, &name).await.unwrap(), Some(token.clone()));
    assert_eq!(secrets.get(&elsewhere.tenant, &name).await.unwrap(), None, "another tenant");
    assert!(is_taken(secrets.put(secret(&world, "token", b"x"), note("secret.put")).await), "one of a name");
    let foreign = SealedSecret { sealed: elsewhere.payload(b"x"), ..secret(&world, "other", b"x") };
    assert!(secrets.put(foreign, note("secret.put")).await.is_err(), "sealed for another tenant");

    let second = next(&world, &token, b"two");
    let third = next(&world, &second, b"three");
    assert!(is_taken(secrets.rotate(third.clone(), note("secret.rotate")).await), "a version is left out");
    secrets.rotate(second.clone(), note("secret.rotate")).await.unwrap();
    assert!(is_taken(secrets.rotate(second.clone(), note("secret.rotate")).await), "the same version twice");
    assert_eq!(secrets.get(&world.tenant, &name).await.unwrap(), Some(second.clone()));

    let id = token.facts.id;
    assert!(is_taken(secrets.note_use((id, 1), world.clock.now(), used()).await), "an old version is handed to nobody");
    let foreign = elsewhere.record(Kind::Secret, "secret.use");
    assert!(secrets.note_use((id, 2), world.clock.now(), foreign).await.is_err(), "another tenant's record");
    secrets.note_use((id, 2), world.clock.now(), used()).await.unwrap();
    secrets.rotate(third.clone(), note("secret.rotate")).await.unwrap();
    let listed = secrets.list(&world.tenant).await.unwrap();
    let facts = Facts { used_at: Some(world.clock.now()), ..third.facts.clone() };
    assert_eq!(listed, [SealedSecret { facts, ..third }], "a use is remembered over a rotation");

    assert!(is_taken(secrets.remove(&elsewhere.tenant, id, elsewhere.record(Kind::Rpc, "x").into()).await));
    secrets.remove(&world.tenant, id, note("secret.remove")).await.unwrap();
    assert!(is_taken(secrets.remove(&world.tenant, id, note("secret.remove")).await));
    assert_eq!(secrets.list(&world.tenant).await.unwrap(), []);
    let size = store.head(&world.tenant).await.unwrap().size;
    assert_eq!(size, 5, "put, rotated twice, used, removed; what is refused leaves no record");
    secrets.put(secret(&world, "token", b"new"), note("secret.put")).await.unwrap();
}

async fn answers(store: &dyn Store) {
    let secrets: &dyn SecretStore = store;
    let world = World::new("secrets-3", 72);
    let note = || Note {
        answer: Some((
            "key".to_owned(),
            StoredAnswer { body: Digest::of_bytes(b"b"), answer: b"a".to_vec(), at: world.clock.now() },
        )),
        ..Note::from(world.record(Kind::Rpc, "secret.put"))
    };
    let first = secret(&world, "first", b"1");
    secrets.put(first.clone(), note()).await.unwrap();
    assert_eq!(store.answer("key", world.clock.now()).await.unwrap().unwrap().answer, b"a");
    assert!(is_taken(secrets.put(secret(&world, "second", b"2"), note()).await), "the key is used");
    assert_eq!(secrets.list(&world.tenant).await.unwrap(), [first], "and nothing of the second is there");
}
