//! `admin erase`

use clap::Args;
use scalbotics_proto::v1;
use serde_json::json;

use super::verb::client;
use crate::commands::wire;
use crate::failure::Failure;
use crate::output::{Confirm, Printer, column};
use crate::session::Session;

/// Arguments of `admin erase`.
#[derive(Debug, Args)]
pub(crate) struct EraseArgs {
    /// The task; it has to have ended.
    #[arg(long, value_name = "TASK", required_unless_present = "human", conflicts_with = "human")]
    task: Option<String>,
    /// The human; they have to be offboarded. Their tasks go, and what they said about others'.
    #[arg(long, value_name = "NAME")]
    human: Option<String>,
    /// Why; kept sealed, and the audit log commits to it.
    #[arg(long, value_name = "WORDS")]
    reason: String,
    /// Only show what would be erased.
    #[arg(long)]
    dry_run: bool,
}

/// Erases.
pub(super) async fn run(session: &Session, args: &EraseArgs, confirm: Confirm, printer: &Printer) -> Result<(), Failure> {
    let (what, name) = match (&args.task, &args.human) {
        (Some(task), _) => (format!("everything of task {task}"), task),
        (None, human) => {
            let human = human.as_ref().ok_or_else(|| Failure::usage("neither --task nor --human is given".to_owned()))?;
            (format!("everything of human {human}, tasks and all"), human)
        }
    };
    if !args.dry_run {
        confirm.ask(&format!("{what} will be erased for good, in backups too once they are over"), name)?;
    }
    let (reason, validate_only, request_id) = (args.reason.clone(), args.dry_run, session.request_id());
    let erased = match &args.task {
        Some(task) => {
            let name = session.resource("tasks", task);
            let request = v1::EraseTaskRequest { name, reason, validate_only, request_id };
            client(session).erase_task(session.request(request)?).await?.into_inner()
        }
        None => {
            let name = session.resource("humans", name);
            let request = v1::EraseHumanRequest { name, reason, validate_only, request_id };
            client(session).erase_human(session.request(request)?).await?.into_inner()
        }
    };
    let value = json!({
        "name": erased.id,
        "about": wire::short(&erased.about),
        "payloads": erased.payloads,
        "by": erased.by,
        "ordered_at": wire::time(erased.create_time),
        "done_at": wire::time(erased.done_time),
    });
    let columns = [
        column("erasure", "/name"),
        column("about", "/about"),
        column("payloads", "/payloads"),
        column("by", "/by"),
        column("ordered", "/ordered_at"),
        column("done", "/done_at"),
    ];
    printer.one(&value, &columns)
}
