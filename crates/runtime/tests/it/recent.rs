//! Tasks kept in memory in front of the log: what is found is what the log has.

use std::sync::Arc;

use scalbotics_core::ports::{StoreError, TaskLog};
use scalbotics_core::tenant::TenantId;
use scalbotics_runtime::task::RecentTasks;
use scalbotics_testkit::MemoryStore;
use scalbotics_testkit::fixture::World;

#[tokio::test]
async fn what_is_found_is_what_the_log_has() {
    let (store, world) = (Arc::new(MemoryStore::new()), World::new("acme", 1));
    world.register(store.as_ref()).await.unwrap();
    let recent = RecentTasks::new(store.clone());
    let begun = world.submit();
    let (task, mut state) = (begun.task, begun.state.clone());
    recent.commit(begun).await.unwrap();
    for step in 0..40 {
        let intend = world.intend(&state, &format!("s{step}"));
        state = intend.state.clone();
        recent.commit(intend).await.unwrap();
        let effect = *state.open_calls().next().unwrap().0;
        let land = world.land(&state, effect);
        state = land.state.clone();
        recent.commit(land).await.unwrap();
        let found = recent.state(&world.tenant, task).await.unwrap();
        assert_eq!(found, TaskLog::state(store.as_ref(), &world.tenant, task).await.unwrap(), "step {step}");
        assert_eq!(found.as_ref(), Some(&state));
        for (from, limit) in [(0, 1_000), (3, 2), (state.version, 10)] {
            let found = recent.events(&world.tenant, task, from, limit).await.unwrap();
            assert_eq!(found, store.events(&world.tenant, task, from, limit).await.unwrap(), "step {step}");
        }
    }
    let foreign = TenantId::parse("other").unwrap();
    assert_eq!(recent.state(&foreign, task).await.unwrap(), None);
}

#[tokio::test]
async fn a_commit_that_fails_leaves_what_the_log_has() {
    let (store, world) = (Arc::new(MemoryStore::new()), World::new("acme", 1));
    world.register(store.as_ref()).await.unwrap();
    let recent = RecentTasks::new(store.clone());
    let begun = world.submit();
    let (task, state) = (begun.task, begun.state.clone());
    recent.commit(begun).await.unwrap();
    // Decided on the same version twice: the second is refused.
    let (first, second) = (world.intend(&state, "a"), world.intend(&state, "b"));
    let wanted = first.state.clone();
    recent.commit(first).await.unwrap();
    assert!(matches!(recent.commit(second).await, Err(StoreError::Conflict { .. })));
    assert_eq!(recent.state(&world.tenant, task).await.unwrap(), Some(wanted));
    // Many others later it is still what it was.
    for _ in 0..50 {
        recent.commit(world.submit()).await.unwrap();
    }
    assert_eq!(recent.state(&world.tenant, task).await.unwrap().unwrap().version, 2);
    assert_eq!(recent.events(&world.tenant, task, 0, 10).await.unwrap().len(), 2);
}
