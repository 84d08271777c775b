//! What the audit log says of calls: denials, failed authentications, repeated requests, and nothing that callers made up.

use scalbotics_core::audit::checkpoint::Checkpoint;
use scalbotics_core::audit::merkle::{Head, leaf_hash, verify_consistency, verify_inclusion};
use scalbotics_core::audit::proof_text::{Consistency, Inclusion};
use scalbotics_core::audit::{Kind, Record};
use scalbotics_core::ids::TaskId;
use scalbotics_core::ports::{AuditLog, AuditQuery};
use scalbotics_core::tenant::TenantId;
use scalbotics_proto::v1;
use scalbotics_proto::v1::audit_service_client::AuditServiceClient;
use scalbotics_proto::v1::prove_audit_log_request::Wanted;
use scalbotics_proto::v1::session_service_client::SessionServiceClient;
use scalbotics_proto::v1::task_service_client::TaskServiceClient;
use tonic::Code;

use crate::world::{World, with};

/// Everything in a tenant's log, once the daemon has written what waits.
async fn records(world: &mut World, tenant: &str) -> Vec<Record> {
    let store = world.stop().await;
    let query = AuditQuery { limit: 1_000, ..AuditQuery::default() };
    let entries = store.read(&TenantId::parse(tenant).unwrap(), &query).await.unwrap();
    entries.iter().map(|entry| serde_json::from_slice(&entry.leaf).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn sem_7_1_failed_authentications_are_few_records_without_a_byte_of_the_token() {
    let mut world = World::open().await;
    let mut session = SessionServiceClient::new(world.channel.clone());
    for _ in 0..20 {
        let missing = session.who_am_i(v1::WhoAmIRequest {}).await.unwrap_err();
        let forged = session.who_am_i(with("canary.canary.canary", v1::WhoAmIRequest {})).await.unwrap_err();
        assert_eq!((missing.code(), forged.code()), (Code::Unauthenticated, Code::Unauthenticated));
    }
    let assertion = "canary.canary.canary".to_owned();
    session.exchange_assertion(v1::ExchangeAssertionRequest { assertion }).await.unwrap_err();
    let failed: Vec<Record> =
        records(&mut world, "system").await.into_iter().filter(|record| record.action == "session.authenticate").collect();
    let count = |kind: &str| -> u64 {
        let of_kind = failed.iter().filter_map(|record| record.target.as_deref()?.strip_prefix(kind)?.strip_prefix(": "));
        of_kind.map(|number| number.parse::<u64>().unwrap()).sum()
    };
    assert_eq!((count("missing"), count("token"), count("assertion")), (20, 20, 1));
    assert!(failed.len() < 10, "{failed:?}");
    assert!(!serde_json::to_string(&failed).unwrap().contains("canary"));
}

#[tokio::test(flavor = "multi_thread")]
async fn sem_9_1_a_repeated_request_is_answered_again_and_audited_as_a_call() {
    let mut world = World::open().await;
    let token = world.token("ann").await;
    let mut tasks = TaskServiceClient::new(world.channel.clone());
    let goal = Some(v1::submit_task_request::Goal::Workflow("stamp".to_owned()));
    let submit = v1::SubmitTaskRequest { agent: "tenants/acme/agents/clerk".to_owned(), goal, ..Default::default() };
    let task = tasks.submit_task(with(&token, submit)).await.unwrap().into_inner();
    let cancel = || with(&token, v1::CancelTaskRequest { name: task.name.clone(), request_id: "r1".to_owned() });
    let first = tasks.cancel_task(cancel()).await.unwrap().into_inner();
    let again = tasks.cancel_task(cancel()).await.unwrap().into_inner();
    assert_eq!(first, again);
    let canceled: Vec<Record> =
        records(&mut world, "acme").await.into_iter().filter(|record| record.action == "task.cancel").collect();
    let said: Vec<(Kind, &str)> =
        canceled.iter().map(|record| (record.kind, record.outcome.as_ref().unwrap().word.as_str())).collect();
    assert_eq!(said, [(Kind::Task, "requested"), (Kind::Rpc, "ok")]);
    assert!(canceled.iter().all(|record| record.request.is_some() && record.decision.as_ref().is_some_and(|note| note.allow)));
    assert_ne!(canceled[0].request, canceled[1].request);
}

#[tokio::test(flavor = "multi_thread")]
async fn sem_7_2_a_name_that_a_caller_made_up_does_not_enter_the_log() {
    let mut world = World::open().await;
    let token = world.token("ann").await;
    let mut tasks = TaskServiceClient::new(world.channel.clone());
    let goal = Some(v1::submit_task_request::Goal::Text("read it".to_owned()));
    let submit = v1::SubmitTaskRequest { agent: "tenants/acme/agents/canary".to_owned(), goal, ..Default::default() };
    let refused = tasks.submit_task(with(&token, submit)).await.unwrap_err();
    assert_eq!(refused.code(), Code::NotFound);
    let absent = TaskId::from_u128(7);
    let name = format!("tenants/acme/tasks/{absent}");
    tasks.get_task(with(&token, v1::GetTaskRequest { name, with_output: false })).await.unwrap_err();
    let records = records(&mut world, "acme").await;
    assert!(records.iter().any(|record| record.target.as_deref() == Some("absent agent")), "{records:?}");
    assert!(records.iter().any(|record| record.target == Some(absent.to_string())), "an id is no name");
    assert!(!serde_json::to_string(&records).unwrap().contains("canary"));
}

#[tokio::test(flavor = "multi_thread")]
async fn sem_7_1_every_read_leaves_one_record_and_a_read_of_the_log_shows_the_ones_before() {
    let mut world = World::open().await;
    let token = world.token("ann").await;
    let mut tasks = TaskServiceClient::new(world.channel.clone());
    let mut audit = AuditServiceClient::new(world.channel.clone());
    for _ in 0..3 {
        tasks.list_tasks(with(&token, v1::ListTasksRequest::default())).await.unwrap();
        audit.list_audit_records(with(&token, v1::ListAuditRecordsRequest::default())).await.unwrap();
    }
    let last = audit.list_audit_records(with(&token, v1::ListAuditRecordsRequest::default())).await.unwrap().into_inner();
    let of = |records: &[Record], action: &str| records.iter().filter(|record| record.action == action).count();
    let shown: Vec<Record> = last.records.iter().map(|record| serde_json::from_str(&record.json).unwrap()).collect();
    assert_eq!(of(&shown, "audit.read"), 3, "each read of the log is in it before it is answered");
    let records = records(&mut world, "acme").await;
    assert_eq!((of(&records, "task.list"), of(&records, "audit.read")), (3, 4));
    assert!(records.iter().filter(|record| record.action == "task.list").all(|record| record.request.is_some()));
}

#[tokio::test(flavor = "multi_thread")]
async fn proofs_hold_for_who_has_nothing_but_a_checkpoint() {
    let world = World::open().await;
    let token = world.token("ann").await;
    let mut audit = AuditServiceClient::new(world.channel.clone());
    let page = v1::ListAuditRecordsRequest { page_size: 1_000, ..Default::default() };
    let records = audit.list_audit_records(with(&token, page)).await.unwrap().into_inner().records;
    let prove = |wanted: Option<Wanted>| v1::ProveAuditLogRequest { parent: String::new(), wanted };
    let text = audit.prove_audit_log(with(&token, prove(Some(Wanted::Index(0))))).await.unwrap().into_inner().text;
    let proof = Inclusion::parse(&text).unwrap();
    let signed = Checkpoint::of_note(&proof.note).unwrap();
    assert_eq!(signed.origin, "acme.test/audit/acme");
    let leaf = leaf_hash(records[0].json.as_bytes());
    assert_eq!(verify_inclusion(&leaf, 0, signed.size, &proof.proof, &signed.root), Ok(()));

    let growth = |from_size, to_size| Some(Wanted::Growth(v1::AuditGrowth { from_size, to_size }));
    let text = audit.prove_audit_log(with(&token, prove(growth(1, 0)))).await.unwrap().into_inner().text;
    let proof = Consistency::parse(&text).unwrap();
    let new = Checkpoint::of_note(&proof.note).unwrap();
    assert_eq!((proof.old_size, proof.old_root), (1, leaf), "a tree of one leaf is its hash");
    let (old, new) = (Head { size: 1, root: leaf }, Head { size: new.size, root: new.root });
    assert_eq!(verify_consistency(old, new, &proof.proof), Ok(()));

    for (wanted, code) in [
        (None, Code::InvalidArgument),
        (growth(0, 0), Code::InvalidArgument),
        (growth(u64::MAX, 0), Code::InvalidArgument),
        (growth(1, u64::MAX), Code::NotFound),
        (Some(Wanted::Index(u64::MAX)), Code::NotFound),
    ] {
        let refused = audit.prove_audit_log(with(&token, prove(wanted))).await.unwrap_err();
        assert_eq!(refused.code(), code, "{wanted:?}: {refused}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sem_7_3_a_login_stands_in_the_installation_log_too() {
    let mut world = World::open().await;
    world.token("ann").await;
    let logins = |records: Vec<Record>| records.into_iter().filter(|record| record.action == "session.login").count();
    assert_eq!(logins(records(&mut world, "system").await), 1);
}

/// Indexes and actions of the records that a filter finds, page after page of two, newest first.
async fn found(world: &World, token: &str, filter: v1::AuditFilter) -> Result<Vec<(u64, Record)>, Code> {
    let mut audit = AuditServiceClient::new(world.channel.clone());
    let mut request = v1::ListAuditRecordsRequest { page_size: 2, order_by: "index desc".to_owned(), ..Default::default() };
    request.filter = Some(filter);
    let mut all = Vec::new();
    loop {
        let page = audit.list_audit_records(with(token, request.clone())).await.map_err(|status| status.code())?.into_inner();
        assert!(page.records.len() <= 2 && page.next_index == 0);
        all.extend(page.records.iter().map(|record| (record.index, serde_json::from_str(&record.json).unwrap())));
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            return Ok(all);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn audit_query_records_are_found_by_what_they_say_and_of_the_own_tenant_alone() {
    let world = World::closed().await;
    let (ann, nobody) = (world.token("ann").await, world.token("nobody").await);
    let mut tasks = TaskServiceClient::new(world.channel.clone());
    for _ in 0..3 {
        tasks.list_tasks(with(&ann, v1::ListTasksRequest::default())).await.unwrap();
        tasks.list_tasks(with(&nobody, v1::ListTasksRequest::default())).await.unwrap_err();
    }
    let any = v1::AuditFilter::default();
    let by = |actor: &str| v1::AuditFilter { actor: actor.to_owned(), ..any.clone() };
    // The records of reads are written within a second.
    let denied = v1::AuditFilter { decision: "deny".to_owned(), action: "task.list".to_owned(), ..by("humans/nobody") };
    let mut records = Vec::new();
    while records.len() < 3 {
        records = found(&world, &ann, denied.clone()).await.unwrap();
        tokio::task::yield_now().await;
    }
    let uid = world.uid("nobody").to_string();
    assert!(
        records.iter().all(|(_, record)| record.actor.to_string() == uid && record.decision.as_ref().is_some_and(|d| !d.allow))
    );
    assert!(records.windows(2).all(|pair| pair[0].0 > pair[1].0), "the newest first");
    assert_eq!(found(&world, &ann, by(&uid)).await.unwrap().len(), found(&world, &ann, by("humans/nobody")).await.unwrap().len());
    let allowed = v1::AuditFilter { decision: "allow".to_owned(), ..by("humans/nobody") };
    assert!(found(&world, &ann, allowed).await.unwrap().iter().all(|(_, record)| record.action != "task.list"));
    let last = records[0].1.at.unix_ms();
    let at =
        |ms: i64| Some(prost_types::Timestamp { seconds: ms / 1_000, nanos: i32::try_from(ms % 1_000 * 1_000_000).unwrap() });
    let since = v1::AuditFilter { since: at(last + 1), ..denied.clone() };
    let until = v1::AuditFilter { until: at(last + 1), ..denied.clone() };
    assert_eq!((found(&world, &ann, since).await.unwrap().len(), found(&world, &ann, until).await.unwrap().len()), (0, 3));
    // Who may not read the log finds nothing in it, whether what is named is there or not.
    for actor in ["humans/ann", "humans/ghost"] {
        assert_eq!(found(&world, &nobody, by(actor)).await, Err(Code::PermissionDenied));
    }
    assert_eq!(found(&world, &ann, by("humans/ghost")).await, Err(Code::NotFound));
    assert_eq!(found(&world, &ann, by("tenants/other/humans/ann")).await, Err(Code::InvalidArgument));
    // Failed logins are the installation's, and stand in no tenant's log.
    let installations = v1::AuditFilter { action: "session.authenticate".to_owned(), ..any };
    assert!(found(&world, &ann, installations).await.unwrap().is_empty());
}
