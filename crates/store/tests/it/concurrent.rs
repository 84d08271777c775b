//! Many at once: group commit keeps order, and one job's failure fails no other.

use scalbotics_core::agent::Agent;
use scalbotics_core::audit::Kind;
use scalbotics_core::ports::{AuditLog, Batch, Human, Registry, StoreError, TaskLog};
use scalbotics_core::tenant::TenantId;
use scalbotics_testkit::fixture::World;

use crate::place::open;

const COMMITTERS: u64 = 8;
const BATCHES: usize = 200;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn eight_committers() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let mut running = tokio::task::JoinSet::new();
    for number in 0..COMMITTERS {
        let store = store.clone();
        running.spawn(async move {
            // Two tenants, so that committers share logs.
            let world = World::new(["even", "odd"][number as usize % 2], number + 1);
            let mut firsts = Vec::new();
            for _ in 0..BATCHES / 2 {
                let batch = world.submit();
                let (state, again) = (batch.state.clone(), world.complete(&batch.state));
                firsts.push(store.commit(batch).await.unwrap().audit_first);
                firsts.push(store.commit(again).await.unwrap().audit_first);
                let stale = world.complete(&state);
                assert!(matches!(store.commit(stale).await, Err(StoreError::Conflict { .. })));
            }
            (number, firsts)
        });
    }
    let done = running.join_all().await;
    for parity in [0, 1] {
        let mut firsts: Vec<u64> = done.iter().filter(|(n, _)| n % 2 == parity).flat_map(|(_, firsts)| firsts.clone()).collect();
        assert!(done.iter().all(|(_, firsts)| firsts.is_sorted()), "a committer's records stand in its order");
        firsts.sort_unstable();
        firsts.dedup();
        assert_eq!(firsts.len(), BATCHES * COMMITTERS as usize / 2, "no two batches share a leaf");
    }
    for tenant in ["even", "odd"] {
        let tenant = TenantId::parse(tenant).unwrap();
        let report = store.verify_audit(&tenant, |_, _| {}).unwrap();
        assert_eq!(report.size, store.head(&tenant).await.unwrap().size);
        assert_eq!(report.size, BATCHES as u64 * COMMITTERS / 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_job_takes_no_other_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let world = World::new("acme", 1);
    let good: Vec<Batch> = (0..20).map(|_| world.submit()).collect();
    let states: Vec<_> = good.iter().map(|batch| batch.state.clone()).collect();
    let mut running = tokio::task::JoinSet::new();
    for (number, batch) in good.into_iter().enumerate() {
        let (store, stranger) = (store.clone(), world.complete(&states[number]));
        running.spawn(async move {
            let unknown = Batch { task: stranger.task, base_version: 7, ..stranger };
            let unknown = Batch { state: scalbotics_core::task::State { version: 8, ..unknown.state.clone() }, ..unknown };
            let (good, bad) = tokio::join!(store.commit(batch), store.commit(unknown));
            assert!(good.is_ok());
            assert!(matches!(bad, Err(StoreError::Conflict { .. })), "{bad:?}");
        });
    }
    running.join_all().await;
    let report = store.verify_audit(&world.tenant, |_, _| {}).unwrap();
    assert_eq!(report.size, 20);
}

/// Who was suspended is seen so by all who ask after that, however many ask meanwhile (semantics §4.3).
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nobody_sees_an_epoch_that_is_over() {
    const CHANGES: u64 = 200;
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let world = World::new("acme", 1);
    let human = |epoch| Human { epoch, ..world.human.clone() };
    let agent = |epoch| Agent { epoch, ..world.agent.clone() };
    let put = async |epoch| {
        store.put_agent(agent(epoch), world.record(Kind::Rpc, "agent.put").into()).await.unwrap();
        store.put_human(human(epoch), world.record(Kind::Rpc, "human.put").into()).await.unwrap();
    };
    put(1).await;
    let (acknowledged, seen) = tokio::sync::watch::channel(1);
    let mut asking = tokio::task::JoinSet::new();
    for _ in 0..3 {
        let (store, seen, uid, acting) = (store.clone(), seen.clone(), world.human.uid, world.agent.clone());
        asking.spawn(async move {
            let mut last = 0;
            while last <= CHANGES {
                let least = *seen.borrow();
                last = store.human_by_uid(uid).await.unwrap().unwrap().epoch;
                let by_uid = store.agent(acting.uid).await.unwrap().unwrap().epoch;
                let by_name = store.agent_by_name(&acting.tenant, &acting.name).await.unwrap().unwrap().epoch;
                for now in [last, by_uid, by_name] {
                    assert!(now >= least, "epoch {now} was over when {least} was acknowledged");
                }
                tokio::task::yield_now().await;
            }
        });
    }
    for epoch in 2..=CHANGES + 1 {
        put(epoch).await;
        acknowledged.send_replace(epoch);
    }
    asking.join_all().await;
}
