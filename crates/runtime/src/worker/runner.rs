//! The runner of the tools that name a worker; other tools run through another runner.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use scalbotics_core::agent::{Agent, Standing};
use scalbotics_core::digest::Digest;
use scalbotics_core::identity::{SpiffeId, Subject, TrustDomain};
use scalbotics_core::ids::DecisionId;
use scalbotics_core::policy::Warrant;
use scalbotics_core::ports::{Clock, Registry, Stop, ToolRunner};
use scalbotics_core::time::Timestamp;
use scalbotics_core::tool::{
    Call, Definition, EffectClass, KeyPassing, Kind, Manifest, NotDone, Outcome, ResolvedInput, Template, Values, Verification,
};
use scalbotics_core::worker::{Act, CallWarrant, QUESTION, START_WITHIN_MS};
use serde_json::{Map, Value};

use super::outcome::{outcome, verification};
use super::posts::{NotGiven, Waiting};
use super::{Key, Posts, Word};

/// How long a call waits for its worker, which may be on its way back from a lost connection. It is shorter than the time in which a call has
/// to begin.
const WAIT: Duration = Duration::from_secs(3);

/// How long a leftover's worker is waited for, and for its answer: as long as one needs to find a daemon that was begun anew.
const LEFTOVER_WAIT: Duration = Duration::from_secs(10);

/// How often it is looked whether the worker's agent may still act.
const LOOK: Duration = Duration::from_secs(1);

/// How long after the end of a program its report may come.
const REPORT_GRACE: Duration = Duration::from_secs(5);

/// Where workers are known, and by which names.
#[derive(Debug, Clone)]
pub struct Place {
    /// Who attends.
    pub posts: Posts,
    /// The agents.
    pub registry: Arc<dyn Registry>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// The installation's trust domain.
    pub trust_domain: TrustDomain,
}

/// Has workers carry out the calls of the tools that name one.
#[derive(Debug)]
pub struct Runner {
    inner: Arc<dyn ToolRunner>,
    place: Place,
}

impl Runner {
    /// Puts the parts together.
    #[must_use]
    pub const fn new(inner: Arc<dyn ToolRunner>, place: Place) -> Self {
        Self { inner, place }
    }

    /// The agent whose worker runs a tool, as it is now.
    async fn worker(&self, manifest: &Manifest, call: &Call) -> Result<Agent, NotDone> {
        let unavailable = |reason: String| NotDone::Unavailable { reason };
        let name = manifest.worker.as_ref().ok_or_else(|| unavailable("it names no worker".to_owned()))?;
        let found = self.place.registry.agent_by_name(&call.tenant, name).await;
        let found = found.map_err(|error| unavailable(format!("the registry cannot be read: {error}")))?;
        match found {
            Some(agent) if agent.standing == Standing::Active => Ok(agent),
            Some(_) => Err(unavailable(format!("agent `{name}`, whose worker runs it, is suspended"))),
            None => Err(unavailable(format!("there is no agent `{name}`, whose worker would run it"))),
        }
    }

    /// Gives a call to its worker, once that attends.
    async fn give(&self, (tool, manifest): (&Definition, &Manifest), call: &Call, terms: Terms) -> Result<Waiting, NotDone> {
        let agent = self.worker(manifest, call).await?;
        let absent = || {
            let agent = &agent.name;
            NotDone::Unavailable {
                reason: format!("the worker of agent `{agent}` does not attend: `scalbotics agent run {agent} --help`"),
            }
        };
        // A worker that has enough to do fails no task: the call waits, as for room on a disk.
        let busy = || NotDone::NoRoom { reason: format!("the worker of agent `{}` has no free place", agent.name) };
        if !self.place.posts.wait_for_place(agent.uid, WAIT).await {
            return Err(if self.place.posts.is_attended(agent.uid) { busy() } else { absent() });
        }
        let warrant = self.warrant((tool, manifest), call, (&agent, terms))?;
        // Read again, for the wait may have taken its time: what it was suspended for in between does not reach it.
        let now = self.worker(manifest, call).await?;
        let arguments = Arc::clone(&call.args);
        self.place.posts.give((now.uid, now.epoch), warrant, arguments).map_err(|refused| match refused {
            NotGiven::Absent => absent(),
            NotGiven::Busy => busy(),
        })
    }

    fn warrant(
        &self,
        (tool, manifest): (&Definition, &Manifest),
        call: &Call,
        (worker, terms): (&Agent, Terms),
    ) -> Result<CallWarrant, NotDone> {
        let refused = |reason: String| NotDone::Arguments { reason };
        let now = self.place.clock.now();
        if now >= terms.not_after {
            return Err(NotDone::Void { reason: "its deadline has passed".to_owned() });
        }
        let arguments: Map<String, Value> = serde_json::from_slice(&call.args).map_err(|error| refused(error.to_string()))?;
        let key = call.idempotency_key();
        let values = Values { arguments: &arguments, idempotency_key: &key };
        let argv = match terms.act {
            Act::Run => &manifest.argv,
            Act::Verify => manifest.verify.as_ref().ok_or_else(|| refused("it cannot be asked about".to_owned()))?,
        };
        let argv = Template::parse(argv).and_then(|template| template.fill(values));
        let mut env = manifest.env.clone();
        if let Some(KeyPassing::Env(name)) = &manifest.idempotency_key {
            env.insert(name.clone(), key.clone());
        }
        let not_after = terms.not_after.min(now.plus_ms(START_WITHIN_MS));
        let subject = Subject::Agent { tenant: worker.tenant.clone(), agent: worker.name.clone() };
        Ok(CallWarrant {
            act: terms.act,
            worker: SpiffeId::new(self.place.trust_domain.clone(), &subject),
            task: call.task,
            effect: call.effect,
            attempt: terms.attempt,
            agent: call.agent,
            tool: call.tool.clone(),
            tool_digest: call.tool_digest,
            call: *call.mark.shown(),
            class: call.class,
            argv: argv.map_err(|error| refused(error.to_string()))?,
            env,
            arguments: Digest::of_bytes(&call.args),
            decision: terms.decision,
            audit_leaf: terms.audit_leaf,
            not_after,
            begin_within_ms: not_after.since_ms(now),
            time_limit_ms: tool.timeout.as_ms(),
            output_bytes: manifest.limits.output_bytes,
        })
    }

    async fn send(
        &self,
        (tool, manifest): (&Definition, &Manifest),
        warrant: &Warrant<Call>,
        stop: &dyn Stop,
    ) -> Result<Outcome, NotDone> {
        let call = warrant.act();
        if tool.digest != call.tool_digest {
            return Err(NotDone::Void { reason: "it was given for another version of the tool".to_owned() });
        }
        let terms = Terms {
            act: Act::Run,
            attempt: warrant.attempt(),
            decision: Some(warrant.decision()),
            audit_leaf: Some(warrant.commit().audit_leaf),
            not_after: begin_before(warrant.deadline(), tool),
        };
        let mut waiting = tokio::select! {
            biased;
            given = self.give((tool, manifest), call, terms) => given?,
            () = stop.stopped() => return Err(NotDone::Void { reason: "the task stops".to_owned() }),
        };
        Ok(outcome(tool, self.await_word((tool, manifest), warrant, &mut waiting, stop).await))
    }

    /// Waits for the worker's word, tells it to stop in time, and waits no longer than its program may run and be reported.
    async fn await_word(
        &self,
        (tool, manifest): (&Definition, &Manifest),
        warrant: &Warrant<Call>,
        waiting: &mut Waiting,
        stop: &dyn Stop,
    ) -> Word {
        let waiting_epoch = waiting.epoch();
        let left_ms = warrant.deadline().since_ms(self.place.clock.now());
        let ended = async {
            tokio::select! {
                biased;
                word = waiting.word() => return word,
                () = self.unheard(manifest, warrant.act(), waiting_epoch) => return Word::Unknown,
                () = stop.stopped() => {}
            }
            waiting.stop(matches!(tool.effect, EffectClass::Pure | EffectClass::Keyed));
            waiting.word().await
        };
        tokio::time::timeout(Duration::from_millis(left_ms).saturating_add(REPORT_GRACE), ended).await.unwrap_or(Word::Unknown)
    }

    /// Returns once the worker's agent may not act any more, or has a newer epoch than the call was given under: nothing that is said under the
    /// older one counts, and it is not waited for. A registry that cannot be read says nothing.
    async fn unheard(&self, manifest: &Manifest, call: &Call, epoch: u64) {
        let Some(name) = &manifest.worker else { return };
        loop {
            tokio::time::sleep(LOOK).await;
            let found = self.place.registry.agent_by_name(&call.tenant, name).await;
            let holds =
                |agent: Option<Agent>| agent.is_some_and(|agent| agent.standing == Standing::Active && agent.epoch == epoch);
            if found.is_ok_and(|agent| !holds(agent)) {
                return;
            }
        }
    }
}

/// What a warrant says beside the call.
#[derive(Debug, Clone, Copy)]
struct Terms {
    act: Act,
    attempt: u32,
    decision: Option<DecisionId>,
    audit_leaf: Option<u64>,
    not_after: Timestamp,
}

/// When a call has to begin, so that it has ended by its deadline: after it nothing of the attempt may have an effect.
fn begin_before(deadline: Timestamp, tool: &Definition) -> Timestamp {
    let timeout = i64::try_from(tool.timeout.as_ms()).unwrap_or(i64::MAX);
    Timestamp::from_unix_ms(deadline.unix_ms().saturating_sub(timeout))
}

/// The number of a question that is asked at this moment: an answer to an earlier one, which comes late, is not taken for its own.
fn question(now: Timestamp) -> u32 {
    let ms = u32::try_from(now.unix_ms().unsigned_abs() & u64::from(QUESTION - 1)).unwrap_or(0);
    ms | QUESTION
}

#[async_trait]
impl ToolRunner for Runner {
    async fn resolve(&self, tool: &Definition, call: &Call) -> Result<Vec<ResolvedInput>, NotDone> {
        self.inner.resolve(tool, call).await
    }

    async fn run(&self, tool: &Definition, warrant: Warrant<Call>, stop: &dyn Stop) -> Outcome {
        let Kind::Worker(manifest) = &tool.kind else { return self.inner.run(tool, warrant, stop).await };
        let sent = self.send((tool, manifest), &warrant, stop).await;
        sent.unwrap_or_else(|reason| Outcome::NeverLeft { reason })
    }

    async fn verify(&self, tool: &Definition, call: &Call) -> (Verification, Option<Vec<u8>>) {
        let Kind::Worker(manifest) = &tool.kind else { return self.inner.verify(tool, call).await };
        let now = self.place.clock.now();
        let (attempt, not_after) = (question(now), now.plus_ms(START_WITHIN_MS));
        let terms = Terms { act: Act::Verify, attempt, decision: None, audit_leaf: None, not_after };
        let Ok(mut waiting) = self.give((tool, manifest), call, terms).await else { return (Verification::Unknown, None) };
        verification(tool, waiting.word().await)
    }

    async fn prove_dead(&self, tool: &Definition, call: &Call, attempt: u32) -> bool {
        let Kind::Worker(manifest) = &tool.kind else { return self.inner.prove_dead(tool, call, attempt).await };
        // What changes nothing may live on.
        if tool.effect == EffectClass::Pure {
            return true;
        }
        let Ok(agent) = self.worker(manifest, call).await else { return false };
        if !self.place.posts.wait(agent.uid, LEFTOVER_WAIT).await {
            return false;
        }
        let key = Key { effect: call.effect, attempt };
        let Ok(mut waiting) = self.place.posts.ask(agent.uid, key) else { return false };
        // Who had it says what became of it, and nothing before it has ended; one that knows nothing of it is another process.
        let said = tokio::time::timeout(LEFTOVER_WAIT, waiting.word()).await;
        matches!(said, Ok(Word::NotBegun { .. } | Word::Ended(_)))
    }
}
