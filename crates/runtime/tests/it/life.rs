//! Tasks that end well, and what callers see of them.

use std::time::Duration;

use futures_util::StreamExt;
use scalbotics_core::audit::Kind;
use scalbotics_core::ids::{ServiceUid, TaskId};
use scalbotics_core::ports::TaskFilter;
use scalbotics_core::principal::Uid;
use scalbotics_core::task::{Event, Failure, Rejection, Status};
use scalbotics_core::tenant::TenantId;
use scalbotics_runtime::Caller;
use scalbotics_runtime::task::{Error, Goal, Settled, Submit, SubmitError, Watched, Word};
use scalbotics_testkit::Reply;
use serde_json::json;

use super::bed::{Bed, submission};
use super::repo::name;

#[tokio::test(start_paused = true)]
async fn three_steps_cost_four_commits() {
    let bed = Bed::new().await;
    bed.disk.tools.script("look", Reply::Land(b"one".to_vec()));
    bed.disk.tools.script("look", Reply::Land(b"three".to_vec()));
    let task = bed.submit("keyed-flow").await;
    let state = bed.ended(task).await;
    assert_eq!((state.status, state.account.taken().calls), (Status::Completed, 3));
    assert_eq!(bed.crash.commits(), 4);
    assert_eq!(bed.tasks.result(&bed.ada(), task).await.unwrap(), json!({"last": "three"}));
    let kinds: Vec<Kind> = bed.records().await.into_iter().filter(|r| r.task == Some(task)).map(|r| r.kind).collect();
    let step = [Kind::Intent, Kind::Outcome];
    assert_eq!(kinds, [&[Kind::Task][..], &step, &step, &step, &[Kind::Task]].concat());
    bed.check_journal(task).await;
}

#[tokio::test(start_paused = true)]
async fn an_intent_is_audited_before_its_effect() {
    let bed = Bed::new().await;
    let task = bed.submit("keyed-flow").await;
    bed.ended(task).await;
    let records = bed.records().await;
    for sent in bed.disk.tools.sent() {
        let record = &records[usize::try_from(sent.audit_leaf).unwrap()];
        assert_eq!((record.kind, record.effect), (Kind::Intent, Some(sent.effect)));
        assert!(record.decision.as_ref().is_some_and(|decision| decision.allow));
        assert_eq!(sent.args, br#"{"to":"world"}"#);
    }
}

#[tokio::test(start_paused = true)]
async fn watching_shows_every_event_once_and_ends() {
    let bed = Bed::new().await;
    let task = bed.submit("publish-flow").await;
    for from in [0, 2, 1_000] {
        // The first watcher sees it live, the others sit down after the end: all see the same, and all streams end.
        let stream = bed.tasks.watch(&bed.ada(), task, from).await.unwrap();
        let cancel = async {
            if from == 0 {
                bed.asked(task).await;
                tokio::time::sleep(Duration::from_secs(5)).await;
                bed.tasks.cancel(&bed.ada(), task).await.unwrap();
            }
        };
        let (seen, ()) = tokio::join!(stream.map(Result::unwrap).collect::<Vec<Watched>>(), cancel);
        let sequences: Vec<u64> = seen.iter().map(|watched| watched.event.sequence).collect();
        let all = bed.events(task).await.len() as u64;
        assert_eq!(sequences, (from..all).collect::<Vec<_>>());
        assert!(seen.last().is_none_or(|last| last.status == Status::Canceled));
    }
    assert_eq!(bed.metrics.watchers.get(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_first_workflow_that_serves_the_goal_runs() {
    let bed = Bed::new().await;
    let mut submit = submission("unused");
    submit.goal = Goal::Text("do pure-flow please".to_owned());
    let task = bed.tasks.submit(&bed.ada(), &submit).await.unwrap().task;
    let view = bed.tasks.get(&bed.ada(), task, true).await.unwrap();
    assert_eq!(view.state.path.workflow(), Some(&name("pure-flow")));
    assert_eq!(view.goal.as_deref(), Some("do pure-flow please"));
    bed.ended(task).await;
    assert!(bed.tasks.get(&bed.ada(), task, true).await.unwrap().output.is_some());
}

type Change = fn(&mut Submit);
type Wanted = fn(&SubmitError) -> bool;

#[tokio::test(start_paused = true)]
async fn what_can_be_refused_is_refused_before_anything_is_durable() {
    let bed = Bed::new().await;
    let cases: [(&str, Change, Wanted); 7] = [
        ("agent", |s| s.agent = name("nobody"), |e| matches!(e, SubmitError::UnknownAgent { .. })),
        (
            "workflow",
            |s| s.goal = Goal::Workflow(name("nothing")),
            |e| matches!(e, SubmitError::UnknownWorkflow { known, .. } if known.len() == 6),
        ),
        ("goal", |s| s.goal = Goal::Text("make coffee".to_owned()), |e| matches!(e, SubmitError::NoPath { .. })),
        ("input", |s| s.input = json!({"to": 3}), |e| matches!(e, SubmitError::Input { .. })),
        ("priority", |s| s.priority = 10, |e| matches!(e, SubmitError::Envelope(_))),
        ("number", |s| s.input = json!({"to": 9_007_199_254_740_993_u64}), |e| matches!(e, SubmitError::InputForm(_))),
        ("timeout", |s| s.timeout_ms = Some(0), |e| matches!(e, SubmitError::Envelope(_))),
    ];
    for (what, change, wanted) in cases {
        let mut submit = submission("pure-flow");
        change(&mut submit);
        let error = bed.tasks.submit(&bed.ada(), &submit).await.unwrap_err();
        assert!(wanted(&error), "{what}: {error:?}");
        assert!(bed.tasks.validate(&bed.ada(), &submit).await.is_err(), "{what}");
    }
    assert_eq!(bed.crash.commits(), 0);
    assert_eq!(bed.tasks.validate(&bed.ada(), &submission("pure-flow")).await.unwrap().workflow(), Some(&name("pure-flow")));
    assert_eq!(bed.crash.commits(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_repeated_request_is_the_same_request() {
    let bed = Bed::new().await;
    let mut ada = bed.ada();
    ada.repeat_key = Some("r1".to_owned());
    let first = bed.tasks.submit(&ada, &submission("pure-flow")).await.unwrap();
    let again = bed.tasks.submit(&ada, &submission("pure-flow")).await.unwrap();
    assert!(!first.replayed && again.replayed && first.task == again.task);
    let other = bed.tasks.submit(&ada, &submission("keyed-flow")).await.unwrap_err();
    assert!(matches!(other, SubmitError::KeyReused));
    let mut bob = bed.bob();
    bob.repeat_key = Some("r1".to_owned());
    assert_ne!(bed.tasks.submit(&bob, &submission("pure-flow")).await.unwrap().task, first.task);
    let racing = async {
        let mut ada = bed.ada();
        ada.repeat_key = Some("r2".to_owned());
        bed.tasks.submit(&ada, &submission("pure-flow")).await.unwrap().task
    };
    let (a, b) = tokio::join!(racing, async {
        let mut ada = bed.ada();
        ada.repeat_key = Some("r2".to_owned());
        bed.tasks.submit(&ada, &submission("pure-flow")).await.unwrap().task
    });
    assert_eq!(a, b);
}

#[tokio::test(start_paused = true)]
async fn another_tenants_task_is_absent() {
    let bed = Bed::new().await;
    let task = bed.submit("publish-flow").await;
    let approval = bed.asked(task).await;
    let mut eve = bed.bob();
    eve.principal.tenant = TenantId::parse("other").unwrap();
    let absent = |error: Error| assert!(matches!(error, Error::NotFound { .. }), "{error:?}");
    absent(bed.tasks.get(&eve, task, true).await.unwrap_err());
    absent(bed.tasks.cancel(&eve, task).await.unwrap_err());
    absent(bed.tasks.retry(&eve, task).await.unwrap_err());
    absent(bed.tasks.result(&eve, task).await.unwrap_err());
    absent(bed.tasks.watch(&eve, task, 0).await.err().unwrap());
    assert!(bed.tasks.list(&eve, &TaskFilter { limit: 10, ..TaskFilter::default() }).await.unwrap().is_empty());
    assert!(bed.approvals.get(&eve, approval).await.is_err());
    assert!(matches!(bed.tasks.submit(&eve, &submission("pure-flow")).await, Err(SubmitError::NothingInForce)));
    assert_eq!(bed.status(task).await, Status::InputRequired);
}

#[tokio::test(start_paused = true)]
async fn canceling_and_retrying() {
    let bed = Bed::new().await;
    let task = bed.submit("publish-flow").await;
    bed.asked(task).await;
    assert!(matches!(bed.tasks.retry(&bed.ada(), task).await, Err(Error::NotRetryable { .. })));
    assert_eq!(bed.tasks.cancel(&bed.ada(), task).await.unwrap().state.status, Status::Canceled);
    let again = bed.tasks.cancel(&bed.ada(), task).await.unwrap_err();
    assert!(matches!(again, Error::Rejected { source: Rejection::Final, .. }));
    let retried = bed.tasks.retry(&bed.ada(), task).await.unwrap();
    assert_ne!(retried.task, task);
    assert_eq!(bed.state(retried.task).await.envelope.input.len, bed.state(task).await.envelope.input.len);
    bed.check_journal(task).await;
}

#[tokio::test(start_paused = true)]
async fn a_tool_that_fails_ends_the_task_in_its_words() {
    let bed = Bed::new().await;
    bed.disk.tools.script("keyed", Reply::Fail("no such mailbox".to_owned()));
    let task = bed.submit("keyed-flow").await;
    bed.ended(task).await;
    let view = bed.tasks.get(&bed.ada(), task, false).await.unwrap();
    assert_eq!(view.state.status, Status::Failed);
    assert_eq!(view.failure_detail.as_deref(), Some("no such mailbox"));
    assert!(matches!(bed.tasks.result(&bed.ada(), task).await, Err(Error::NoResult { .. })));
    let end: Vec<Event> = bed.events(task).await.into_iter().rev().take(2).collect();
    assert!(matches!(end[..], [Event::Failed { .. }, Event::CallFailed { .. }]));
}

/// Every version that the task's answers were of.
async fn version(bed: &Bed, task: TaskId) -> u64 {
    bed.state(task).await.version
}

#[tokio::test(start_paused = true)]
async fn sem_9_1_the_first_answer_is_given_again_whatever_happened_since() {
    let bed = Bed::new().await;
    let key = |name: &str| Caller { repeat_key: Some(name.to_owned()), ..bed.ada() };
    let first = bed.tasks.submit(&key("r1"), &submission("publish-flow")).await.unwrap();
    let task = first.task;
    bed.asked(task).await;
    let canceled = bed.tasks.cancel(&key("r1"), task).await.unwrap();
    assert!(!canceled.replayed, "a key is of one method");
    let end = version(&bed, task).await;
    for _ in 0..2 {
        let again = bed.tasks.submit(&key("r1"), &submission("publish-flow")).await.unwrap();
        assert_eq!((again.state, again.replayed), (first.state.clone(), true));
        let again = bed.tasks.cancel(&key("r1"), task).await.unwrap();
        assert_eq!((again.state, again.replayed), (canceled.state.clone(), true));
    }
    let other = bed.submit("publish-flow").await;
    assert!(matches!(bed.tasks.cancel(&key("r1"), other).await, Err(Error::KeyReused)));
    assert_eq!(version(&bed, task).await, end, "nothing was done again");

    let retried = bed.tasks.retry(&key("r1"), task).await.unwrap();
    let again = bed.tasks.retry(&key("r1"), task).await.unwrap();
    assert_eq!((again.state, again.replayed), (retried.state, true));
    assert_ne!(retried.task, task);
}

#[tokio::test(start_paused = true)]
async fn sem_9_1_of_the_same_request_twice_at_once_one_does_it_and_both_are_answered() {
    let bed = Bed::new().await;
    bed.disk.tools.script("opaque", Reply::Lose);
    let task = bed.submit("opaque-flow").await;
    let state = bed.until(task, |state| state.parked_calls().next().is_some()).await;
    let effect = *state.parked_calls().next().unwrap().0;
    let word = || Word { outcome: Settled::Landed { result: Some(json!({"b": 1, "a": 2})) }, reason: "asked".to_owned() };
    let key = || Caller { repeat_key: Some("r1".to_owned()), ..bed.ada() };
    let (one, two) = (key(), key());
    let (a, b) = tokio::join!(bed.tasks.settle(&one, task, effect, word()), bed.tasks.settle(&two, task, effect, word()));
    let (a, b) = (a.unwrap(), b.unwrap());
    assert_eq!(a.state, b.state);
    assert_ne!(a.replayed, b.replayed);
    bed.ended(task).await;
    assert_eq!(bed.tasks.settle(&key(), task, effect, word()).await.unwrap().state, a.state);
    assert_eq!(bed.events(task).await.iter().filter(|event| matches!(event, Event::Settled { .. })).count(), 1);
}

#[tokio::test(start_paused = true)]
async fn sem_9_1_a_key_is_forgotten_after_a_day() {
    let bed = Bed::new().await;
    let key = || Caller { repeat_key: Some("r1".to_owned()), ..bed.ada() };
    let first = bed.tasks.submit(&key(), &submission("pure-flow")).await.unwrap().task;
    tokio::time::sleep(Duration::from_secs(24 * 3_600 - 1)).await;
    assert_eq!(bed.tasks.submit(&key(), &submission("pure-flow")).await.unwrap().task, first);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_ne!(bed.tasks.submit(&key(), &submission("pure-flow")).await.unwrap().task, first);
}

#[tokio::test(start_paused = true)]
async fn sem_3_5_a_submission_makes_a_root_grant_that_ends_with_the_task() {
    let bed = Bed::new().await;
    let submit = Submit { timeout_ms: Some(60_000), ..submission("publish-flow") };
    let state = bed.tasks.submit(&bed.ada(), &submit).await.unwrap().state;
    let envelope = &state.envelope;
    let (human, agent) = (Uid::Human(bed.disk.world.human.uid), Uid::Agent(bed.disk.world.agent.uid));
    let [grant] = &envelope.chain.grants[..] else { panic!("one grant") };
    assert_eq!((grant.grantor, grant.grantee, grant.task), (human, agent, Some(state.envelope.id)));
    assert_eq!((grant.expires_at, envelope.deadline), (envelope.deadline, envelope.submitted_at.plus_ms(60_000)));
    assert!(grant.scope.tools.contains(&name("publish")));
    for other in [agent, Uid::Service(ServiceUid::from_u128(7)), Uid::Daemon] {
        let mut caller = bed.ada();
        caller.principal.uid = other;
        assert!(matches!(bed.tasks.submit(&caller, &submit).await, Err(SubmitError::NotSponsor)), "{other}");
    }
}

#[tokio::test(start_paused = true)]
async fn sem_9_3_a_task_records_what_it_runs_under_and_a_retry_runs_under_it_again() {
    let bed = Bed::new().await;
    bed.disk.tools.script("look", Reply::Fail("not today".to_owned()));
    let task = bed.submit("pure-flow").await;
    let path = bed.ended(task).await.path;
    let tools: Vec<&str> = path.tools.iter().map(|(id, _)| id.as_str()).collect();
    assert_eq!((path.commit.as_str(), tools), ("c1", vec!["look", "pure"]));

    let mut files = super::repo::standard();
    let place = files.iter().position(|(path, _)| *path == "workflows/pure").unwrap();
    files[place].1["steps"].as_array_mut().unwrap().remove(1);
    bed.disk.repo.commit("c2", &files);
    bed.reconciler.look().await;
    let retried = bed.tasks.retry(&bed.ada(), task).await.unwrap();
    let state = bed.ended(retried.task).await;
    assert_eq!((state.path, state.steps.len()), (path.clone(), 3), "the workflow of then, with its middle step");
    assert_eq!(state.status, Status::Completed);
    let anew = bed.submit("pure-flow").await;
    let state = bed.ended(anew).await;
    assert_eq!((state.path.commit.as_str(), state.steps.len()), ("c2", 2));

    // A tool that changed since is another tool.
    let place = files.iter().position(|(path, _)| *path == "tools/pure").unwrap();
    files[place].1["timeout"] = "9s".into();
    bed.disk.repo.commit("c3", &files);
    bed.reconciler.look().await;
    let retried = bed.tasks.retry(&bed.ada(), task).await.unwrap();
    assert_eq!(bed.ended(retried.task).await.failure, Some(Failure::Unavailable));

    bed.disk.repo.forget("c1");
    let reborn = Bed::on(bed.disk.clone(), super::fakes::Crash::at(None)).await;
    let gone = reborn.tasks.retry(&reborn.ada(), task).await.unwrap_err();
    assert!(matches!(gone, Error::Resubmit { source, .. } if matches!(*source, SubmitError::CommitGone { .. })));
}
