//! `admin hold`

use clap::{Args, Subcommand};
use scalbotics_proto::v1;
use serde_json::{Value, json};

use super::verb::client;
use crate::commands::wire;
use crate::failure::Failure;
use crate::output::{Confirm, Printer, column};
use crate::session::Session;

/// Verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum HoldVerb {
    /// Place a legal hold: nothing that it is about is erased, by order or by age, while it stands.
    #[command(before_help = "Example: scalbotics admin hold add --human carol --reason 'case 4711'")]
    Add(AddArgs),
    /// List legal holds, oldest first.
    #[command(alias = "ls", before_help = "Example: scalbotics admin hold list")]
    List,
    /// Lift a legal hold; what is old enough goes at the next pass.
    #[command(alias = "rm", before_help = "Example: scalbotics admin hold remove hld_01K9… --reason 'case 4711 is closed'")]
    Remove(RemoveArgs),
}

/// Arguments of `admin hold add`.
#[derive(Debug, Args)]
pub(crate) struct AddArgs {
    /// Hold a task.
    #[arg(long, value_name = "TASK", required_unless_present_any = ["human", "everything"], conflicts_with_all = ["human", "everything"])]
    task: Option<String>,
    /// Hold a human: their tasks, and what they said about others'.
    #[arg(long, value_name = "NAME", conflicts_with = "everything")]
    human: Option<String>,
    /// Hold everything of the tenant.
    #[arg(long)]
    everything: bool,
    /// Why.
    #[arg(long, value_name = "WORDS")]
    reason: String,
    /// Only show what would be held.
    #[arg(long)]
    dry_run: bool,
}

/// Arguments of `admin hold remove`.
#[derive(Debug, Args)]
pub(crate) struct RemoveArgs {
    /// The hold.
    hold: String,
    /// Why.
    #[arg(long, value_name = "WORDS")]
    reason: String,
    /// Only show what would be lifted.
    #[arg(long)]
    dry_run: bool,
}

/// Runs a verb.
pub(super) async fn run(session: &Session, verb: &HoldVerb, confirm: Confirm, printer: &Printer) -> Result<(), Failure> {
    match verb {
        HoldVerb::Add(args) => {
            let about = match (&args.task, &args.human) {
                (Some(task), _) => session.resource("tasks", task),
                (None, Some(human)) => session.resource("humans", human),
                (None, None) => String::new(),
            };
            let request = v1::AddHoldRequest {
                about,
                reason: args.reason.clone(),
                validate_only: args.dry_run,
                request_id: session.request_id(),
            };
            show(&client(session).add_hold(session.request(request)?).await?.into_inner(), printer)
        }
        HoldVerb::List => {
            let answer = client(session).list_holds(session.request(v1::ListHoldsRequest::default())?).await?.into_inner();
            let items: Vec<Value> = answer.holds.iter().map(hold_json).collect();
            let columns = [
                column("HOLD", "/name"),
                column("ABOUT", "/about"),
                column("REASON", "/reason"),
                column("BY", "/by"),
                column("SINCE", "/since"),
            ];
            printer.list(&items, &columns)
        }
        HoldVerb::Remove(args) => {
            if !args.dry_run {
                confirm.ask(&format!("hold {} will be lifted: what it kept may be erased then", args.hold), &args.hold)?;
            }
            let request = v1::RemoveHoldRequest {
                name: session.resource("holds", &args.hold),
                reason: args.reason.clone(),
                validate_only: args.dry_run,
                request_id: session.request_id(),
            };
            show(&client(session).remove_hold(session.request(request)?).await?.into_inner(), printer)
        }
    }
}

fn show(hold: &v1::Hold, printer: &Printer) -> Result<(), Failure> {
    let columns = [
        column("hold", "/name"),
        column("about", "/about"),
        column("reason", "/reason"),
        column("by", "/by"),
        column("since", "/since"),
    ];
    printer.one(&hold_json(hold), &columns)
}

fn hold_json(hold: &v1::Hold) -> Value {
    json!({
        "name": wire::short(&hold.name),
        "about": wire::short(&hold.about),
        "reason": hold.reason,
        "by": hold.by,
        "since": wire::time(hold.create_time),
    })
}
