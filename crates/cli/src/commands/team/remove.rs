//! `team remove`

use clap::Args;
use scalbotics_core::tenant::Name;
use scalbotics_proto::v1;
use scalbotics_proto::v1::team_service_client::TeamServiceClient;

use crate::codes;
use crate::commands::desired::{Change, Place, Written, put};
use crate::failure::{Exit, Failure};
use crate::output::{Confirm, Printer};
use crate::session::Session;

/// Arguments of `team remove`.
#[derive(Debug, Args)]
pub(crate) struct TeamArgs {
    /// The team.
    team: Name,
    /// Where it is written.
    #[command(flatten)]
    place: Place,
}

/// Commits that the team's file goes; an agent is always in a team, so one that has any stays.
pub(super) async fn remove(session: &Session, args: &TeamArgs, confirm: Confirm, printer: &Printer) -> Result<(), Failure> {
    let TeamArgs { team, place } = args;
    let request = v1::GetTeamRequest { name: session.resource("teams", team.as_str()) };
    let found = TeamServiceClient::new(session.channel.clone()).get_team(session.request(request)?).await?.into_inner();
    if !found.members.is_empty() {
        return Err(Failure::new(Exit::Conflict, codes::REPOSITORY, format!("team {team} is not removed: agents are in it"))
            .why(format!("an agent is always in a team, and {} would be in none", found.members.join(", ")))
            .next(format!("move each of them with `team member remove`, after a look at `scalbotics team show {team}`")));
    }
    if !place.is_dry_run() {
        confirm.ask(&format!("team {team} goes from desired state; its name may be used again"), team.as_str())?;
    }
    let look = "scalbotics team list".to_owned();
    let written = Written { kind: "team", name: team.as_str(), look, change: Change::Remove(vec![format!("teams/{team}.yaml")]) };
    put(session, place, &written, printer).await
}
