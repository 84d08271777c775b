//! Reads behind one another that need nothing of each other: their intents share a commit, and so do their outcomes.

use std::sync::Arc;
use std::time::Duration;

use scalbotics_core::ids::{EffectId, TaskId};
use scalbotics_core::task::{Event, Failure, Phase, Status};
use scalbotics_core::tool::NotDone;
use scalbotics_testkit::Reply;
use serde_json::{Value, json};

use super::bed::{Bed, Disk};
use super::crash::live;
use super::fakes::{Crash, Moment};
use super::repo::standard;

/// Three reads, a list that needs none of them, a read that needs one, and a tool that changes something.
fn reads() -> Value {
    let read = |id: &str, path: &str| json!({"id": id, "tool": "fs.read", "args": {"path": path}});
    json!({
        "id": "reads-flow", "description": "Reads.",
        "input": {"type": "object", "required": ["to"], "properties": {"to": {"type": "string"}}},
        "steps": [
            read("a", "repo/a"),
            {"id": "b", "tool": "fs.list", "args": {"path": "repo/${input.to}"}},
            read("c", "repo/c"),
            read("d", "repo/${steps.a.output.content}"),
            {"id": "e", "tool": "keyed", "args": {"to": "${steps.d.output.content}"}},
            read("f", "repo/f"),
        ],
        "output": {"last": "${steps.f.output.content}"},
    })
}

fn content(text: &str) -> Reply {
    let output = json!({"path": "repo/x", "offset": 0, "length": 1, "size": 1, "encoding": "utf8", "content": text});
    Reply::Land(output.to_string().into_bytes())
}

fn entries() -> Reply {
    Reply::Land(json!({"path": "repo/world", "entries": []}).to_string().into_bytes())
}

/// A disk whose repository has the workflow, and whose files say each its number.
fn disk(files: usize) -> Disk {
    let disk = Disk::new();
    let mut state = standard();
    state.push(("workflows/reads-flow", reads()));
    disk.repo.commit("c1", &state);
    for number in 0..files {
        disk.tools.script("fs.read", content(&number.to_string()));
        disk.tools.script("fs.list", entries());
    }
    disk
}

/// What happened, each with the number of its step's letter.
async fn story(bed: &Bed, task: TaskId) -> Vec<String> {
    let state = bed.state(task).await;
    let step = |effect: &EffectId| state.calls.get(effect).map(|call| call.intent.step.clone()).unwrap_or_default();
    let events = bed.events(task).await;
    let word = |event: &Event| match event {
        Event::Submitted { .. } => "submitted".to_owned(),
        Event::Intended { intent, .. } => format!("+{}", intent.step),
        Event::Landed { effect, .. } => format!("-{}", step(effect)),
        Event::CallFailed { effect, .. } => format!("!{}", step(effect)),
        Event::NotLanded { effect, .. } => format!("?{}", step(effect)),
        Event::CallDenied { step, .. } => format!("denied {step}"),
        Event::Completed { .. } => "completed".to_owned(),
        Event::Failed { failure, .. } => format!("{failure:?}"),
        other => format!("{other:?}"),
    };
    events.iter().map(word).collect()
}

#[tokio::test(start_paused = true)]
async fn reads_that_need_nothing_of_each_other_share_their_commits() {
    let bed = Bed::on(disk(4), Crash::at(None)).await;
    let task = bed.submit("reads-flow").await;
    let state = bed.ended(task).await;
    assert_eq!((state.status, state.account.used().calls), (Status::Completed, 6));
    let told = story(&bed, task).await;
    let wanted = ["submitted", "+a", "+b", "+c", "-a", "-b", "-c", "+d", "-d", "+e", "-e", "+f", "-f", "completed"];
    assert_eq!(told, wanted);
    // One for the submission and the first three, one for each of the others.
    assert_eq!(bed.crash.commits(), 5);
    let paths: Vec<String> = bed.disk.tools.sent().iter().map(|sent| String::from_utf8(sent.args.clone()).unwrap()).collect();
    assert_eq!(paths[..4], [r#"{"path":"repo/a"}"#, r#"{"path":"repo/world"}"#, r#"{"path":"repo/c"}"#, r#"{"path":"repo/0"}"#]);
    assert_eq!(bed.tasks.result(&bed.ada(), task).await.unwrap(), json!({"last": "3"}));
    // Each intent is in the log before its call, with the decision that allows it.
    let records = bed.records().await;
    for sent in bed.disk.tools.sent() {
        let record = &records[usize::try_from(sent.audit_leaf).unwrap()];
        assert!(record.effect == Some(sent.effect) && record.decision.as_ref().is_some_and(|decision| decision.allow));
    }
    bed.check_journal(task).await;
}

#[tokio::test(start_paused = true)]
async fn what_fails_among_them_ends_the_task_behind_what_landed() {
    let bed = Bed::on(disk(0), Crash::at(None)).await;
    let fail = || Reply::Fail("no such file".to_owned());
    bed.disk.tools.script("fs.list", fail());
    for reply in [content("0"), fail()] {
        bed.disk.tools.script("fs.read", reply);
    }
    let task = bed.submit("reads-flow").await;
    let state = bed.ended(task).await;
    assert_eq!((state.status, state.failure), (Status::Failed, Some(Failure::ToolFailed)));
    assert_eq!(story(&bed, task).await, ["submitted", "+a", "+b", "+c", "-a", "!b", "!c", "ToolFailed"]);
    bed.check_journal(task).await;
}

#[tokio::test(start_paused = true)]
async fn one_that_never_left_is_tried_again_alone() {
    let bed = Bed::on(disk(0), Crash::at(None)).await;
    let never = NotDone::Unavailable { reason: "later".to_owned() };
    for reply in [Reply::NeverLeft(never), entries()] {
        bed.disk.tools.script("fs.list", reply);
    }
    for number in 0..4 {
        bed.disk.tools.script("fs.read", content(&number.to_string()));
    }
    let task = bed.submit("reads-flow").await;
    assert_eq!(bed.ended(task).await.status, Status::Completed);
    let told = story(&bed, task).await;
    assert_eq!(told[..9], ["submitted", "+a", "+b", "+c", "-a", "-c", "?b", "+b", "-b"]);
    bed.check_journal(task).await;
}

#[tokio::test(start_paused = true)]
async fn a_result_that_cannot_be_used_ends_the_task() {
    let bed = Bed::on(disk(0), Crash::at(None)).await;
    bed.disk.tools.script("fs.list", Reply::Land(b"{}".to_vec()));
    for number in 0..2 {
        bed.disk.tools.script("fs.read", content(&number.to_string()));
    }
    let task = bed.submit("reads-flow").await;
    let state = bed.ended(task).await;
    assert_eq!(state.failure, Some(Failure::ToolFailed));
    assert!(state.calls.values().all(|call| matches!(call.phase, Phase::Landed { .. })));
    bed.check_journal(task).await;
}

#[tokio::test(start_paused = true)]
async fn a_denial_among_them_is_told_at_its_turn() {
    let bed = Bed::on(disk(5), Crash::at(None)).await;
    bed.disk.engine.deny("tool/fs.list");
    let task = bed.submit("reads-flow").await;
    let state = bed.ended(task).await;
    assert_eq!(state.failure, Some(Failure::PolicyDenied));
    assert_eq!(story(&bed, task).await, ["submitted", "+a", "-a", "denied b", "PolicyDenied"]);
    bed.check_journal(task).await;
}

#[tokio::test(start_paused = true)]
async fn a_cancel_meanwhile_sends_no_more_of_them() {
    let bed = Bed::on(disk(0), Crash::at(None)).await;
    bed.disk.tools.script("fs.read", Reply::UntilStopped);
    let task = bed.submit("reads-flow").await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    bed.tasks.cancel(&bed.ada(), task).await.unwrap();
    assert_eq!(bed.ended(task).await.status, Status::Canceled);
    assert_eq!(bed.disk.tools.sent().len(), 1);
    bed.check_journal(task).await;
}

#[tokio::test(start_paused = true)]
async fn a_suspension_between_decision_and_sending_sends_none_of_them() {
    let bed = Bed::on(disk(0), Crash::at(None)).await;
    bed.disk.tools.script("fs.read", Reply::UntilStopped);
    let task = bed.submit("reads-flow").await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    bed.suspend().await;
    let state = bed.ended(task).await;
    assert_eq!(state.failure, Some(Failure::AgentSuspended));
    assert_eq!(bed.disk.tools.sent().len(), 1);
    bed.check_journal(task).await;
}

/// Three reads are open after a crash, and policy allows some of them no more: the task ends, whichever they are.
#[test]
fn what_is_denied_after_a_crash_ends_the_task() {
    for denied in [&["tool/fs.read"][..], &["tool/fs.list"], &["tool/fs.read", "tool/fs.list"]] {
        let (after, _) = live("reads-flow", disk(40), &Crash::at(Some(Moment::AfterCommit(0))));
        denied.iter().for_each(|action| after.engine.deny(action));
        let restarted = Disk { store: Arc::new(after.store.restarted()), ..after };
        let (end, task) = live("reads-flow", restarted, &Crash::at(None));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let bed = Bed::on(end, Crash::at(None)).await;
            let state = bed.state(task.unwrap()).await;
            assert_eq!(state.status, Status::Failed, "{denied:?}: {:?}", story(&bed, task.unwrap()).await);
            assert!(
                matches!(state.failure, Some(Failure::PolicyDenied | Failure::ToolFailed)),
                "{denied:?}: {:?}",
                state.failure
            );
            let told = bed.records().await.into_iter().filter_map(|record| record.decision).any(|note| !note.allow);
            assert!(told, "{denied:?}: no record says what denied it");
            bed.check_journal(task.unwrap()).await;
        });
    }
}

#[test]
fn a_crash_anywhere_loses_none_of_them() {
    let commits = (0..6).flat_map(|n| [Moment::BeforeCommit(n), Moment::AfterCommit(n)]);
    let runs = (0..6).flat_map(|n| [Moment::BeforeRun(n), Moment::AfterRun(n)]);
    for moment in commits.chain(runs) {
        let (after, first) = live("reads-flow", disk(40), &Crash::at(Some(moment)));
        let restarted = Disk { store: Arc::new(after.store.restarted()), ..after };
        let (end, second) = live("reads-flow", restarted, &Crash::at(None));
        let task = second.unwrap();
        assert!(first.is_none_or(|first| first == task), "{moment:?}");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let bed = Bed::on(end, Crash::at(None)).await;
            let state = bed.state(task).await;
            assert_eq!(state.status, Status::Completed, "{moment:?}: {:?}", story(&bed, task).await);
            assert_eq!(state.calls.len(), 6, "{moment:?}");
            let keyed: Vec<_> = bed.disk.tools.sent().into_iter().filter(|sent| sent.tool == "keyed").collect();
            assert!(keyed.iter().all(|sent| sent.key == keyed[0].key), "{moment:?}");
            bed.check_journal(task).await;
        });
    }
}
