//! Verbs of `team`.

use clap::Subcommand;
use scalbotics_proto::v1;
use scalbotics_proto::v1::team_service_client::TeamServiceClient;
use serde_json::{Value, json};

use super::add::{AddArgs, AgentArgs, Member, add, member, set_lead};
use super::remove::{TeamArgs, remove};
use crate::commands::wire;
use crate::failure::Failure;
use crate::output::{Confirm, Printer, column};
use crate::session::Session;

/// Verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Commit a new team to the local repository; returns when it is in force.
    #[command(before_help = "Example: scalbotics team add research --description 'Finds things out.'")]
    Add(AddArgs),
    /// Say which agents are in a team.
    #[command(subcommand)]
    Member(Member),
    /// Say which agent of the team leads it: a commit to the local repository.
    #[command(before_help = "Example: scalbotics team set-lead research scout")]
    SetLead(AgentArgs),
    /// Remove a team that no agent is in: a commit to the local repository; returns when it is in force.
    #[command(alias = "rm", before_help = "Example: scalbotics team remove research")]
    Remove(TeamArgs),
    /// List teams.
    #[command(alias = "ls", before_help = "Example: scalbotics team list")]
    List,
    /// Show a team and the agents in it.
    #[command(alias = "get", before_help = "Example: scalbotics team show ops")]
    Show {
        /// The team.
        team: String,
    },
}

/// Runs a verb.
pub(crate) async fn run(session: &Session, verb: &Verb, confirm: Confirm, printer: &Printer) -> Result<(), Failure> {
    let mut client = TeamServiceClient::new(session.channel.clone());
    match verb {
        Verb::Add(args) => add(session, args, printer).await,
        Verb::Member(verb) => member(session, verb, printer).await,
        Verb::SetLead(args) => set_lead(session, args, printer).await,
        Verb::Remove(args) => remove(session, args, confirm, printer).await,
        Verb::List => {
            let answer = client.list_teams(session.request(v1::ListTeamsRequest::default())?).await?.into_inner();
            let items: Vec<Value> = answer.teams.iter().map(team_json).collect();
            let columns = [
                column("TEAM", "/name"),
                column("LEAD", "/lead"),
                column("MEMBERS", "/members"),
                column("DESCRIPTION", "/description"),
            ];
            printer.list(&items, &columns)
        }
        Verb::Show { team } => {
            let request = v1::GetTeamRequest { name: session.resource("teams", team) };
            let team = client.get_team(session.request(request)?).await?.into_inner();
            let columns = [
                column("team", "/name"),
                column("description", "/description"),
                column("lead", "/lead"),
                column("members", "/members"),
            ];
            printer.one(&team_json(&team), &columns)
        }
    }
}

fn team_json(team: &v1::Team) -> Value {
    json!({
        "name": wire::short(&team.name),
        "description": team.description,
        "lead": team.lead,
        "members": team.members,
    })
}
