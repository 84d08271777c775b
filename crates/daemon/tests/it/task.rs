//! One task from submission to evidence; a risky one through another human's signature.

use scalbotics_core::approval::{Answer, Statement};
use scalbotics_core::digest::Digest;
use scalbotics_identity::holder::statement::sign_approval;
use scalbotics_proto::v1;
use scalbotics_proto::v1::approval_service_client::ApprovalServiceClient;
use scalbotics_proto::v1::audit_service_client::AuditServiceClient;
use scalbotics_proto::v1::task_service_client::TaskServiceClient;
use serde_json::{Value, json};
use tonic::Code;
use tonic_types::StatusExt as _;

use crate::world::{World, with};

fn submission(goal: v1::submit_task_request::Goal, request_id: &str) -> v1::SubmitTaskRequest {
    let agent = "tenants/acme/agents/clerk".to_owned();
    v1::SubmitTaskRequest { agent, goal: Some(goal), request_id: request_id.to_owned(), ..Default::default() }
}

fn workflow(name: &str) -> v1::submit_task_request::Goal {
    v1::submit_task_request::Goal::Workflow(name.to_owned())
}

/// Watches a task until `kind` has come; answers all kinds.
async fn watch(world: &World, token: &str, name: &str, until: &str) -> Vec<String> {
    let request = with(token, v1::WatchTaskRequest { name: name.to_owned(), from_sequence: 0 });
    let mut events = TaskServiceClient::new(world.channel.clone()).watch_task(request).await.unwrap().into_inner();
    let mut kinds = Vec::new();
    while let Some(event) = events.message().await.unwrap() {
        kinds.push(event.kind.clone());
        if event.kind == until {
            break;
        }
    }
    kinds
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workflow_reads_a_file_to_the_end() {
    let world = World::open().await;
    let token = world.token("ann").await;
    let mut tasks = TaskServiceClient::new(world.channel.clone());
    let text = v1::submit_task_request::Goal::Text("read it".to_owned());
    let task = tasks.submit_task(with(&token, submission(text.clone(), "one"))).await.unwrap().into_inner();
    let again = tasks.submit_task(with(&token, submission(text, "one"))).await.unwrap().into_inner();
    assert_eq!((&task.name, task.path.as_str()), (&again.name, "workflow matched"));
    let other = tasks.submit_task(with(&token, submission(workflow("read"), "one"))).await.unwrap_err();
    assert_eq!(other.get_error_details().error_info().unwrap().reason, "REQUEST_ID_REUSED");
    let kinds = watch(&world, &token, &task.name, "never").await;
    assert_eq!(kinds, ["submitted", "intended", "landed", "completed"]);
    let shown = tasks.get_task(with(&token, v1::GetTaskRequest { name: task.name.clone(), with_output: true })).await.unwrap();
    let shown = shown.into_inner();
    assert_eq!(shown.status(), v1::TaskStatus::Completed);
    assert!(format!("{:?}", shown.output).contains("hello, world"), "{shown:?}");
    let listed =
        tasks.list_tasks(with(&token, v1::ListTasksRequest { filter: "status = \"COMPLETED\"".into(), ..Default::default() }));
    assert_eq!(listed.await.unwrap().into_inner().tasks.len(), 1);
    let late =
        tasks.cancel_task(with(&token, v1::CancelTaskRequest { name: task.name, ..Default::default() })).await.unwrap_err();
    assert_eq!(late.get_error_details().error_info().unwrap().reason, "TASK_STATE");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_be_refused_is_refused_before_anything_is_stored() {
    let world = World::open().await;
    let token = world.token("ann").await;
    let mut tasks = TaskServiceClient::new(world.channel.clone());
    let text = |text: &str| v1::submit_task_request::Goal::Text(text.to_owned());
    let base = || submission(text("read it"), "");
    for (bad, code) in [
        (v1::SubmitTaskRequest { goal: None, ..base() }, Code::InvalidArgument),
        (v1::SubmitTaskRequest { priority: 10, ..base() }, Code::InvalidArgument),
        (v1::SubmitTaskRequest { request_id: "x".repeat(129), ..base() }, Code::InvalidArgument),
        (v1::SubmitTaskRequest { agent: "clerk".into(), ..base() }, Code::InvalidArgument),
        (submission(text("fly"), ""), Code::InvalidArgument),
        (submission(workflow("nothing"), ""), Code::InvalidArgument),
        (submission(text(&format!("read {}", "x".repeat(20_000))), ""), Code::InvalidArgument),
    ] {
        let refused = tasks.submit_task(with(&token, bad)).await.unwrap_err();
        assert_eq!(refused.code(), code, "{refused}");
        assert!(refused.get_error_details().error_info().is_some());
    }
    let checked = tasks.submit_task(with(&token, v1::SubmitTaskRequest { validate_only: true, ..base() })).await.unwrap();
    assert_eq!((checked.get_ref().name.as_str(), checked.get_ref().workflow.as_str()), ("", "read"));
    let listed = tasks.list_tasks(with(&token, v1::ListTasksRequest::default())).await.unwrap().into_inner();
    assert!(listed.tasks.is_empty());
}

/// The statement that an approver's program rebuilds from what it displays.
fn statement(world: &World, shown: &v1::Approval, approver: &str, answer: Answer) -> Vec<u8> {
    let chain: Vec<Value> = shown.chain.iter().map(|p| json!({"kind": p.kind, "uid": p.uid})).collect();
    let expires = shown.expire_time.unwrap();
    let fields = json!({
        "version": 1, "trust_domain": shown.trust_domain, "tenant": "acme",
        "approval": shown.name.rsplit('/').next().unwrap(), "task": shown.task, "effect": shown.effect,
        "agent": shown.agent_uid, "agent_name": shown.agent, "chain": chain, "tool": shown.tool,
        "tool_digest": shown.tool_digest, "tier": shown.tier,
        "args": serde_json::from_str::<Value>(&shown.args_json).unwrap(), "call": shown.call_digest,
        "inputs": shown.inputs.iter().map(|i| json!({"name": i.name, "digest": i.digest})).collect::<Vec<_>>(), "grants": shown.grants,
        "nonce": shown.nonce, "expires_at": expires.seconds * 1_000 + i64::from(expires.nanos) / 1_000_000,
        "approver": world.uid(approver), "answer": answer, "reason": "as shown",
    });
    let statement: Statement = serde_json::from_value(fields).unwrap();
    statement.canonical().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_risky_call_waits_for_another_humans_signature() {
    let world = World::open().await;
    let (ann, bob) = (world.token("ann").await, world.token("bob").await);
    let mut tasks = TaskServiceClient::new(world.channel.clone());
    let mut approvals = ApprovalServiceClient::new(world.channel.clone());
    let task = tasks.submit_task(with(&ann, submission(workflow("stamp"), ""))).await.unwrap().into_inner();
    watch(&world, &ann, &task.name, "approval_requested").await;
    let waiting = approvals.list_approvals(with(&bob, v1::ListApprovalsRequest::default())).await.unwrap().into_inner().approvals;
    let name = waiting[0].name.clone();
    let shown = approvals.get_approval(with(&bob, v1::GetApprovalRequest { name: name.clone() })).await.unwrap().into_inner();
    assert_eq!((shown.status(), shown.args_json.as_str()), (v1::ApprovalStatus::Waiting, "{}"));
    // The program's bytes are among what is asked about, and the call digest is over all of it.
    let program = Digest::of_bytes(&std::fs::read("/bin/true").unwrap()).to_string();
    assert_eq!(shown.inputs, [v1::ResolvedInput { name: "program /bin/true".into(), digest: program }]);
    let yes = statement(&world, &shown, "bob", Answer::Approve);
    assert!(serde_json::from_slice::<Statement>(&yes).unwrap().shows_its_call().unwrap());
    let key = world.key("bob", "approval");
    let decide = |statement: Vec<u8>, signature: Vec<u8>| v1::DecideApprovalRequest {
        name: name.clone(),
        statement,
        signature,
        request_id: String::new(),
    };
    // Another field, another key, another person: none of them counts.
    let mut other = yes.clone();
    let at = yes.windows(8).position(|part| part == b"as shown").unwrap();
    other[at] = b'X';
    let signature = sign_approval(&key, &yes).unwrap().to_vec();
    for (token, statement, signature, reason) in [
        (&bob, other, signature.clone(), "STATEMENT_REFUSED"),
        (&bob, yes.clone(), sign_approval(&world.key("bob", "login"), &yes).unwrap().to_vec(), "STATEMENT_REFUSED"),
        (&ann, yes.clone(), signature.clone(), "POLICY_DENIED"),
    ] {
        let refused = approvals.decide_approval(with(token, decide(statement, signature))).await.unwrap_err();
        assert_eq!(refused.get_error_details().error_info().unwrap().reason, reason, "{refused}");
    }
    approvals.decide_approval(with(&bob, decide(yes.clone(), signature.clone()))).await.unwrap();
    let twice = approvals.decide_approval(with(&bob, decide(yes, signature))).await.unwrap_err();
    assert_eq!(twice.get_error_details().error_info().unwrap().reason, "APPROVAL_STATE");
    let kinds = watch(&world, &ann, &task.name, "never").await;
    assert_eq!(kinds, ["submitted", "approval_requested", "approval_granted", "intended", "landed", "completed"]);
    let request = v1::VerifyAuditLogRequest::default();
    let verified =
        AuditServiceClient::new(world.channel.clone()).verify_audit_log(with(&ann, request)).await.unwrap().into_inner();
    assert!(verified.ok && verified.tasks > 0 && !verified.not_checked.is_empty(), "{verified:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_ends_when_the_time_of_its_caller_is_over() {
    let world = World::open().await;
    let token = world.token("ann").await;
    let mut tasks = TaskServiceClient::new(world.channel.clone());
    let task = tasks.submit_task(with(&token, submission(workflow("stamp"), ""))).await.unwrap().into_inner();
    let within = |time: &'static str| {
        let mut request = with(&token, v1::WatchTaskRequest { name: task.name.clone(), from_sequence: 0 });
        request.metadata_mut().insert("grpc-timeout", time.parse().unwrap());
        request
    };
    let mut events = tasks.watch_task(within("700m")).await.unwrap().into_inner();
    let ended = loop {
        match events.message().await {
            Ok(event) => assert!(event.is_some(), "the stream ended well while the task waits"),
            Err(status) => break status,
        }
    };
    assert_eq!(ended.code(), Code::DeadlineExceeded, "{ended}");
    assert_eq!(ended.get_error_details().error_info().unwrap().reason, "CALL_TIMED_OUT");
    let refused = tasks.watch_task(within("soon")).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument, "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mount_that_became_a_link_leads_nowhere() {
    let world = World::open().await;
    let token = world.token("ann").await;
    std::fs::create_dir(world.path("outside")).unwrap();
    std::fs::write(world.path("outside/hello.txt"), "secret\n").unwrap();
    std::fs::rename(world.path("work"), world.path("moved")).unwrap();
    std::os::unix::fs::symlink(world.path("outside"), world.path("work")).unwrap();
    let mut tasks = TaskServiceClient::new(world.channel.clone());
    let task = tasks.submit_task(with(&token, submission(workflow("read"), ""))).await.unwrap().into_inner();
    assert_eq!(watch(&world, &token, &task.name, "never").await.last().unwrap(), "failed");
}
