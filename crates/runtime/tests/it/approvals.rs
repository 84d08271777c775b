//! Tier 2: asked once, answered once, used once.

use std::time::Duration;

use scalbotics_core::approval::{Answer, Status as Stands};
use scalbotics_core::audit::{Kind, Record};
use scalbotics_core::policy::SELF_APPROVAL;
use scalbotics_core::ports::{Human, Registry};
use scalbotics_core::principal::Uid;
use scalbotics_core::task::{Event, Failure, Phase, Status};
use scalbotics_runtime::Caller;
use scalbotics_runtime::approval::{Error, SignedAnswer};
use scalbotics_testkit::Reply;

use super::bed::{Bed, signed_by};

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
    machine.principal.uid = Uid::Daemon;
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

/// Ada, who asked, with an approval key of her own.
async fn with_a_key(bed: &Bed) -> Human {
    let ada = Human { enrolment: Some(b"enrolled".to_vec()), ..bed.disk.world.human.clone() };
    bed.disk.store.put_human(ada.clone(), bed.disk.world.record(Kind::Rpc, "human.enroll").into()).await.unwrap();
    ada
}

#[tokio::test(start_paused = true)]
async fn sem_5_3a_who_asked_approves_only_where_policy_permits_self_approval() {
    let bed = Bed::new().await;
    bed.disk.engine.deny(SELF_APPROVAL);
    let ada = with_a_key(&bed).await;
    let task = bed.submit("publish-flow").await;
    let approval = bed.asked(task).await;
    let shown = bed.approvals.get(&bed.ada(), approval).await.unwrap();
    let yes = signed_by(&ada, &shown, Answer::Approve);
    let Err(Error::OwnCall { decision, .. }) = bed.approvals.decide(&bed.ada(), approval, &yes).await else { panic!("refused") };
    assert!(!bed.decision(decision).await.allows());
    assert_eq!(bed.status(task).await, Status::InputRequired);
    assert!(bed.disk.tools.sent().is_empty());

    bed.disk.engine.allow(SELF_APPROVAL);
    let decided = bed.approvals.decide(&bed.ada(), approval, &yes).await.unwrap();
    assert_eq!(decided.request.answered_by, Some(Uid::Human(ada.uid)));
    assert_eq!(bed.ended(task).await.status, Status::Completed);
    let asked: Vec<Record> = bed.records().await.into_iter().filter(|record| record.action == SELF_APPROVAL).collect();
    let words: Vec<&str> = asked.iter().map(|record| record.outcome.as_ref().unwrap().word.as_str()).collect();
    assert_eq!(words, ["denied", "allowed"]);
    assert!(asked.iter().all(|record| (record.kind, record.approval) == (Kind::Decision, Some(approval))));
    let permitted = asked[1].decision.as_ref().unwrap().id;
    assert_eq!(bed.evidence(task).await["self_approval"], permitted.to_string(), "the evidence shows it");
    assert!(bed.decision(permitted).await.allows());
}

#[tokio::test(start_paused = true)]
async fn sem_5_3a_an_error_of_policy_permits_no_self_approval() {
    let bed = Bed::new().await;
    bed.disk.engine.fail(SELF_APPROVAL, "overflow");
    let ada = with_a_key(&bed).await;
    let task = bed.submit("publish-flow").await;
    let approval = bed.asked(task).await;
    let shown = bed.approvals.get(&bed.ada(), approval).await.unwrap();
    let yes = signed_by(&ada, &shown, Answer::Approve);
    assert!(matches!(bed.approvals.decide(&bed.ada(), approval, &yes).await, Err(Error::OwnCall { .. })));
}

#[tokio::test(start_paused = true)]
async fn sem_5_3a_who_asked_may_say_no_and_others_are_not_asked_about() {
    let bed = Bed::new().await;
    bed.disk.engine.deny(SELF_APPROVAL);
    let ada = with_a_key(&bed).await;
    let task = bed.submit("publish-flow").await;
    let approval = bed.asked(task).await;
    let shown = bed.approvals.get(&bed.ada(), approval).await.unwrap();
    bed.approvals.decide(&bed.ada(), approval, &signed_by(&ada, &shown, Answer::Deny)).await.unwrap();
    assert_eq!(bed.ended(task).await.failure, Some(Failure::ApprovalDenied));

    let other = bed.submit("publish-flow").await;
    let approval = bed.asked(other).await;
    let shown = bed.approvals.get(&bed.bob(), approval).await.unwrap();
    bed.approvals.decide(&bed.bob(), approval, &bed.signed(&shown, Answer::Approve)).await.unwrap();
    assert_eq!(bed.ended(other).await.status, Status::Completed);
    assert!(bed.evidence(other).await.get("self_approval").is_none());
    assert!(bed.records().await.iter().all(|record| record.action != SELF_APPROVAL));
}

#[tokio::test(start_paused = true)]
async fn sem_5_5_evidence_carries_the_installations_stamp() {
    let stamp = "dev: approver keys not separated";
    for stamped in [false, true] {
        let bed = Bed::new().await;
        let approvals = if stamped { bed.approvals.clone().stamped(stamp) } else { bed.approvals.clone() };
        let task = bed.submit("publish-flow").await;
        let approval = bed.asked(task).await;
        let shown = approvals.get(&bed.bob(), approval).await.unwrap();
        approvals.decide(&bed.bob(), approval, &bed.signed(&shown, Answer::Approve)).await.unwrap();
        let evidence = bed.evidence(task).await;
        assert_eq!(evidence.get("stamp").and_then(|stamp| stamp.as_str()), stamped.then_some(stamp));
        assert_eq!((&evidence["assurance"], &evidence["key"]), (&"cli".into(), &"thumbprint".into()));
    }
}

#[tokio::test(start_paused = true)]
async fn sem_9_1_a_repeated_answer_is_the_first_one_again() {
    let bed = Bed::new().await;
    let task = bed.submit("publish-flow").await;
    let approval = bed.asked(task).await;
    let shown = bed.approvals.get(&bed.bob(), approval).await.unwrap();
    let (yes, no) = (bed.signed(&shown, Answer::Approve), bed.signed(&shown, Answer::Deny));
    let bob = || Caller { repeat_key: Some("r1".to_owned()), ..bed.bob() };
    let (one, two) = (bob(), bob());
    let (a, b) = tokio::join!(bed.approvals.decide(&one, approval, &yes), bed.approvals.decide(&two, approval, &yes));
    let (a, b) = (a.unwrap(), b.unwrap());
    assert_eq!(a.request, b.request);
    assert_ne!(a.replayed, b.replayed, "one of them did it");
    bed.ended(task).await;
    let late = bed.approvals.decide(&bob(), approval, &yes).await.unwrap();
    assert_eq!((late.request, late.replayed), (a.request, true), "granted, though it is consumed by now");
    assert!(matches!(bed.approvals.decide(&bob(), approval, &no).await, Err(Error::KeyReused)));
    assert_eq!(bed.events(task).await.iter().filter(|event| matches!(event, Event::ApprovalGranted { .. })).count(), 1);
}
