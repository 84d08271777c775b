//! Settling a call whose intent is durable and whose outcome is not: after a crash, or when a boundary could not tell.
//!
//! **Invariant:** leftovers are proven dead before anything else is done (semantics §2.6); then the class decides (§2.5),
//! and another attempt needs a fresh decision (§2.4). Killed anywhere in here, the next start finds the same open call.

use std::sync::Arc;

use scalbotics_core::agent::Standing;
use scalbotics_core::conversation::Heard;
use scalbotics_core::failpoint;
use scalbotics_core::ids::{EffectId, TaskId};
use scalbotics_core::payload::Salt;
use scalbotics_core::ports::StoreError;
use scalbotics_core::task::{CallState, Command, Doubt, Failure, Phase, State};
use scalbotics_core::time::Timestamp;
use scalbotics_core::tool::{Call, Definition, EffectClass, Kind, Mark, ResolvedInput, Verification, call_digest};

use super::actor::{Actor, Step};
use super::conclude::{take, worst};
use super::draft::{Draft, Trouble};
use super::executor::Shared;
use super::plan;
use super::stop::{Ending, Signal};
use crate::timers::Sleeper;
use crate::tool::{Asked, Ruled};

/// Attempts of one effect over all restarts; a crash in each of them means that the call itself brings the daemon down.
const ATTEMPTS_MAX: u32 = 20;

/// Time between two questions to a target that does not know yet, in milliseconds.
const ASK_AGAIN_MS: u64 = 5_000;

/// Time that a `verify` may take beyond the tool's own limit, in milliseconds.
const VERIFY_GRACE_MS: u64 = 5_000;

/// How long after its deadline an attempt on another machine may be on its way to its end, in milliseconds: the five seconds that a request has to
/// answer, and what a busy machine adds.
const ELSEWHERE_MARGIN_MS: u64 = 10_000;

/// Tasks read at once at start.
const PAGE: usize = 500;

/// A call as recovery needs it.
struct Open {
    effect: EffectId,
    known: CallState,
    tool: Arc<Definition>,
    call: Call,
    args: serde_json::Value,
    /// What its mark is under.
    salt: Option<Salt>,
}

/// Why another attempt is not made.
enum Denied {
    /// By a decision, which is recorded.
    Ruled(Box<Ruled>),
    /// Without asking policy.
    Because(Doubt, String),
}

impl Shared {
    /// Brings every unfinished task back: what can move is queued, what waits gets its timer. Does not wait for any of them.
    pub(super) async fn recover(self: &Arc<Self>) -> Result<usize, StoreError> {
        let (mut after, mut count): (Option<TaskId>, usize) = (None, 0);
        loop {
            let page = self.ports.task_log.unfinished(after, PAGE).await?;
            let Some(last) = page.last() else { return Ok(count) };
            after = Some(last.envelope.id);
            count += page.len();
            for state in &page {
                match &state.login {
                    Some(login) => self.bring_back_waiting(state, login).await?,
                    None => self.bring_back(state),
                }
            }
        }
    }

    fn bring_back(&self, state: &State) {
        let envelope = &state.envelope;
        let sleeper = Sleeper { task: envelope.id, tenant: envelope.tenant.clone(), priority: envelope.priority };
        let waits_until = state.calls.values().find_map(|call| match &call.phase {
            Phase::Waiting { expires_at, .. } => Some(Some(*expires_at)),
            Phase::InDoubt { .. } => Some(None),
            Phase::Approved { .. } | Phase::Sent | Phase::Ready | Phase::Landed { .. } | Phase::Failed { .. } => None,
        });
        let open = state.open_calls().next().is_some();
        match waits_until {
            Some(Some(expires_at)) if !open => self.timers.set(sleeper, expires_at.min(envelope.deadline)),
            Some(None) if !open => {}
            Some(_) | None => self.slots.enqueue(sleeper),
        }
    }
}

impl Actor {
    /// Settles one open call.
    pub(super) async fn recover(&mut self, effect: EffectId) -> Result<Step, Trouble> {
        let now = self.shared.now();
        if let Some(not_before) = self.tries.not_before.filter(|_| self.tries.effect == Some(effect))
            && now < not_before
        {
            return Ok(Step::Rest(Some(not_before)));
        }
        let open = match self.open(effect).await? {
            Ok(open) => open,
            Err(words) => return self.give_up(effect, Denied::Because(Doubt::OutcomeUnknown, words)).await,
        };
        let tool_runner = Arc::clone(&self.shared.ports.tools);
        if !tool_runner.prove_dead(&open.tool, &open.call, open.known.attempt).await {
            // Whoever has a warrant ends before its deadline, also where nobody can be asked.
            let over = open.known.send_deadline.map_or(now, |deadline| deadline.plus_ms(ELSEWHERE_MARGIN_MS));
            if open.known.intent.class == EffectClass::Opaque || !self.may_go_on_elsewhere(&open).await? {
                return self.park(effect, Doubt::LeftoverAlive).await;
            }
            if self.shared.now() < over {
                return Ok(Step::Rest(Some(soon(self.shared.now(), over))));
            }
        }
        match open.known.intent.class {
            EffectClass::Opaque => self.park(effect, Doubt::Opaque).await,
            EffectClass::Verifiable => self.verify(open).await,
            EffectClass::Pure | EffectClass::Keyed => self.again(open).await,
        }
    }

    /// Whether a worker runs the call whose agent may act: it can be made again once its time is over, and by nobody else.
    async fn may_go_on_elsewhere(&self, open: &Open) -> Result<bool, Trouble> {
        let Kind::Worker(manifest) = &open.tool.kind else { return Ok(false) };
        let Some(worker) = &manifest.worker else { return Ok(false) };
        let found = self.shared.ports.registry.agent_by_name(&self.tenant, worker).await?;
        Ok(found.is_some_and(|agent| agent.standing == Standing::Active))
    }

    async fn park(&mut self, effect: EffectId, doubt: Doubt) -> Result<Step, Trouble> {
        let park = |draft: &mut Draft| {
            draft.lapse_login()?;
            draft.apply(Command::Park { effect, doubt })
        };
        self.commit(|_, draft| park(draft)).await
    }

    /// The open call with its tool and bytes; `Err` in words when one of them is gone.
    async fn open(&mut self, effect: EffectId) -> Result<Result<Open, String>, Trouble> {
        if let Err(words) = self.ensure_run().await? {
            return Ok(Err(words));
        }
        let state = self.state()?;
        let Some(known) = state.calls.get(&effect).cloned() else { return Ok(Err("the call is unknown".to_owned())) };
        let tool = self.run.as_ref().and_then(|run| run.tool_of(&self.shared, state, effect));
        let Some(tool) = tool else { return Ok(Err(format!("tool `{}` is gone", known.intent.tool))) };
        let (salt, bytes) = match self.shared.vault.reveal(&state.envelope.tenant, &known.intent.args).await {
            Ok(payload) => (payload.salt, payload.bytes),
            Err(crate::vault::OpenError::Store(error)) => return Err(error.into()),
            Err(error) => return Ok(Err(error.to_string())),
        };
        let inputs = match self.shared.vault.open_inputs(&state.envelope.tenant, known.intent.inputs.as_ref()).await {
            Ok(inputs) => inputs,
            Err(crate::vault::OpenError::Store(error)) => return Err(error.into()),
            Err(error) => return Ok(Err(error.to_string())),
        };
        let Ok(args) = scalbotics_core::json::parse(&bytes) else { return Ok(Err("the arguments are not JSON".to_owned())) };
        let salt = known.intent.call.is_salted().then_some(salt);
        let call = call(state, &known, (bytes.into(), inputs), salt.as_ref());
        if call.mark != known.intent.call {
            return Ok(Err("the call is not the one that was decided".to_owned()));
        }
        Ok(Ok(Open { effect, known, tool, call, args, salt }))
    }

    /// Another attempt, same key and bytes, or the end of trying.
    async fn again(&mut self, open: Open) -> Result<Step, Trouble> {
        let effect = open.effect;
        if let Some(denied) = self.forbidden(&open)? {
            return self.give_up(effect, denied).await;
        }
        let Some(in_force) = self.shared.states.current(&self.tenant) else {
            let denied = Denied::Because(Doubt::PolicyDenies, "no desired state is in force".to_owned());
            return self.give_up(effect, denied).await;
        };
        if in_force.tools.get(&open.tool.id).is_none_or(|tool| tool.digest != open.tool.digest) {
            let words = format!("tool `{}` was changed since the call was decided", open.tool.id);
            return self.give_up(effect, Denied::Because(Doubt::PolicyDenies, words)).await;
        }
        let args = open.tool.seen_by_policy(open.args, open.call.args.len());
        let asked = Asked {
            state: self.state()?,
            effect,
            tool: &open.tool,
            args: &args,
            canonical: Arc::clone(&open.call.args),
            salt: open.salt,
            inputs: &open.call.inputs,
            in_force: &in_force,
        };
        let ruled = self.shared.gate.ask(&asked).await?;
        let Ruled { decision, permit: Some(permit), agent_epoch, .. } = ruled else {
            return self.denied(&open.known, ruled).await;
        };
        let mut draft = self.draft()?;
        draft.lapse_login()?;
        draft.agent_epoch = agent_epoch;
        draft.decisions.push(decision);
        let deadline = plan::send_deadline(draft.at, open.known.intent.timeout.as_ms());
        let how = if open.known.intent.class == EffectClass::Keyed { "asked again by its key" } else { "made again" };
        draft.intend(open.known.intent, permit, (&open.tool, deadline))?;
        match self.write(draft).await {
            Ok(()) => {
                tracing::info!(task = %self.task, %effect, "{}: its outcome was not known, {how}", open.tool.id);
                Ok(Step::Go)
            }
            Err(StoreError::Full | StoreError::Quota { .. } | StoreError::Unwitnessed | StoreError::Revoked { .. }) => {
                Ok(Step::Rest(Some(self.shared.now().plus_ms(1_000))))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The call waits for the login that would let it be attempted again, unless one was waited for in vain; or else trying ends.
    async fn denied(&mut self, known: &CallState, ruled: Ruled) -> Result<Step, Trouble> {
        let waited = self.state()?.login.is_some();
        let Some(stale) = ruled.stale.filter(|_| !waited) else {
            return self.give_up(known.intent.effect, Denied::Ruled(Box::new(ruled))).await;
        };
        let (intent, decision) = (&known.intent, ruled.decision.id);
        let key_end = known.first_sent_at.map(|first| first.plus_ms(intent.key_ttl.as_ms()));
        let until = key_end.filter(|_| intent.class == EffectClass::Keyed);
        let mut draft = self.draft()?;
        draft.decisions.push(ruled.decision);
        draft.ask_login(stale, (intent.step.clone(), intent.tool.clone(), intent.tier), (decision, until))?;
        match self.write(draft).await {
            Ok(()) => Ok(Step::Go),
            Err(StoreError::Full | StoreError::Quota { .. }) => Ok(Step::Rest(Some(self.shared.now().plus_ms(1_000)))),
            Err(error) => Err(error.into()),
        }
    }

    /// Why the call may not be attempted again whatever policy says.
    fn forbidden(&self, open: &Open) -> Result<Option<Denied>, Trouble> {
        let (state, call, now) = (self.state()?, &open.known, self.shared.now());
        let because = |doubt, words: &str| Some(Denied::Because(doubt, words.to_owned()));
        let key_over = call.first_sent_at.is_some_and(|first| now >= first.plus_ms(call.intent.key_ttl.as_ms()));
        Ok(if state.cancel_requested_by.is_some() {
            because(Doubt::OutcomeUnknown, "the task is canceled")
        } else if now >= state.envelope.deadline {
            because(Doubt::OutcomeUnknown, "time is up")
        } else if call.intent.class == EffectClass::Keyed && key_over {
            because(Doubt::KeyExpired, "the life of the idempotency key is over")
        } else if call.is_lost_ask() && !state.account.affords(call.intent.worst, &state.envelope.budget) {
            because(Doubt::OutcomeUnknown, "an answer of the model was lost, and the budget has no room for another")
        } else if call.attempt >= ATTEMPTS_MAX || self.is_tried_enough(open.effect) {
            because(Doubt::OutcomeUnknown, &format!("it came to nothing {} times: {}", call.attempt, self.tries.words))
        } else {
            None
        })
    }

    /// Ends trying: a pure call has failed, for it changed nothing; any other is in doubt.
    async fn give_up(&mut self, effect: EffectId, denied: Denied) -> Result<Step, Trouble> {
        let state = self.state()?;
        let Some(known) = state.calls.get(&effect).cloned() else { return Ok(Step::Go) };
        let (attempt, pure) = (known.attempt, known.intent.class == EffectClass::Pure);
        let timed_out = self.shared.now() >= state.envelope.deadline;
        let mut draft = self.draft()?;
        draft.lapse_login()?;
        match denied {
            Denied::Because(doubt, _) if !pure => draft.apply(Command::Park { effect, doubt })?,
            Denied::Because(_, words) if timed_out => {
                let failure = plan::time_over(draft.state()?);
                let reason = draft.seal_words(&self.shared.vault, &words)?;
                let spent = worst(draft.state()?, effect);
                draft.apply(Command::RecordFailed { effect, attempt, reason, spent })?;
                if !draft.state()?.status.is_final() {
                    draft.apply(Command::Fail { failure, detail: Some(reason) })?;
                }
            }
            Denied::Because(_, words) => self.note_failed_for_good(&mut draft, effect, attempt, (Failure::ToolFailed, &words))?,
            Denied::Ruled(ruled) => self.note_denied(&mut draft, &known, *ruled)?,
        }
        match self.write(draft).await {
            Ok(()) => {
                // What a model is told of it is read anew.
                self.run = None;
                Ok(Step::Go)
            }
            Err(StoreError::Full) => Ok(Step::Rest(Some(self.shared.now().plus_ms(1_000)))),
            Err(error) => Err(error.into()),
        }
    }

    fn note_denied(&self, draft: &mut Draft, known: &CallState, ruled: Ruled) -> Result<(), Trouble> {
        let (effect, attempt, decision) = (known.intent.effect, known.attempt, ruled.decision.id);
        draft.decisions.push(ruled.decision);
        if known.intent.class != EffectClass::Pure {
            draft.apply(Command::Park { effect, doubt: Doubt::PolicyDenies })?;
            draft.note_decision(decision);
            return Ok(());
        }
        let reason = draft.seal_words(&self.shared.vault, "policy denies another attempt")?;
        let spent = worst(draft.state()?, effect);
        draft.apply(Command::RecordFailed { effect, attempt, reason, spent })?;
        let state = draft.state()?;
        if state.status.is_final() {
            return Ok(());
        }
        // While others are open the task cannot end; it does when this step comes to its turn again.
        if state.open_calls().next().is_some() {
            draft.note_decision(decision);
            return Ok(());
        }
        let (step, tool, tier) = (known.intent.step.clone(), known.intent.tool.clone(), known.intent.tier);
        let told = ruled.failure == Failure::PolicyDenied && state.path.tells(&tool);
        draft.apply(Command::Refuse { step, tool, tier, decision, failure: (!told).then_some(ruled.failure) })
    }

    /// Asks the target, which changes nothing and needs no authority.
    async fn verify(&mut self, open: Open) -> Result<Step, Trouble> {
        let (effect, now) = (open.effect, self.shared.now());
        let intent = &open.known.intent;
        let settled_at = open.known.send_deadline.unwrap_or(now).plus_ms(intent.settle_after.as_ms());
        let deadline = now.plus_ms(open.tool.timeout.as_ms().saturating_add(VERIFY_GRACE_MS));
        let tool_runner = Arc::clone(&self.shared.ports.tools);
        failpoint!("verify.before");
        let asking = tool_runner.verify(&open.tool, &open.call);
        let answer = self.attend(asking, &Signal::default(), Ending::at(deadline, EffectClass::Pure)).await;
        failpoint!("verify.after");
        let (verification, output) = answer.unwrap_or((Verification::Unknown, None));
        // The answer may have been true when the question arrived and was slow to come: only the time of asking counts.
        match verification {
            Verification::Landed => self.landed(effect, &open.tool, output).await,
            Verification::NotLanded if now < settled_at => Ok(Step::Rest(Some(settled_at))),
            Verification::Unknown if now < settled_at => Ok(Step::Rest(Some(soon(self.shared.now(), settled_at)))),
            Verification::NotLanded | Verification::Unknown => {
                let command = || Command::RecordVerification { effect, verification, result: None };
                self.commit(|_, draft| draft.apply(command())).await
            }
        }
    }

    async fn landed(&mut self, effect: EffectId, tool: &Definition, output: Option<Vec<u8>>) -> Result<Step, Trouble> {
        // A text tool that says nothing has said the empty text.
        let output = output.or_else(|| tool.output.is_none().then(Vec::new));
        let mut draft = self.draft()?;
        let result = match &output {
            Some(output) => Some(draft.seal(&self.shared.vault, output.clone())?),
            None => None,
        };
        draft.apply(Command::RecordVerification { effect, verification: Verification::Landed, result })?;
        if let Some(output) = output {
            take(self.run.as_mut(), &self.shared.vault, &mut draft, effect, Heard::Landed { output, truncated: false })?;
        }
        match self.write(draft).await {
            Ok(()) => {
                let task = self.task;
                tracing::info!(%task, %effect, "{}: its outcome was not known, its target says LANDED, not repeated", tool.id);
                Ok(Step::Go)
            }
            Err(StoreError::Full) => Ok(Step::Rest(Some(self.shared.now().plus_ms(1_000)))),
            Err(error) => Err(error.into()),
        }
    }
}

fn soon(now: Timestamp, latest: Timestamp) -> Timestamp {
    now.plus_ms(ASK_AGAIN_MS).min(latest)
}

/// The call of an intent, with its bytes and inputs.
fn call(state: &State, known: &CallState, (args, inputs): (Arc<[u8]>, Vec<ResolvedInput>), salt: Option<&Salt>) -> Call {
    let (envelope, intent) = (&state.envelope, &known.intent);
    let digest = call_digest(&envelope.chain, &intent.tool_digest, &args, &inputs);
    Call {
        task: envelope.id,
        effect: intent.effect,
        tenant: envelope.tenant.clone(),
        agent: envelope.agent,
        agent_name: envelope.agent_name.clone(),
        tool: intent.tool.clone(),
        tool_digest: intent.tool_digest,
        tier: intent.tier,
        class: intent.class,
        args,
        inputs,
        mark: Mark::of(&digest, salt),
    }
}
