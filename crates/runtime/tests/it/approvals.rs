//! Tier 2: asked once, answered once, used once.

use std::time::Duration;

use scalbotics_core::approval::{Answer, Status as Stands};
use scalbotics_core::task::{Event, Failure, Phase, Status};
use scalbotics_runtime::approval::{Error, SignedAnswer};
use scalbotics_testkit::Reply;

use super::bed::Bed;

#[tokio::test(start_paused = true)]
async fn an_approved_call_runs_once() {
    let bed = Bed::new().await;
    let task = bed.submit("publish-flow").await;
    let approval = bed.asked(task).await;
    assert!(bed.disk.tools.sent().is_empty());
    let shown = bed.approvals.get(&bed.bob(), approval).await.unwrap();
    assert_eq!(shown.canonical, br#"{"to":"world"}"#);
    let answered = bed.approvals.decide(&bed.bob(), approval, &bed.signed(&shown, Answer::Approve)).await.unwrap();
    assert_eq!((answered.request.status, answered.replayed), (Stands::Granted, false));
    assert_eq!(bed.ended(task).await.status, Status::Completed);
    assert_eq!(bed.disk.tools.sent().len(), 1);
    let request = bed.approvals.request(&bed.bob(), approval).await.unwrap();
    assert_eq!(request.status, Stands::Consumed);
    assert!(request.answered_by.is_some());
    let late = bed.approvals.decide(&bed.bob(), approval, &bed.signed(&shown, Answer::Approve)).await.unwrap_err();
    assert!(matches!(late, Error::Answered { .. }));
    bed.check_journal(task).await;
}

#[tokio::test(start_paused = true)]
async fn a_denied_call_ends_the_task() {
    let bed = Bed::new().await;
    let task = bed.submit("publish-flow").await;
    let approval = bed.asked(task).await;
    let shown = bed.approvals.get(&bed.bob(), approval).await.unwrap();
    bed.approvals.decide(&bed.bob(), approval, &bed.signed(&shown, Answer::Deny)).await.unwrap();
    let state = bed.ended(task).await;
    assert_eq!((state.status, state.failure), (Status::Failed, Some(Failure::ApprovalDenied)));
    assert!(bed.disk.tools.sent().is_empty());
    assert_eq!(bed.approvals.request(&bed.bob(), approval).await.unwrap().status, Stands::Denied);
}

#[tokio::test(start_paused = true)]
async fn nobody_answers() {
    let bed = Bed::new().await;
    let task = bed.submit("publish-flow").await;
    let approval = bed.asked(task).await;
    let shown = bed.approvals.get(&bed.bob(), approval).await.unwrap();
    tokio::time::sleep(Duration::from_secs(601)).await;
    let state = bed.ended(task).await;
    assert_eq!((state.status, state.failure), (Status::Failed, Some(Failure::ApprovalExpired)));
    assert_eq!(bed.approvals.request(&bed.bob(), approval).await.unwrap().status, Stands::Expired);
    let late = bed.approvals.decide(&bed.bob(), approval, &bed.signed(&shown, Answer::Approve)).await;
    assert!(matches!(late, Err(Error::Answered { status: Stands::Expired, .. })));
}

#[tokio::test(start_paused = true)]
async fn of_two_deciders_exactly_one_wins() {
    let bed = Bed::new().await;
    for (a, b) in [(Answer::Approve, Answer::Approve), (Answer::Approve, Answer::Deny), (Answer::Deny, Answer::Approve)] {
        let task = bed.submit("publish-flow").await;
        let approval = bed.asked(task).await;
        let shown = bed.approvals.get(&bed.bob(), approval).await.unwrap();
        let (first, second) = (bed.signed(&shown, a), bed.signed(&shown, b));
        let (bob, also_bob) = (bed.bob(), bed.bob());
        let (x, y) =
            tokio::join!(bed.approvals.decide(&bob, approval, &first), bed.approvals.decide(&also_bob, approval, &second),);
        assert_eq!([x.is_ok(), y.is_ok()].iter().filter(|ok| **ok).count(), 1, "{x:?} {y:?}");
        bed.ended(task).await;
        let answers = bed.events(task).await.into_iter();
        let answers = answers.filter(|e| matches!(e, Event::ApprovalGranted { .. } | Event::ApprovalDenied { .. }));
        assert_eq!(answers.count(), 1);
        bed.check_journal(task).await;
    }
}

#[tokio::test(start_paused = true)]
async fn only_the_exact_statement_of_another_enrolled_human_counts() {
    let bed = Bed::new().await;
    let task = bed.submit("publish-flow").await;
    let approval = bed.asked(task).await;
    let shown = bed.approvals.get(&bed.bob(), approval).await.unwrap();
    let good = bed.signed(&shown, Answer::Approve);
    let decide = async |signed: &SignedAnswer| bed.approvals.decide(&bed.bob(), approval, signed).await.unwrap_err();
    let text = String::from_utf8(good.statement.clone()).unwrap();
    for changed in [
        text.replace("world", "moon"),
        text.replace("example.org", "example.com"),
        text.replace("\"tier\":2", "\"tier\":1"),
        text.replace("{\"agent\"", "{ \"agent\""),
        text.replace(&bed.disk.bob.uid.to_string(), &bed.disk.world.human.uid.to_string()),
    ] {
        assert_ne!(changed, text);
        let signed = SignedAnswer { statement: changed.into_bytes(), ..good.clone() };
        assert!(matches!(decide(&signed).await, Error::Differs { .. }));
    }
    for bad in [String::new(), "{}".to_owned(), "[".repeat(100_000), text.replace("\"version\":1", "\"version\":1,\"version\":1")]
    {
        let signed = SignedAnswer { statement: bad.into_bytes(), ..good.clone() };
        assert!(matches!(decide(&signed).await, Error::Form(_) | Error::Shape { .. }));
    }
    let forged = SignedAnswer { signature: b"signed by ada".to_vec(), ..good.clone() };
    assert!(matches!(decide(&forged).await, Error::Signature(_)));
    let others = bed.approvals.decide(&bed.ada(), approval, &good).await.unwrap_err();
    assert!(matches!(others, Error::Differs { .. }), "a statement is its approver's");
    let mut machine = bed.bob();
    machine.principal.uid = scalbotics_core::principal::Uid::Daemon;
    assert!(matches!(bed.approvals.decide(&machine, approval, &good).await, Err(Error::NotHuman)));
    assert_eq!(bed.status(task).await, Status::InputRequired);
    assert!(bed.disk.tools.sent().is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_approval_is_not_needed_again_for_another_attempt() {
    let bed = Bed::new().await;
    bed.disk.tools.script("publish", Reply::LandUnheard);
    let task = bed.submit("publish-flow").await;
    let approval = bed.asked(task).await;
    let shown = bed.approvals.get(&bed.bob(), approval).await.unwrap();
    bed.approvals.decide(&bed.bob(), approval, &bed.signed(&shown, Answer::Approve)).await.unwrap();
    assert_eq!(bed.ended(task).await.status, Status::Completed);
    let sent = bed.disk.tools.sent();
    assert_eq!((sent.len(), &sent[0].key, &sent[0].args), (2, &sent[1].key, &sent[1].args));
}

#[tokio::test(start_paused = true)]
async fn an_approval_does_not_outvote_policy() {
    let bed = Bed::new().await;
    let task = bed.submit("publish-flow").await;
    let approval = bed.asked(task).await;
    let shown = bed.approvals.get(&bed.bob(), approval).await.unwrap();
    bed.disk.engine.deny("tool/publish");
    bed.approvals.decide(&bed.bob(), approval, &bed.signed(&shown, Answer::Approve)).await.unwrap();
    let state = bed.ended(task).await;
    assert_eq!(state.failure, Some(Failure::PolicyDenied));
    assert!(bed.disk.tools.sent().is_empty());
    assert!(state.calls.values().all(|call| !matches!(call.phase, Phase::Landed { .. })));
    assert_eq!(bed.approvals.request(&bed.bob(), approval).await.unwrap().status, Stands::Expired);
}
