//! Decides one exact call for every principal of the chain, at each use.
//!
//! **Invariant:** groups, standing and epoch are read from the registry at every decision, so losing a role or being
//! suspended bites in the middle of a task (semantics §3.4); the registry answers like one more policy engine.

use std::sync::Arc;

use scalbotics_core::agent::Standing;
use scalbotics_core::digest::Digest;
use scalbotics_core::ids::{DecisionId, EffectId, HumanUid};
use scalbotics_core::outside::ClaimsAge;
use scalbotics_core::payload::Salt;
use scalbotics_core::policy::{
    Answer, Authorization, Decision, Denial, Permit, Request, Resource, Ruling, Verdict, authorize, tool_action, tool_context,
};
use scalbotics_core::ports::{StoreError, is_served};
use scalbotics_core::principal::{Chain, Principal, Uid};
use scalbotics_core::task::{Failure, State};
use scalbotics_core::time::Timestamp;
use scalbotics_core::tool::{Call, Definition, Mark, ResolvedInput, call_digest};
use serde_json::Value;

use crate::Ports;
use crate::metrics::Metrics;
use crate::reconcile::InForce;

/// The engine name under which the registry answers about suspended and unknown principals.
const REGISTRY: &str = "registry";

/// The engine name under which the agent's file in force answers about tools that it does not list any more.
const AGENT_FILE: &str = "agent-file";

/// What is asked.
#[derive(Debug)]
pub(crate) struct Asked<'a> {
    /// The task.
    pub(crate) state: &'a State,
    /// The effect that the call is.
    pub(crate) effect: EffectId,
    /// The tool in force.
    pub(crate) tool: &'a Definition,
    /// The arguments.
    pub(crate) args: &'a Value,
    /// The same, canonical.
    pub(crate) canonical: Arc<[u8]>,
    /// The salt of the payload that the arguments are, or `None` where the call is named by its digest ([`Mark::Bare`]).
    pub(crate) salt: Option<Salt>,
    /// What the call depends on beside its arguments, as resolved when it was first proposed.
    pub(crate) inputs: &'a [ResolvedInput],
    /// The state in force.
    pub(crate) in_force: &'a InForce,
}

/// The answer.
#[derive(Debug)]
pub(crate) struct Ruled {
    /// The decision, to be recorded whatever it is.
    pub(crate) decision: Decision,
    /// The permit, where it allows.
    pub(crate) permit: Option<Permit<Call>>,
    /// The acting agent's epoch that this was decided under.
    pub(crate) agent_epoch: u64,
    /// What the task fails with where it denies.
    pub(crate) failure: Failure,
    /// Where it denies only for the age of what an issuer said: who has to log in.
    pub(crate) stale: Option<Stale>,
}

/// A human whose groups count no more for their age, though with them the call would be allowed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stale {
    pub(crate) human: HumanUid,
    /// When their issuer said them.
    pub(crate) claims_at: Timestamp,
}

/// The gate.
#[derive(Debug, Clone)]
pub(crate) struct Gate {
    ports: Ports,
    metrics: Arc<Metrics>,
    ages: ClaimsAge,
}

/// A principal as it is now.
struct Present {
    principal: Principal,
    active: bool,
    epoch: u64,
    /// The same without what counts no more for its age, and when that was said.
    without: Option<(Principal, Timestamp)>,
}

impl Present {
    fn of(principal: Principal, active: bool, epoch: u64) -> Self {
        Self { principal, active, epoch, without: None }
    }
}

impl Gate {
    pub(crate) const fn new(ports: Ports, metrics: Arc<Metrics>, ages: ClaimsAge) -> Self {
        Self { ports, metrics, ages }
    }

    /// The call as it would be sent; nothing is decided.
    pub(crate) fn call(asked: &Asked<'_>) -> Call {
        let envelope = &asked.state.envelope;
        let digest = call_digest(&envelope.chain, &asked.tool.digest, &asked.canonical, asked.inputs);
        Call {
            task: envelope.id,
            effect: asked.effect,
            tenant: envelope.tenant.clone(),
            agent: envelope.agent,
            agent_name: envelope.agent_name.clone(),
            tool: asked.tool.id.clone(),
            tool_digest: asked.tool.digest,
            tier: asked.tool.tier,
            class: asked.tool.effect,
            args: Arc::clone(&asked.canonical),
            inputs: asked.inputs.to_vec(),
            mark: Mark::of(&digest, asked.salt.as_ref()),
        }
    }

    /// Decides the call. Groups that count no more for their age may only take away: with them the call has to be allowed as it has to be without
    /// them, so that a rule that forbids something to a group does not lapse with its word.
    ///
    /// # Errors
    /// [`StoreError`] when the registry cannot be read; nothing is decided then.
    pub(crate) async fn ask(&self, asked: &Asked<'_>) -> Result<Ruled, StoreError> {
        let begun = tokio::time::Instant::now();
        let stored = &asked.state.envelope.chain;
        let mut present = Vec::with_capacity(stored.principals.len());
        let is_served = is_served(self.ports.tenants.as_ref(), &asked.state.envelope.tenant).await?;
        for principal in &stored.principals {
            let found = self.present(principal, asked).await?;
            present.push(Present { active: found.active && is_served, ..found });
        }
        let (mut decision, mut permit) = self.decide(asked, &present, |present| present.principal.clone()).await;
        let aged = present.iter().find_map(|present| Some((present.principal.uid, present.without.as_ref()?.1)));
        let mut stale = None;
        if let (Some((Uid::Human(human), claims_at)), true) = (aged, decision.allows()) {
            let counts = |present: &Present| present.without.as_ref().map_or(&present.principal, |(bound, _)| bound).clone();
            (decision, permit) = self.decide(asked, &present, counts).await;
            stale = permit.is_none().then_some(Stale { human, claims_at });
        }
        self.metrics.decision_duration.observe(begun.elapsed());
        if decision.allows() {
            self.metrics.decisions_allow.add(1)
        } else {
            self.metrics.decisions_deny.add(1)
        }
        let agent = present.last();
        let failure = failure(&decision, agent.is_some_and(|agent| agent.active));
        Ok(Ruled { decision, permit, agent_epoch: agent.map_or(0, |agent| agent.epoch), failure, stale })
    }

    /// Asks every engine about every principal, as `seen` shows it.
    async fn decide(
        &self,
        asked: &Asked<'_>,
        present: &[Present],
        seen: impl Fn(&Present) -> Principal,
    ) -> (Decision, Option<Permit<Call>>) {
        let principals: Vec<Principal> = present.iter().map(seen).collect();
        let requests: Vec<Request> = principals.iter().map(|principal| question(asked, principal)).collect();
        let mut answers = asked.in_force.ask(&requests).await;
        for (given, about) in answers.iter_mut().zip(present).filter(|(_, about)| !about.active) {
            given.push(denial(REGISTRY, about));
        }
        if let (Some(given), Some(agent)) = (answers.last_mut(), present.last())
            && !is_listed(asked)
        {
            given.push(denial(AGENT_FILE, agent));
        }
        let at = self.ports.clock.now();
        let chain = Chain { principals, grants: asked.state.envelope.chain.grants.clone() };
        let authorization = Authorization {
            id: DecisionId::from_u128(self.ports.ids.next()),
            at,
            chain: &chain,
            tool: Some((&asked.tool.id, asked.tool.tier)),
            requests,
            answers,
        };
        let call = Self::call(asked);
        let redacted = redacted(&call);
        let (mut decision, permit) = authorize(call, authorization);
        // The decision is kept for longer than the arguments are: it names the call as the log does (semantics §7.2, §9.2).
        for request in &mut decision.requests {
            for part in ["args", "url"] {
                if let Some(part) = request.context.get_mut(part) {
                    *part = redacted.clone();
                }
            }
        }
        (decision, permit)
    }

    async fn present(&self, stored: &Principal, asked: &Asked<'_>) -> Result<Present, StoreError> {
        let mut principal = stored.clone();
        let (active, epoch) = match stored.uid {
            Uid::Human(uid) => match self.ports.registry.human_by_uid(uid).await? {
                Some(human) if human.tenant == stored.tenant => {
                    let without = human.without_aged(&self.ages, asked.tool.tier, self.ports.clock.now());
                    let active = human.standing == Standing::Active;
                    return Ok(Present { without, ..Present::of(human.principal(), active, human.epoch) });
                }
                Some(_) | None => (false, 0),
            },
            Uid::Agent(uid) => match self.ports.registry.agent(uid).await? {
                Some(agent) if agent.tenant == stored.tenant => {
                    let team = asked.in_force.snapshot.agents.get(&agent.name).map(|wanted| wanted.team.clone());
                    let wanted = team.is_some();
                    principal.groups = team.into_iter().collect();
                    (agent.standing == Standing::Active && wanted, agent.epoch)
                }
                Some(_) | None => (false, 0),
            },
            Uid::Service(uid) => match self.ports.services.service_by_uid(uid).await? {
                Some(service) if service.tenant == stored.tenant => {
                    principal.groups = service.groups;
                    (service.standing == Standing::Active, service.epoch)
                }
                Some(_) | None => (false, 0),
            },
            Uid::Daemon => (false, 0),
        };
        Ok(Present::of(principal, active, epoch))
    }
}

fn question(asked: &Asked<'_>, principal: &Principal) -> Request {
    Request {
        principal: principal.clone(),
        action: tool_action(&asked.tool.id),
        resource: Resource::tool(asked.tool),
        context: tool_context(asked.tool, asked.args.clone(), asked.state),
    }
}

/// What stands for the arguments of a call in its decision.
fn redacted(call: &Call) -> Value {
    serde_json::json!({"redacted": call.mark.shown().to_string()})
}

/// Whether the agent's file in force still lists the tool: the grant is of the submission, and rights only shrink.
fn is_listed(asked: &Asked<'_>) -> bool {
    let wanted = asked.in_force.snapshot.agents.get(&asked.state.envelope.agent_name);
    wanted.is_some_and(|agent| agent.tools.contains(&asked.tool.id) && asked.tool.tier <= agent.tier_max)
}

/// A denial that no policy engine gives; its bundle and slice are the fact that it was asked about.
fn denial(engine: &str, about: &Present) -> Answer {
    let uid = about.principal.uid.to_string();
    let parts = [engine.as_bytes(), uid.as_bytes(), &about.epoch.to_be_bytes()];
    let fact = Digest::of_parts("scalbotics/gate-answer/v1", &parts);
    Answer {
        engine: engine.to_owned(),
        bundle: fact,
        slice: fact,
        verdict: Verdict::Deny,
        deciding: Vec::new(),
        errors: Vec::new(),
    }
}

fn failure(decision: &Decision, agent_active: bool) -> Failure {
    match &decision.ruling {
        Ruling::Deny(Denial::Error { .. }) => Failure::PolicyError,
        Ruling::Allow | Ruling::Deny(_) if !agent_active => Failure::AgentSuspended,
        Ruling::Allow | Ruling::Deny(_) => Failure::PolicyDenied,
    }
}
