//! People, and what befalls them: they submit, approve, race, cancel, settle, suspend and lose their roles.

use std::time::Duration;

use scalbotics_core::agent::{Agent, Standing};
use scalbotics_core::approval::{Answer, Reply, Request, Statement, Status};
use scalbotics_core::audit::Kind;
use scalbotics_core::ids::{EffectId, TaskId};
use scalbotics_core::ports::{ApprovalFilter, ApprovalStore, Human, Registry};
use scalbotics_core::task::{Phase, State};
use scalbotics_runtime::approval::SignedAnswer;
use scalbotics_runtime::task::{Goal, Limits, Settled, Submit, Word};
use serde_json::json;

use super::life::{Life, signature};
use super::stage::Asked;

/// Most tasks of a run.
const TASKS_MAX: usize = 10;

impl Life {
    /// One thing that somebody does, or that befalls the installation.
    pub(super) async fn happen(&self) {
        let (chance, life) = (&self.stage.chance, self.clone());
        match chance.below(100) {
            0..25 => self.supervisor.spawn("submits", async move { life.submit().await }),
            25..50 => self.answer(),
            50..54 => self.supervisor.spawn("cancels", async move { life.cancel().await }),
            54..63 => self.supervisor.spawn("settles", async move { life.settle_one().await }),
            63..66 => self.stand(Standing::Suspended).await,
            66..74 => self.stand(Standing::Active).await,
            74..77 => self.role(false).await,
            77..82 => self.role(true).await,
            82..85 => self.policy(),
            85..88 => self.disk(true),
            88..92 => self.disk(false),
            92..95 => self.clock(),
            95..97 => self.drain().await,
            _ => {
                self.stage.trace.note("the process is killed");
                self.stage.weather.die();
            }
        }
    }

    /// Everything comes back to where it lets tasks go on.
    pub(super) async fn restore(&self) {
        self.stage.trace.note("faults stop");
        self.stage.weather.calm_down();
        self.stage.engine.reset();
        self.disk(false);
        self.role(true).await;
        if self.stage.chance.in_thousand(700) {
            self.stand(Standing::Active).await;
        }
    }

    async fn submit(&self) {
        let stage = &self.stage;
        let (key, submit) = self.request();
        let mut caller = self.caller(&stage.world.human);
        caller.repeat_key = Some(key.clone());
        match self.tasks.submit(&caller, &submit).await {
            Ok(submitted) => {
                stage.trace.note(format!("{key} is {}, replayed: {}", submitted.task, submitted.replayed));
                let before = stage.asked(|asked| asked.get_mut(&key).and_then(|asked| asked.answered.replace(submitted.task)));
                let same = before.is_none_or(|before| before == submitted.task);
                stage.trace.must(same, || format!("{key} was answered with two tasks"));
            }
            Err(error) => stage.trace.note(format!("{key} is refused: {error}")),
        }
    }

    /// A new request, or one of before again.
    fn request(&self) -> (String, Submit) {
        let (stage, chance) = (&self.stage, &self.stage.chance);
        let known: Vec<(String, Submit)> =
            stage.asked(|asked| asked.iter().map(|(key, asked)| (key.clone(), asked.submit.clone())).collect());
        if known.len() >= TASKS_MAX || (chance.in_thousand(250) && !known.is_empty()) {
            return chance.pick(&known).cloned().unwrap();
        }
        let submit = Submit {
            agent: stage.world.agent.name.clone(),
            goal: Goal::Workflow(chance.pick(&stage.desired.workflows()).cloned().unwrap()),
            input: json!({"to": if chance.in_thousand(700) { "world" } else { "nobody" }}),
            limits: Limits {
                calls: chance.in_thousand(300).then(|| chance.between(1, 5)),
                tokens: None,
                seconds: chance.in_thousand(400).then(|| chance.between(10, 3_600)),
            },
            timeout_ms: chance.in_thousand(200).then(|| chance.between(1_000, 600_000)),
            priority: u8::try_from(chance.below(10)).unwrap_or(0),
        };
        let key = format!("key-{}", known.len());
        stage.asked(|asked| asked.insert(key.clone(), Asked { submit: submit.clone(), answered: None }));
        (key, submit)
    }

    /// One approver answers, or two race.
    fn answer(&self) {
        let racing = self.stage.chance.in_thousand(300);
        for human in self.stage.approvers.iter().take(if racing { 2 } else { 1 }) {
            let (life, human) = (self.clone(), human.clone());
            self.supervisor.spawn("answers", async move { life.decide(&human).await });
        }
    }

    async fn decide(&self, human: &Human) {
        let (stage, chance) = (&self.stage, &self.stage.chance);
        let filter = ApprovalFilter { status: None, before: None, limit: 100 };
        let list = ApprovalStore::list(stage.store().as_ref(), &stage.world.tenant, &filter).await.unwrap_or_default();
        let waiting: Vec<&Request> = list.iter().filter(|request| request.status == Status::Waiting).collect();
        let Some(request) = chance.pick(&waiting) else { return };
        let caller = self.caller(human);
        let Ok(shown) = self.approvals.get(&caller, request.id).await else { return };
        tokio::time::sleep(Duration::from_millis(chance.between(0, 500))).await;
        let answer = if chance.in_thousand(750) { Answer::Approve } else { Answer::Deny };
        let reply = Reply { approver: human.uid, answer, reason: "looked at it".to_owned() };
        let statement = Statement::of(&shown.request, &shown.trust_domain, shown.contents.clone(), reply);
        let mut signed = SignedAnswer { statement: statement.canonical().unwrap(), signature: signature(human) };
        let forged = chance.in_thousand(100);
        let other = list.iter().find(|other| other.id != request.id);
        let target = match other {
            Some(other) if forged => other.id,
            _ => request.id,
        };
        if forged && target == request.id {
            signed.signature.push(b'!');
        }
        let done = self.approvals.decide(&caller, target, &signed).await;
        stage.trace.note(format!("{} answers {target} {answer:?} forged {forged}: {}", human.name, done.is_ok()));
        stage.trace.must(!(forged && done.is_ok()), || format!("a forged statement counts for {target}"));
    }

    async fn cancel(&self) {
        let (stage, chance) = (&self.stage, &self.stage.chance);
        let open: Vec<TaskId> =
            stage.tasks().iter().filter(|state| !state.status.is_final()).map(|state| state.envelope.id).collect();
        let Some(task) = chance.pick(&open) else { return };
        let done = self.tasks.cancel(&self.caller(&stage.world.human), *task).await;
        stage.trace.note(format!("cancel of {task}: {}", done.is_ok()));
    }

    async fn settle_one(&self) {
        let doubtful = doubtful(&self.stage.tasks());
        if let Some((task, effect)) = self.stage.chance.pick(&doubtful) {
            self.settle(*task, *effect).await;
        }
    }

    /// Settles every effect that is in doubt now; answers whether there was one.
    pub(super) async fn settle_all(&self) -> bool {
        let doubtful = doubtful(&self.stage.tasks());
        for (task, effect) in &doubtful {
            self.settle(*task, *effect).await;
        }
        !doubtful.is_empty()
    }

    /// A person looks at the target, kills what is left, and says what is true.
    async fn settle(&self, task: TaskId, effect: EffectId) {
        let stage = &self.stage;
        stage.outside.kill(effect);
        let landed = stage.outside.will_be_there(effect);
        let result = stage.chance.in_thousand(800).then(|| json!({"word": "done"}));
        let outcome = if landed { Settled::Landed { result } } else { Settled::NotLanded };
        if !landed {
            // Said before it counts, since the runtime may go on before the person hears that it does.
            stage.outside.settled(effect);
        }
        let word = Word { outcome, reason: "looked".to_owned() };
        let done = self.tasks.settle(&self.caller(&stage.world.human), task, effect, word).await;
        stage.trace.note(format!("{effect} is settled, landed: {landed}: {}", done.is_ok()));
    }

    async fn stand(&self, standing: Standing) {
        let (stage, store) = (&self.stage, self.stage.store());
        let Ok(Some(agent)) = store.agent(stage.world.agent.uid).await else { return };
        if agent.standing == standing {
            return;
        }
        let suspends = standing == Standing::Suspended;
        let agent = Agent { standing, epoch: agent.epoch + u64::from(suspends), ..agent };
        let (uid, action) = (agent.uid, if suspends { "agent.suspend" } else { "agent.resume" });
        let done = store.put_agent(agent, stage.world.record(Kind::Rpc, action).into()).await;
        stage.trace.note(format!("{action}: {}", done.is_ok()));
        if done.is_ok() && suspends {
            self.tasks.halt(scalbotics_core::principal::Uid::Agent(uid));
        }
    }

    /// The human has the role from now on, or not: it is bound, or they log in and their issuer says so.
    pub(super) async fn role(&self, has: bool) {
        let (stage, store) = (&self.stage, self.stage.store());
        let human = stage.human(has);
        let uid = human.uid;
        let done = store.put_human(human, stage.world.record(Kind::Rpc, "role").into()).await;
        stage.trace.note(format!("role {has}: {}", done.is_ok()));
        self.tasks.logged_in(uid);
    }

    fn policy(&self) {
        let (stage, chance) = (&self.stage, &self.stage.chance);
        if chance.in_thousand(200) {
            stage.trace.note(format!("policy errs: {}", stage.engine.err()));
        } else if let Some(tool) = chance.pick(&stage.desired.tools()) {
            let action = scalbotics_core::policy::tool_action(tool);
            stage.trace.note(format!("policy denies {action}: {}", stage.engine.toggle(&action)));
        }
    }

    fn disk(&self, full: bool) {
        self.stage.trace.note(format!("disk full: {full}"));
        self.stage.store().set_full(full);
    }

    fn clock(&self) {
        let chance = &self.stage.chance;
        let ms = i64::try_from(chance.between(1, 600_000)).unwrap_or(0);
        let ms = if chance.in_thousand(500) { ms } else { -ms };
        self.stage.trace.note(format!("clock steps {ms} ms"));
        self.stage.clock.step(ms);
    }

    /// A planned restart.
    async fn drain(&self) {
        let drained = self.supervisor.drain(Duration::from_secs(20)).await;
        self.stage.trace.note(format!("drained, left {}", drained.left));
        self.stage.weather.die();
    }
}

fn doubtful(states: &[State]) -> Vec<(TaskId, EffectId)> {
    let all = states.iter().flat_map(|state| state.calls.iter().map(move |(effect, call)| (state.envelope.id, effect, call)));
    all.filter(|(_, _, call)| matches!(call.phase, Phase::InDoubt { .. })).map(|(task, effect, _)| (task, *effect)).collect()
}
