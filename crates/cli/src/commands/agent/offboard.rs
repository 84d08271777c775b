//! `agent offboard`: what the agent has and what becomes of it is shown, then done: first what bites at once, then what stands in desired state.

use clap::Args;
use scalbotics_core::tenant::Name;
use scalbotics_proto::v1;

use super::verb::open_tasks;
use crate::commands::desired::{Change, Place, Written, commit};
use crate::commands::identity;
use crate::failure::Failure;
use crate::output::{Confirm, Printer};
use crate::session::Session;

/// Arguments of `agent offboard`.
#[derive(Debug, Args)]
pub(crate) struct OffboardArgs {
    /// The agent.
    agent: Name,
    /// Where its bindings are written.
    #[command(flatten)]
    place: Place,
}

impl OffboardArgs {
    pub(super) fn request(&self, session: &Session) -> Result<tonic::Request<v1::AgentStandingRequest>, Failure> {
        let (name, validate_only) = (session.resource("agents", self.agent.as_str()), self.place.is_dry_run());
        session.request(v1::AgentStandingRequest { name, validate_only, request_id: session.request_id() })
    }

    /// The files that bind it: what it is, and what it may call.
    fn bindings(&self) -> [String; 2] {
        [format!("agents/{}.yaml", self.agent), format!("policies/agent-{}.cedar", self.agent)]
    }

    /// What goes from desired state: a workspace that belongs to no agent is refused there.
    fn going(&self) -> Vec<String> {
        self.bindings().into_iter().chain([format!("workspaces/{}", self.agent)]).collect()
    }
}

/// Shows what the agent has and what becomes of it, and asks.
pub(super) async fn plan(session: &Session, args: &OffboardArgs, confirm: Confirm, printer: &Printer) -> Result<(), Failure> {
    let agent = args.agent.as_str();
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
    printer
        .note(&format!("  bindings      {} permit nothing any more, and are removed by a commit", args.bindings().join(" and ")));
    printer.note(&format!(
        "  memory        workspaces/{agent}/ goes with them, and stays in the repository's history, for the record"
    ));
    if args.place.is_dry_run() { Ok(()) } else { confirm.ask(&head, agent) }
}

/// Takes the bindings out of desired state. The agent is offboarded by then, so that a commit that cannot be made here, or is refused, leaves
/// nothing that counts: it says what is to be committed by hand.
pub(super) async fn unbind(session: &Session, args: &OffboardArgs, printer: &Printer) -> Result<(), Failure> {
    if args.place.is_dry_run() {
        return Ok(());
    }
    let (name, going) = (args.agent.as_str(), args.going());
    let look = format!("scalbotics agent show {name}");
    let written = Written { kind: "agent", name, look, change: Change::Remove(going.clone()) };
    match commit(session, &args.place, &written).await {
        Ok(made) => {
            let commit = made.get("commit").and_then(serde_json::Value::as_str).unwrap_or_default();
            printer.note(&format!("bindings of agent {name} are removed by commit {commit}"));
        }
        Err(failure) => {
            printer.note(&format!("bindings of agent {name} stay, and permit nothing: {}: {}", failure.what, failure.why));
            printer.note("remove them in a clone of the repository of desired state:");
            printer.note(&format!("  git rm -r --ignore-unmatch {}", going.join(" ")));
            printer.note(&format!("  git commit --message 'Remove agent {name}' && git push"));
            printer.note("  scalbotics repo apply");
        }
    }
    Ok(())
}
