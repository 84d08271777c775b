//! Every row of the method table: without a token, without a right, with a foreign name, with an absent one.

use std::collections::BTreeSet;

use prost::Message as _;
use scalbotics_core::ids::{ApprovalId, DecisionId, EffectId, HoldId, TaskId};
use scalbotics_daemon::rpc::methods::{self, Admission};
use scalbotics_identity::holder::key::{Algorithm, Pair};
use scalbotics_proto::v1;
use tonic::Code;
use tonic_types::StatusExt as _;

use crate::wire::call;
use crate::world::{NOBODY, World, with};

/// A request of every method that policy decides about, with names of `tenant`; and whether it names one object.
pub(crate) fn sample(path: &str, tenant: &str) -> Option<(Vec<u8>, bool)> {
    let parent = format!("tenants/{tenant}");
    let task = format!("{parent}/tasks/{}", TaskId::from_u128(7));
    let approval = format!("{parent}/approvals/{}", ApprovalId::from_u128(7));
    let decision = format!("{parent}/decisions/{}", DecisionId::from_u128(7));
    let agent = format!("{parent}/agents/ghost");
    let human = format!("{parent}/humans/ghost");
    let service = format!("{parent}/services/ghost");
    let secret = format!("{parent}/secrets/ghost");
    let text = |text: &str| text.to_owned();
    let (area, method) = path.strip_prefix("/scalbotics.v1.")?.split_once('/')?;
    let lifetime = Some(prost_types::Duration { seconds: 60, nanos: 0 });
    let (message, one) = match (area, method) {
        ("TaskService", "SubmitTask") => {
            let goal = Some(v1::submit_task_request::Goal::Text(text("read it")));
            (v1::SubmitTaskRequest { agent, goal, ..Default::default() }.encode_to_vec(), true)
        }
        ("TaskService", "GetTask") => (v1::GetTaskRequest { name: task, with_output: true }.encode_to_vec(), true),
        ("TaskService", "ListTasks") => (v1::ListTasksRequest { parent, ..Default::default() }.encode_to_vec(), false),
        ("TaskService", "WatchTask") => (v1::WatchTaskRequest { name: task, from_sequence: 0 }.encode_to_vec(), true),
        ("TaskService", "CancelTask") => (v1::CancelTaskRequest { name: task, ..Default::default() }.encode_to_vec(), true),
        ("TaskService", "RetryTask") => (v1::RetryTaskRequest { name: task, ..Default::default() }.encode_to_vec(), true),
        ("TaskService", "SettleEffect") => {
            let effect = EffectId::from_u128(7).to_string();
            let request = v1::SettleEffectRequest { name: task, effect, landed: true, reason: text("x"), ..Default::default() };
            (request.encode_to_vec(), true)
        }
        ("ApprovalService", "ListApprovals") => {
            (v1::ListApprovalsRequest { parent, ..Default::default() }.encode_to_vec(), false)
        }
        ("ApprovalService", "GetApproval") => (v1::GetApprovalRequest { name: approval }.encode_to_vec(), true),
        ("ApprovalService", "DecideApproval") => {
            (v1::DecideApprovalRequest { name: approval, ..Default::default() }.encode_to_vec(), true)
        }
        ("PolicyService", "ExplainDecision") => (v1::ExplainDecisionRequest { name: decision }.encode_to_vec(), true),
        ("PolicyService", "CheckAccess") => {
            (v1::CheckAccessRequest { agent, tool: text("fs.read"), args: None, taint: vec![] }.encode_to_vec(), true)
        }
        ("AuditService", "ListAuditRecords") => {
            (v1::ListAuditRecordsRequest { parent, ..Default::default() }.encode_to_vec(), false)
        }
        ("AuditService", "TailAuditRecords") => (v1::TailAuditRecordsRequest { parent, from_index: 0 }.encode_to_vec(), false),
        ("AuditService", "GetAuditHead") => (v1::GetAuditHeadRequest { parent }.encode_to_vec(), false),
        ("AuditService", "ProveAuditLog") => {
            let wanted = Some(v1::prove_audit_log_request::Wanted::Index(0));
            (v1::ProveAuditLogRequest { parent, wanted }.encode_to_vec(), false)
        }
        ("AuditService", "VerifyAuditLog") => (v1::VerifyAuditLogRequest { parent }.encode_to_vec(), false),
        ("AuditService", "ExportEvidence") => {
            (v1::ExportEvidenceRequest { name: task, ..Default::default() }.encode_to_vec(), true)
        }
        ("AgentService", "ListAgents") => (v1::ListAgentsRequest { parent, ..Default::default() }.encode_to_vec(), false),
        ("AgentService", "GetAgent") => (v1::GetAgentRequest { name: agent }.encode_to_vec(), true),
        ("AgentService", "SuspendAgent" | "ResumeAgent" | "OffboardAgent") => {
            (v1::AgentStandingRequest { name: agent, ..Default::default() }.encode_to_vec(), true)
        }
        ("AgentService", "CreateJoinToken") => {
            (v1::CreateJoinTokenRequest { name: agent, ..Default::default() }.encode_to_vec(), true)
        }
        ("AgentService", "RotateAgentKeys") => {
            (v1::RotateAgentKeysRequest { name: agent, ..Default::default() }.encode_to_vec(), true)
        }
        ("HumanService", "AddHuman") => {
            let key = Pair::generate(Algorithm::Ed25519).unwrap().public().to_jwk_json().unwrap();
            (v1::AddHumanRequest { name: human, login_key: key, ..Default::default() }.encode_to_vec(), false)
        }
        ("HumanService", "ListHumans") => (v1::ListHumansRequest { parent, ..Default::default() }.encode_to_vec(), false),
        ("HumanService", "GetHuman") => (v1::GetHumanRequest { name: human }.encode_to_vec(), true),
        ("HumanService", "BindHuman") => {
            let add_groups = vec![text("operators")];
            (v1::BindHumanRequest { name: human, add_groups, ..Default::default() }.encode_to_vec(), true)
        }
        ("HumanService", "EnrollApprover") => {
            (v1::EnrollApproverRequest { name: human, enrolment: b"{}".to_vec(), ..Default::default() }.encode_to_vec(), true)
        }
        ("HumanService", "SuspendHuman" | "ResumeHuman" | "OffboardHuman") => {
            (v1::HumanStandingRequest { name: human, ..Default::default() }.encode_to_vec(), true)
        }
        ("ServiceService", "AddService") => {
            let key = Pair::generate(Algorithm::Ed25519).unwrap().public().to_jwk_json().unwrap();
            let request = v1::AddServiceRequest { name: service, login_key: key, lifetime, ..Default::default() };
            (request.encode_to_vec(), false)
        }
        ("ServiceService", "ListServices") => (v1::ListServicesRequest { parent, ..Default::default() }.encode_to_vec(), false),
        ("ServiceService", "GetService") => (v1::GetServiceRequest { name: service }.encode_to_vec(), true),
        ("ServiceService", "RenewService") => {
            (v1::RenewServiceRequest { name: service, lifetime, ..Default::default() }.encode_to_vec(), true)
        }
        ("ServiceService", "SuspendService" | "ResumeService" | "OffboardService") => {
            (v1::ServiceStandingRequest { name: service, ..Default::default() }.encode_to_vec(), true)
        }
        ("TenantService", "AddTenant") => {
            (v1::AddTenantRequest { name: parent, branch: text("main"), ..Default::default() }.encode_to_vec(), false)
        }
        ("TenantService", "ListTenants") => (v1::ListTenantsRequest::default().encode_to_vec(), false),
        ("TenantService", "GetTenant") => (v1::GetTenantRequest { name: parent }.encode_to_vec(), false),
        ("TenantService", "SuspendTenant" | "ResumeTenant") => {
            (v1::TenantStandingRequest { name: parent, ..Default::default() }.encode_to_vec(), false)
        }
        ("TeamService", "ListTeams") => (v1::ListTeamsRequest { parent }.encode_to_vec(), false),
        ("TeamService", "GetTeam") => (v1::GetTeamRequest { name: format!("{parent}/teams/ghost") }.encode_to_vec(), true),
        ("ModelService", "ListModels") => (v1::ListModelsRequest { parent }.encode_to_vec(), false),
        ("ToolService", "ListTools") => (v1::ListToolsRequest { parent }.encode_to_vec(), false),
        ("ToolService", "GetTool") => (v1::GetToolRequest { name: format!("{parent}/tools/ghost") }.encode_to_vec(), true),
        ("RepositoryService", "GetRepository") => {
            (v1::GetRepositoryRequest { name: format!("{parent}/repository") }.encode_to_vec(), false)
        }
        ("RepositoryService", "ReloadRepository") => {
            let name = format!("{parent}/repository");
            (v1::ReloadRepositoryRequest { name, ..Default::default() }.encode_to_vec(), false)
        }
        ("SecretService", "PutSecret") => {
            let request = v1::PutSecretRequest { name: secret, value: b"value".to_vec(), ..Default::default() };
            (request.encode_to_vec(), false)
        }
        ("SecretService", "ListSecrets") => (v1::ListSecretsRequest { parent, ..Default::default() }.encode_to_vec(), false),
        ("SecretService", "RotateSecret") => {
            let request = v1::RotateSecretRequest { name: secret, value: b"value".to_vec(), ..Default::default() };
            (request.encode_to_vec(), true)
        }
        ("SecretService", "RemoveSecret") => {
            (v1::RemoveSecretRequest { name: secret, ..Default::default() }.encode_to_vec(), true)
        }
        ("PrivacyService", "EraseTask") => {
            (v1::EraseTaskRequest { name: task, reason: text("x"), ..Default::default() }.encode_to_vec(), true)
        }
        ("PrivacyService", "EraseHuman") => {
            (v1::EraseHumanRequest { name: human, reason: text("x"), ..Default::default() }.encode_to_vec(), true)
        }
        ("PrivacyService", "AddHold") => {
            (v1::AddHoldRequest { about: task, reason: text("x"), ..Default::default() }.encode_to_vec(), true)
        }
        ("PrivacyService", "ListHolds") => (v1::ListHoldsRequest { parent }.encode_to_vec(), false),
        ("PrivacyService", "RemoveHold") => {
            let name = format!("{parent}/holds/{}", HoldId::from_u128(7));
            (v1::RemoveHoldRequest { name, reason: text("x"), ..Default::default() }.encode_to_vec(), true)
        }
        ("PrivacyService", "GetRetention") => (v1::GetRetentionRequest { parent }.encode_to_vec(), false),
        ("PrivacyService", "AcceptClock") => (v1::AcceptClockRequest { parent, ..Default::default() }.encode_to_vec(), false),
        ("IdentityService", "ListAuthorities") => (v1::ListAuthoritiesRequest {}.encode_to_vec(), false),
        ("IdentityService", "GetTrustBundle") => (v1::GetTrustBundleRequest {}.encode_to_vec(), false),
        ("IdentityService", "PrepareAuthority") => (v1::PrepareAuthorityRequest::default().encode_to_vec(), false),
        ("IdentityService", "ActivateAuthority") => {
            (v1::ActivateAuthorityRequest { certificate: text("x"), ..Default::default() }.encode_to_vec(), false)
        }
        ("IdentityService", "TaintAuthority") => {
            (v1::TaintAuthorityRequest { authority: "0".repeat(40), ..Default::default() }.encode_to_vec(), false)
        }
        ("IdentityService", "RevokeAuthority") => {
            (v1::RevokeAuthorityRequest { authority: "0".repeat(40), ..Default::default() }.encode_to_vec(), false)
        }
        ("IdentityService", "RenewSvid") => (v1::RenewSvidRequest::default().encode_to_vec(), false),
        ("WorkerService", "Attend") => {
            let said = Some(v1::attend_request::Said::Hello(v1::Hello { instance: vec![7; 16], places: 1 }));
            (v1::AttendRequest { said }.encode_to_vec(), false)
        }
        ("IdentityService", "ListSvids") => (v1::ListSvidsRequest { parent, ..Default::default() }.encode_to_vec(), false),
        ("SessionService", "WhoAmI") => (v1::WhoAmIRequest {}.encode_to_vec(), false),
        ("InstallationService", "GetInstallation") => (v1::GetInstallationRequest {}.encode_to_vec(), false),
        _ => return None,
    };
    Some((message, one))
}

/// Methods whose request names nothing that is a tenant's: nothing at all, or tenants themselves.
const NAMELESS: [&str; 15] = [
    "/scalbotics.v1.WorkerService/Attend",
    "/scalbotics.v1.TenantService/AddTenant",
    "/scalbotics.v1.TenantService/ListTenants",
    "/scalbotics.v1.TenantService/GetTenant",
    "/scalbotics.v1.TenantService/SuspendTenant",
    "/scalbotics.v1.TenantService/ResumeTenant",
    "/scalbotics.v1.IdentityService/RenewSvid",
    "/scalbotics.v1.SessionService/WhoAmI",
    "/scalbotics.v1.InstallationService/GetInstallation",
    "/scalbotics.v1.IdentityService/ListAuthorities",
    "/scalbotics.v1.IdentityService/PrepareAuthority",
    "/scalbotics.v1.IdentityService/ActivateAuthority",
    "/scalbotics.v1.IdentityService/TaintAuthority",
    "/scalbotics.v1.IdentityService/RevokeAuthority",
    "/scalbotics.v1.IdentityService/GetTrustBundle",
];

#[tokio::test(flavor = "multi_thread")]
async fn no_call_without_a_token() {
    let world = World::closed().await;
    for row in methods::all() {
        let path = row.method.path;
        for token in [None, Some("x"), Some("a.b.c"), Some("eyJhbGciOiJub25lIn0.e30.")] {
            let message = sample(path, "acme").map(|(message, _)| message).unwrap_or_default();
            let answer = call(&world.channel, path, message, token).await;
            match row.admission {
                Admission::Policy | Admission::Token | Admission::Login => {
                    assert_eq!(answer.unwrap_err().code(), Code::Unauthenticated, "{path} {token:?}");
                }
                Admission::Open => drop(answer.unwrap()),
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_call_without_a_right() {
    let world = World::closed().await;
    let token = world.token(NOBODY).await;
    let mut decisions = BTreeSet::new();
    let mut rows = 0;
    for row in methods::all().filter(|row| row.admission == Admission::Policy) {
        let path = row.method.path;
        let (message, _) = sample(path, "acme").unwrap_or_else(|| panic!("{path} has no sample: add one"));
        let refused = call(&world.channel, path, message, Some(&token)).await.unwrap_err();
        assert_eq!(refused.code(), Code::PermissionDenied, "{path}: {refused}");
        let details = refused.get_error_details();
        let info = details.error_info().unwrap();
        assert_eq!(info.reason, "POLICY_DENIED", "{path}");
        assert!(info.metadata["next"].starts_with("scalbotics policy explain dec_"), "{path}");
        assert!(details.request_info().unwrap().request_id.starts_with("req_"), "{path}");
        decisions.insert(info.metadata["decision"].clone());
        rows += 1;
    }
    assert_eq!(decisions.len(), rows);
    // Denials are audited (semantics 7.1): each decision stands in the log with the word.
    let admin = world.token("ann").await;
    let request = v1::ListAuditRecordsRequest { page_size: 1_000, ..Default::default() };
    let answer =
        call(&world.channel, "/scalbotics.v1.AuditService/ListAuditRecords", request.encode_to_vec(), Some(&admin)).await;
    let records = v1::ListAuditRecordsResponse::decode(answer.unwrap()).unwrap().records;
    for decision in decisions {
        let found = records.iter().filter(|record| record.json.contains(&decision)).collect::<Vec<_>>();
        assert_eq!(found.len(), 1, "{decision}");
        assert!(found[0].json.contains("policy_denied"), "{}", found[0].json);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn security_8_a_foreign_name_is_an_absent_one() {
    let world = World::closed().await;
    let (admin, nobody) = (world.token("ann").await, world.token(NOBODY).await);
    for row in methods::all().filter(|row| row.admission == Admission::Policy && !NAMELESS.contains(&row.method.path)) {
        let path = row.method.path;
        let (foreign, one) = sample(path, "other").unwrap();
        for token in [&admin, &nobody] {
            let refused = call(&world.channel, path, foreign.clone(), Some(token)).await.unwrap_err();
            assert_eq!(refused.code(), Code::NotFound, "{path}: {refused}");
            assert!(!refused.get_error_details().error_info().unwrap().metadata.contains_key("decision"), "{path}");
            if one && token == &admin {
                let (own, _) = sample(path, "acme").unwrap();
                let absent = call(&world.channel, path, own, Some(token)).await.unwrap_err();
                assert_eq!(absent.code(), Code::NotFound, "{path}: {absent}");
                assert_eq!(refused.message().replace("tenants/other", "tenants/acme"), absent.message(), "{path}");
                // Reason, why and next step too: nothing tells them apart.
                let told = [&refused, &absent].map(|status| {
                    let mut told = status.get_error_details().error_info().cloned().unwrap();
                    // Each call has a trace of its own.
                    told.metadata.remove("trace").expect("an error refers to a trace");
                    told
                });
                assert_eq!(told[0].metadata, told[1].metadata, "{path}");
                assert_eq!(told[0].reason, told[1].reason, "{path}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn reflection_lists_the_services_to_who_is_logged_in() {
    use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
    use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
    use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
    use tonic_reflection::pb::v1::{ServerReflectionRequest, ServerReflectionResponse};
    let world = World::closed().await;
    let token = world.token("ann").await;
    let mut client = ServerReflectionClient::new(world.channel.clone());
    let asks = |message| ServerReflectionRequest { host: String::new(), message_request: Some(message) };
    let list = || futures_util::stream::iter([asks(MessageRequest::ListServices(String::new()))]);
    let refused = client.server_reflection_info(list()).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);
    let mut answers = client.server_reflection_info(with(&token, list())).await.unwrap().into_inner();
    let answer: ServerReflectionResponse = answers.message().await.unwrap().unwrap();
    let Some(MessageResponse::ListServicesResponse(listed)) = answer.message_response else { panic!("{answer:?}") };
    let names: Vec<&str> = listed.service.iter().map(|service| service.name.as_str()).collect();
    for name in
        ["scalbotics.v1.TaskService", "scalbotics.v1.ApprovalService", "scalbotics.v1.SessionService", "grpc.health.v1.Health"]
    {
        assert!(names.contains(&name), "{name}: {names:?}");
    }
    // Every service is described, so that a client without our files can call it.
    for name in names {
        let symbol = futures_util::stream::iter([asks(MessageRequest::FileContainingSymbol(name.to_owned()))]);
        let mut answers = client.server_reflection_info(with(&token, symbol)).await.unwrap().into_inner();
        let answer: ServerReflectionResponse = answers.message().await.unwrap().unwrap();
        assert!(matches!(answer.message_response, Some(MessageResponse::FileDescriptorResponse(_))), "{name}: {answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_in_the_table_is_not_there() {
    let world = World::closed().await;
    let token = world.token("ann").await;
    for path in ["/scalbotics.v1.TaskService/Nothing", "/grpc.reflection.v2.ServerReflection/ServerReflectionInfo", "/x"] {
        let refused = call(&world.channel, path, Vec::new(), Some(&token)).await.unwrap_err();
        assert_eq!(refused.code(), Code::Unimplemented, "{path}");
    }
    // Bytes that are no message are refused with our own code.
    let refused = call(&world.channel, "/scalbotics.v1.TaskService/GetTask", vec![0xff; 9], Some(&token)).await.unwrap_err();
    assert_eq!(refused.get_error_details().error_info().unwrap().reason, "INVALID_ARGUMENT", "{refused}");
}
