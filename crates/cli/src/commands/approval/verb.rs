//! Verbs of `approval`.

use clap::Subcommand;
use scalbotics_core::approval::Answer;
use scalbotics_proto::v1::approval_service_client::ApprovalServiceClient;

use super::enroll::{EnrollArgs, enroll};
use super::list::{ListArgs, WatchArgs, list, watch};
use super::{answer, show};
use crate::failure::Failure;
use crate::output::Printer;
use crate::session::{Proving, Session};

/// Verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// List requests that wait, newest first.
    #[command(alias = "ls", before_help = "Example: scalbotics approval list --mine")]
    List(ListArgs),
    /// Print requests as they come, and what became of each, until you end it.
    #[command(before_help = "Example: scalbotics --context dev-approver approval watch --mine")]
    Watch(WatchArgs),
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

pub(super) fn client(session: &Session) -> ApprovalServiceClient<Proving> {
    ApprovalServiceClient::new(session.channel.clone())
}

/// Runs a verb.
pub(crate) async fn run(session: &mut Session, verb: &Verb, printer: &Printer) -> Result<(), Failure> {
    match verb {
        Verb::List(args) => list(session, args, printer).await,
        Verb::Watch(args) => watch(session, args, printer).await,
        Verb::Show { approval } => {
            let approval = show::get(session, approval).await?;
            show::print(&approval, printer)
        }
        Verb::Approve { approval, reason } => answer::answer(session, approval, Answer::Approve, reason, printer).await,
        Verb::Deny { approval, reason } => answer::answer(session, approval, Answer::Deny, reason, printer).await,
        Verb::Enroll(args) => enroll(session, args, printer).await,
    }
}
