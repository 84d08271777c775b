//! The task log: versions, the right to act, all or nothing, warrants, listing, recovery, answers.

use scalbotics_core::agent::{Agent, Standing};
use scalbotics_core::audit::Kind;
use scalbotics_core::digest::Digest;
use scalbotics_core::ids::TaskId;
use scalbotics_core::ports::{
    ApprovalStore, AuditLog, AuditQuery, Batch, Clock as _, PayloadStore, StoreError, StoredAnswer, TaskFilter, TaskLog,
};
use scalbotics_core::task::{State, Status, fold};
use scalbotics_core::tenant::TenantId;

use super::Store;
use crate::fixture::World;

/// One day, in milliseconds.
const DAY_MS: u64 = 24 * 3_600_000;

/// Runs the suite.
pub(super) async fn suite(store: &dyn Store) {
    a_task_lives(store).await;
    versions_are_compared(store).await;
    only_who_may_act_intends(store).await;
    a_batch_is_all_or_nothing(store).await;
    impossible_batches_are_refused(store).await;
    lists_are_paged(store).await;
    unfinished_tasks_are_found(store).await;
    answers_are_replayed_for_a_day(store).await;
    large_states_are_the_fold_of_their_events(store).await;
}

async fn begun(store: &dyn Store, world: &World) -> State {
    let batch = world.submit();
    let state = batch.state.clone();
    store.commit(batch).await.unwrap();
    state
}

async fn log_size(store: &dyn Store, tenant: &TenantId) -> u64 {
    AuditLog::head(store, tenant).await.unwrap().size
}

async fn a_task_lives(store: &dyn Store) {
    let world = World::new("lives", 1);
    world.register(store).await.unwrap();
    let state = begun(store, &world).await;
    let (tenant, task) = (&world.tenant, state.envelope.id);
    assert_eq!(store.state(tenant, task).await.unwrap(), Some(state.clone()));

    let batch = world.intend(&state, "read");
    let (sent, payloads) = (batch.state.clone(), batch.payloads.clone());
    let size = log_size(store, tenant).await;
    let committed = store.commit(batch).await.unwrap();
    assert_eq!(committed.audit_first, size);
    assert_eq!(committed.warrants.len(), 1);
    let warrant = committed.warrants.first().unwrap();
    assert_eq!(warrant.act().effect, *sent.steps.get("read").unwrap());
    assert_eq!((warrant.attempt(), warrant.commit().revocation_epoch), (1, world.agent.epoch));
    let query = AuditQuery { from: warrant.commit().audit_leaf, limit: 1, ..AuditQuery::default() };
    let entry = AuditLog::read(store, tenant, &query).await.unwrap().remove(0);
    let leaf: scalbotics_core::audit::Record = serde_json::from_slice(&entry.leaf).unwrap();
    assert_eq!((leaf.kind, leaf.effect), (Kind::Intent, Some(warrant.act().effect)), "the warrant names its intent's leaf");
    for sealed in payloads {
        assert_eq!(PayloadStore::get(store, tenant, sealed.reference.id).await.unwrap(), Some(sealed));
    }

    let effect = warrant.act().effect;
    let landed = world.land(&sent, effect);
    let state = landed.state.clone();
    assert!(store.commit(landed).await.unwrap().warrants.is_empty());
    let done = world.complete(&state);
    let state = done.state.clone();
    store.commit(done).await.unwrap();
    assert_eq!(store.state(tenant, task).await.unwrap(), Some(state.clone()));

    let events = store.events(tenant, task, 0, 100).await.unwrap();
    assert!(events.iter().map(|event| event.sequence).eq(0..events.len() as u64));
    assert_eq!(fold(events.iter().map(|event| (&event.event, event.at))).unwrap(), Some(state));
    assert_eq!(store.events(tenant, task, 2, 1).await.unwrap(), events.get(2..3).unwrap());
    foreign_is_absent(store, task).await;
}

async fn foreign_is_absent(store: &dyn Store, task: TaskId) {
    let foreign = TenantId::parse("somebody-else").unwrap();
    assert_eq!(store.state(&foreign, task).await.unwrap(), None);
    assert_eq!(store.events(&foreign, task, 0, 10).await.unwrap(), []);
    assert_eq!(TaskLog::list(store, &foreign, &TaskFilter { limit: 10, ..TaskFilter::default() }).await.unwrap(), []);
}

async fn versions_are_compared(store: &dyn Store) {
    let world = World::new("versions", 2);
    world.register(store).await.unwrap();
    let first = world.submit();
    let state = first.state.clone();
    let again = Batch { ..world.decided(None, submission(&state)) };
    store.commit(first).await.unwrap();
    let (one, two) = (world.intend(&state, "a"), world.intend(&state, "b"));
    store.commit(one).await.unwrap();
    for stale in [again, two] {
        let answer = store.commit(stale).await;
        assert!(matches!(answer, Err(StoreError::Conflict { task }) if task == state.envelope.id), "{answer:?}");
    }
    let stranger = world.submit();
    let absent = world.intend(&stranger.state, "a");
    assert!(matches!(store.commit(absent).await, Err(StoreError::Conflict { .. })), "a task that was never submitted");
}

fn submission(state: &State) -> scalbotics_core::task::Command {
    scalbotics_core::task::Command::Submit { envelope: Box::new(state.envelope.clone()), path: state.path.clone() }
}

async fn only_who_may_act_intends(store: &dyn Store) {
    let world = World::new("revoked", 3);
    let state = begun(store, &world).await;
    let refused = |answer: Result<_, StoreError>| matches!(answer, Err(StoreError::Revoked { .. }));
    assert!(refused(store.commit(world.intend(&state, "a")).await), "an agent that is not registered");
    world.register(store).await.unwrap();
    let stale = Batch { agent_epoch: world.agent.epoch - 1, ..world.intend(&state, "a") };
    assert!(refused(store.commit(stale).await), "an older epoch");

    let batch = world.intend(&state, "a");
    let sent = batch.state.clone();
    store.commit(batch).await.unwrap();
    let suspended = Agent { standing: Standing::Suspended, epoch: world.agent.epoch + 1, ..world.agent.clone() };
    store.put_agent(suspended.clone(), world.record(Kind::Rpc, "agent.suspend").into()).await.unwrap();
    let effect = *sent.steps.get("a").unwrap();
    let landed = world.land(&sent, effect);
    let state = landed.state.clone();
    store.commit(landed).await.unwrap();
    for epoch in [world.agent.epoch, suspended.epoch] {
        let batch = Batch { agent_epoch: epoch, ..world.intend(&state, "b") };
        assert!(refused(store.commit(batch).await), "a suspended agent at epoch {epoch}");
    }
    let resumed = Agent { standing: Standing::Active, ..suspended };
    store.put_agent(resumed.clone(), world.record(Kind::Rpc, "agent.resume").into()).await.unwrap();
    let batch = Batch { agent_epoch: resumed.epoch, ..world.intend(&state, "b") };
    let warrants = store.commit(batch).await.unwrap().warrants;
    assert!(warrants.iter().all(|warrant| warrant.commit().revocation_epoch == resumed.epoch));
}

async fn a_batch_is_all_or_nothing(store: &dyn Store) {
    let world = World::new("all-or-nothing", 4);
    world.register(store).await.unwrap();
    let state = begun(store, &world).await;
    let asked = world.ask(&state, "publish");
    let waiting = asked.state.clone();
    let request = asked.approvals.first().unwrap().clone();
    store.commit(asked).await.unwrap();
    let size = log_size(store, &world.tenant).await;
    let key = "all-or-nothing/key".to_owned();
    let answer = StoredAnswer { body: Digest::of_bytes(b"b"), answer: b"a".to_vec(), at: world.clock.now() };
    // Its last part, a decision that is kept already, fails it after everything else was written.
    let granted = world.grant(&waiting, &request);
    let payload = granted.payloads.first().unwrap().reference.id;
    let intended = world.intend(&state, "other");
    let decision = intended.decisions.clone();
    store.append(vec![world.record(Kind::Decision, "tool/fs.read")], decision.clone()).await.unwrap();
    let broken = Batch { decisions: decision, answer: Some((key.clone(), answer)), ..granted };
    assert!(store.commit(broken).await.is_err());
    assert_eq!(store.state(&world.tenant, state.envelope.id).await.unwrap(), Some(waiting.clone()));
    assert_eq!(log_size(store, &world.tenant).await, size + 1);
    assert_eq!(PayloadStore::get(store, &world.tenant, payload).await.unwrap(), None);
    assert_eq!(ApprovalStore::get(store, &world.tenant, request.id).await.unwrap(), Some(request.clone()));
    assert_eq!(store.answer(&key, world.clock.now()).await.unwrap(), None);
    store.commit(world.grant(&waiting, &request)).await.unwrap();
}

async fn impossible_batches_are_refused(store: &dyn Store) {
    let world = World::new("impossible", 5);
    world.register(store).await.unwrap();
    let state = begun(store, &world).await;
    let size = log_size(store, &world.tenant).await;
    let stranger = World::new("impossible-2", 6);
    let intend = || world.intend(&state, "a");
    let mut foreign_record = intend();
    foreign_record.audit.push(stranger.record(Kind::Task, "task"));
    let mut foreign_payload = intend();
    foreign_payload.payloads.push(stranger.payload(b"x"));
    let mut other_state = intend();
    other_state.state.version += 1;
    let mut no_record = intend();
    no_record.audit = vec![world.record(Kind::Task, "task")];
    let no_permit = Batch { intents: Vec::new(), ..intend() };
    let unaudited = Batch { audit: Vec::new(), ..intend() };
    for (number, batch) in [foreign_record, foreign_payload, other_state, no_record, no_permit, unaudited].into_iter().enumerate()
    {
        let answer = store.commit(batch).await;
        assert!(matches!(answer, Err(StoreError::Corrupt { .. })), "case {number}: {answer:?}");
    }
    assert_eq!(store.state(&world.tenant, state.envelope.id).await.unwrap(), Some(state));
    assert_eq!(log_size(store, &world.tenant).await, size);
}

async fn lists_are_paged(store: &dyn Store) {
    let world = World::new("lists", 7);
    world.register(store).await.unwrap();
    let mut states = Vec::new();
    for _ in 0..5 {
        states.push(begun(store, &world).await);
    }
    let canceled = world.complete(states.first().unwrap());
    let done = canceled.task;
    store.commit(canceled).await.unwrap();
    let ids: Vec<TaskId> = states.iter().rev().map(|state| state.envelope.id).collect();
    let listed = async |filter: TaskFilter| -> Vec<TaskId> {
        TaskLog::list(store, &world.tenant, &filter).await.unwrap().into_iter().map(|summary| summary.id).collect()
    };
    let all = TaskFilter { limit: 10, ..TaskFilter::default() };
    assert_eq!(listed(all.clone()).await, ids);
    assert_eq!(listed(TaskFilter { limit: 2, ..all.clone() }).await, ids.get(..2).unwrap());
    assert_eq!(listed(TaskFilter { limit: 0, ..all.clone() }).await.len(), 1, "a limit is at least 1");
    assert_eq!(listed(TaskFilter { limit: usize::MAX, ..all.clone() }).await, ids);
    assert_eq!(listed(TaskFilter { before: ids.get(1).copied(), ..all.clone() }).await, ids.get(2..).unwrap());
    assert_eq!(listed(TaskFilter { statuses: vec![Status::Completed], ..all.clone() }).await, [done]);
    assert_eq!(listed(TaskFilter { statuses: vec![Status::Submitted, Status::Working], ..all.clone() }).await.len(), 4);
    assert_eq!(listed(TaskFilter { statuses: vec![Status::Submitted, Status::Completed], ..all.clone() }).await.len(), 5);
    assert_eq!(listed(TaskFilter { agent: Some(world.agent.name.clone()), ..all.clone() }).await.len(), 5);
    assert_eq!(listed(TaskFilter { agent: Some(world.human.name.clone()), ..all }).await, []);
}

async fn unfinished_tasks_are_found(store: &dyn Store) {
    let world = World::new("unfinished", 8);
    world.register(store).await.unwrap();
    let (one, two, three) = (begun(store, &world).await, begun(store, &world).await, begun(store, &world).await);
    store.commit(world.complete(&two)).await.unwrap();
    let mut found = Vec::new();
    let mut after = None;
    loop {
        let page = store.unfinished(after, 2).await.unwrap();
        assert!(page.len() <= 2);
        let Some(last) = page.last() else { break };
        after = Some(last.envelope.id);
        found.extend(page);
    }
    assert!(found.is_sorted_by(|a, b| a.envelope.id < b.envelope.id));
    let mine: Vec<State> = found.into_iter().filter(|state| state.envelope.tenant == world.tenant).collect();
    assert_eq!(mine, [one, three]);
}

async fn answers_are_replayed_for_a_day(store: &dyn Store) {
    let world = World::new("answers", 9);
    world.register(store).await.unwrap();
    let start = world.clock.now();
    let key = "ada/task.submit/1";
    let answered = |text: &str| {
        let answer = StoredAnswer { body: Digest::of_bytes(text.as_bytes()), answer: text.into(), at: world.clock.now() };
        Batch { answer: Some((key.to_owned(), answer)), ..world.submit() }
    };
    assert_eq!(store.answer(key, start).await.unwrap(), None);
    store.commit(answered("first")).await.unwrap();
    world.clock.set(start.plus_ms(DAY_MS - 1));
    let late = store.answer(key, world.clock.now()).await.unwrap().unwrap();
    assert_eq!((late.answer.as_slice(), late.body, late.at), (b"first".as_slice(), Digest::of_bytes(b"first"), start));
    let second = answered("second");
    let task = second.task;
    let answer = store.commit(second).await;
    assert!(matches!(answer, Err(StoreError::Taken { .. })), "{answer:?}");
    assert_eq!(store.state(&world.tenant, task).await.unwrap(), None);
    world.clock.set(start.plus_ms(DAY_MS));
    assert_eq!(store.answer(key, world.clock.now()).await.unwrap(), None);
    store.commit(answered("second")).await.unwrap();
    assert_eq!(store.answer(key, world.clock.now()).await.unwrap().unwrap().answer, b"second");
}

async fn large_states_are_the_fold_of_their_events(store: &dyn Store) {
    let world = World::new("large", 10);
    world.register(store).await.unwrap();
    let mut state = begun(store, &world).await;
    for step in 0..60 {
        let sent = world.intend(&state, &format!("scan[{step}]"));
        state = sent.state.clone();
        store.commit(sent).await.unwrap();
        let effect = *state.steps.get(&format!("scan[{step}]")).unwrap();
        assert_eq!(store.state(&world.tenant, state.envelope.id).await.unwrap().as_ref(), Some(&state), "step {step}");
        let landed = world.land(&state, effect);
        state = landed.state.clone();
        store.commit(landed).await.unwrap();
    }
    assert_eq!(store.state(&world.tenant, state.envelope.id).await.unwrap().as_ref(), Some(&state));
    let mine = |states: Vec<State>| states.into_iter().find(|s| s.envelope.id == state.envelope.id);
    assert_eq!(mine(store.unfinished(None, 1_000).await.unwrap()).as_ref(), Some(&state));
}
