//! Tools that do their work, or half of it, late, unheard, or never.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use scalbotics_core::agent::Standing;
use scalbotics_core::audit::{Kind, Record};
use scalbotics_core::policy::Warrant;
use scalbotics_core::ports::{AuditLog, AuditQuery, Clock as _, Registry, Stop, TaskLog, ToolRunner};
use scalbotics_core::task::Event;
use scalbotics_core::time::Timestamp;
use scalbotics_core::tool::{Call, Definition, EffectClass, NotDone, Outcome, ResolvedInput, Verification};

use super::outside::Sending;
use super::stage::Stage;
use crate::MemoryStore;

/// The hands of a life.
#[derive(Debug)]
pub(super) struct Hands {
    pub(super) stage: Arc<Stage>,
    pub(super) store: Arc<MemoryStore>,
}

/// What a tool says at its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Say {
    Landed,
    Failed,
    NeverLeft,
    Unknown,
    /// Runs until it is stopped.
    Nothing,
}

/// What one run does.
#[derive(Debug, Clone, Copy)]
struct Script {
    before_ms: u64,
    sends: bool,
    lag_ms: u64,
    after_ms: u64,
    say: Say,
    obeys: bool,
    dies: (bool, bool),
}

/// A process; when its daemon dies it may live on.
struct Process<'a> {
    stage: &'a Stage,
    sending: Option<Sending>,
    deadline: Timestamp,
    /// For how long it would live on; drawn at its start, since a runtime drops its tasks in an order that is not the seed's.
    outlives_ms: Option<u64>,
}

impl Drop for Process<'_> {
    fn drop(&mut self) {
        let Some(sending) = self.sending.take().filter(|_| self.stage.weather.is_dead()) else { return };
        let Some(outlives_ms) = self.outlives_ms else { return };
        let at = self.stage.clock.now().plus_ms(outlives_ms);
        if at < self.deadline {
            self.stage.outside.leave(sending, at);
        }
    }
}

impl Hands {
    fn script(&self, tool: &Definition, attempt: u32) -> Script {
        let chance = &self.stage.chance;
        let calm =
            Script { before_ms: 10, sends: true, lag_ms: 0, after_ms: 10, say: Say::Landed, obeys: true, dies: (false, false) };
        if self.stage.weather.is_calm() {
            return calm;
        }
        let long_ms = tool.timeout.as_ms() + 8_000;
        let wait_ms = |chance: &super::chance::Chance| match chance.below(10) {
            0..2 => chance.between(0, long_ms),
            2..5 => chance.between(0, 2_000),
            _ => chance.between(0, 20),
        };
        let lag_max_ms = match tool.effect {
            EffectClass::Verifiable => tool.settle_after.as_ms().saturating_sub(1),
            // A target's memory of a key starts when the first request arrives, so a later one has to be prompt.
            EffectClass::Keyed if attempt == 1 => tool.key_ttl.as_ms().min(10_000),
            EffectClass::Keyed => 0,
            EffectClass::Pure | EffectClass::Opaque => 5_000,
        };
        let (sends, say) = match chance.below(100) {
            0..50 => (true, Say::Landed),
            50..58 => (true, Say::Unknown),
            58..66 => (false, Say::Unknown),
            66..72 => (false, Say::Failed),
            72..82 => (false, Say::NeverLeft),
            82..91 => (true, Say::Nothing),
            91..96 => (false, Say::Nothing),
            _ => (true, Say::Landed),
        };
        let lag_ms = match (say, chance.below(4)) {
            (Say::Landed, _) => 0,
            (_, 0) => lag_max_ms,
            (_, _) => chance.between(0, lag_max_ms),
        };
        Script {
            before_ms: wait_ms(chance),
            sends,
            lag_ms,
            after_ms: wait_ms(chance),
            say,
            obeys: chance.in_thousand(800),
            dies: (chance.in_thousand(25), chance.in_thousand(35)),
        }
    }

    /// Nothing runs before its intent is durable and audited, nor for an agent that may not act (semantics §2.1).
    async fn check(&self, warrant: &Warrant<Call>) {
        let (call, attempt, trace) = (warrant.act(), warrant.attempt(), &self.stage.trace);
        let events = self.store.events(&call.tenant, call.task, 0, 1_000).await.unwrap_or_default();
        let intended = events.iter().any(|stored| {
            matches!(&stored.event, Event::Intended { intent, attempt: of, .. }
                if (intent.effect, *of, intent.call) == (call.effect, attempt, call.mark))
        });
        trace.must(intended, || format!("{} attempt {attempt} runs without its intent", call.effect));
        let from = warrant.commit().audit_leaf;
        let query = AuditQuery { from, limit: 1, ..AuditQuery::default() };
        let leaves = self.store.read(&call.tenant, &query).await.unwrap_or_default();
        let record = leaves.first().and_then(|entry| serde_json::from_slice::<Record>(&entry.leaf).ok());
        let audited = record.is_some_and(|record| {
            let of = record.outcome.as_ref().and_then(|note| note.attempt);
            (record.kind, record.effect, of) == (Kind::Intent, Some(call.effect), Some(attempt))
        });
        trace.must(audited, || format!("{} attempt {attempt} runs without its audit leaf", call.effect));
        let agent = self.store.agent(call.agent).await.ok().flatten();
        let may_act =
            agent.is_some_and(|agent| agent.standing == Standing::Active && agent.epoch == warrant.commit().revocation_epoch);
        trace.must(may_act, || format!("{} attempt {attempt} runs for an agent that may not act", call.effect));
        let late = self.stage.clock.now() >= warrant.deadline();
        trace.must(!late, || format!("{} attempt {attempt} runs after its deadline", call.effect));
    }

    /// Waits; answers whether it was told to stop and obeys.
    async fn wait(&self, ms: u64, script: &Script, stop: &dyn Stop) -> bool {
        let stopped = tokio::select! {
            biased;
            () = stop.stopped(), if script.obeys => true,
            () = tokio::time::sleep(Duration::from_millis(ms)) => false,
        };
        self.stage.weather.pass().await;
        stopped
    }

    async fn work(&self, process: &mut Process<'_>, script: &Script, stop: &dyn Stop) -> Outcome {
        let unknown = || Outcome::Unknown { reason: "it was stopped".to_owned() };
        let void = || Outcome::NeverLeft { reason: NotDone::Void { reason: "it was stopped".to_owned() } };
        if self.wait(script.before_ms, script, stop).await || self.stage.clock.now() >= process.deadline {
            process.sending = None;
            return void();
        }
        if script.dies.0 {
            self.stage.weather.perish().await;
        }
        if let Some(sending) = process.sending.take().filter(|_| script.sends) {
            self.stage.outside.send(sending, script.lag_ms);
        }
        if script.dies.1 {
            self.stage.weather.perish().await;
        }
        if self.wait(script.after_ms, script, stop).await {
            return unknown();
        }
        match script.say {
            Say::Landed => Outcome::Landed { output: b"{\"word\":\"done\"}".to_vec(), truncated: false },
            Say::Failed => Outcome::Failed { reason: "it did not work".to_owned() },
            Say::NeverLeft => {
                let reason = "nothing there".to_owned();
                let reason = if self.stage.chance.in_thousand(300) {
                    NotDone::Arguments { reason }
                } else {
                    NotDone::Unavailable { reason }
                };
                Outcome::NeverLeft { reason }
            }
            Say::Unknown => Outcome::Unknown { reason: "no reply".to_owned() },
            Say::Nothing => {
                if script.obeys {
                    stop.stopped().await;
                } else {
                    std::future::pending::<()>().await;
                }
                self.stage.weather.pass().await;
                unknown()
            }
        }
    }
}

#[async_trait]
impl ToolRunner for Hands {
    /// One program, which never changes: recovery has to carry its digest over every crash.
    async fn resolve(&self, tool: &Definition, _: &Call) -> Result<Vec<ResolvedInput>, NotDone> {
        Ok(vec![ResolvedInput { name: format!("program /bin/{}", tool.id), digest: tool.digest }])
    }

    async fn run(&self, tool: &Definition, warrant: Warrant<Call>, stop: &dyn Stop) -> Outcome {
        let stage = &self.stage;
        stage.weather.pass().await;
        self.check(&warrant).await;
        let (call, attempt) = (warrant.act(), warrant.attempt());
        let sending = Sending::of(call, attempt, tool.key_ttl.as_ms());
        stage.outside.begin(&sending);
        let script = self.script(tool, attempt);
        let now = stage.clock.now().unix_ms();
        stage.trace.note(format!("{now} run {} {:?} {} attempt {attempt}: {script:?}", tool.id, tool.effect, call.effect));
        let outlives_ms = Some(stage.chance.between(0, 20_000)).filter(|_| stage.chance.in_thousand(600));
        let mut process = Process { stage, sending: Some(sending), deadline: warrant.deadline(), outlives_ms };
        let outcome = self.work(&mut process, &script, stop).await;
        let told = match &outcome {
            Outcome::Landed { .. } => "landed",
            Outcome::Failed { .. } => "failed",
            Outcome::NeverLeft { .. } => "never left",
            Outcome::Unknown { .. } => "unknown",
        };
        stage.outside.tell(call.effect, attempt, told);
        stage.trace.note(format!("{} {} attempt {attempt}: {told}", stage.clock.now().unix_ms(), call.effect));
        outcome
    }

    async fn verify(&self, _: &Definition, call: &Call) -> (Verification, Option<Vec<u8>>) {
        let stage = &self.stage;
        stage.weather.pass().await;
        // What is answered is what was there when the question arrived, however long the answer takes.
        let there = stage.outside.is_there(call.effect);
        let calm = stage.weather.is_calm();
        let known = calm || stage.chance.in_thousand(850);
        let asked_at = stage.clock.now().unix_ms();
        if !calm && stage.chance.in_thousand(400) {
            tokio::time::sleep(Duration::from_millis(stage.chance.between(0, 20_000))).await;
            stage.weather.pass().await;
        }
        if !calm && stage.chance.in_thousand(40) {
            stage.weather.perish().await;
        }
        let answer = match (known, there) {
            (false, _) => (Verification::Unknown, None),
            (true, false) => (Verification::NotLanded, None),
            (true, true) if calm || stage.chance.in_thousand(900) => (Verification::Landed, Some(b"done".to_vec())),
            (true, true) => (Verification::Landed, None),
        };
        let now = stage.clock.now().unix_ms();
        stage.trace.note(format!("{now} verify {} asked at {asked_at}: {:?}", call.effect, answer.0));
        answer
    }

    async fn prove_dead(&self, _: &Definition, call: &Call, attempt: u32) -> bool {
        let stage = &self.stage;
        stage.weather.pass().await;
        if !stage.weather.is_calm() && stage.chance.in_thousand(20) {
            stage.weather.perish().await;
        }
        let dead = stage.weather.is_calm() || stage.chance.in_thousand(970);
        if dead {
            stage.outside.kill(call.effect);
        }
        stage.trace.note(format!("{} attempt {attempt} is dead: {dead}", call.effect));
        dead
    }
}
