//! `team add`, `team set-lead`, `team member`

use clap::{Args, Subcommand};
use scalbotics_core::tenant::Name;
use scalbotics_proto::v1;
use scalbotics_proto::v1::agent_service_client::AgentServiceClient;
use serde_json::json;

use crate::codes;
use crate::commands::desired::{Change, Move, Place, Written, put};
use crate::failure::{Exit, Failure};
use crate::output::Printer;
use crate::session::Session;

/// The standing of an agent that never acts again.
const GONE: &str = "offboarded";

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

/// Arguments of `team set-lead` and `team member add`.
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

/// Arguments of `team member remove`.
#[derive(Debug, Args)]
pub(crate) struct RemoveArgs {
    /// The team.
    team: Name,
    /// The agent, which does not lead it.
    agent: Name,
    /// The team that it goes to: an agent is always in one.
    #[arg(long, value_name = "TEAM")]
    to: Name,
    /// Where it is written.
    #[command(flatten)]
    place: Place,
}

/// Who is in a team.
#[derive(Debug, Subcommand)]
pub(crate) enum Member {
    /// Move an agent into a team, and out of its own: a commit to the local repository.
    #[command(before_help = "Example: scalbotics team member add research scout")]
    Add(AgentArgs),
    /// Move an agent out of a team, into another one: a commit to the local repository.
    #[command(alias = "rm", before_help = "Example: scalbotics team member remove research scout --to ops")]
    Remove(RemoveArgs),
}

/// Commits who leads the team.
pub(super) async fn set_lead(session: &Session, args: &AgentArgs, printer: &Printer) -> Result<(), Failure> {
    let look = format!("scalbotics team show {}", args.team);
    let known = agent(session, &args.agent).await?;
    if known.standing == GONE {
        return Err(Failure::new(
            Exit::Conflict,
            codes::AGENT_NOT_ACTIVE,
            format!("agent {} cannot lead team {}", args.agent, args.team),
        )
        .why("it was offboarded, and never acts again")
        .next("scalbotics agent list"));
    }
    let change = Change::Set { path: format!("teams/{}.yaml", args.team), field: "lead", value: args.agent.to_string() };
    put(session, &args.place, &Written { kind: "team", name: args.team.as_str(), look, change }, printer).await
}

/// The agent as the daemon knows it; one that it does not know is refused.
async fn agent(session: &Session, name: &Name) -> Result<v1::Agent, Failure> {
    let request = v1::GetAgentRequest { name: session.resource("agents", name.as_str()) };
    Ok(AgentServiceClient::new(session.channel.clone()).get_agent(session.request(request)?).await?.into_inner())
}

/// Commits in which team the agent is.
pub(super) async fn member(session: &Session, verb: &Member, printer: &Printer) -> Result<(), Failure> {
    let (agent, from, to, place) = match verb {
        Member::Add(args) => (&args.agent, None, &args.team, &args.place),
        Member::Remove(args) => (&args.agent, Some(args.team.clone()), &args.to, &args.place),
    };
    let look = format!("scalbotics agent show {agent}");
    let change = Change::Move(Move { agent: agent.clone(), from, to: to.clone() });
    put(session, place, &Written { kind: "agent", name: agent.as_str(), look, change }, printer).await
}
