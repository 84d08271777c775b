//! Every service behind the gate.

use std::sync::Arc;

use scalbotics_core::payload;
use scalbotics_core::secret::VALUE_LEN_MAX;
use scalbotics_proto::v1::agent_service_server::AgentServiceServer;
use scalbotics_proto::v1::approval_service_server::ApprovalServiceServer;
use scalbotics_proto::v1::audit_service_server::AuditServiceServer;
use scalbotics_proto::v1::human_service_server::HumanServiceServer;
use scalbotics_proto::v1::identity_service_server::IdentityServiceServer;
use scalbotics_proto::v1::installation_service_server::InstallationServiceServer;
use scalbotics_proto::v1::model_service_server::ModelServiceServer;
use scalbotics_proto::v1::policy_service_server::PolicyServiceServer;
use scalbotics_proto::v1::privacy_service_server::PrivacyServiceServer;
use scalbotics_proto::v1::repository_service_server::RepositoryServiceServer;
use scalbotics_proto::v1::secret_service_server::SecretServiceServer;
use scalbotics_proto::v1::service_service_server::ServiceServiceServer;
use scalbotics_proto::v1::session_service_server::SessionServiceServer;
use scalbotics_proto::v1::task_service_server::TaskServiceServer;
use scalbotics_proto::v1::team_service_server::TeamServiceServer;
use scalbotics_proto::v1::tenant_service_server::TenantServiceServer;
use scalbotics_proto::v1::tool_service_server::ToolServiceServer;
use scalbotics_proto::v1::worker_service_server::WorkerServiceServer;
use tonic::service::Routes;
use tonic_health::server::HealthReporter;

use super::agent_service::Agents;
use super::approval_service::Approvals;
use super::audit_service::Audits;
use super::context::Context;
use super::human_service::Humans;
use super::identity_service::Identities;
use super::installation_service::Installations;
use super::model_service::Models;
use super::policy_service::Policies;
use super::privacy_service::Privacy;
use super::repository_service::Repositories;
use super::secret_service::Secrets;
use super::service_service::Services;
use super::session_service::Sessions;
use super::task_service::Tasks;
use super::team_service::Teams;
use super::tenant_service::TenantVerbs;
use super::tool_service::Tools;
use super::worker_service::Workers;

/// Longest message of services that take names and filters only, in bytes.
const SMALL_MAX: usize = 64 << 10;

/// Longest message with the value of a secret, in bytes: the value, and its name.
const SECRET_MAX: usize = VALUE_LEN_MAX + (4 << 10);

/// Longest message of a login, in bytes: nobody is known yet, and a token of an outside issuer has at most 16 KiB, its proof 4.
const LOGIN_MAX: usize = 24 << 10;

/// Longest message of a worker, in bytes: the output of a program, and what is said of it.
const REPORT_MAX: usize = payload::LEN_MAX + SMALL_MAX;

/// Longest question about health, in bytes: anybody may ask it.
const HEALTH_MAX: usize = 1 << 10;

/// Why the routes could not be made.
#[derive(Debug, thiserror::Error)]
#[error("reflection of the API cannot be built")]
pub struct RoutesError(#[from] tonic_reflection::server::Error);

/// The routes, with messages of at most `message_bytes` where a message carries somebody's own content, and the reporter of their health.
///
/// # Errors
/// [`RoutesError`] when the descriptor does not parse.
pub fn routes(context: &Arc<Context>, message_bytes: u32) -> Result<(Routes, HealthReporter), RoutesError> {
    let max = usize::try_from(message_bytes).unwrap_or(usize::MAX);
    let shared = || Arc::clone(context);
    let reflection = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(scalbotics_proto::DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    let (reporter, health) = tonic_health::server::health_reporter();
    let routes = Routes::new(TaskServiceServer::new(Tasks(shared())).max_decoding_message_size(max))
        .add_service(ApprovalServiceServer::new(Approvals(shared())).max_decoding_message_size(max))
        .add_service(PolicyServiceServer::new(Policies(shared())).max_decoding_message_size(max))
        .add_service(AuditServiceServer::new(Audits(shared())).max_decoding_message_size(SMALL_MAX))
        .add_service(AgentServiceServer::new(Agents(shared())).max_decoding_message_size(SMALL_MAX))
        .add_service(TenantServiceServer::new(TenantVerbs(shared())).max_decoding_message_size(SMALL_MAX))
        .add_service(HumanServiceServer::new(Humans(shared())).max_decoding_message_size(SMALL_MAX))
        .add_service(IdentityServiceServer::new(Identities(shared())).max_decoding_message_size(SMALL_MAX))
        .add_service(ServiceServiceServer::new(Services(shared())).max_decoding_message_size(SMALL_MAX))
        .add_service(TeamServiceServer::new(Teams(shared())).max_decoding_message_size(SMALL_MAX))
        .add_service(ModelServiceServer::new(Models(shared())).max_decoding_message_size(SMALL_MAX))
        .add_service(ToolServiceServer::new(Tools(shared())).max_decoding_message_size(SMALL_MAX))
        .add_service(PrivacyServiceServer::new(Privacy(shared())).max_decoding_message_size(SMALL_MAX))
        .add_service(RepositoryServiceServer::new(Repositories(shared())).max_decoding_message_size(SMALL_MAX))
        .add_service(SecretServiceServer::new(Secrets(shared())).max_decoding_message_size(SECRET_MAX))
        .add_service(SessionServiceServer::new(Sessions(shared())).max_decoding_message_size(LOGIN_MAX))
        .add_service(InstallationServiceServer::new(Installations(shared())).max_decoding_message_size(SMALL_MAX))
        .add_service(WorkerServiceServer::new(Workers(shared())).max_decoding_message_size(REPORT_MAX))
        .add_service(health.max_decoding_message_size(HEALTH_MAX))
        .add_service(reflection().build_v1()?.max_decoding_message_size(SMALL_MAX))
        .add_service(reflection().build_v1alpha()?.max_decoding_message_size(SMALL_MAX));
    Ok((routes, reporter))
}
