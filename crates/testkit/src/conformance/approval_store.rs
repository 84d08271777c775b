//! Approvals: as they stand after the last commit, newest first, seen by their tenant alone.

use scalbotics_core::approval::Status;
use scalbotics_core::ids::ApprovalId;
use scalbotics_core::ports::{ApprovalFilter, ApprovalStore};

use super::Store;
use crate::fixture::World;

/// Runs the suite.
pub(super) async fn suite(store: &dyn Store) {
    let world = World::new("approvals", 40);
    world.register(store).await.unwrap();
    let mut asked = Vec::new();
    let mut last = None;
    for _ in 0..3 {
        let submitted = world.submit();
        let state = submitted.state.clone();
        store.commit(submitted).await.unwrap();
        let batch = world.ask(&state, "publish");
        last = Some(batch.state.clone());
        asked.push(batch.approvals.first().unwrap().clone());
        store.commit(batch).await.unwrap();
    }
    asked.reverse();
    let newest = asked.first().unwrap().clone();
    assert_eq!(ApprovalStore::get(store, &world.tenant, newest.id).await.unwrap(), Some(newest.clone()));
    let other = World::new("approvals-2", 41);
    assert_eq!(ApprovalStore::get(store, &other.tenant, newest.id).await.unwrap(), None, "another tenant");

    let listed = async |filter: ApprovalFilter| ApprovalStore::list(store, &world.tenant, &filter).await.unwrap();
    let all = ApprovalFilter { limit: 10, ..ApprovalFilter::default() };
    assert_eq!(listed(all.clone()).await, asked);
    assert_eq!(listed(ApprovalFilter { limit: 1, ..all.clone() }).await, std::slice::from_ref(&newest));
    assert_eq!(listed(ApprovalFilter { before: Some(newest.id), ..all.clone() }).await, asked.get(1..).unwrap());
    assert_eq!(listed(ApprovalFilter { before: Some(ApprovalId::from_u128(0)), ..all.clone() }).await, []);
    assert_eq!(ApprovalStore::list(store, &other.tenant, &all).await.unwrap(), []);

    store.commit(world.grant(&last.unwrap(), &newest)).await.unwrap();
    let granted = listed(ApprovalFilter { status: Some(Status::Granted), ..all.clone() }).await;
    assert_eq!(granted.iter().map(|request| request.id).collect::<Vec<_>>(), [newest.id]);
    assert_eq!(listed(ApprovalFilter { status: Some(Status::Waiting), ..all }).await, asked.get(1..).unwrap());
}
