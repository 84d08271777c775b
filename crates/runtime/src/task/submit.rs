//! Submission: everything that can be refused is refused before the first commit, which holds the first intent too.

mod way;

use std::sync::Arc;

use scalbotics_core::agent::Standing;
use scalbotics_core::ids::{GrantId, TaskId};
use scalbotics_core::payload::Sealed;
use scalbotics_core::ports::StoreError;
use scalbotics_core::principal::{Chain, Grant, Principal, Scope, Uid};
use scalbotics_core::service;
use scalbotics_core::task::{
    Budget, Command, Envelope, EnvelopeError, GOAL_LEN_MAX, Goal as StoredGoal, INPUT_LEN_MAX, Path, Rejection, SCHEMA_VERSION,
    State,
};
use scalbotics_core::tenant::{Name, TenantId};
use scalbotics_core::time::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::SubmitError;
use super::cause::{Cause, Repeat};
use super::draft::{Draft, Trouble};
use super::executor::Shared;
use super::order::Mail;
use super::plan;
use super::residents::Posted;
use super::run::{Born, Driver, Run};
use crate::Caller;
use crate::reconcile::InForce;
use crate::timers::Sleeper;
use way::Chosen;

/// Time after which somebody looks for a task whose commit was begun and not answered, in milliseconds: longer than a commit.
const FOUNDLING_MS: u64 = 10_000;

/// What a task is to reach.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Goal {
    /// A sentence.
    Text(String),
    /// A workflow of the agent by name.
    Workflow(Name),
}

/// What a task may use; what is left out comes from the agent's file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Limits {
    /// Tool calls.
    pub calls: Option<u64>,
    /// Model tokens.
    pub tokens: Option<u64>,
    /// Wall-clock seconds from submission.
    pub seconds: Option<u64>,
}

/// A submission.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Submit {
    /// The agent.
    pub agent: Name,
    /// The goal.
    pub goal: Goal,
    /// The input; an object.
    pub input: Value,
    /// Limits.
    pub limits: Limits,
    /// How long the task may take at most, in milliseconds; the budget's seconds limit it too.
    pub timeout_ms: Option<u64>,
    /// 0 lowest to 9 highest.
    pub priority: u8,
}

/// A task that was submitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submitted {
    /// The task.
    pub task: TaskId,
    /// Its state after the commit that took it on.
    pub state: State,
    /// Whether this is the answer to an earlier request with the same key; nothing was done or audited now.
    pub replayed: bool,
}

/// A submission that nothing static speaks against.
pub(super) struct Prepared {
    run: Run,
    envelope: Envelope,
    /// The way that it would take.
    pub(super) path: Path,
    payloads: Vec<Sealed>,
    agent_epoch: u64,
}

impl Shared {
    /// Takes on a task, under the commit `under` or under what is in force.
    pub(super) async fn submit(
        self: &Arc<Self>,
        caller: &Caller,
        submit: &Submit,
        repeat: Option<Repeat>,
        under: Option<Arc<InForce>>,
    ) -> Result<Submitted, SubmitError> {
        if self.supervisor.is_draining() {
            return Err(SubmitError::Draining);
        }
        if let Some(known) = self.known(&caller.principal.tenant, repeat.as_ref()).await? {
            return Ok(known);
        }
        let mut with_first_call = true;
        loop {
            let prepared = self.prepare(caller, submit, under.clone()).await?;
            let answer = repeat.clone();
            match self.take_on(caller, prepared, answer, with_first_call).await {
                Ok(state) => return Ok(Submitted { task: state.envelope.id, state, replayed: false }),
                // The agent was suspended meanwhile: `prepare` says so now, or the task's own first decision will.
                Err(Trouble::Store(StoreError::Revoked { .. })) if with_first_call => with_first_call = false,
                // The same request came in twice at once: the other one won.
                Err(Trouble::Store(StoreError::Taken { name })) => {
                    let known = self.known(&caller.principal.tenant, repeat.as_ref()).await?;
                    return known.ok_or(SubmitError::Store(StoreError::Taken { name }));
                }
                Err(Trouble::Store(error)) => return Err(error.into()),
                Err(Trouble::Cipher(error)) => return Err(error.into()),
                Err(Trouble::Rejected(Rejection::Envelope(error))) => return Err(error.into()),
                Err(Trouble::Rejected(error)) => return Err(error.into()),
                Err(Trouble::Corrupt(error)) => return Err(SubmitError::Corrupt { what: error.to_string() }),
            }
        }
    }

    /// The first answer to the same request, if there was one: the task as it was then (semantics §9.1).
    pub(super) async fn known(&self, tenant: &TenantId, repeat: Option<&Repeat>) -> Result<Option<Submitted>, SubmitError> {
        let Some(repeat) = repeat else { return Ok(None) };
        let Some(stored) = self.ports.task_log.answer(&repeat.key, self.now()).await? else { return Ok(None) };
        if stored.body != repeat.body {
            return Err(SubmitError::KeyReused);
        }
        let text = String::from_utf8_lossy(&stored.answer);
        let parts = text.split_once(' ').and_then(|(task, version)| Some((task.parse().ok()?, version.parse().ok()?)));
        let corrupt = || SubmitError::Corrupt { what: format!("answer to `{}`", repeat.key) };
        let (task, version): (TaskId, u64) = parts.ok_or_else(corrupt)?;
        let state = self.state_at(tenant, task, version).await?.ok_or_else(corrupt)?;
        Ok(Some(Submitted { task, state, replayed: true }))
    }

    /// Checks everything that can be checked without a commit.
    pub(super) async fn prepare(
        &self,
        caller: &Caller,
        submit: &Submit,
        under: Option<Arc<InForce>>,
    ) -> Result<Prepared, SubmitError> {
        let sponsor = &caller.principal;
        if caller.chain().check().is_err() {
            return Err(SubmitError::NotSponsor);
        }
        let input = scalbotics_core::json::canonical(&submit.input).map_err(SubmitError::InputForm)?;
        check_lens(&submit.goal, &input)?;
        let pinned = under.or_else(|| self.states.current(&sponsor.tenant)).ok_or(SubmitError::NothingInForce)?;
        let unknown = || SubmitError::UnknownAgent { agent: submit.agent.clone() };
        if pinned.snapshot.tenant != sponsor.tenant {
            return Err(unknown());
        }
        let wanted = pinned.snapshot.agents.get(&submit.agent).ok_or_else(unknown)?;
        let agent = self.ports.registry.agent_by_name(&sponsor.tenant, &submit.agent).await?.ok_or_else(unknown)?;
        if agent.standing != Standing::Active {
            return Err(SubmitError::AgentNotActive { agent: submit.agent.clone() });
        }
        let chosen = Chosen::of(&pinned, wanted, submit)?;
        chosen.check_granted(wanted)?;
        let input = self.vault.seal(&sponsor.tenant, input)?;
        let mut payloads = vec![input];
        let goal = match &submit.goal {
            Goal::Workflow(id) => StoredGoal::Workflow { id: id.clone() },
            Goal::Text(text) => {
                let sealed = self.vault.seal(&sponsor.tenant, text.clone().into_bytes())?;
                let text = sealed.reference;
                payloads.push(sealed);
                StoredGoal::Text { text }
            }
        };
        let token = self.seal_token(caller)?;
        let path = chosen.path(&pinned, wanted);
        let input = payloads.first().map(|sealed| sealed.reference);
        let given = Given { caller, submit, goal, input, token: token.as_ref().map(|sealed| sealed.reference) };
        payloads.extend(token);
        let envelope = self.envelope(given, &agent, wanted)?;
        envelope.check()?;
        let text = if let Goal::Text(text) = &submit.goal { text.as_str() } else { "" };
        let driver = Driver::new(&pinned, (&path.way, &agent.name), text, submit.input.clone()).ok_or_else(unknown)?;
        way::foresee(&driver, &submit.input, &agent.name, &envelope.budget)?;
        let run = Run::new(Arc::clone(&pinned), agent.name.clone(), driver);
        Ok(Prepared { run, envelope, path, payloads, agent_epoch: agent.epoch })
    }

    /// The token by which a human, or a service, submits: evidence of who asked, sealed like every payload.
    fn seal_token(&self, caller: &Caller) -> Result<Option<Sealed>, SubmitError> {
        let token = caller.token.as_ref().map(|token| token.expose().to_vec());
        Ok(token.map(|token| self.vault.seal(&caller.principal.tenant, token)).transpose()?)
    }

    fn envelope(
        &self,
        given: Given<'_>,
        agent: &scalbotics_core::agent::Agent,
        wanted: &scalbotics_core::desired::Agent,
    ) -> Result<Envelope, SubmitError> {
        let Given { caller, submit, goal, input, token } = given;
        let input = input.ok_or_else(|| SubmitError::Corrupt { what: "a submission without input".to_owned() })?;
        let (now, id) = (self.now(), TaskId::from_u128(self.ports.ids.next()));
        let (limits, default) = (submit.limits, wanted.budget);
        let budget = Budget {
            calls: limits.calls.unwrap_or(default.calls),
            tokens: limits.tokens.unwrap_or(default.tokens),
            seconds: limits.seconds.unwrap_or(default.seconds),
        };
        let budget_ms = budget.seconds.saturating_mul(1_000);
        let deadline = now.plus_ms(submit.timeout_ms.map_or(budget_ms, |timeout_ms| timeout_ms.min(budget_ms)));
        // What runs for a service is over when its grant is.
        let deadline = caller.sponsor.as_ref().map_or(deadline, |sponsor| deadline.min(sponsor.grant.expires_at));
        let acting = Principal {
            uid: Uid::Agent(agent.uid),
            tenant: agent.tenant.clone(),
            name: agent.name.clone(),
            groups: vec![wanted.team.clone()],
        };
        let chain = self.root_chain(caller.chain(), acting, wanted, (id, deadline));
        Ok(Envelope {
            schema_version: SCHEMA_VERSION,
            id,
            idempotency_key: caller.repeat_key.clone().unwrap_or_default(),
            tenant: agent.tenant.clone(),
            team: wanted.team.clone(),
            agent: agent.uid,
            agent_name: agent.name.clone(),
            chain,
            goal,
            input,
            token,
            budget,
            submitted_at: now,
            deadline,
            priority: submit.priority,
            trace: caller.trace.clone(),
        })
    }

    /// human → agent, or human → service → agent, under a root grant of the agent's tools, which ends with the task's deadline and
    /// is no wider than a standing grant before it (semantics §3.5).
    fn root_chain(
        &self,
        submitter: Chain,
        acting: Principal,
        wanted: &scalbotics_core::desired::Agent,
        (task, expires_at): (TaskId, Timestamp),
    ) -> Chain {
        let tools: Vec<Name> = wanted.tools.iter().cloned().collect();
        let mut principals: Vec<Principal> = submitter.principals.iter().map(Principal::pseudonymous).collect();
        let mut grants: Vec<Grant> = submitter.grants.iter().map(|grant| service::for_task(grant, task, &tools)).collect();
        let tier_max = grants.last().map_or(wanted.tier_max, |grant| grant.scope.tier_max.min(wanted.tier_max));
        grants.push(Grant {
            id: GrantId::from_u128(self.ports.ids.next()),
            grantor: principals.last().map_or(acting.uid, |submitter| submitter.uid),
            grantee: acting.uid,
            task: Some(task),
            scope: Scope { tools, tier_max },
            expires_at,
        });
        principals.push(acting);
        Chain { principals, grants }
    }

    /// The first commit: the submission and, where there is a place to run, its first move.
    async fn take_on(
        self: &Arc<Self>,
        caller: &Caller,
        prepared: Prepared,
        repeat: Option<Repeat>,
        with_first_call: bool,
    ) -> Result<State, Trouble> {
        let Prepared { run, envelope, path, payloads, agent_epoch } = prepared;
        let (task, tenant, priority) = (envelope.id, envelope.tenant.clone(), envelope.priority);
        let mut draft = Draft::submission(task, envelope.submitted_at);
        draft.caused_by(Cause::of(caller));
        draft.agent_epoch = agent_epoch;
        draft.payloads = payloads;
        draft.apply(Command::Submit { envelope: Box::new(envelope), path })?;
        let slot = if with_first_call { self.slots.take(task, (&tenant, priority)) } else { None };
        if slot.is_some() {
            plan::advance(self, &run, &mut draft).await?;
        }
        let version = draft.state()?.version;
        draft.answer = repeat.map(|repeat| repeat.answered(format!("{task} {version}"), draft.at));
        // From before the commit on, so that nobody else brings the task to life with a state that the warrant is not of.
        let Posted::Opened(residence) = self.residents.post(task, Mail::Wake) else {
            return Err(Trouble::Rejected(Rejection::Exists));
        };
        let foundling = Foundling { shared: self, sleeper: Some(Sleeper { task, tenant, priority }) };
        let written = self.write(draft).await?;
        let state = written.state.clone();
        self.adopt(residence, Born { state: written.state, run, warrants: written.warrants, slot });
        foundling.adopted();
        Ok(state)
    }
}

/// A task whose commit was begun: unless it is adopted, somebody looks after a while whether it is there. The caller may have
/// hung up, or the answer to the commit may be lost.
struct Foundling<'a> {
    shared: &'a Shared,
    sleeper: Option<Sleeper>,
}

impl Foundling<'_> {
    fn adopted(mut self) {
        self.sleeper = None;
    }
}

impl Drop for Foundling<'_> {
    fn drop(&mut self) {
        if let Some(sleeper) = self.sleeper.take() {
            self.shared.timers.set(sleeper, self.shared.now().plus_ms(FOUNDLING_MS));
        }
    }
}

struct Given<'a> {
    caller: &'a Caller,
    submit: &'a Submit,
    goal: StoredGoal,
    input: Option<scalbotics_core::payload::Ref>,
    token: Option<scalbotics_core::payload::Ref>,
}

/// Checks what the envelope limits before any workflow is tried with it.
fn check_lens(goal: &Goal, input: &[u8]) -> Result<(), EnvelopeError> {
    let goal_len = match goal {
        Goal::Text(text) => text.len(),
        Goal::Workflow(_) => 0,
    };
    let limits = [("goal", goal_len, GOAL_LEN_MAX), ("input", input.len(), INPUT_LEN_MAX)];
    match limits.into_iter().find(|(_, found, max)| found > max) {
        Some((field, found, max)) => Err(EnvelopeError::Limit { field, found: found as u64, max: max as u64 }),
        None => Ok(()),
    }
}
