//! PolicyService: why something was or would be decided.

use std::collections::BTreeSet;
use std::sync::Arc;

use scalbotics_core::agent::{Agent, Standing};
use scalbotics_core::ids::{DecisionId, GrantId, PayloadId, TaskId};
use scalbotics_core::policy::{
    Authorization, Decision, Request as Question, Resource, TAINT_MARKS, authorize, call_context, tool_action,
};
use scalbotics_core::principal::{Chain, Grant, Principal, Scope, Uid};
use scalbotics_core::tenant::{Name, TenantId};
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

/// The marks of a task that is only asked about.
type Marks = BTreeSet<&'static str>;

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
        match found {
            Some(found) => Ok(convert::decision(&found, true)),
            None => self.erased(tenant, &named).await,
        }
    }

    /// Of a decision that is not there: whether it was.
    async fn erased(&self, tenant: &TenantId, named: &Named<DecisionId>) -> Result<v1::Decision, Failure> {
        let payload = PayloadId::from_u128(named.id.as_u128());
        let erased = self.0.served(tenant)?.privacy.is_erased(tenant, payload).await;
        if erased.map_err(|error| convert::privacy_failure(&error, &named.text))? {
            Ok(convert::erased_decision(named.id))
        } else {
            Err(Failure::not_found(&named.text))
        }
    }

    async fn check(&self, call: &Call, request: v1::CheckAccessRequest) -> Result<v1::Decision, Failure> {
        let tenant = call.tenant()?;
        let named: Named<Name> = names::parse("agent", "agents", &request.agent, tenant)?;
        let tool = names::bare("tool", &request.tool)?;
        let args = convert::from_struct("args", request.args)?;
        let marks = parse_marks(&request.taint)?;
        let _permit = self.0.enter(call, Resource::tenant(tenant), &named).await?;
        let in_force =
            self.0.states.current(tenant).ok_or_else(|| Failure::new(codes::NOTHING_IN_FORCE, "nothing can be checked"))?;
        let agent = self.0.ports.registry.agent_by_name(tenant, &named.id).await.map_err(|error| store_failure(&error))?;
        let agent = agent.ok_or_else(|| Failure::not_found(&named.text))?;
        let tool = in_force.tools.get(&tool).ok_or_else(|| Failure::not_found(&names::name(tenant, "tools", &tool)))?;
        let asked = Asked { in_force: &in_force, agent, tool, args };
        let mut decision = convert::decision(&self.decide(call, &asked, &marks).await?, false);
        if !marks.is_empty() {
            let without = decision.allow || self.decide(call, &asked, &Marks::new()).await?.allows();
            decision.why.push_str(&of_taint(&marks, decision.allow, without));
        }
        if asked.agent.standing != Standing::Active {
            decision.allow = false;
            "the agent is suspended".clone_into(&mut decision.why);
        }
        Ok(decision)
    }

    /// What the gate would decide about the call now. Nothing is done: the permit goes at once.
    async fn decide(&self, call: &Call, asked: &Asked<'_>, marks: &Marks) -> Result<Decision, Failure> {
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
        let context = call_context(tool, args.clone(), [agent.name.as_str(), wanted.team.as_str(), ""], marks);
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

/// Marks as they are asked about.
fn parse_marks(words: &[String]) -> Result<Marks, Failure> {
    let mark = |word: &String| {
        let known = TAINT_MARKS.into_iter().find(|mark| mark == word);
        known.ok_or_else(|| Failure::invalid("taint", format!("`{word}` is none of {}", TAINT_MARKS.join(", "))))
    };
    words.iter().map(mark).collect()
}

/// What taint has to do with a decision: whether the call may be made with it, and without.
fn of_taint(marks: &Marks, with: bool, without: bool) -> String {
    let marks = marks.iter().copied().collect::<Vec<_>>().join(", ");
    match (with, without) {
        (true, _) => format!("; also for a task that has taken in {marks}"),
        (false, true) => format!("; so it is for a task that has taken in {marks}: one that has taken in nothing may"),
        (false, false) => format!("; so it is whether or not a task has taken in {marks}"),
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

#[cfg(test)]
mod tests {
    use super::{Marks, of_taint, parse_marks};

    #[test]
    fn only_marks_that_there_are_can_be_asked_about() {
        let parse = |words: &[&str]| parse_marks(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>());
        assert_eq!(parse(&[]).unwrap(), Marks::new());
        assert_eq!(parse(&["web", "files", "web"]).unwrap(), Marks::from(["files", "web"]));
        for wrong in ["", "Web", "memory"] {
            assert!(parse(&["web", wrong]).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn the_answer_says_what_taint_has_to_do_with_it() {
        let marks = Marks::from(["web", "files"]);
        for (with, without, words) in [
            (true, true, "also for a task that has taken in files, web"),
            (false, true, "one that has taken in nothing may"),
            (false, false, "whether or not"),
        ] {
            assert!(of_taint(&marks, with, without).contains(words), "{with} {without}");
        }
    }
}
