//! What a call depends on beside its arguments: bound when it is asked for, the same at every attempt (semantics §2.3).

use scalbotics_core::approval::{Answer, Status as Stands};
use scalbotics_core::digest::Digest;
use scalbotics_core::ids::TaskId;
use scalbotics_core::task::{Event, Failure, Phase, Status};
use scalbotics_core::tool::{NotDone, ResolvedInput};
use scalbotics_testkit::Reply;

use super::bed::{Bed, Disk};
use super::fakes::{Crash, Moment};

fn program(content: &[u8]) -> ResolvedInput {
    ResolvedInput { name: "program /opt/publish".to_owned(), digest: Digest::of_bytes(content) }
}

/// A life in which `publish` is this program.
async fn bed(content: &[u8], crash: Option<Moment>) -> Bed {
    let disk = Disk::new();
    disk.tools.depends_on("publish", Ok(vec![program(content)]));
    Bed::on(disk, Crash::at(crash)).await
}

async fn approve(bed: &Bed, task: TaskId) -> Stands {
    let approval = bed.asked(task).await;
    let shown = bed.approvals.get(&bed.bob(), approval).await.unwrap();
    bed.approvals.decide(&bed.bob(), approval, &bed.signed(&shown, Answer::Approve)).await.unwrap();
    bed.ended(task).await;
    bed.approvals.request(&bed.bob(), approval).await.unwrap().status
}

/// The words that the task failed with.
async fn words(bed: &Bed, task: TaskId) -> String {
    bed.tasks.get(&bed.ada(), task, false).await.unwrap().failure_detail.unwrap()
}

#[tokio::test(start_paused = true)]
async fn sem_2_3_an_approved_call_runs_with_the_inputs_that_were_shown() {
    let bed = bed(b"first", None).await;
    let task = bed.submit("publish-flow").await;
    let approval = bed.asked(task).await;
    let shown = bed.approvals.get(&bed.bob(), approval).await.unwrap();
    assert_eq!(shown.contents.inputs, [program(b"first")]);
    assert_eq!(approve(&bed, task).await, Stands::Consumed);
    assert_eq!(bed.status(task).await, Status::Completed);
    assert_eq!((bed.disk.tools.sent().len(), bed.disk.tools.resolved()), (1, 1));
    let intended = bed.events(task).await.into_iter().find_map(|event| match event {
        Event::Intended { intent, .. } => Some(intent),
        _ => None,
    });
    assert!(shown.request.inputs.is_some());
    assert_eq!(intended.unwrap().inputs, shown.request.inputs);
    bed.check_journal(task).await;
}

#[tokio::test(start_paused = true)]
async fn sem_7_2_names_of_inputs_stand_only_in_what_is_sealed() {
    let bed = Bed::new().await;
    let input = ResolvedInput { name: "file /srv/canary".to_owned(), digest: Digest::of_bytes(b"salaries") };
    bed.disk.tools.depends_on("publish", Ok(vec![input.clone()]));
    let task = bed.submit("publish-flow").await;
    let approval = bed.asked(task).await;
    assert_eq!(bed.approvals.get(&bed.bob(), approval).await.unwrap().contents.inputs, [input]);
    approve(&bed, task).await;
    let row = bed.approvals.request(&bed.bob(), approval).await.unwrap();
    let texts = [
        serde_json::to_string(&bed.events(task).await).unwrap(),
        serde_json::to_string(&bed.state(task).await).unwrap(),
        serde_json::to_string(&bed.records().await).unwrap(),
        serde_json::to_string(&row).unwrap(),
    ];
    for text in texts {
        assert!(!text.contains("canary"), "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn sem_2_3_an_approved_call_whose_input_changed_is_not_run() {
    for now in [Ok(vec![program(b"second")]), Ok(Vec::new()), Err(NotDone::Unavailable { reason: "gone".to_owned() })] {
        let bed = bed(b"first", None).await;
        let task = bed.submit("publish-flow").await;
        bed.asked(task).await;
        bed.disk.tools.depends_on("publish", now);
        assert_eq!(approve(&bed, task).await, Stands::Consumed);
        let state = bed.state(task).await;
        assert_eq!((state.status, state.failure), (Status::Failed, Some(Failure::Unavailable)));
        assert_eq!(words(&bed, task).await, "program /opt/publish changed since it was approved");
        assert!(bed.disk.tools.sent().is_empty());
        assert_eq!(state.calls.values().map(|call| call.attempt).collect::<Vec<_>>(), [1], "it was tried once only");
        bed.check_journal(task).await;
    }
}

#[tokio::test(start_paused = true)]
async fn sem_2_3_another_program_is_another_call() {
    let mut digests = Vec::new();
    for content in [b"first".as_slice(), b"second", b"first"] {
        let bed = bed(content, None).await;
        let task = bed.submit("publish-flow").await;
        let approval = bed.asked(task).await;
        digests.push(bed.approvals.request(&bed.bob(), approval).await.unwrap().call);
    }
    assert_ne!(digests[0], digests[1]);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_resolved_asks_nobody() {
    let bed = Bed::new().await;
    bed.disk.tools.depends_on("publish", Err(NotDone::Unavailable { reason: "program /opt/publish is not there".to_owned() }));
    let task = bed.submit("publish-flow").await;
    assert_eq!(bed.ended(task).await.failure, Some(Failure::Unavailable));
    assert!(words(&bed, task).await.contains("program /opt/publish is not there"));
    // A denial comes first: who may not call the tool learns nothing of its files.
    bed.disk.engine.deny("tool/publish");
    let task = bed.submit("publish-flow").await;
    assert_eq!(bed.ended(task).await.failure, Some(Failure::PolicyDenied));
    assert!(bed.disk.tools.sent().is_empty());
}

#[tokio::test(start_paused = true)]
async fn calls_that_nobody_approves_are_not_bound() {
    let bed = Bed::new().await;
    bed.disk.tools.depends_on("keyed", Err(NotDone::Unavailable { reason: "never asked".to_owned() }));
    let task = bed.submit("keyed-flow").await;
    assert_eq!(bed.ended(task).await.status, Status::Completed);
    assert_eq!(bed.disk.tools.resolved(), 0);
}

/// Dies in the middle of the first run, whose effect nobody heard of, and comes back.
async fn reborn(now: &[u8]) -> (Bed, TaskId) {
    let first = bed(b"first", Some(Moment::AfterRun(0))).await;
    first.disk.tools.script("publish", Reply::LandUnheard);
    let task = first.submit("publish-flow").await;
    let approval = first.asked(task).await;
    let shown = first.approvals.get(&first.bob(), approval).await.unwrap();
    first.approvals.decide(&first.bob(), approval, &first.signed(&shown, Answer::Approve)).await.unwrap();
    first.crash.died().await;
    let mut disk = first.disk.clone();
    disk.now = first.ports.clock.now();
    disk.tools.depends_on("publish", Ok(vec![program(now)]));
    (Bed::on(disk, Crash::at(None)).await, task)
}

#[tokio::test(start_paused = true)]
async fn sem_2_3_recovery_carries_the_recorded_inputs() {
    let (bed, task) = reborn(b"first").await;
    assert_eq!(bed.ended(task).await.status, Status::Completed);
    assert_eq!(bed.disk.tools.resolved(), 1, "nothing is resolved anew");
    let sent = bed.disk.tools.sent();
    assert_eq!((sent.len(), sent[1].attempt, &sent[0].key), (2, 2, &sent[1].key));
    bed.check_journal(task).await;
}

#[tokio::test(start_paused = true)]
async fn sem_2_3_recovery_runs_no_other_program_and_parks_what_may_have_landed() {
    let (bed, task) = reborn(b"second").await;
    let state = bed.until(task, |state| state.calls.values().any(|call| matches!(call.phase, Phase::InDoubt { .. }))).await;
    assert!(!state.status.is_final());
    assert_eq!((bed.disk.tools.sent().len(), bed.disk.tools.resolved()), (1, 1));
    bed.check_journal(task).await;
}
