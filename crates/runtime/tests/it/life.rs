//! Tasks that end well, and what callers see of them.

use futures_util::StreamExt;
use scalbotics_core::audit::Kind;
use scalbotics_core::ports::TaskFilter;
use scalbotics_core::task::{Event, Rejection, Status};
use scalbotics_core::tenant::TenantId;
use scalbotics_runtime::task::{Error, Goal, SubmitError, Watched};
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
                tokio::time::sleep(std::time::Duration::from_secs(5)).await;
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
    assert_eq!(view.state.path.workflow, name("pure-flow"));
    assert_eq!(view.goal.as_deref(), Some("do pure-flow please"));
    bed.ended(task).await;
    assert!(bed.tasks.get(&bed.ada(), task, true).await.unwrap().output.is_some());
}

type Change = fn(&mut scalbotics_runtime::task::Submit);
type Wanted = fn(&SubmitError) -> bool;

#[tokio::test(start_paused = true)]
async fn what_can_be_refused_is_refused_before_anything_is_durable() {
    let bed = Bed::new().await;
    let cases: [(&str, Change, Wanted); 7] = [
        ("agent", |s| s.agent = name("nobody"), |e| matches!(e, SubmitError::UnknownAgent { .. })),
        (
            "workflow",
            |s| s.goal = Goal::Workflow(name("nothing")),
            |e| matches!(e, SubmitError::UnknownWorkflow { known, .. } if known.len() == 5),
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
    assert_eq!(bed.tasks.validate(&bed.ada(), &submission("pure-flow")).await.unwrap(), name("pure-flow"));
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
    assert!(matches!(bed.tasks.submit(&eve, &submission("pure-flow")).await, Err(SubmitError::UnknownAgent { .. })));
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
