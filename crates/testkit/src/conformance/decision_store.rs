//! Decisions: kept once, with the commit or append that notes them.

use scalbotics_core::audit::Kind;
use scalbotics_core::ports::{DecisionStore, SealedDecision};

use super::Store;
use crate::fixture::World;

/// Runs the suite.
pub(super) async fn suite(store: &dyn Store) {
    let world = World::new("decisions", 50);
    world.register(store).await.unwrap();
    let submitted = world.submit();
    let state = submitted.state.clone();
    store.commit(submitted).await.unwrap();
    let (with_commit, with_append) = (world.intend(&state, "a"), world.intend(&state, "b"));
    let committed = with_commit.decisions.first().unwrap().clone();
    let appended = with_append.decisions.first().unwrap().clone();
    store.commit(with_commit).await.unwrap();
    store.append(vec![world.record(Kind::Decision, "b")], vec![appended.clone()]).await.unwrap();
    let other = World::new("decisions-2", 51);
    for decision in [committed, appended.clone()] {
        let id = decision.id;
        assert_eq!(DecisionStore::get(store, &world.tenant, id).await.unwrap(), Some(decision.sealed));
        assert_eq!(DecisionStore::get(store, &other.tenant, id).await.unwrap(), None, "another tenant");
    }
    let size = store.head(&world.tenant).await.unwrap().size;
    assert!(store.append(vec![world.record(Kind::Decision, "b")], vec![appended]).await.is_err(), "a decision is kept once");
    let foreign = SealedDecision { sealed: other.payload(b"{}"), ..world.intend(&state, "c").decisions.remove(0) };
    assert!(store.append(vec![world.record(Kind::Decision, "c")], vec![foreign]).await.is_err(), "another tenant's");
    assert_eq!(store.head(&world.tenant).await.unwrap().size, size);
}
