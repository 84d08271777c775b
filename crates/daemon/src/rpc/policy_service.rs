//! PolicyService: why something was or would be decided.

use std::collections::BTreeSet;
use std::sync::Arc;

use scalbotics_core::agent::{Agent, Standing};
use scalbotics_core::ids::{DecisionId, GrantId, TaskId};
use scalbotics_core::policy::{Authorization, Decision, Request as Question, Resource, authorize, call_context, tool_action};
use scalbotics_core::principal::{Chain, Grant, Principal, Scope, Uid};
use scalbotics_core::tenant::Name;
use scalbotics_core::tool::Definition;
use scalbotics_proto::v1;
use scalbotics_proto::v1::policy_service_server::PolicyService;
use scalbotics_runtime::reconcile::InForce;
use serde_json::Value;
use tonic::{Request, Response, Status};

use super::call::Call;
use super::codes;
use super::context::Context;
use super::convert::{self, decision_failure, store_failure};
use super::failure::Failure;
use super::names::{self, Named};

/// How long the grant of a question lives, in milliseconds: it is never used.
const QUESTION_MS: u64 = 1_000;

/// PolicyService.
#[derive(Debug, Clone)]
pub(super) struct Policies(pub(super) Arc<Context>);

/// What is asked about.
struct Asked<'a> {
    in_force: &'a InForce,
    agent: Agent,
    tool: &'a Definition,
    args: Value,
}

impl Policies {
    async fn explain(&self, call: &Call, request: &v1::ExplainDecisionRequest) -> Result<v1::Decision, Failure> {
        let tenant = call.tenant()?;
        let named: Named<DecisionId> = names::parse("name", "decisions", &request.name, tenant)?;
        let found = if named.foreign {
            None
        } else {
            self.0.decisions.get(tenant, named.id).await.map_err(|error| decision_failure(&error))?
        };
        let absent = || Resource::absent("Decision", &named.id.to_string());
        let resource = found.as_ref().map_or_else(absent, Resource::decision);
        let _permit = self.0.enter(call, resource, &named).await?;
        found.map(|found| convert::decision(&found, true)).ok_or_else(|| Failure::not_found(&request.name))
    }

    async fn check(&self, call: &Call, request: v1::CheckAccessRequest) -> Result<v1::Decision, Failure> {
        let tenant = call.tenant()?;
        let named: Named<Name> = names::parse("agent", "agents", &request.agent, tenant)?;
        let tool = names::bare("tool", &request.tool)?;
        let args = convert::from_struct("args", request.args)?;
        let _permit = self.0.enter(call, Resource::tenant(tenant), &named).await?;
        let in_force = self.0.states.current().ok_or_else(|| Failure::new(codes::NOTHING_IN_FORCE, "nothing can be checked"))?;
        let agent = self.0.ports.registry.agent_by_name(tenant, &named.id).await.map_err(|error| store_failure(&error))?;
        let agent = agent.ok_or_else(|| Failure::not_found(&named.text))?;
        let tool = in_force.tools.get(&tool).ok_or_else(|| Failure::not_found(&names::name(tenant, "tools", &tool)))?;
        let asked = Asked { in_force: &in_force, agent, tool, args };
        let mut decision = convert::decision(&self.decide(call, &asked).await?, false);
        if asked.agent.standing != Standing::Active {
            decision.allow = false;
            "the agent is suspended".clone_into(&mut decision.why);
        }
        Ok(decision)
    }

    /// What the gate would decide about the call now. Nothing is done: the permit goes at once.
    async fn decide(&self, call: &Call, asked: &Asked<'_>) -> Result<Decision, Failure> {
        let human = call.identity()?.principal.clone();
        let Asked { in_force, agent, tool, args } = asked;
        let missing = || Failure::not_found(&names::name(&agent.tenant, "agents", &agent.name));
        let wanted = in_force.snapshot.agents.get(&agent.name).ok_or_else(missing)?;
        let now = self.0.ports.clock.now();
        let acting = Principal {
            uid: Uid::Agent(agent.uid),
            tenant: agent.tenant.clone(),
            name: agent.name.clone(),
            groups: vec![wanted.team.clone()],
        };
        let grant = Grant {
            id: GrantId::from_u128(self.0.ports.ids.next()),
            grantor: human.uid,
            grantee: acting.uid,
            task: Some(TaskId::from_u128(self.0.ports.ids.next())),
            scope: Scope { tools: wanted.tools.iter().cloned().collect(), tier_max: wanted.tier_max },
            expires_at: now.plus_ms(QUESTION_MS),
        };
        let context = call_context(tool, args.clone(), [agent.name.as_str(), wanted.team.as_str(), ""], &BTreeSet::new());
        let question = |principal: &Principal| Question {
            principal: principal.clone(),
            action: tool_action(&tool.id),
            resource: Resource::tool(tool),
            context: context.clone(),
        };
        let chain = Chain { principals: vec![human, acting], grants: vec![grant] };
        let requests: Vec<Question> = chain.principals.iter().map(question).collect();
        let answers = in_force.ask(&requests).await;
        let id = DecisionId::from_u128(self.0.ports.ids.next());
        let authorization = Authorization { id, at: now, chain: &chain, tool: Some((&tool.id, tool.tier)), requests, answers };
        let (decision, _unused) = authorize(call.row.method, authorization);
        Ok(decision)
    }
}

#[tonic::async_trait]
impl PolicyService for Policies {
    async fn explain_decision(&self, request: Request<v1::ExplainDecisionRequest>) -> Result<Response<v1::Decision>, Status> {
        let (call, message) = Call::of(request)?;
        self.0.answer(&call, self.explain(&call, &message).await).await
    }

    async fn check_access(&self, request: Request<v1::CheckAccessRequest>) -> Result<Response<v1::Decision>, Status> {
        let (call, message) = Call::of(request)?;
        self.0.answer(&call, self.check(&call, message).await).await
    }
}
