//! The trace of a call: what the caller says, or a new one, stands in the error, in the task and in every record of it.

use scalbotics_core::audit::{Kind, Record};
use scalbotics_core::ids::TaskId;
use scalbotics_core::ports::{AuditLog as _, AuditQuery, TaskLog as _};
use scalbotics_proto::v1;
use scalbotics_proto::v1::session_service_client::SessionServiceClient;
use scalbotics_proto::v1::task_service_client::TaskServiceClient;
use scalbotics_testkit::canary::Maker;
use tonic::metadata::{AsciiMetadataValue, MetadataMap};
use tonic_types::StatusExt as _;

use crate::world::{World, with};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// The trace that a refused call refers to.
async fn referred(world: &World, headers: &[&[u8]]) -> String {
    let mut request = tonic::Request::new(v1::WhoAmIRequest {});
    let metadata: &mut MetadataMap = request.metadata_mut();
    for header in headers {
        metadata.append("traceparent", AsciiMetadataValue::try_from(*header).unwrap());
    }
    let refused = SessionServiceClient::new(world.channel.clone()).who_am_i(request).await.unwrap_err();
    let details = refused.get_error_details();
    assert!(details.request_info().unwrap().request_id.starts_with("req_"), "{refused:?}");
    details.error_info().unwrap().metadata["trace"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_refers_to_the_trace_of_the_caller_or_to_a_new_one() {
    let world = World::open().await;
    let good = format!("00-{TRACE}-00f067aa0ba902b7-01");
    let future = format!("cc-{TRACE}-00f067aa0ba902b7-01-what-the-future-will-be-like");
    for header in [good.as_bytes(), future.as_bytes()] {
        assert_eq!(referred(&world, &[header]).await, TRACE);
    }
    let (long, wide) = ("0".repeat(7_000), format!("{good}{}", "-x".repeat(3_000)));
    let nothing: [&[&[u8]]; 7] =
        [&[], &[b""], &[b"00-xyz"], &[long.as_bytes()], &[wide.as_bytes()], &[b"\xff\xfe"], &[good.as_bytes(), good.as_bytes()]];
    let mut seen = vec![TRACE.to_owned()];
    for headers in nothing {
        let trace = referred(&world, headers).await;
        assert!(trace.len() == 32 && trace.bytes().all(|b| b.is_ascii_hexdigit()), "{trace}");
        assert!(!seen.contains(&trace), "a trace that begins is a new one: {trace}");
        seen.push(trace);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trace_of_a_megabyte_is_refused_and_the_next_call_is_answered() {
    let world = World::open().await;
    let mut request = tonic::Request::new(v1::WhoAmIRequest {});
    request.metadata_mut().append("traceparent", AsciiMetadataValue::try_from("0".repeat(1_000_000)).unwrap());
    let refused = SessionServiceClient::new(world.channel.clone()).who_am_i(request).await;
    assert!(refused.is_err(), "more than the headers of a call may have: {refused:?}");
    let good = format!("00-{TRACE}-00f067aa0ba902b7-01");
    // The connection may be gone by it, which is the caller's own; another one is made.
    for _ in 0..10 {
        let mut request = tonic::Request::new(v1::WhoAmIRequest {});
        request.metadata_mut().append("traceparent", AsciiMetadataValue::try_from(good.as_str()).unwrap());
        let answer = SessionServiceClient::new(world.channel.clone()).who_am_i(request).await.unwrap_err();
        if let Some(info) = answer.get_error_details().error_info() {
            assert_eq!(info.metadata["trace"], TRACE);
            return;
        }
    }
    panic!("nothing is answered any more");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_and_its_records_keep_the_trace() {
    let mut world = World::open().await;
    let token = world.token("ann").await;
    let goal = Some(v1::submit_task_request::Goal::Workflow("stamp".to_owned()));
    let submit = v1::SubmitTaskRequest { agent: "tenants/acme/agents/clerk".to_owned(), goal, ..Default::default() };
    let mut request = with(&token, submit);
    request.metadata_mut().insert("traceparent", format!("00-{TRACE}-00f067aa0ba902b7-01").parse().unwrap());
    let task = TaskServiceClient::new(world.channel.clone()).submit_task(request).await.unwrap().into_inner();
    let id: TaskId = task.name.rsplit('/').next().unwrap().parse().unwrap();
    let store = world.stop().await;
    let state = store.state(&world.plan.tenant, id).await.unwrap().unwrap();
    let trace = state.envelope.trace.as_ref().unwrap();
    assert_eq!((trace.trace_id.as_str(), trace.parent_id.as_str()), (TRACE, "00f067aa0ba902b7"));
    let query = AuditQuery { limit: 1_000, ..AuditQuery::default() };
    let entries = store.read(&world.plan.tenant, &query).await.unwrap();
    let records: Vec<Record> = entries.iter().map(|entry| serde_json::from_slice(&entry.leaf).unwrap()).collect();
    let of_task: Vec<&Record> = records.iter().filter(|record| record.task == Some(id)).collect();
    assert!(of_task.len() > 1 && of_task.iter().any(|record| record.kind == Kind::Task), "{records:#?}");
    assert!(of_task.iter().all(|record| record.trace.as_deref() == Some(TRACE)), "{of_task:#?}");
}

/// Garbage in the headers of a trace is a stranger's, however long: it is no error, and what stands in it reaches no error, no record and no file.
#[tokio::test(flavor = "multi_thread")]
async fn secrets_in_the_headers_of_a_trace_reach_nothing() {
    let canaries = [Maker::new(9).each(), Maker::new(9).personal()].concat();
    let mut world = World::open().await;
    let token = world.token("ann").await;
    for (number, canary) in canaries.iter().enumerate() {
        let secret = &canary.secret;
        let traceparent = match number % 4 {
            0 => format!("cc-{TRACE}-00f067aa0ba902b7-01-{secret}"),
            1 => secret.clone(),
            // 32 hexadecimal digits are a trace and 16 a span, such as a card's, whatever else they may be.
            2 => format!("00-{TRACE}-{secret}0-01"),
            _ => secret.repeat(6_000 / secret.len()),
        };
        let headers = [
            ("traceparent", traceparent),
            ("tracestate", format!("vendor={secret},{}", "a=b,".repeat(500))),
            ("baggage", format!("userId={secret};{}", secret.repeat(1_500 / secret.len()))),
        ];
        let put = |metadata: &mut MetadataMap| {
            for (name, value) in &headers {
                metadata.append(*name, AsciiMetadataValue::try_from(value.as_bytes()).unwrap());
            }
        };
        let mut request = tonic::Request::new(v1::WhoAmIRequest {});
        put(request.metadata_mut());
        let refused = SessionServiceClient::new(world.channel.clone()).who_am_i(request).await.unwrap_err();
        assert!(
            !format!("{refused:?} {:?}", refused.get_error_details()).contains(secret.as_str()),
            "{}: {refused:?}",
            canary.kind
        );
        if number % 10 == 0 {
            let goal = Some(v1::submit_task_request::Goal::Workflow("stamp".to_owned()));
            let submit = v1::SubmitTaskRequest { agent: "tenants/acme/agents/clerk".to_owned(), goal, ..Default::default() };
            let mut request = with(&token, submit);
            put(request.metadata_mut());
            TaskServiceClient::new(world.channel.clone()).submit_task(request).await.unwrap();
        }
    }
    drop(world.stop().await);
    let mut looked_at = 0;
    for entry in std::fs::read_dir(world.plan.root.join(scalbotics_daemon::layout::DATA)).unwrap() {
        let path = entry.unwrap().path();
        let Ok(content) = std::fs::read(&path) else { continue };
        looked_at += content.len();
        let content = String::from_utf8_lossy(&content);
        for canary in &canaries {
            assert!(!content.contains(canary.secret.as_str()), "{} is in {}", canary.kind, path.display());
        }
    }
    assert!(looked_at > 100_000, "{looked_at}");
}
