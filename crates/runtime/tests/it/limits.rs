//! Deadlines, budgets, full disks, drains.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use scalbotics_core::ids::AgentUid;
use scalbotics_core::policy::{Answer, Request};
use scalbotics_core::ports::{Epochs, EpochsNow, PolicyEngine, StoreError};
use scalbotics_core::task::{Event, Failure, Phase, Status};
use scalbotics_core::tool::NotDone;
use scalbotics_runtime::reconcile::Followed;
use scalbotics_runtime::task::SubmitError;
use scalbotics_runtime::{Drained, Ports};
use scalbotics_testkit::{AllowAll, MemoryStore, Reply};
use serde_json::json;

use super::bed::{Bed, Disk, submission};
use super::fakes::Crash;
use super::repo::{JsonCompiler, standard, tool};

#[tokio::test(start_paused = true)]
async fn time_is_up_while_waiting() {
    for (timeout_ms, seconds, failure) in
        [(Some(60_000), None, Failure::DeadlineExceeded), (None, Some(60), Failure::BudgetExhausted)]
    {
        let bed = Bed::new().await;
        bed.disk.tools.script("keyed", Reply::UntilStopped);
        let mut submit = submission("keyed-flow");
        submit.timeout_ms = timeout_ms;
        submit.limits.seconds = seconds;
        let task = bed.tasks.submit(&bed.ada(), &submit).await.unwrap().task;
        let state = bed.until(task, |state| state.status.is_final() || state.status == Status::InputRequired).await;
        // The tool was stopped at its own limit and sent again until it came to nothing too often: nobody knows.
        assert!(state.calls.values().any(|call| matches!(call.phase, Phase::InDoubt { .. } | Phase::Landed { .. })));
        let mut waits = submission("publish-flow");
        waits.timeout_ms = timeout_ms;
        waits.limits.seconds = seconds;
        let task = bed.tasks.submit(&bed.ada(), &waits).await.unwrap().task;
        let begun = bed.state(task).await.envelope.submitted_at;
        let state = bed.ended(task).await;
        assert!(matches!(state.failure, Some(f) if f == failure || f == Failure::ApprovalExpired), "{state:?}");
        assert!((60_000..61_000).contains(&state.updated_at.since_ms(begun)));
        bed.check_journal(task).await;
    }
}

#[tokio::test(start_paused = true)]
async fn time_is_up_between_two_attempts() {
    let bed = Bed::new().await;
    for _ in 0..2 {
        bed.disk.tools.script("look", Reply::NeverLeft(NotDone::Unavailable { reason: "down".to_owned() }));
    }
    let mut submit = submission("pure-flow");
    submit.timeout_ms = Some(800);
    let task = bed.tasks.submit(&bed.ada(), &submit).await.unwrap().task;
    let state = bed.ended(task).await;
    assert_eq!((state.failure, bed.disk.tools.sent().len()), (Some(Failure::DeadlineExceeded), 2));
}

/// The deadline ends no wait for an effect that is on its way: the task would ask again at once, and again.
#[tokio::test(start_paused = true)]
async fn an_open_effect_is_asked_about_now_and_then_when_time_is_up() {
    let bed = Bed::new().await;
    let mut files = standard();
    files.retain(|(path, _)| *path != "tools/verifiable");
    let mut slow = tool("verifiable", "verifiable", 1);
    slow["settle_after"] = json!("10m");
    files.push(("tools/verifiable", slow));
    bed.disk.repo.commit("c2", &files);
    bed.reconciler.look().await;
    bed.disk.tools.script("verifiable", Reply::Lose);
    let mut submit = submission("verifiable-flow");
    submit.timeout_ms = Some(3_000);
    let task = bed.tasks.submit(&bed.ada(), &submit).await.unwrap().task;
    let begun = bed.state(task).await.envelope.submitted_at;
    let state = bed.ended(task).await;
    assert_eq!(state.failure, Some(Failure::DeadlineExceeded));
    assert!(state.updated_at.since_ms(begun) >= 600_000, "what may still land is waited for");
    assert!(bed.disk.tools.asked() <= 4, "{}", bed.disk.tools.asked());
}

#[tokio::test(start_paused = true)]
async fn calls_are_counted_once_an_effect() {
    let bed = Bed::new().await;
    bed.disk.tools.script("look", Reply::Lose);
    let mut submit = submission("maybe-flow");
    submit.limits.calls = Some(2);
    let task = bed.tasks.submit(&bed.ada(), &submit).await.unwrap().task;
    let state = bed.ended(task).await;
    assert_eq!((state.failure, state.account.taken().calls), (Some(Failure::BudgetExhausted), 2));
    assert_eq!(bed.disk.tools.sent().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn what_must_fail_is_refused_before_the_first_call() {
    let bed = Bed::new().await;
    let mut submit = submission("keyed-flow");
    submit.limits.calls = Some(2);
    let refused = bed.tasks.submit(&bed.ada(), &submit).await.unwrap_err();
    assert!(matches!(refused, SubmitError::TooFewCalls { wanted: 3, budget: 2, .. }), "{refused}");
    assert!(bed.tasks.validate(&bed.ada(), &submit).await.is_err());
    assert!(bed.disk.tools.sent().is_empty());
}

/// Allows everything, and takes its time.
#[derive(Debug)]
struct Slow;

#[async_trait]
impl PolicyEngine for Slow {
    async fn evaluate(&self, request: &Request) -> Answer {
        tokio::time::sleep(Duration::from_millis(10)).await;
        AllowAll.evaluate(request).await
    }
}

#[tokio::test(start_paused = true)]
async fn a_task_whose_time_ends_while_policy_is_asked_is_not_denied() {
    let disk = Disk::new();
    let tenant = disk.world.tenant.clone();
    let change =
        |_: &mut Ports, followed: &mut Followed| followed.compiler = Arc::new(JsonCompiler { tenant, engine: Arc::new(Slow) });
    let bed = Bed::over(disk, Crash::at(None), change).await;
    let mut submit = submission("keyed-flow");
    submit.timeout_ms = Some(5);
    let task = bed.tasks.submit(&bed.ada(), &submit).await.unwrap().task;
    assert_eq!(bed.ended(task).await.failure, Some(Failure::DeadlineExceeded));
    assert!(bed.disk.tools.sent().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_call_that_never_leaves_is_given_up_in_its_words() {
    let bed = Bed::new().await;
    for _ in 0..9 {
        bed.disk.tools.script("opaque", Reply::NeverLeft(NotDone::Unavailable { reason: "no program".to_owned() }));
    }
    let task = bed.submit("opaque-flow").await;
    bed.ended(task).await;
    let view = bed.tasks.get(&bed.ada(), task, false).await.unwrap();
    assert_eq!(view.state.failure, Some(Failure::ToolFailed));
    assert!(view.failure_detail.unwrap().contains("no program"));
    assert_eq!(bed.disk.tools.sent().len(), 4);
}

#[tokio::test(start_paused = true)]
async fn sem_1_3_a_call_that_finds_no_room_waits_for_it() {
    let bed = Bed::new().await;
    for _ in 0..9 {
        bed.disk.tools.script("opaque", Reply::NeverLeft(NotDone::NoRoom { reason: "no space".to_owned() }));
    }
    let task = bed.submit("opaque-flow").await;
    let state = bed.ended(task).await;
    // Three calls, one of them sent nine times more.
    assert_eq!((state.status, bed.disk.tools.sent().len()), (Status::Completed, 12));
    bed.check_journal(task).await;
}

#[tokio::test(start_paused = true)]
async fn a_full_disk_stops_effects_and_nothing_else() {
    let bed = Bed::new().await;
    bed.disk.tools.script("keyed", Reply::UntilStopped);
    let task = bed.submit("keyed-flow").await;
    bed.until(task, |state| state.account.taken().calls == 2).await;
    bed.disk.store.set_full(true);
    let refused = bed.tasks.submit(&bed.ada(), &submission("pure-flow")).await.unwrap_err();
    assert!(matches!(refused, SubmitError::Store(StoreError::Full)));
    // The tool ends at its limit; the next attempt has no room for its intent.
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_eq!(bed.disk.tools.sent().len(), 2);
    assert!(bed.metrics.commits_full.get() > 1);
    bed.disk.store.set_full(false);
    assert_eq!(bed.ended(task).await.status, Status::Completed);
    bed.check_journal(task).await;
}

#[tokio::test(start_paused = true)]
async fn an_outcome_is_written_though_the_next_intent_has_no_room() {
    let bed = Bed::new().await;
    bed.disk.tools.script("look", Reply::UntilStopped);
    let task = bed.submit("keyed-flow").await;
    bed.until(task, |state| state.account.taken().calls == 1).await;
    bed.disk.store.set_full(true);
    tokio::time::sleep(Duration::from_secs(300)).await;
    assert_eq!(bed.disk.tools.sent().len(), 1);
    bed.disk.store.set_full(false);
    bed.disk.tools.script("look", Reply::Land(b"late".to_vec()));
    assert_eq!(bed.ended(task).await.status, Status::Completed);
}

#[tokio::test(start_paused = true)]
async fn a_drain_lets_the_running_call_end_and_begins_nothing() {
    let bed = Bed::new().await;
    bed.disk.tools.script("keyed", Reply::UntilStopped);
    let task = bed.submit("keyed-flow").await;
    bed.until(task, |state| state.account.taken().calls == 2).await;
    assert_eq!(bed.supervisor.drain(Duration::from_secs(2)).await, Drained { left: 0 });
    let state = bed.state(task).await;
    assert_eq!((state.status, bed.disk.tools.sent().len()), (Status::Working, 2));
    assert!(matches!(bed.tasks.submit(&bed.ada(), &submission("pure-flow")).await, Err(SubmitError::Draining)));
    let disk = Disk { store: Arc::new(bed.disk.store.restarted()), ..bed.disk.clone() };
    let next = Bed::on(disk, Crash::at(None)).await;
    assert_eq!(next.ended(task).await.status, Status::Completed);
    let intents = next.events(task).await.into_iter().filter(|event| matches!(event, Event::Intended { .. })).count();
    assert_eq!(intents, 4);
    next.check_journal(task).await;
}

#[tokio::test(start_paused = true)]
async fn a_drain_writes_the_outcome_down_and_intends_nothing_more() {
    let bed = Bed::new().await;
    bed.crash.slow(1_000);
    let task = bed.submit("keyed-flow").await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(bed.supervisor.drain(Duration::from_secs(5)).await, Drained { left: 0 });
    let state = bed.state(task).await;
    assert_eq!((state.account.taken().calls, state.open_calls().count()), (1, 0));
    assert!(state.calls.values().all(|call| matches!(call.phase, Phase::Landed { .. })));
    assert_eq!(bed.disk.tools.sent().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn sem_7_1_without_quota_effects_wait_and_outcomes_are_written() {
    let bed = Bed::new().await;
    bed.crash.slow(1_000);
    let task = bed.submit("keyed-flow").await;
    bed.quota.replace(1);
    let state = bed.until(task, |state| state.account.used().calls == 1).await;
    assert_eq!(state.account.taken().calls, 1, "the outcome is written, the next effect is not begun");
    let refused = bed.tasks.submit(&bed.ada(), &submission("pure-flow")).await.unwrap_err();
    assert!(matches!(refused, SubmitError::Store(StoreError::Quota { tenant }) if tenant == *bed.tenant()));
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(bed.disk.tools.sent().len(), 1);
    bed.quota.replace(1 << 40);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(bed.ended(task).await.status, Status::Completed);
    bed.check_journal(task).await;
}

/// The epochs as they are once a later writer has begun, from the chosen look on.
#[derive(Debug)]
struct Overtaken {
    inner: Arc<MemoryStore>,
    from: usize,
    looks: AtomicUsize,
}

#[async_trait]
impl Epochs for Overtaken {
    async fn now(&self, agent: AgentUid) -> Result<EpochsNow, StoreError> {
        let overtaken = self.looks.fetch_add(1, Ordering::SeqCst) >= self.from;
        let now = Epochs::now(self.inner.as_ref(), agent).await?;
        Ok(EpochsNow { writer: now.writer + u64::from(overtaken), ..now })
    }
}

#[tokio::test(start_paused = true)]
async fn sem_2_1_epochs_are_read_again_before_each_send() {
    for from in 0..3 {
        let disk = Disk::new();
        let inner = Arc::clone(&disk.store);
        let change =
            |ports: &mut Ports, _: &mut Followed| ports.epochs = Arc::new(Overtaken { inner, from, looks: AtomicUsize::new(0) });
        let bed = Bed::over(disk, Crash::at(None), change).await;
        let task = bed.submit("opaque-flow").await;
        let state = bed.ended(task).await;
        assert_eq!((bed.disk.tools.sent().len(), state.status), (from, Status::Failed), "a warrant of an older writer is void");
        let never_left = bed.events(task).await.iter().filter(|event| matches!(event, Event::NotLanded { .. })).count();
        assert!(never_left > 0);
    }
}
