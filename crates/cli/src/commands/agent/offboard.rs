//! The plan of `agent offboard`: what the agent has, and what becomes of it.

use scalbotics_proto::v1;

use super::verb::{StandingArgs, open_tasks};
use crate::commands::identity;
use crate::failure::Failure;
use crate::output::{Confirm, Printer};
use crate::session::Session;

/// Shows what the agent has and what becomes of it, and asks.
pub(super) async fn plan(session: &Session, args: &StandingArgs, confirm: Confirm, printer: &Printer) -> Result<(), Failure> {
    let agent = &args.agent;
    let head = format!("agent {agent} will be gone for good, and the name is never used again");
    printer.note(&head);
    // Who may offboard may not be one who may look; the plan says what it can.
    if let Ok(certificates) = identity::svids(session, Some(agent)).await {
        let good = certificates.iter().filter(|svid: &&v1::Svid| svid.counts).count();
        printer.note(&format!("  certificates  {good} void at once, and connections by them are cut"));
    }
    if let Some(open) = open_tasks(session, agent).await {
        let super::verb::Open { running, queued, waiting } = open;
        printer.note(&format!("  tasks         {running} running stopped · {queued} queued ended · {waiting} waiting held"));
    }
    printer.note(&format!("  memory        workspaces/{agent}/ stays in the repository, for the record"));
    printer.note(&format!(
        "  bindings      agents/{agent}.yaml and policies/agent-{agent}.cedar permit nothing any more; remove them by a commit"
    ));
    if args.dry_run { Ok(()) } else { confirm.ask(&head, agent) }
}
