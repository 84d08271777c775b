//! AgentService: agents as desired state and the registry have them.

use std::sync::Arc;

use scalbotics_core::agent::Agent;
use scalbotics_core::desired::Agent as Wanted;
use scalbotics_core::policy::Resource;
use scalbotics_core::tenant::{Name, TenantId};
use scalbotics_proto::v1;
use scalbotics_proto::v1::agent_service_server::AgentService;
use scalbotics_runtime::people::Move;
use tonic::{Request, Response, Status};

use super::call::Call;
use super::context::Context;
use super::convert::{self, store_failure};
use super::failure::Failure;
use super::names::{self, Named};

/// Items of a page of agents, where the caller does not say.
const PAGE_DEFAULT: usize = 50;

/// AgentService.
#[derive(Debug, Clone)]
pub(super) struct Agents(pub(super) Arc<Context>);

impl Context {
    /// An agent of the tenant by name.
    async fn agent(&self, tenant: &TenantId, name: &Name) -> Result<Option<Agent>, Failure> {
        self.ports.registry.agent_by_name(tenant, name).await.map_err(|error| store_failure(&error))
    }

    /// What policy is asked about an agent: as it is, or as an absent one.
    pub(super) async fn agent_resource(&self, tenant: &TenantId, named: &Named<Name>) -> Result<Resource, Failure> {
        let absent = || Resource::absent("Agent", named.id.as_str());
        if named.foreign {
            return Ok(absent());
        }
        let Some(agent) = self.agent(tenant, &named.id).await? else { return Ok(absent()) };
        let in_force = self.states.current(tenant);
        let team = in_force.and_then(|state| state.snapshot.agents.get(&agent.name).map(|wanted| wanted.team.clone()));
        Ok(team.map_or_else(absent, |team| Resource::agent(agent.uid, &agent.name, &team)))
    }
}

impl Agents {
    async fn list(&self, call: &Call, request: &v1::ListAgentsRequest) -> Result<v1::ListAgentsResponse, Failure> {
        let tenant = call.tenant()?;
        let named = names::parse_parent("parent", &request.parent, tenant)?;
        let limit = convert::limit(request.page_size, PAGE_DEFAULT)?;
        let after: Option<Name> = convert::parse_token(&request.page_token)?;
        let _permit = self.0.enter(call, Resource::tenant(tenant), &named).await?;
        let agents = self.0.ports.roster.agents(tenant, after.as_ref(), limit).await.map_err(|error| store_failure(&error))?;
        let in_force = self.0.states.current(tenant);
        let wanted = |agent: &Agent| in_force.as_ref().and_then(|state| state.snapshot.agents.get(&agent.name));
        Ok(v1::ListAgentsResponse {
            next_page_token: convert::next_token(agents.len(), limit, agents.last().map(|agent| &agent.name)),
            agents: agents.iter().map(|agent| self.shown(agent, wanted(agent))).collect(),
        })
    }

    async fn get(&self, call: &Call, request: &v1::GetAgentRequest) -> Result<v1::Agent, Failure> {
        let tenant = call.tenant()?;
        let named: Named<Name> = names::parse("name", "agents", &request.name, tenant)?;
        let resource = self.0.agent_resource(tenant, &named).await?;
        let _permit = self.0.enter(call, resource, &named).await?;
        let agent = self.0.agent(tenant, &named.id).await?.ok_or_else(|| Failure::not_found(&request.name))?;
        let in_force = self.0.states.current(tenant);
        let wanted = in_force.as_ref().and_then(|state| state.snapshot.agents.get(&agent.name));
        Ok(self.shown(&agent, wanted))
    }
}

impl Agents {
    fn shown(&self, agent: &Agent, wanted: Option<&Arc<Wanted>>) -> v1::Agent {
        convert::agent(agent, wanted.map(Arc::as_ref), self.0.workers.is_attended(agent.uid))
    }

    async fn set_standing(&self, call: &Call, request: &v1::AgentStandingRequest, to: Move) -> Result<v1::Agent, Failure> {
        let tenant = call.tenant()?;
        let named: Named<Name> = names::parse("name", "agents", &request.name, tenant)?;
        let resource = self.0.agent_resource(tenant, &named).await?;
        let _permit = self.0.enter(call, resource, &named).await?;
        let caller = call.caller(&request.request_id)?;
        let moved = self.0.marked(self.0.people.move_agent(&caller, &named.id, to, request.validate_only)).await;
        let moved = moved.map_err(|error| convert::people_failure(&error, &named.text))?;
        if moved.audited {
            call.audited_by_commit();
        }
        let in_force = self.0.states.current(tenant);
        let wanted = in_force.as_ref().and_then(|state| state.snapshot.agents.get(&moved.now.name));
        Ok(self.shown(&moved.now, wanted))
    }
}

#[tonic::async_trait]
impl AgentService for Agents {
    async fn list_agents(&self, request: Request<v1::ListAgentsRequest>) -> Result<Response<v1::ListAgentsResponse>, Status> {
        let (call, message) = Call::of(request)?;
        self.0.answer(&call, self.list(&call, &message).await).await
    }

    async fn get_agent(&self, request: Request<v1::GetAgentRequest>) -> Result<Response<v1::Agent>, Status> {
        let (call, message) = Call::of(request)?;
        self.0.answer(&call, self.get(&call, &message).await).await
    }

    async fn suspend_agent(&self, request: Request<v1::AgentStandingRequest>) -> Result<Response<v1::Agent>, Status> {
        let (call, message) = Call::of(request)?;
        self.0.answer(&call, self.set_standing(&call, &message, Move::Suspend).await).await
    }

    async fn resume_agent(&self, request: Request<v1::AgentStandingRequest>) -> Result<Response<v1::Agent>, Status> {
        let (call, message) = Call::of(request)?;
        self.0.answer(&call, self.set_standing(&call, &message, Move::Resume).await).await
    }

    async fn offboard_agent(&self, request: Request<v1::AgentStandingRequest>) -> Result<Response<v1::Agent>, Status> {
        let (call, message) = Call::of(request)?;
        self.0.answer(&call, self.set_standing(&call, &message, Move::Offboard).await).await
    }

    async fn create_join_token(&self, request: Request<v1::CreateJoinTokenRequest>) -> Result<Response<v1::JoinToken>, Status> {
        let (call, message) = Call::of(request)?;
        self.0.answer(&call, self.join_token(&call, &message).await).await
    }

    async fn rotate_agent_keys(
        &self,
        request: Request<v1::RotateAgentKeysRequest>,
    ) -> Result<Response<v1::RotateAgentKeysResponse>, Status> {
        let (call, message) = Call::of(request)?;
        self.0.answer(&call, self.rotate_keys(&call, &message).await).await
    }
}
