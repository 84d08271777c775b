//! Records of RPCs and checkpoints.

use std::sync::Arc;
use std::time::Duration;

use scalbotics_core::audit::checkpoint::Checkpoint;
use scalbotics_core::audit::{Kind, Record};
use scalbotics_core::digest::Digest;
use scalbotics_core::ids::HumanUid;
use scalbotics_core::ports::{
    AuditLog, AuditQuery, Clock, Human, IdSource, PayloadCipher, PayloadStore, Registry, StoreError, TaskLog,
};
use scalbotics_core::tenant::TenantId;
use scalbotics_core::tool::Mark;
use scalbotics_runtime::audit::{Auditor, Checkpointer, Error, Unauthenticated};
use scalbotics_testkit::PlainCipher;

use super::bed::{Bed, Disk};
use super::fakes::Crash;
use super::repo::name;

fn start(bed: &Bed) -> Arc<Auditor> {
    let (metrics, quota) = (Arc::clone(&bed.metrics), Arc::clone(&bed.quota));
    Auditor::start(bed.ports.clone(), bed.tenant().clone(), &bed.supervisor, metrics, quota)
}

fn count(records: &[Record], action: &str) -> usize {
    records.iter().filter(|record| record.action == action).count()
}

#[tokio::test(start_paused = true)]
async fn batched_records_are_durable_within_a_second_and_at_the_end() {
    let bed = Bed::new().await;
    let auditor = start(&bed);
    let record = || bed.disk.world.record(Kind::Rpc, "task.read");
    auditor.awaited(record(), None).await.unwrap();
    assert_eq!(count(&bed.records().await, "task.read"), 1);
    for _ in 0..300 {
        auditor.batched(record(), None).unwrap();
    }
    assert_eq!(bed.metrics.audit_queued.get(), 300);
    tokio::time::sleep(Duration::from_millis(999)).await;
    assert_eq!((count(&bed.records().await, "task.read"), bed.metrics.audit_queued.get()), (301, 0));
    let full = (0..5_000).filter(|_| matches!(auditor.batched(record(), None), Err(Error::Full))).count();
    assert_eq!(full, 5_000 - 4_096);
    bed.supervisor.drain(Duration::from_secs(5)).await;
    assert_eq!(bed.disk.store.head(bed.tenant()).await.unwrap().size, bed.metrics.audit_queued.get() + 301 + 4_096 + 4);
    assert!(matches!(auditor.batched(record(), None), Err(Error::Draining)));
}

#[tokio::test(start_paused = true)]
async fn many_reads_of_one_moment_are_written_before_the_queue_is_full() {
    let bed = Bed::new().await;
    let auditor = start(&bed);
    let begun = tokio::time::Instant::now();
    for _ in 0..20 {
        for _ in 0..1_024 {
            auditor.batched(bed.disk.world.record(Kind::Rpc, "task.read"), None).unwrap();
        }
        while bed.metrics.audit_queued.get() > 0 {
            tokio::task::yield_now().await;
        }
    }
    assert!(begun.elapsed().is_zero(), "no time passed, so no batch was waited for");
    bed.supervisor.drain(Duration::from_secs(5)).await;
    assert_eq!(bed.disk.store.head(bed.tenant()).await.unwrap().size, 20 * 1_024 + 4);
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_failed_logins_is_one_record_in_ten_seconds() {
    let bed = Bed::new().await;
    let auditor = start(&bed);
    for _ in 0..100_000 {
        auditor.unauthenticated(Unauthenticated::Token);
    }
    tokio::time::sleep(Duration::from_secs(11)).await;
    let records = bed.records().await;
    let failed: Vec<_> = records.iter().filter(|record| record.action == "session.authenticate").collect();
    assert_eq!((failed.len(), failed[0].target.as_deref()), (1, Some("token: 100000")));
}

fn system() -> TenantId {
    TenantId::parse("system").unwrap()
}

fn checkpointer(bed: &Bed) -> Arc<Checkpointer> {
    let (domain, tenants) = ("example.org".to_owned(), vec![bed.tenant().clone()]);
    Arc::new(Checkpointer::new(bed.ports.clone(), domain, system(), tenants, Arc::clone(&bed.metrics)))
}

/// Sizes of the tenant's log in the installation log, in its order.
async fn heads(bed: &Bed) -> Vec<u64> {
    let query = AuditQuery { limit: 1_000, ..AuditQuery::default() };
    let entries = bed.disk.store.read(&system(), &query).await.unwrap();
    let records: Vec<Record> = entries.iter().map(|entry| serde_json::from_slice(&entry.leaf).unwrap()).collect();
    // Beside them stands who was registered.
    let heads = records.into_iter().filter_map(|record| record.head);
    heads
        .map(|head| {
            assert_eq!(head.origin, "example.org/audit/acme");
            head.size
        })
        .collect()
}

#[tokio::test(start_paused = true)]
async fn sem_7_3_the_installation_log_holds_the_head_of_each_log_that_grew() {
    let bed = Bed::new().await;
    let checkpointer = checkpointer(&bed);
    checkpointer.start(&bed.supervisor);
    let told = checkpointer.signed();
    tokio::time::sleep(Duration::from_secs(40)).await;
    let first = bed.disk.store.head(bed.tenant()).await.unwrap();
    assert_eq!(heads(&bed).await, [first.size], "an unchanged log is not said again");
    let signed = Checkpoint::of_note(&bed.disk.store.head(&system()).await.unwrap().checkpoint.unwrap()).unwrap();
    assert_eq!((signed.size, signed.origin.as_str()), (2, "example.org/audit/system"));
    assert_eq!((told.borrow().size, told.borrow().heads.get(bed.tenant())), (2, Some(&first.size)));

    // A thousand entries at once do not wait for ten seconds.
    let many = (0..1_000).map(|_| bed.disk.world.record(Kind::Rpc, "task.read")).collect();
    bed.disk.store.append(many, Vec::new()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    assert_eq!(heads(&bed).await, [first.size, first.size + 1_000]);
    let of_tenant = bed.disk.store.checkpoints(bed.tenant()).await.unwrap();
    let of_tenant: Vec<u64> = of_tenant.iter().map(|note| Checkpoint::of_note(note).unwrap().size).collect();
    assert_eq!(of_tenant, [first.size, first.size + 1_000], "each head has its checkpoint");
    bed.supervisor.drain(Duration::from_secs(5)).await;

    // Another start knows what stands there.
    let again = self::checkpointer(&bed);
    again.sign_all().await;
    again.sign_all().await;
    assert_eq!(heads(&bed).await.len(), 2);
    bed.disk.store.append(vec![bed.disk.world.record(Kind::Rpc, "task.read")], Vec::new()).await.unwrap();
    again.sign_all().await;
    assert_eq!(heads(&bed).await, [first.size, first.size + 1_000, first.size + 1_001]);
}

#[tokio::test(start_paused = true)]
async fn heads_are_signed_in_time_and_only_when_they_grew() {
    let bed = Bed::new().await;
    let checkpointer = checkpointer(&bed);
    checkpointer.start(&bed.supervisor);
    tokio::time::sleep(Duration::from_secs(40)).await;
    assert_eq!(bed.metrics.checkpoints.get(), 2, "of the tenant's log and of the installation's");
    let task = bed.submit("pure-flow").await;
    bed.ended(task).await;
    bed.supervisor.drain(Duration::from_secs(5)).await;
    let head = bed.disk.store.head(bed.tenant()).await.unwrap();
    let signed = Checkpoint::of_note(&head.checkpoint.unwrap()).unwrap();
    assert_eq!((signed.size, signed.root, signed.origin.as_str()), (head.size, head.root, "example.org/audit/acme"));
    let before = bed.metrics.checkpoints.get();
    checkpointer.sign_all().await;
    assert_eq!(bed.metrics.checkpoints.get(), before);
}

/// What the log says about a task, as `kind action word`.
async fn said(bed: &Bed, task: scalbotics_core::ids::TaskId) -> Vec<String> {
    let records = bed.records().await.into_iter().filter(|record| record.task == Some(task));
    records
        .map(|record| {
            let outcome = record.outcome.clone().unwrap();
            assert_eq!((record.chain.len(), record.grants.len()), (2, 1), "on behalf of whom");
            assert_eq!(record.effect.is_some(), record.call.is_some());
            let kind = serde_json::to_value(record.kind).unwrap();
            format!("{} {} {}", kind.as_str().unwrap(), record.action, outcome.word)
        })
        .collect()
}

#[tokio::test(start_paused = true)]
async fn the_log_tells_every_turn_of_a_task() {
    let bed = Bed::new().await;
    let task = bed.submit("publish-flow").await;
    let approval = bed.asked(task).await;
    let shown = bed.approvals.get(&bed.bob(), approval).await.unwrap();
    let signed = bed.signed(&shown, scalbotics_core::approval::Answer::Approve);
    bed.approvals.decide(&bed.bob(), approval, &signed).await.unwrap();
    bed.ended(task).await;
    let wanted = [
        "task task.submit submitted",
        "approval tool/publish waiting",
        "approval approval.decide granted",
        "intent tool/publish intended",
        "outcome tool/publish landed",
        "task task.end completed",
    ];
    assert_eq!(said(&bed, task).await, wanted);
    let records: Vec<_> = bed.records().await.into_iter().filter(|record| record.task == Some(task)).collect();
    let by: Vec<&str> = records.iter().map(|record| record.actor.kind()).collect();
    assert_eq!(by, ["human", "agent", "human", "agent", "agent", "daemon"]);
    let about: Vec<bool> = records.iter().map(|record| record.approval == Some(approval)).collect();
    assert_eq!(about, [false, true, true, true, true, false]);
    assert!(records[0].request.is_some() && records[2].request.is_some() && records[3].request.is_none());
    assert!(records[4].outcome.as_ref().unwrap().commitment.is_some());

    let canceled = bed.submit("publish-flow").await;
    bed.asked(canceled).await;
    bed.tasks.cancel(&bed.ada(), canceled).await.unwrap();
    assert_eq!(said(&bed, canceled).await[2..], ["task task.cancel requested", "task task.end canceled"]);

    bed.disk.tools.script("opaque", scalbotics_testkit::Reply::Lose);
    let doubtful = bed.submit("opaque-flow").await;
    let state = bed.until(doubtful, |state| state.parked_calls().next().is_some()).await;
    let effect = *state.parked_calls().next().unwrap().0;
    let word = scalbotics_runtime::task::Word {
        outcome: scalbotics_runtime::task::Settled::Landed { result: None },
        reason: "asked".to_owned(),
    };
    bed.tasks.settle(&bed.ada(), doubtful, effect, word).await.unwrap();
    bed.ended(doubtful).await;
    let said_then = said(&bed, doubtful).await;
    assert_eq!(said_then[4..6], ["outcome tool/opaque in_doubt", "outcome tool/opaque settled_landed"]);

    bed.disk.tools.script("look", scalbotics_testkit::Reply::Fail("no".to_owned()));
    let failed = bed.submit("pure-flow").await;
    bed.ended(failed).await;
    assert_eq!(said(&bed, failed).await[2..], ["outcome tool/look failed", "task task.end TOOL_FAILED"]);
}

#[tokio::test(start_paused = true)]
async fn the_log_and_the_journal_hold_no_words_of_anyone() {
    let bed = Bed::new().await;
    let canary = "hunter2-canary";
    bed.disk.tools.script("look", scalbotics_testkit::Reply::Land(canary.as_bytes().to_vec()));
    bed.disk.tools.script("pure", scalbotics_testkit::Reply::Fail(canary.to_owned()));
    let mut submit = super::bed::submission("pure-flow");
    submit.input = serde_json::json!({"to": canary});
    submit.goal = scalbotics_runtime::task::Goal::Text(format!("do pure-flow {canary}"));
    let task = bed.tasks.submit(&bed.ada(), &submit).await.unwrap().task;
    let state = bed.ended(task).await;
    let log = serde_json::to_string(&bed.records().await).unwrap();
    let journal = serde_json::to_string(&bed.events(task).await).unwrap();
    let state = serde_json::to_string(&state).unwrap();
    assert!(bed.disk.engine.asked().iter().any(|asked| asked.context["args"]["to"] == canary), "policy sees the arguments");
    let mut decisions = String::new();
    for record in bed.records().await {
        if let Some(note) = record.decision {
            let decision = bed.decision(note.id).await;
            decisions.push_str(&serde_json::to_string(&decision).unwrap());
        }
    }
    assert!(decisions.contains("redacted"));
    for text in [log, journal, state, decisions] {
        assert!(!text.contains(canary), "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn sem_9_5_a_batch_that_finds_no_room_is_kept_and_reads_wait_for_it() {
    let bed = Bed::new().await;
    let auditor = start(&bed);
    let record = || bed.disk.world.record(Kind::Rpc, "task.read");
    auditor.batched(record(), None).unwrap();
    bed.disk.store.set_full(true);
    auditor.batched(record(), None).unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(count(&bed.records().await, "task.read"), 0);
    assert!(matches!(auditor.batched(record(), None), Err(Error::Store(StoreError::Full))), "no record, no answer");
    bed.disk.store.set_full(false);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(count(&bed.records().await, "task.read"), 2, "none was lost");
    auditor.batched(record(), None).unwrap();
}

#[tokio::test(start_paused = true)]
async fn sem_7_1_failed_authentications_are_counted_until_they_can_be_written() {
    let bed = Bed::new().await;
    let auditor = start(&bed);
    bed.disk.store.set_full(true);
    for kind in [Unauthenticated::Token, Unauthenticated::Missing, Unauthenticated::Handshake] {
        auditor.unauthenticated(kind);
    }
    tokio::time::sleep(Duration::from_secs(60)).await;
    auditor.unauthenticated(Unauthenticated::Token);
    bed.disk.store.set_full(false);
    tokio::time::sleep(Duration::from_secs(11)).await;
    let records = bed.records().await;
    let targets = records.iter().filter(|record| record.action == "session.authenticate").filter_map(|r| r.target.as_deref());
    let mut targets: Vec<&str> = targets.collect();
    targets.sort_unstable();
    assert_eq!(targets, ["handshake: 1", "missing: 1", "token: 1", "token: 1"]);
}

#[tokio::test(start_paused = true)]
async fn sem_7_1_calls_beyond_a_tenants_quota_are_refused() {
    let bed = Bed::new().await;
    let auditor = start(&bed);
    bed.quota.replace(1);
    let record = || bed.disk.world.record(Kind::Rpc, "task.read");
    for refused in [auditor.batched(record(), None), auditor.awaited(record(), None).await] {
        assert!(matches!(refused, Err(Error::Store(StoreError::Quota { .. }))), "{refused:?}");
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(count(&bed.records().await, "task.read"), 0);
}

#[tokio::test(start_paused = true)]
async fn sem_7_2_who_people_are_stands_only_in_what_is_sealed() {
    let mut disk = Disk::new();
    disk.bob = Human { name: name("bob-canary"), ..disk.bob };
    let ada = Human { name: name("ada-canary"), groups: vec![name("role-canary")], ..disk.world.human.clone() };
    let bed = Bed::on(disk, Crash::at(None)).await;
    let uid = HumanUid::from_u128(bed.disk.ids.next());
    let ada = Human { uid, ..ada };
    bed.disk.store.put_human(ada.clone(), bed.disk.world.record(Kind::Rpc, "human.add").into()).await.unwrap();
    let caller = bed.human(&ada);
    let task = bed.tasks.submit(&caller, &super::bed::submission("publish-flow")).await.unwrap().task;
    let approval = bed.asked(task).await;
    let shown = bed.approvals.get(&bed.bob(), approval).await.unwrap();
    let signed = bed.signed(&shown, scalbotics_core::approval::Answer::Approve);
    bed.approvals.decide(&bed.bob(), approval, &signed).await.unwrap();
    let state = bed.ended(task).await;
    assert_eq!(state.status, scalbotics_core::task::Status::Completed);
    let asked = bed.disk.engine.asked();
    let about = asked.iter().find(|request| request.principal.uid == state.envelope.chain.principals[0].uid).unwrap();
    assert_eq!((about.principal.name.as_str(), &about.principal.groups), ("ada-canary", &ada.groups), "policy sees who it is");
    let request = bed.approvals.request(&bed.bob(), approval).await.unwrap();
    let texts = [
        serde_json::to_string(&bed.records().await).unwrap(),
        serde_json::to_string(&bed.events(task).await).unwrap(),
        serde_json::to_string(&state).unwrap(),
        serde_json::to_string(&request).unwrap(),
    ];
    for text in texts {
        assert!(!text.contains("canary"), "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn sem_7_2_no_digest_that_guesses_could_be_tried_against_is_kept() {
    let bed = Bed::new().await;
    let ada = scalbotics_runtime::Caller { repeat_key: Some("once".to_owned()), ..bed.ada() };
    let submit = super::bed::submission("publish-flow");
    let task = bed.tasks.submit(&ada, &submit).await.unwrap().task;
    let approval = bed.asked(task).await;
    let shown = bed.approvals.get(&bed.bob(), approval).await.unwrap();
    let signed = bed.signed(&shown, scalbotics_core::approval::Answer::Approve);
    bed.approvals.decide(&bed.bob(), approval, &signed).await.unwrap();
    let state = bed.ended(task).await;
    let call = state.calls.values().find(|call| call.approval.is_some()).unwrap();
    // What whoever holds the leaf could make of a guess of the arguments, and what their salt adds.
    let (chain, inputs) = (&state.envelope.chain, &shown.contents.inputs);
    let guessed = scalbotics_core::tool::call_digest(chain, &call.intent.tool_digest, &shown.canonical, inputs);
    assert_eq!(guessed, shown.contents.call, "the approver signs the call digest");
    let sealed = bed.disk.store.get(bed.tenant(), call.intent.args.id).await.unwrap().unwrap();
    let salt = PlainCipher.open(&sealed).unwrap().salt;
    assert_eq!(call.intent.call, Mark::of(&guessed, Some(&salt)));
    let records = bed.records().await;
    let named: Vec<_> = records.iter().filter(|record| record.effect == Some(call.intent.effect)).collect();
    assert!(named.len() >= 3 && named.iter().all(|record| (record.version, record.call) == (2, Some(*call.intent.call.shown()))));
    let answers = bed
        .disk
        .store
        .answer(&format!("{}/task.submit/once", ada.principal.uid), bed.disk.world.clock.now())
        .await
        .unwrap()
        .unwrap();
    let body = scalbotics_core::json::canonical_of(&submit).unwrap();
    let guessed_body = Digest::of_parts("scalbotics/request-body/v1", &[&body]);
    assert_eq!(
        answers.body,
        PlainCipher.fingerprint(bed.tenant(), guessed_body.as_bytes()).unwrap(),
        "under a key of the tenant"
    );
    let mut texts = vec![
        serde_json::to_string(&records).unwrap(),
        serde_json::to_string(&bed.events(task).await).unwrap(),
        serde_json::to_string(&state).unwrap(),
        serde_json::to_string(&bed.approvals.request(&bed.bob(), approval).await.unwrap()).unwrap(),
    ];
    for note in records.iter().filter_map(|record| record.decision.as_ref()) {
        texts.push(serde_json::to_string(&bed.decision(note.id).await).unwrap());
    }
    let bare = [guessed, Digest::of_bytes(&shown.canonical), Digest::of_bytes(&body), guessed_body];
    let inputs: Vec<Digest> = inputs.iter().map(|input| input.digest).collect();
    for text in texts {
        for digest in bare.iter().chain(&inputs) {
            assert!(!text.contains(&digest.to_string()), "{digest} in {text}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn sem_9_2_a_decision_says_what_was_asked_and_with_which_entities() {
    let bed = Bed::new().await;
    let task = bed.submit("pure-flow").await;
    bed.ended(task).await;
    let records = bed.records().await;
    let intent = records.iter().find(|record| record.kind == Kind::Intent && record.action == "tool/pure").unwrap();
    let decision = bed.decision(intent.decision.as_ref().unwrap().id).await;
    assert!(decision.allows());
    let principals: Vec<_> = decision.requests.iter().map(|request| request.principal.uid).collect();
    assert_eq!(principals, [bed.ada().principal.uid, scalbotics_core::principal::Uid::Agent(bed.disk.world.agent.uid)]);
    let asked: Vec<_> = bed.disk.engine.asked().into_iter().filter(|request| request.action == "tool/pure").collect();
    for (kept, asked) in decision.requests.iter().zip(&asked) {
        assert_eq!((&kept.action, &kept.resource), (&asked.action, &asked.resource));
        assert_eq!(kept.context["task"], asked.context["task"]);
        assert_eq!(kept.context["args"]["redacted"], intent.call.unwrap().to_string(), "which arguments, not what they are");
    }
    for (answers, asked) in decision.answers.iter().zip(&asked) {
        let said = scalbotics_core::ports::PolicyEngine::evaluate(bed.disk.engine.as_ref(), asked).await;
        assert_eq!((answers.len(), answers[0].slice, answers[0].bundle), (1, said.slice, said.bundle));
    }
}
