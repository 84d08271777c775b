//! TeamService: teams as desired state has them.

use std::sync::Arc;

use scalbotics_core::policy::Resource;
use scalbotics_core::tenant::Name;
use scalbotics_proto::v1;
use scalbotics_proto::v1::team_service_server::TeamService;
use tonic::{Request, Response, Status};

use super::call::Call;
use super::context::Context;
use super::convert;
use super::failure::Failure;
use super::names::{self, Named};

/// TeamService.
#[derive(Debug, Clone)]
pub(super) struct Teams(pub(super) Arc<Context>);

impl Teams {
    async fn list(&self, call: &Call, request: &v1::ListTeamsRequest) -> Result<v1::ListTeamsResponse, Failure> {
        let tenant = call.tenant()?;
        let named = names::parse_parent("parent", &request.parent, tenant)?;
        let _permit = self.0.enter(call, Resource::tenant(tenant), &named).await?;
        let in_force = self.0.states.current(tenant);
        let teams = in_force.iter().flat_map(|state| state.snapshot.teams.values().map(|team| (team, &state.snapshot)));
        Ok(v1::ListTeamsResponse { teams: teams.map(|(team, snapshot)| convert::team(tenant, team, snapshot)).collect() })
    }

    async fn get(&self, call: &Call, request: &v1::GetTeamRequest) -> Result<v1::Team, Failure> {
        let tenant = call.tenant()?;
        let named: Named<Name> = names::parse("name", "teams", &request.name, tenant)?;
        let in_force = self.0.states.current(tenant).filter(|_| !named.foreign);
        let team = in_force.as_ref().and_then(|state| Some((state.snapshot.teams.get(&named.id)?, &state.snapshot)));
        let absent = || Resource::absent("Team", named.id.as_str());
        let resource = team.map_or_else(absent, |(team, _)| Resource::team(&team.id));
        let _permit = self.0.enter(call, resource, &named).await?;
        let shown = team.map(|(team, snapshot)| convert::team(tenant, team, snapshot));
        shown.ok_or_else(|| Failure::not_found(&request.name))
    }
}

#[tonic::async_trait]
impl TeamService for Teams {
    async fn list_teams(&self, request: Request<v1::ListTeamsRequest>) -> Result<Response<v1::ListTeamsResponse>, Status> {
        let (call, message) = Call::of(request)?;
        self.0.answer(&call, self.list(&call, &message).await).await
    }

    async fn get_team(&self, request: Request<v1::GetTeamRequest>) -> Result<Response<v1::Team>, Status> {
        let (call, message) = Call::of(request)?;
        self.0.answer(&call, self.get(&call, &message).await).await
    }
}
