//! `doctor`: checks from this side to the daemon's, in the order in which they depend on one another.

use scalbotics_identity::holder::{key, trust};
use scalbotics_proto::v1;
use scalbotics_proto::v1::audit_service_client::AuditServiceClient;
use scalbotics_proto::v1::repository_service_client::RepositoryServiceClient;
use serde_json::{Value, json};
use tonic::Code;

use super::status;
use crate::codes;
use crate::context::{Contexts, Entry};
use crate::failure::{Exit, Failure, chain};
use crate::output::column;
use crate::session::Session;
use crate::tree::Globals;

/// One check and what it found.
struct Finding {
    check: &'static str,
    outcome: Result<String, Failure>,
}

/// Runs every check that can be run, prints all, and fails if one failed.
pub(crate) async fn doctor(globals: &Globals) -> Result<(), Failure> {
    let mut findings = local(globals);
    if findings.iter().all(|finding| finding.outcome.is_ok()) {
        remote(globals, &mut findings).await;
    }
    let items: Vec<Value> = findings.iter().map(finding_json).collect();
    let columns = [column("CHECK", "/name"), column("RESULT", "/result"), column("DETAIL", "/detail"), column("NEXT", "/next")];
    globals.printer().list(&items, &columns)?;
    let failed = findings.iter().filter(|finding| finding.outcome.is_err()).count();
    if failed == 0 {
        return Ok(());
    }
    Err(Failure::new(Exit::Failed, codes::DOCTOR, format!("{failed} of {} checks failed", findings.len()))
        .why("each is named above with its reason")
        .next("follow the NEXT column from the top; checks that depend on a failed one were not run"))
}

fn finding_json(finding: &Finding) -> Value {
    match &finding.outcome {
        Ok(detail) => json!({ "name": finding.check, "result": "ok", "detail": detail, "next": "" }),
        Err(failure) => {
            let detail = if failure.why.is_empty() { failure.what.clone() } else { format!("{}: {}", failure.what, failure.why) };
            json!({ "name": finding.check, "result": "FAILED", "detail": detail, "next": failure.next })
        }
    }
}

fn local(globals: &Globals) -> Vec<Finding> {
    let contexts = match Contexts::load() {
        Ok(contexts) => contexts,
        Err(failure) => return vec![Finding { check: "contexts file", outcome: Err(failure) }],
    };
    let (name, context) = match contexts.select(globals.context.as_deref()) {
        Ok(selected) => selected,
        Err(failure) => return vec![Finding { check: "context", outcome: Err(failure) }],
    };
    let mut findings = vec![
        Finding { check: "context", outcome: Ok(format!("{name} ({} at {})", context.human, context.server)) },
        Finding { check: "trust file", outcome: check_trust(context) },
        Finding { check: "login key", outcome: check_key(&context.login_key) },
    ];
    if let Some(path) = &context.approval_key {
        findings.push(Finding { check: "approval key", outcome: check_key(path) });
    }
    findings
}

fn check_trust(context: &Entry) -> Result<String, Failure> {
    let path = context.trust_file.display();
    let file = trust::File::load(&context.trust_file).map_err(|error| {
        Failure::new(Exit::Failed, codes::TRUST, format!("cannot use {path}"))
            .why(chain(&error))
            .next("copy the trust file of the installation again")
    })?;
    Ok(format!("{path} pins {} log keys of {}", file.log_keys.len(), file.trust_domain))
}

fn check_key(path: &std::path::Path) -> Result<String, Failure> {
    let pair = key::Pair::load(path).map_err(|error| {
        Failure::new(Exit::Failed, codes::KEY, format!("cannot use {}", path.display()))
            .why(chain(&error))
            .next(format!("chmod 600 {}", path.display()))
    })?;
    Ok(format!("{} ({})", path.display(), pair.algorithm().as_jws()))
}

async fn remote(globals: &Globals, findings: &mut Vec<Finding>) {
    let session = match Session::open(globals).await {
        Ok(session) => session,
        Err(failure) => {
            findings.push(Finding { check: "daemon and login", outcome: Err(failure) });
            return;
        }
    };
    findings.push(Finding { check: "daemon and login", outcome: Ok(format!("logged in as {}", session.context.human)) });
    findings.push(Finding { check: "installation", outcome: check_installation(&session).await });
    findings.push(Finding { check: "repository", outcome: check_repository(&session).await });
    findings.push(Finding { check: "journal and audit log", outcome: check_records(&session).await });
}

async fn check_installation(session: &Session) -> Result<String, Failure> {
    let status = status::get(session).await?;
    if status.health == "ok" {
        return Ok(format!("version {}, {} audit records", status.version, status.audit_size));
    }
    Err(Failure::new(Exit::Failed, codes::DEGRADED, "degraded").why(status.reasons.join("; ")).next("scalbotics status"))
}

async fn check_repository(session: &Session) -> Result<String, Failure> {
    let mut client = RepositoryServiceClient::new(session.channel.clone());
    let repository = client.get_repository(session.request(v1::GetRepositoryRequest::default())?).await?.into_inner();
    if repository.findings.is_empty() {
        return Ok(format!("commit {} is in force", repository.commit));
    }
    Err(Failure::new(Exit::Conflict, codes::DESIRED_STATE_REFUSED, format!("commit {} is refused", repository.head))
        .why(format!("{} findings", repository.findings.len()))
        .next("scalbotics repo status"))
}

/// The daemon reads its whole audit log again, and folds the events of every task.
async fn check_records(session: &Session) -> Result<String, Failure> {
    let mut client = AuditServiceClient::new(session.channel.clone());
    let answer = match client.verify_audit_log(session.request(v1::VerifyAuditLogRequest::default())?).await {
        Ok(answer) => answer.into_inner(),
        Err(status) if status.code() == Code::PermissionDenied => {
            return Ok("not checked: policy lets others verify the audit log, not you".to_owned());
        }
        Err(status) => return Err(status.into()),
    };
    if answer.ok {
        return Ok(format!("{} audit records and {} tasks agree with themselves", answer.records, answer.tasks));
    }
    Err(Failure::new(Exit::Failed, codes::AUDIT_FAULT, "records do not agree with themselves")
        .why(answer.fault)
        .next("scalbotics audit verify"))
}
