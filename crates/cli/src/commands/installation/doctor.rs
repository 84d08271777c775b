//! `doctor`: checks from this side to the daemon's, in the order in which they depend on one another.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use clap::Args;
use scalbotics_core::{in_words, shell_word};
use scalbotics_identity::holder::{key as keys, trust};
use scalbotics_identity::private_file;
use scalbotics_proto::v1;
use scalbotics_proto::v1::audit_service_client::AuditServiceClient;
use scalbotics_proto::v1::repository_service_client::RepositoryServiceClient;
use serde_json::Value;
use tonic::Code;

use super::finding::Finding;
use super::{files, status};
use crate::codes;
use crate::commands::wire;
use crate::context::{Contexts, Entry};
use crate::failure::{Exit, Failure};
use crate::issuer::Client;
use crate::output::{Format, column};
use crate::session::{self, Session};
use crate::tree::Globals;

/// Arguments of `doctor`.
#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// Mend what is safe to mend, and say what was done: modes of key files, missing directories and contexts, locks left behind.
    #[arg(long)]
    pub(super) fix: bool,
    /// Ask nobody beyond this machine, and no daemon: only files.
    #[arg(long)]
    pub(super) offline: bool,
    /// The same as -o json.
    #[arg(long)]
    json: bool,
    /// Configuration of an installation on this machine; the one beside the context's trust file where nothing is said.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Name of an installation's configuration, beside its trust file.
const CONFIG: &str = "scalbotics.toml";

/// Runs every check that can be run, prints all, and fails if one failed.
pub(crate) async fn doctor(globals: &Globals, args: &DoctorArgs) -> Result<(), Failure> {
    // What --fix adds to the contexts is looked at behind it.
    let mut findings = args.config.as_deref().map(|config| files::check(config, args)).unwrap_or_default();
    findings.extend(local(globals, args.fix));
    if args.config.is_none()
        && let Some(config) = beside_trust(globals)
    {
        findings.extend(files::check(&config, args));
    }
    let is_sound = findings.iter().all(|finding| !finding.is_about_this_side() || !finding.failed());
    findings.extend(check_store(globals, args.offline).await.map(|found| Finding::of("login store", found)));
    if !args.offline && is_sound {
        remote(globals, &mut findings).await;
    }
    let items: Vec<Value> = findings.iter().map(Finding::json).collect();
    let columns = [
        column("CHECK", "/name"),
        column("RESULT", "/result"),
        column("DETAIL", "/detail"),
        column("MENDED", "/fixed"),
        column("NEXT", "/next"),
    ];
    let mut printer = globals.printer();
    if args.json {
        printer.format = Format::Json;
    }
    printer.list(&items, &columns)?;
    let failed = findings.iter().filter(|finding| finding.failed()).count();
    if failed == 0 {
        return Ok(());
    }
    Err(Failure::new(Exit::Failed, codes::DOCTOR, format!("{failed} of {} checks failed", findings.len()))
        .why("each is named above with its reason")
        .next("follow the NEXT column from the top; checks that depend on a failed one were not run"))
}

/// The configuration of the installation, if it is on this machine.
fn beside_trust(globals: &Globals) -> Option<PathBuf> {
    let contexts = Contexts::load().ok()?;
    let (_, context) = contexts.select(globals.context.as_deref()).ok()?;
    context.trust_file.parent().map(|folder| folder.join(CONFIG)).filter(|path| path.is_file())
}

fn local(globals: &Globals, fix: bool) -> Vec<Finding> {
    let contexts = match Contexts::load() {
        Ok(contexts) => contexts,
        Err(failure) => return vec![Finding::of("contexts file", Err(failure))],
    };
    let (name, context) = match contexts.select(globals.context.as_deref()) {
        Ok(selected) => selected,
        Err(failure) => return vec![Finding::of("context", Err(failure))],
    };
    let mut findings = vec![
        Finding::of("context", Ok(format!("{name} ({} at {})", context.who(), context.server))),
        Finding::of("trust file", check_trust(context)),
    ];
    // With an identity provider the key is made at the first login.
    if context.issuer.is_none() || context.login_key.is_file() {
        findings.push(key("login key", &context.login_key, fix));
    }
    if let Some(path) = &context.approval_key {
        findings.push(key("approval key", path, fix));
    }
    findings
}

fn check_trust(context: &Entry) -> Result<String, Failure> {
    let path = context.trust_file.display();
    let file = trust::File::load(&context.trust_file).map_err(|error| {
        Failure::new(Exit::Failed, codes::TRUST, format!("cannot use {path}"))
            .why(in_words(&error))
            .next("copy the trust file of the installation again")
    })?;
    Ok(format!("{path} pins {} log keys of {}", file.log_keys.len(), file.trust_domain))
}

fn check_key(path: &Path) -> Result<String, Failure> {
    let pair = keys::Pair::load(path).map_err(|error| {
        Failure::new(Exit::Failed, codes::KEY, format!("cannot use {}", path.display()))
            .why(in_words(&error))
            .next(format!("chmod 600 {}", shell_word(&path.display().to_string())))
    })?;
    Ok(format!("{} ({})", path.display(), pair.algorithm().as_jws()))
}

/// A key; one that others may read is closed where that is wanted.
fn key(check: &'static str, path: &Path, fix: bool) -> Finding {
    let found = check_key(path);
    if found.is_ok() || !fix {
        return Finding::of(check, found);
    }
    let closed = std::fs::set_permissions(path, std::fs::Permissions::from_mode(private_file::SECRET_MODE));
    match (closed, check_key(path)) {
        (Ok(()), Ok(detail)) => Finding::mended(check, detail, format!("chmod 600 {}", path.display())),
        (Ok(()) | Err(_), _) => Finding::of(check, found),
    }
}

async fn remote(globals: &Globals, findings: &mut Vec<Finding>) {
    findings.extend(check_issuer(globals).await.map(|found| Finding::of("identity provider", found)));
    let session = match Session::open(globals).await {
        Ok(session) => session,
        Err(failure) => {
            findings.push(Finding::of("daemon and login", Err(failure)));
            return;
        }
    };
    findings.push(Finding::of("daemon and login", Ok(format!("logged in as {}", session.person.name))));
    findings.push(Finding::of("installation", check_installation(&session).await));
    findings.push(Finding::of("repository", check_repository(&session).await));
    findings.push(Finding::of("journal and audit log", check_records(&session).await));
}

/// Where the login of the context is kept, where it has an identity provider.
async fn check_store(globals: &Globals, offline: bool) -> Option<Result<String, Failure>> {
    let contexts = Contexts::load().ok()?;
    let (name, context) = contexts.select(globals.context.as_deref()).ok()?;
    session::kept_in(name, context, globals.wait_max(), !offline).await
}

/// The identity provider of the context, where it has one: whether it answers as one.
async fn check_issuer(globals: &Globals) -> Option<Result<String, Failure>> {
    let contexts = Contexts::load().ok()?;
    let (_, context) = contexts.select(globals.context.as_deref()).ok()?;
    let issuer = context.issuer.as_ref()?;
    let found = Client::discover(issuer).await;
    Some(found.map(|_| issuer.url.clone()).map_err(|error| error.failure("the identity provider cannot be used")))
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
        .why(wire::findings(repository.findings.len()))
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
