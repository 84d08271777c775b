//! The repository of desired state, and what it names: secrets, model servers, the remote.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use scalbotics_adapters::git::remote::{Error as RemoteError, Remote, Service};
use scalbotics_core::agent::Standing;
use scalbotics_core::in_words;
use scalbotics_core::ports::{DesiredError, DesiredSource as _, RawFiles};
use scalbotics_core::tool::Kind;
use scalbotics_runtime::reconcile::{Compiler as _, InForce, binds_nobody};
use scalbotics_store::open_read_only;
use tokio::net::TcpStream;

use super::finding::{Finding, Outcome};
use super::followed::Followed;
use super::run::Patient;
use super::work_tree;

/// What the check of a remote repository is called.
pub(super) const REMOTE: &str = "remote repository";

/// What the check of the newest commit is called.
const DESIRED_STATE: &str = "desired state";

/// Time that a model server gets to accept a connection.
const CONNECT_MAX: Duration = Duration::from_secs(3);

/// Age from which a lock of git is nobody's any more: no commit here takes a minute.
const LOCK_AGE_MIN: Duration = Duration::from_secs(600);

/// Files by which git says that somebody writes.
const LOCKS: [&str; 5] = ["index.lock", "packed-refs.lock", "config.lock", "HEAD.lock", "refs/heads/main.lock"];

/// The operating tenant's repository, and what is wrong with those of the others.
pub(super) async fn check(patient: &Patient<'_>) -> Vec<Finding> {
    let mut findings = of_one(patient, &Followed::of_config(patient.config)).await;
    let (others, mut looked_at, mut suspended) = (patient.others(), 0_usize, 0_usize);
    let mut wrong = Vec::new();
    for tenant in &others {
        // Nothing of a suspended one acts, and one that a restore has registered again may have nothing but its name.
        if tenant.standing != Standing::Active {
            suspended += 1;
            continue;
        }
        looked_at += 1;
        match Followed::of_tenant(patient.config, tenant) {
            Ok(followed) => wrong.extend(of_one(patient, &followed).await.into_iter().map(|one| one.of_tenant(&tenant.id))),
            Err(finding) => wrong.push(finding.of_tenant(&tenant.id)),
        }
    }
    wrong.retain(|finding| finding.outcome != Outcome::Ok || finding.fixed.is_some());
    if wrong.is_empty() && !others.is_empty() {
        let detail = format!("the repositories of {looked_at} others are as they must be; {suspended} are suspended");
        findings.push(Finding::ok("tenants", detail));
    }
    findings.extend(wrong);
    findings
}

/// The repository of a tenant, and what it names.
async fn of_one(patient: &Patient<'_>, followed: &Followed) -> Vec<Finding> {
    let mut findings = vec![locks(patient, followed)];
    findings.extend(remote(patient, followed).await);
    let state = match load(followed).await {
        Ok(files) => {
            findings.extend(work_tree::check(&followed.directory, &files));
            compile(followed, files).await
        }
        Err(finding) => Err(finding),
    };
    let state = match state {
        Ok((finding, state)) => {
            findings.push(finding);
            state
        }
        Err(finding) => {
            findings.push(finding);
            return findings;
        }
    };
    findings.push(agents(patient, followed, &state));
    findings.push(secrets(patient, followed, &state));
    findings.extend(models(patient, &state).await);
    findings
}

/// Locks of git that were left behind: every later commit and fetch would fail.
fn locks(patient: &Patient<'_>, followed: &Followed) -> Finding {
    const CHECK: &str = "repository locks";
    let root = &followed.directory;
    let bare = if root.join(".git").is_dir() { root.join(".git") } else { root.clone() };
    let is_old = |path: &PathBuf| {
        let age = std::fs::metadata(path).and_then(|found| found.modified()).ok().and_then(|at| at.elapsed().ok());
        age.is_some_and(|age| age >= LOCK_AGE_MIN)
    };
    let old: Vec<PathBuf> = LOCKS.iter().map(|name| bare.join(name)).filter(is_old).collect();
    if old.is_empty() {
        return Finding::ok(CHECK, "none is left behind");
    }
    let names: Vec<String> = old.iter().map(|path| path.display().to_string()).collect();
    let detail = format!("{} was left by a git that ended in the middle", names.join(", "));
    Finding::fail(CHECK, detail, format!("rm {}", names.join(" "))).mended(patient.fix, || {
        old.iter().try_for_each(std::fs::remove_file)?;
        Ok(format!("removed {}", names.join(", ")))
    })
}

async fn remote(patient: &Patient<'_>, followed: &Followed) -> Option<Finding> {
    let address = followed.remote.as_ref()?;
    if patient.offline {
        return Some(Finding::ok(REMOTE, format!("{address} is not asked: --offline")));
    }
    // The token is the running daemon's to use: here is only seen whether a git server answers, which may ask for one.
    Some(
        match Remote::new(address.clone(), crate::following::USER, None)
            .trusting(patient.roots.clone())
            .look(Service::Fetch)
            .await
        {
            Ok(_) | Err(RemoteError::Token { .. }) => Finding::ok(REMOTE, format!("{address} answers")),
            Err(error) => Finding::error(REMOTE, &error, format!("check {}, the network, and the server", followed.address_at)),
        },
    )
}

/// The files of the newest commit.
async fn load(followed: &Followed) -> Result<RawFiles, Finding> {
    let place = followed.directory.display();
    let unreadable = |error: DesiredError| {
        let next = format!("put the repository back at {place}{}", followed.or_mend);
        Finding::error(DESIRED_STATE, &error, next)
    };
    let head = followed.source.head().await.map_err(unreadable)?;
    followed.source.load(&head).await.map_err(unreadable)
}

/// The newest commit has to be one that can be in force.
async fn compile(followed: &Followed, files: RawFiles) -> Result<(Finding, InForce), Finding> {
    let (place, head) = (followed.directory.display(), files.commit.clone());
    let compiler = Arc::clone(&followed.compiler);
    let compiled = tokio::task::spawn_blocking(move || compiler.compile(files)).await;
    let refused = |what: String| {
        Finding::fail(DESIRED_STATE, what, "mend the files and commit; what is in force in a running daemon stays")
    };
    match compiled {
        Ok(Ok(state)) => Ok((Finding::ok(DESIRED_STATE, format!("commit {head} of {place} can be in force")), state)),
        Ok(Err(findings)) => {
            let first = findings.first().map(ToString::to_string).unwrap_or_default().replace('\n', " ");
            Err(refused(format!("commit {head} is refused with {} findings: {first}", findings.len())))
        }
        Err(error) => Err(refused(format!("commit {head}: {error}"))),
    }
}

/// A file of an agent that was offboarded binds nobody.
fn agents(patient: &Patient<'_>, followed: &Followed, state: &InForce) -> Finding {
    const CHECK: &str = "agents";
    let gone = open_read_only(&patient.config.data_dir).and_then(|store| store.offboarded(&followed.tenant));
    let gone = match gone {
        Ok(gone) => gone,
        Err(error) => return Finding::warn(CHECK, format!("not checked: {}", in_words(&error)), "see the check of the database"),
    };
    let back: Vec<_> = state.snapshot.agents.keys().filter(|name| gone.contains(name.as_str())).map(binds_nobody).collect();
    let Some(first) = back.first() else {
        return Finding::ok(CHECK, format!("{} have files, and none of them was offboarded", state.snapshot.agents.len()));
    };
    let files = back.iter().map(|finding| finding.file.as_str()).collect::<Vec<_>>().join(", ");
    Finding::warn(CHECK, format!("{files}: {}", first.why), first.next.clone())
}

/// Secrets that tools and models name must be there.
fn secrets(patient: &Patient<'_>, followed: &Followed, state: &InForce) -> Finding {
    const CHECK: &str = "secrets";
    let named_by_tools = state.snapshot.tools.values().flat_map(|tool| match &tool.kind {
        Kind::Process(manifest) => manifest.secrets.iter().map(|passing| &passing.name).collect(),
        Kind::Http(destination) => destination.secret.iter().map(|sent| &sent.name).collect(),
        Kind::Builtin(_) | Kind::Worker(_) | Kind::Model => Vec::new(),
    });
    let mut named: BTreeSet<String> = named_by_tools.map(|reference| reference.name.to_string()).collect();
    named.extend(state.snapshot.models.values().filter_map(|model| model.api_key.as_ref()).map(|key| key.name.to_string()));
    named.extend(followed.token.iter().map(ToString::to_string));
    let kept = open_read_only(&patient.config.data_dir).and_then(|store| store.secrets(&followed.tenant));
    let kept = match kept {
        Ok(kept) => kept,
        Err(error) => return Finding::warn(CHECK, format!("not checked: {}", in_words(&error)), "see the check of the database"),
    };
    let absent: Vec<&String> = named.iter().filter(|name| !kept.contains(*name)).collect();
    match absent.first() {
        None => Finding::ok(CHECK, format!("{} are named, all of them are there", named.len())),
        Some(first) => {
            let all = absent.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(", ");
            let next = format!("put each with `scalbotics secret put {first}` and its like");
            Finding::fail(CHECK, format!("{all} is named by desired state or configuration and not there"), next)
        }
    }
}

async fn models(patient: &Patient<'_>, state: &InForce) -> Vec<Finding> {
    const CHECK: &str = "model server";
    let mut findings = Vec::new();
    for model in state.snapshot.models.values() {
        let address = model.base_url.as_str();
        if patient.offline {
            findings.push(Finding::ok(CHECK, format!("{}: {address} is not asked: --offline", model.id)));
            continue;
        }
        let Some(place) = host_and_port(address) else { continue };
        let connected = tokio::time::timeout(CONNECT_MAX, TcpStream::connect(&place)).await;
        let why = match connected {
            Ok(Ok(_)) => {
                findings.push(Finding::ok(CHECK, format!("{}: {place} accepts connections", model.id)));
                continue;
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("no answer in {} s", CONNECT_MAX.as_secs()),
        };
        let next = format!("start it, or mend base_url in models/{}.yaml", model.id);
        findings.push(Finding::fail(CHECK, format!("{}: {place} is not reachable: {why}", model.id), next));
    }
    findings
}

/// Where an address leads, as a socket wants it.
fn host_and_port(address: &str) -> Option<String> {
    let (scheme, rest) = address.split_once("://")?;
    let host = rest.split('/').next()?;
    let has_port = host.rsplit(']').next().is_some_and(|end| end.contains(':'));
    let port = if scheme == "https" { 443 } else { 80 };
    Some(if has_port { host.to_owned() } else { format!("{host}:{port}") })
}

#[cfg(test)]
mod tests {
    use super::host_and_port;

    #[test]
    fn addresses_lead_somewhere() {
        for (address, place) in [
            ("https://models.example/v1", "models.example:443"),
            ("http://127.0.0.1:8080/v1", "127.0.0.1:8080"),
            ("http://[::1]/v1", "[::1]:80"),
            ("http://[::1]:9/v1", "[::1]:9"),
            ("http://localhost", "localhost:80"),
        ] {
            assert_eq!(host_and_port(address).as_deref(), Some(place), "{address}");
        }
    }
}
