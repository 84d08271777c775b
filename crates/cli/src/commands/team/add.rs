//! `team add`, `team set-lead`, `team member`

use clap::Args;
use scalbotics_core::tenant::Name;
use serde_json::json;

use crate::commands::desired::{Change, Place, Written, put};
use crate::failure::Failure;
use crate::output::Printer;
use crate::session::Session;

/// Arguments of `team add`.
#[derive(Debug, Args)]
pub(crate) struct AddArgs {
    /// The name.
    team: Name,
    /// One sentence for people.
    #[arg(long)]
    description: String,
    /// Where it is written.
    #[command(flatten)]
    place: Place,
}

/// Commits the team's file.
pub(super) async fn add(session: &Session, args: &AddArgs, printer: &Printer) -> Result<(), Failure> {
    let text = serde_saphyr::to_string(&json!({ "id": args.team, "description": args.description }));
    let text = text.map_err(|error| Failure::internal("the team has no YAML form", &error))?;
    let files = vec![(format!("teams/{}.yaml", args.team), text)];
    let look = format!("scalbotics team show {}", args.team);
    put(session, &args.place, &Written { kind: "team", name: args.team.as_str(), look, change: Change::Add(files) }, printer)
        .await
}

/// Arguments of `team set-lead` and `team member`.
#[derive(Debug, Args)]
pub(crate) struct AgentArgs {
    /// The team.
    team: Name,
    /// The agent.
    agent: Name,
    /// Where it is written.
    #[command(flatten)]
    place: Place,
}

/// Commits who leads the team.
pub(super) async fn set_lead(session: &Session, args: &AgentArgs, printer: &Printer) -> Result<(), Failure> {
    let look = format!("scalbotics team show {}", args.team);
    let change = Change::Set { path: format!("teams/{}.yaml", args.team), field: "lead", value: args.agent.to_string() };
    put(session, &args.place, &Written { kind: "team", name: args.team.as_str(), look, change }, printer).await
}

/// Commits that the agent is in the team, and in no other any more.
pub(super) async fn member(session: &Session, args: &AgentArgs, printer: &Printer) -> Result<(), Failure> {
    let look = format!("scalbotics agent show {}", args.agent);
    let change = Change::Set { path: format!("agents/{}.yaml", args.agent), field: "team", value: args.team.to_string() };
    put(session, &args.place, &Written { kind: "agent", name: args.agent.as_str(), look, change }, printer).await
}
