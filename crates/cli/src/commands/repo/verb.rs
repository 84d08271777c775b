//! Verbs of `repo`.

use clap::Subcommand;
use scalbotics_proto::v1;
use scalbotics_proto::v1::repository_service_client::RepositoryServiceClient;
use serde_json::json;

use crate::codes;
use crate::commands::wire;
use crate::failure::{Exit, Failure};
use crate::output::{Printer, column};
use crate::session::Session;

/// Verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Which commit is in force, and what is wrong with a newer one; exit 7 if one is refused.
    #[command(before_help = "Example: scalbotics repo status")]
    Status,
    /// Take the newest commit now; exit 7 if it is refused.
    #[command(before_help = "Example: scalbotics repo apply")]
    Apply,
}

/// Runs a verb.
pub(crate) async fn run(session: &Session, verb: &Verb, printer: &Printer) -> Result<(), Failure> {
    let mut client = RepositoryServiceClient::new(session.channel.clone());
    let repository = match verb {
        Verb::Status => {
            let request = v1::GetRepositoryRequest::default();
            client.get_repository(session.request(request)?).await?.into_inner()
        }
        Verb::Apply => {
            let request =
                v1::ReloadRepositoryRequest { request_id: session.request_id(), ..v1::ReloadRepositoryRequest::default() };
            client.reload_repository(session.request(request)?).await?.into_inner()
        }
    };
    print(&repository, printer)?;
    if repository.findings.is_empty() {
        return Ok(());
    }
    Err(Failure::new(Exit::Conflict, codes::DESIRED_STATE_REFUSED, format!("commit {} is refused", repository.head))
        .why(format!("it has {}; {} stays in force", wire::findings(repository.findings.len()), repository.commit))
        .next("correct the files and commit; then `scalbotics repo apply`"))
}

fn print(repository: &v1::Repository, printer: &Printer) -> Result<(), Failure> {
    let finding = |finding: &v1::Finding| {
        json!({
            "name": finding.file, "line": (finding.line > 0).then_some(finding.line), "what": finding.what, "why": finding.why, "next": finding.next,
        })
    };
    let value = json!({
        "name": wire::short(&repository.name),
        "commit": repository.commit,
        "head": repository.head,
        "since": wire::time(repository.in_force_time),
        "agents": repository.agents,
        "tools": repository.tools,
        "workflows": repository.workflows,
        "policies": repository.policies,
        "remote": repository.remote,
        "findings": repository.findings.iter().map(finding).collect::<Vec<_>>(),
        "notes": repository.notes.iter().map(finding).collect::<Vec<_>>(),
    });
    let columns = [
        column("in force", "/commit"),
        column("head", "/head"),
        column("since", "/since"),
        column("agents", "/agents"),
        column("tools", "/tools"),
        column("workflows", "/workflows"),
        column("policies", "/policies"),
        column("remote", "/remote"),
    ];
    printer.one(&value, &columns)?;
    let columns = [
        column("FILE", "/name"),
        column("LINE", "/line"),
        column("WHAT", "/what"),
        column("WHY", "/why"),
        column("NEXT", "/next"),
    ];
    printer.section(&value, "/findings", &columns)?;
    printer.section(&value, "/notes", &columns)
}
