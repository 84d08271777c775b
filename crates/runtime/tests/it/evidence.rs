//! Evidence of a task: what is gathered, what is withheld, and who gets the token.

use std::sync::Arc;

use scalbotics_core::approval::Answer;
use scalbotics_core::audit::{Kind, Record};
use scalbotics_core::ids::TaskId;
use scalbotics_core::policy::SELF_APPROVAL;
use scalbotics_core::ports::{AuditLog, Registry};
use scalbotics_core::secret::Secret;
use scalbotics_core::task::Status;
use scalbotics_runtime::Caller;
use scalbotics_runtime::evidence::{Authority, Error, Service, Wanted};
use serde_json::{Value, json};

use super::bed::{Bed, signed_by, submission};

fn service(bed: &Bed) -> Service {
    let authority = Authority { token_key: json!({ "kty": "EC" }), certificates: Arc::new(|| vec![vec![0x30, 0]]) };
    Service::new(bed.ports.clone(), bed.reconciler.states(), "example.org", authority)
}

const fn all(task: TaskId) -> Wanted {
    Wanted { task, payloads: true, live_token: false }
}

async fn export(bed: &Bed, caller: &Caller, wanted: &Wanted) -> Value {
    let bytes = service(bed).export(caller, wanted).await.unwrap();
    let value = scalbotics_core::json::parse_within(&bytes, bytes.len()).unwrap();
    assert_eq!(scalbotics_core::json::canonical(&value).unwrap(), bytes, "a bundle is canonical");
    value
}

fn records(bundle: &Value) -> Vec<Record> {
    let entries = bundle["log"]["records"].as_array().unwrap();
    entries.iter().map(|entry| serde_json::from_value(entry["record"].clone()).unwrap()).collect()
}

fn texts(bundle: &Value) -> Vec<&str> {
    bundle["openings"].as_array().unwrap().iter().filter_map(|opening| opening["text"].as_str()).collect()
}

/// A token that ends at this second.
fn token(end: i64) -> Secret {
    use base64::Engine as _;
    let claims = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(format!(r#"{{"exp":{end}}}"#));
    Secret::new(format!("e30.{claims}.c2ln").into_bytes())
}

#[tokio::test(start_paused = true)]
async fn every_event_has_its_record_and_everything_named_is_opened() {
    let bed = Bed::new().await;
    let task = bed.submit("publish-flow").await;
    let other = bed.submit("publish-flow").await;
    let approval = bed.asked(task).await;
    let shown = bed.approvals.get(&bed.bob(), approval).await.unwrap();
    bed.approvals.decide(&bed.bob(), approval, &bed.signed(&shown, Answer::Approve)).await.unwrap();
    assert_eq!(bed.ended(task).await.status, Status::Completed);
    let bundle = export(&bed, &bed.ada(), &all(task)).await;
    assert_eq!((&bundle["state"], &bundle["withheld"]), (&json!("ended"), &json!([])));
    let numbered: Vec<Option<u64>> = records(&bundle).iter().map(|record| record.seq).collect();
    let events = bed.events(task).await.len() as u64;
    assert_eq!(numbered, (0..events).map(Some).collect::<Vec<_>>(), "no record of the other task, none left out");
    assert!(texts(&bundle).contains(&r#"{"to":"world"}"#), "{bundle:#}");
    assert_eq!(bundle["calls"].as_array().unwrap().len(), 1);
    assert!(!bundle["policies"].as_array().unwrap().is_empty());
    let tools: Vec<&str> = bundle["tools"].as_array().unwrap().iter().filter_map(|tool| tool["digest"].as_str()).collect();
    assert!(tools.contains(&bundle["calls"][0]["tool_digest"].as_str().unwrap()), "{bundle:#}");
    assert!(tools.windows(2).all(|pair| pair[0] < pair[1]), "in order, once each");
    assert_eq!(bundle["certificates"], json!(["MAA="]));

    let bare = export(&bed, &bed.ada(), &Wanted { payloads: false, ..all(task) }).await;
    assert_eq!((&bare["openings"], &bare["calls"]), (&json!([]), &json!([])));
    let named = bundle["openings"].as_array().unwrap().len();
    assert_eq!(bare["withheld"].as_array().unwrap().len(), named, "what is left out is named");

    let open = export(&bed, &bed.ada(), &all(other)).await;
    assert_eq!(open["state"], "open");
}

#[tokio::test(start_paused = true)]
async fn a_foreign_task_is_an_absent_one_and_older_records_are_no_evidence() {
    let bed = Bed::new().await;
    let task = bed.submit("publish-flow").await;
    let absent = TaskId::from_u128(7);
    assert!(matches!(service(&bed).export(&bed.ada(), &all(absent)).await, Err(Error::NotFound { .. })));
    let mut stranger = bed.ada();
    stranger.principal.tenant = scalbotics_core::tenant::TenantId::parse("other").unwrap();
    assert!(matches!(service(&bed).export(&stranger, &all(task)).await, Err(Error::NotFound { .. })));

    // A use of a secret names the task and is none of its events: evidence has those before its last event, and no other record.
    let used = |kind, action| {
        let mut used = bed.disk.world.record(kind, action);
        used.task = Some(task);
        used
    };
    let uses = vec![used(Kind::Secret, "secret.use"), used(Kind::Rpc, "task.read")];
    bed.disk.store.append(uses, Vec::new()).await.unwrap();
    let bundle = export(&bed, &bed.ada(), &all(task)).await;
    assert!(records(&bundle).iter().all(|record| record.seq.is_some()), "behind the last event");
    let approval = bed.asked(task).await;
    let shown = bed.approvals.get(&bed.bob(), approval).await.unwrap();
    bed.approvals.decide(&bed.bob(), approval, &bed.signed(&shown, Answer::Approve)).await.unwrap();
    bed.ended(task).await;
    let bundle = export(&bed, &bed.ada(), &all(task)).await;
    let beside: Vec<String> = records(&bundle).into_iter().filter(|record| record.seq.is_none()).map(|one| one.action).collect();
    assert_eq!(beside, ["secret.use"]);
}

#[tokio::test(start_paused = true)]
async fn sem_5_3a_the_decision_behind_a_self_approval_is_evidence_too() {
    let bed = Bed::new().await;
    let mut ada = bed.disk.world.human.clone();
    ada.enrolment = Some(b"enrolled".to_vec());
    bed.disk.store.put_human(ada.clone(), bed.disk.world.record(Kind::Rpc, "human.enroll").into()).await.unwrap();
    bed.disk.engine.allow(SELF_APPROVAL);
    let task = bed.submit("publish-flow").await;
    let approval = bed.asked(task).await;
    let shown = bed.approvals.get(&bed.ada(), approval).await.unwrap();
    bed.approvals.decide(&bed.ada(), approval, &signed_by(&ada, &shown, Answer::Approve)).await.unwrap();
    bed.ended(task).await;
    let bundle = export(&bed, &bed.ada(), &all(task)).await;
    let beside: Vec<Record> = records(&bundle).into_iter().filter(|record| record.seq.is_none()).collect();
    assert_eq!(beside.len(), 1);
    assert_eq!((beside[0].action.as_str(), beside[0].approval), (SELF_APPROVAL, Some(approval)));
    let commitment = beside[0].decision.as_ref().unwrap().commitment.unwrap().to_string();
    assert!(bundle["openings"].as_array().unwrap().iter().any(|opening| opening["commitment"] == json!(commitment)));
}

#[tokio::test(start_paused = true)]
async fn a_token_leaves_once_it_is_over_and_before_only_to_whoever_it_is_of() {
    let bed = Bed::new().await;
    let now_s = bed.disk.now.unix_ms().div_euclid(1_000);
    let caller = |end| Caller { token: Some(token(end)), ..bed.ada() };
    let has_token = |bundle: &Value| texts(bundle).iter().any(|text| text.starts_with("e30.")) && bundle.get("issuer").is_some();
    let task = bed.tasks.submit(&caller(now_s + 600), &submission("publish-flow")).await.unwrap().task;
    let live = Wanted { live_token: true, ..all(task) };
    for (caller, wanted, goes) in [
        (bed.ada(), all(task), false),
        (bed.bob(), live, false),
        (bed.ada(), live, true),
        (bed.ada(), Wanted { payloads: false, ..live }, false),
    ] {
        let bundle = export(&bed, &caller, &wanted).await;
        assert_eq!(has_token(&bundle), goes);
        assert_eq!(bundle.get("issuer").is_some(), goes, "the key goes with the token");
        assert!(bundle["submission"].get("token").is_some(), "that there was one is not hidden");
    }
    tokio::time::sleep(std::time::Duration::from_secs(601)).await;
    assert!(has_token(&export(&bed, &bed.bob(), &all(task)).await), "over");
    let without = bed.submit("publish-flow").await;
    assert!(export(&bed, &bed.ada(), &all(without)).await["submission"].get("token").is_none());
}
