//! Verbs of `approval`.

use clap::Subcommand;
use scalbotics_core::approval::Answer;
use scalbotics_proto::v1;
use scalbotics_proto::v1::approval_service_client::ApprovalServiceClient;
use serde_json::Value;
use tonic::transport::Channel;

use super::enroll::{EnrollArgs, enroll};
use super::{answer, show};
use crate::failure::Failure;
use crate::output::{Printer, column, wide};
use crate::session::Session;

/// Verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// List requests that wait, newest first.
    #[command(alias = "ls", before_help = "Example: scalbotics approval list")]
    List {
        /// Those that were answered or lapsed too.
        #[arg(long)]
        all: bool,
    },
    /// Show exactly what would run.
    #[command(alias = "get", before_help = "Example: scalbotics approval show apr_01K9…")]
    Show {
        /// The request.
        approval: String,
    },
    /// Sign that the call may run, once.
    #[command(before_help = "Example: scalbotics --context dev-approver approval approve apr_01K9… --reason \"photo checked\"")]
    Approve {
        /// The request.
        approval: String,
        /// In which words.
        #[arg(long)]
        reason: String,
    },
    /// Sign that the call must not run.
    #[command(before_help = "Example: scalbotics --context dev-approver approval deny apr_01K9… --reason \"wrong order\"")]
    Deny {
        /// The request.
        approval: String,
        /// In which words.
        #[arg(long)]
        reason: String,
    },
    /// Register whose key signs a person's approvals; an approver-admin's key says so.
    #[command(
        before_help = "Example: scalbotics approval enroll carol --approval-key ./carol-approval.pem.pub --config ./box/scalbotics.toml"
    )]
    Enroll(EnrollArgs),
}

pub(super) fn client(session: &Session) -> ApprovalServiceClient<Channel> {
    ApprovalServiceClient::new(session.channel.clone())
}

/// Runs a verb.
pub(crate) async fn run(session: &Session, verb: &Verb, printer: &Printer) -> Result<(), Failure> {
    match verb {
        Verb::List { all } => list(session, *all, printer).await,
        Verb::Show { approval } => {
            let approval = show::get(session, approval).await?;
            show::print(&approval, printer)
        }
        Verb::Approve { approval, reason } => answer::answer(session, approval, Answer::Approve, reason, printer).await,
        Verb::Deny { approval, reason } => answer::answer(session, approval, Answer::Deny, reason, printer).await,
        Verb::Enroll(args) => enroll(session, args, printer).await,
    }
}

async fn list(session: &Session, all: bool, printer: &Printer) -> Result<(), Failure> {
    let status = if all { v1::ApprovalStatus::Unspecified } else { v1::ApprovalStatus::Waiting };
    let request = v1::ListApprovalsRequest { status: status.into(), ..v1::ListApprovalsRequest::default() };
    let answer = client(session).list_approvals(session.request(request)?).await?.into_inner();
    let items: Vec<Value> = answer.approvals.iter().map(show::approval_json).collect();
    let columns = [
        column("APPROVAL", "/name"),
        column("STATUS", "/status"),
        column("AGENT", "/agent"),
        column("TOOL", "/tool"),
        column("TIER", "/tier"),
        column("EXPIRES", "/expires"),
        wide("TASK", "/task"),
        wide("DIGEST", "/call_digest"),
    ];
    printer.list(&items, &columns)
}
