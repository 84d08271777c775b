//! The method table: what every RPC is to policy, limits and audit. A method without a row cannot be reached.
//!
//! **Invariant:** a test walks the proto descriptor and fails on a method without a row or a row without a method.

use scalbotics_core::rpc::{Audit, Method, RateClass};

/// Who may call before policy is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// A token, and policy for the row's action.
    Policy,
    /// A token and nothing more: the method tells nothing about the tenant.
    Token,
    /// Nobody yet: this is where a token or a certificate comes from.
    Login,
    /// Everybody: whether the daemon serves.
    Open,
}

/// One row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// What core knows of a method.
    pub method: Method,
    /// Who may call.
    pub admission: Admission,
}

impl Row {
    /// Whether its messages come over a long time, and not one at the beginning.
    #[must_use]
    pub fn is_open(&self) -> bool {
        [ATTEND.method.path, REFLECTION.method.path, REFLECTION_ALPHA.method.path].contains(&self.method.path)
    }
}

const fn row(path: &'static str, action: &'static str, resource: &'static str, rate: RateClass, audit: Audit) -> Row {
    Row { method: Method { path, action: Some(action), resource, rate, audit }, admission: Admission::Policy }
}

const fn outside(path: &'static str, rate: RateClass, admission: Admission) -> Row {
    let method = Method { path, action: None, resource: "Installation", rate, audit: Audit::Batched };
    Row { method, admission }
}

/// The rows of one service, so that each row is one line.
macro_rules! rows {
    ($($name:ident: $path:literal $action:literal $resource:literal $rate:ident $audit:ident;)*) => {
        $(
            #[doc = concat!("`", $path, "`: `", $action, "` on ", $resource, ".")]
            pub const $name: Row = row(concat!("/scalbotics.v1.", $path), $action, $resource, RateClass::$rate, Audit::$audit);
        )*

        /// The rows that policy decides about.
        const DECIDED: &[&Row] = &[$(&$name),*];
    };
}

rows! {
    SUBMIT_TASK: "TaskService/SubmitTask" "task.submit" "Agent" Write Awaited;
    GET_TASK: "TaskService/GetTask" "task.read" "Task" Read Batched;
    LIST_TASKS: "TaskService/ListTasks" "task.list" "Tenant" Read Batched;
    WATCH_TASK: "TaskService/WatchTask" "task.watch" "Task" Stream Batched;
    CANCEL_TASK: "TaskService/CancelTask" "task.cancel" "Task" Write Awaited;
    RETRY_TASK: "TaskService/RetryTask" "task.retry" "Task" Write Awaited;
    SETTLE_EFFECT: "TaskService/SettleEffect" "task.settle" "Task" Write Awaited;
    LIST_APPROVALS: "ApprovalService/ListApprovals" "approval.list" "Tenant" Read Batched;
    GET_APPROVAL: "ApprovalService/GetApproval" "approval.read" "Approval" Read Awaited;
    DECIDE_APPROVAL: "ApprovalService/DecideApproval" "approval.decide" "Approval" Write Awaited;
    EXPLAIN_DECISION: "PolicyService/ExplainDecision" "policy.explain" "Decision" Read Awaited;
    CHECK_ACCESS: "PolicyService/CheckAccess" "policy.check" "Tenant" Read Batched;
    LIST_AUDIT_RECORDS: "AuditService/ListAuditRecords" "audit.read" "AuditLog" Read Awaited;
    TAIL_AUDIT_RECORDS: "AuditService/TailAuditRecords" "audit.tail" "AuditLog" Stream Awaited;
    GET_AUDIT_HEAD: "AuditService/GetAuditHead" "audit.head" "AuditLog" Read Batched;
    VERIFY_AUDIT_LOG: "AuditService/VerifyAuditLog" "audit.verify" "AuditLog" Write Awaited;
    PROVE_AUDIT_LOG: "AuditService/ProveAuditLog" "audit.prove" "AuditLog" Read Awaited;
    EXPORT_EVIDENCE: "AuditService/ExportEvidence" "audit.export" "AuditLog" Stream Awaited;
    LIST_AGENTS: "AgentService/ListAgents" "agent.list" "Tenant" Read Batched;
    GET_AGENT: "AgentService/GetAgent" "agent.read" "Agent" Read Batched;
    SUSPEND_AGENT: "AgentService/SuspendAgent" "agent.suspend" "Agent" Write Awaited;
    RESUME_AGENT: "AgentService/ResumeAgent" "agent.resume" "Agent" Write Awaited;
    OFFBOARD_AGENT: "AgentService/OffboardAgent" "agent.offboard" "Agent" Write Awaited;
    CREATE_JOIN_TOKEN: "AgentService/CreateJoinToken" "agent.join_token" "Agent" Write Awaited;
    ROTATE_AGENT_KEYS: "AgentService/RotateAgentKeys" "agent.rotate_keys" "Agent" Write Awaited;
    ADD_HUMAN: "HumanService/AddHuman" "human.add" "Tenant" Write Awaited;
    LIST_HUMANS: "HumanService/ListHumans" "human.list" "Tenant" Read Batched;
    GET_HUMAN: "HumanService/GetHuman" "human.read" "Account" Read Batched;
    BIND_HUMAN: "HumanService/BindHuman" "human.bind" "Account" Write Awaited;
    ENROLL_APPROVER: "HumanService/EnrollApprover" "human.enroll" "Account" Write Awaited;
    SUSPEND_HUMAN: "HumanService/SuspendHuman" "human.suspend" "Account" Write Awaited;
    RESUME_HUMAN: "HumanService/ResumeHuman" "human.resume" "Account" Write Awaited;
    OFFBOARD_HUMAN: "HumanService/OffboardHuman" "human.offboard" "Account" Write Awaited;
    ADD_SERVICE: "ServiceService/AddService" "service.add" "Tenant" Write Awaited;
    LIST_SERVICES: "ServiceService/ListServices" "service.list" "Tenant" Read Batched;
    GET_SERVICE: "ServiceService/GetService" "service.read" "Account" Read Batched;
    RENEW_SERVICE: "ServiceService/RenewService" "service.renew" "Account" Write Awaited;
    SUSPEND_SERVICE: "ServiceService/SuspendService" "service.suspend" "Account" Write Awaited;
    RESUME_SERVICE: "ServiceService/ResumeService" "service.resume" "Account" Write Awaited;
    OFFBOARD_SERVICE: "ServiceService/OffboardService" "service.offboard" "Account" Write Awaited;
    LIST_AUTHORITIES: "IdentityService/ListAuthorities" "identity.authorities" "Installation" Read Batched;
    PREPARE_AUTHORITY: "IdentityService/PrepareAuthority" "identity.prepare" "Installation" Write Awaited;
    ACTIVATE_AUTHORITY: "IdentityService/ActivateAuthority" "identity.activate" "Installation" Write Awaited;
    TAINT_AUTHORITY: "IdentityService/TaintAuthority" "identity.taint" "Installation" Write Awaited;
    REVOKE_AUTHORITY: "IdentityService/RevokeAuthority" "identity.revoke" "Installation" Write Awaited;
    GET_TRUST_BUNDLE: "IdentityService/GetTrustBundle" "identity.bundle" "Installation" Read Batched;
    RENEW_SVID: "IdentityService/RenewSvid" "identity.renew" "Session" Write Awaited;
    ATTEND: "WorkerService/Attend" "worker.attend" "Session" Stream Awaited;
    LIST_SVIDS: "IdentityService/ListSvids" "identity.svids" "Tenant" Read Batched;
    LIST_TEAMS: "TeamService/ListTeams" "team.list" "Tenant" Read Batched;
    GET_TEAM: "TeamService/GetTeam" "team.read" "Team" Read Batched;
    ADD_TENANT: "TenantService/AddTenant" "tenant.add" "Installation" Write Awaited;
    LIST_TENANTS: "TenantService/ListTenants" "tenant.list" "Installation" Read Batched;
    GET_TENANT: "TenantService/GetTenant" "tenant.read" "Installation" Read Batched;
    SUSPEND_TENANT: "TenantService/SuspendTenant" "tenant.suspend" "Installation" Write Awaited;
    RESUME_TENANT: "TenantService/ResumeTenant" "tenant.resume" "Installation" Write Awaited;
    LIST_MODELS: "ModelService/ListModels" "model.list" "Tenant" Read Batched;
    LIST_TOOLS: "ToolService/ListTools" "tool.list" "Tenant" Read Batched;
    GET_TOOL: "ToolService/GetTool" "tool.read" "Tool" Read Batched;
    ERASE_TASK: "PrivacyService/EraseTask" "privacy.erase_task" "Task" Write Awaited;
    ERASE_HUMAN: "PrivacyService/EraseHuman" "privacy.erase_human" "Account" Write Awaited;
    ADD_HOLD: "PrivacyService/AddHold" "privacy.hold" "Tenant" Write Awaited;
    LIST_HOLDS: "PrivacyService/ListHolds" "privacy.list_holds" "Tenant" Read Awaited;
    REMOVE_HOLD: "PrivacyService/RemoveHold" "privacy.lift" "Tenant" Write Awaited;
    GET_RETENTION: "PrivacyService/GetRetention" "privacy.retention" "Tenant" Read Batched;
    ACCEPT_CLOCK: "PrivacyService/AcceptClock" "privacy.accept_clock" "Tenant" Write Awaited;
    GET_REPOSITORY: "RepositoryService/GetRepository" "repository.read" "Repository" Read Batched;
    RELOAD_REPOSITORY: "RepositoryService/ReloadRepository" "repository.reload" "Repository" Write Awaited;
    PUT_SECRET: "SecretService/PutSecret" "secret.put" "Tenant" Write Awaited;
    LIST_SECRETS: "SecretService/ListSecrets" "secret.list" "Tenant" Read Batched;
    ROTATE_SECRET: "SecretService/RotateSecret" "secret.rotate" "Secret" Write Awaited;
    REMOVE_SECRET: "SecretService/RemoveSecret" "secret.remove" "Secret" Write Awaited;
    WHO_AM_I: "SessionService/WhoAmI" "session.whoami" "Session" Read Batched;
    GET_INSTALLATION: "InstallationService/GetInstallation" "installation.status" "Installation" Read Batched;
}

/// Login: no action, since there is no principal yet; audited by its handler.
pub const EXCHANGE_ASSERTION: Row = Row {
    method: Method {
        path: "/scalbotics.v1.SessionService/ExchangeAssertion",
        action: None,
        resource: "Session",
        rate: RateClass::Login,
        audit: Audit::Awaited,
    },
    admission: Admission::Login,
};

/// Joining: no action, since there is no principal yet; audited by its handler.
pub const ENROLL: Row = Row {
    method: Method {
        path: "/scalbotics.v1.IdentityService/Enroll",
        action: None,
        resource: "Session",
        rate: RateClass::Login,
        audit: Audit::Awaited,
    },
    admission: Admission::Login,
};

/// Login by the token of an outside issuer: as above.
pub const EXCHANGE_TOKEN: Row = Row {
    method: Method {
        path: "/scalbotics.v1.SessionService/ExchangeToken",
        action: None,
        resource: "Session",
        rate: RateClass::Login,
        audit: Audit::Awaited,
    },
    admission: Admission::Login,
};

/// Logout: nobody is refused the end of their own session; audited by its handler.
pub const END_SESSION: Row = Row {
    method: Method {
        path: "/scalbotics.v1.SessionService/EndSession",
        action: None,
        resource: "Session",
        rate: RateClass::Write,
        audit: Audit::Awaited,
    },
    admission: Admission::Token,
};

/// Whether the daemon serves; says nothing else, and load balancers have no token. Not audited.
pub const HEALTH_CHECK: Row = outside("/grpc.health.v1.Health/Check", RateClass::Login, Admission::Open);

/// The same as a stream: only for who has a token, since open streams are limited by principal. Not audited.
pub const HEALTH_WATCH: Row = outside("/grpc.health.v1.Health/Watch", RateClass::Stream, Admission::Token);

/// The published contract, the same for everybody who has a token. Not audited.
pub const REFLECTION: Row =
    outside("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", RateClass::Stream, Admission::Token);

/// The same under the older name, the only one that many clients know. Not audited.
pub const REFLECTION_ALPHA: Row =
    outside("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", RateClass::Stream, Admission::Token);

/// Rows that policy is not asked about, each with its reason above.
const UNDECIDED: &[&Row] =
    &[&EXCHANGE_ASSERTION, &EXCHANGE_TOKEN, &ENROLL, &END_SESSION, &HEALTH_CHECK, &HEALTH_WATCH, &REFLECTION, &REFLECTION_ALPHA];

/// Every row.
pub fn all() -> impl Iterator<Item = &'static Row> {
    DECIDED.iter().chain(UNDECIDED).copied()
}

/// The row of a path.
#[must_use]
pub fn find(path: &str) -> Option<&'static Row> {
    all().find(|row| row.method.path == path)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use prost::Message as _;

    use super::*;

    /// Every method of a descriptor set, with whether it streams its answers.
    fn described(bytes: &[u8]) -> Vec<(String, bool)> {
        let set = prost_types::FileDescriptorSet::decode(bytes).unwrap();
        let mut methods = Vec::new();
        for file in set.file {
            for service in &file.service {
                for method in &service.method {
                    let path = format!("/{}.{}/{}", file.package(), service.name(), method.name());
                    methods.push((path, method.server_streaming()));
                }
            }
        }
        methods
    }

    fn contract() -> Vec<(String, bool)> {
        let mut all = described(scalbotics_proto::DESCRIPTORS);
        all.extend(described(tonic_health::pb::FILE_DESCRIPTOR_SET));
        all.extend(described(tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET));
        all.extend(described(tonic_reflection::pb::v1alpha::FILE_DESCRIPTOR_SET));
        all
    }

    #[test]
    fn every_method_has_a_row_and_every_row_a_method() {
        let described: BTreeSet<String> = contract().into_iter().map(|(path, _)| path).collect();
        let rows: BTreeSet<String> = all().map(|row| row.method.path.to_owned()).collect();
        assert_eq!(rows, described);
        assert_eq!(all().count(), rows.len(), "a path stands twice");
    }

    #[test]
    fn streams_are_in_the_class_of_streams() {
        for (path, streams) in contract() {
            let row = find(&path).unwrap();
            assert_eq!(row.method.rate == RateClass::Stream, streams, "{path}");
        }
    }

    #[test]
    fn actions_are_those_of_the_policy_schema() {
        let schema: BTreeSet<(&str, &str)> = scalbotics_adapters::policy::cedar::schema::RPC_ACTIONS.into_iter().collect();
        let table: BTreeSet<(&str, &str)> = all().filter_map(|row| Some((row.method.action?, row.method.resource))).collect();
        assert_eq!(table, schema);
    }

    #[test]
    fn semantics_9_5_mutations_are_awaited() {
        for row in all().filter(|row| row.method.rate == RateClass::Write) {
            assert_eq!(row.method.audit, Audit::Awaited, "{}", row.method.path);
        }
    }
}
