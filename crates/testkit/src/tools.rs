//! A tool runner that does nothing but remember: the truth that a checker compares the journal with.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use scalbotics_core::ids::EffectId;
use scalbotics_core::policy::Warrant;
use scalbotics_core::ports::{Stop, ToolRunner};
use scalbotics_core::tool::{Call, Definition, NotDone, Outcome, ResolvedInput, Verification};

/// What one run does and says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// The effect happens, and the outcome says so with this output.
    Land(Vec<u8>),
    /// The effect happens, and nobody learns of it.
    LandUnheard,
    /// The effect does not happen, and nobody learns of it.
    Lose,
    /// The tool fails for good in these words.
    Fail(String),
    /// The call never leaves.
    NeverLeft(NotDone),
    /// Runs until it is told to stop; the effect does not happen.
    UntilStopped,
}

/// One attempt that reached the runner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// The effect.
    pub effect: EffectId,
    /// Its idempotency key.
    pub key: String,
    /// Which attempt.
    pub attempt: u32,
    /// The tool.
    pub tool: String,
    /// The argument bytes that the warrant carried.
    pub args: Vec<u8>,
    /// The audit leaf of the intent.
    pub audit_leaf: u64,
    /// Whether the effect happened.
    pub happened: bool,
}

/// What a tool answers to arguments.
type Answerer = Box<dyn FnMut(&[u8]) -> Reply + Send>;

/// Tools that answer to what they are given.
#[derive(Default)]
struct Answerers(BTreeMap<String, Answerer>);

impl std::fmt::Debug for Answerers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// Runs nothing, answers as scripted, and logs every attempt.
#[derive(Debug, Default)]
pub struct ScriptedTools {
    script: Mutex<BTreeMap<String, VecDeque<Reply>>>,
    answerers: Mutex<Answerers>,
    log: Mutex<Vec<Sent>>,
    undead: Mutex<bool>,
    inputs: Mutex<BTreeMap<String, Result<Vec<ResolvedInput>, NotDone>>>,
    resolved: Mutex<usize>,
    asked: Mutex<usize>,
}

/// Most questions about landings that one life asks for; more is a loop that does not wait.
const ASKED_MAX: usize = 1_000;

impl ScriptedTools {
    /// Queues what the next run of `tool` does; with nothing queued it lands with the output `{}`.
    pub fn script(&self, tool: &str, reply: Reply) {
        let mut script = self.script.lock().unwrap_or_else(PoisonError::into_inner);
        script.entry(tool.to_owned()).or_default().push_back(reply);
    }

    /// From now on `tool` answers to its arguments as `answer` says, where nothing is queued.
    pub fn answer(&self, tool: &str, answer: impl FnMut(&[u8]) -> Reply + Send + 'static) {
        let mut answerers = self.answerers.lock().unwrap_or_else(PoisonError::into_inner);
        answerers.0.insert(tool.to_owned(), Box::new(answer));
    }

    /// Every attempt that reached the runner, in order.
    #[must_use]
    pub fn sent(&self) -> Vec<Sent> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How often each effect happened, as a target without idempotency keys sees it.
    #[must_use]
    pub fn happened(&self) -> BTreeMap<EffectId, usize> {
        let mut counts = BTreeMap::new();
        for sent in self.sent().into_iter().filter(|sent| sent.happened) {
            *counts.entry(sent.effect).or_default() += 1;
        }
        counts
    }

    /// From now on leftovers cannot be proven dead.
    pub fn leave_undead(&self) {
        *self.undead.lock().unwrap_or_else(PoisonError::into_inner) = true;
    }

    /// From now on `tool` depends on these inputs, or cannot be resolved; a call that was decided with others is refused.
    pub fn depends_on(&self, tool: &str, inputs: Result<Vec<ResolvedInput>, NotDone>) {
        self.inputs.lock().unwrap_or_else(PoisonError::into_inner).insert(tool.to_owned(), inputs);
    }

    /// How often anything was resolved.
    #[must_use]
    pub fn resolved(&self) -> usize {
        *self.resolved.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How often it was asked whether an effect landed.
    #[must_use]
    pub fn asked(&self) -> usize {
        *self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count_question(&self) {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        *asked += 1;
        assert!(*asked <= ASKED_MAX, "it is asked without end");
    }

    fn inputs(&self, tool: &str) -> Result<Vec<ResolvedInput>, NotDone> {
        let inputs = self.inputs.lock().unwrap_or_else(PoisonError::into_inner);
        inputs.get(tool).cloned().unwrap_or_else(|| Ok(Vec::new()))
    }

    /// The first input of the call that is not what it was.
    fn changed(&self, call: &Call) -> Option<NotDone> {
        let now = self.inputs(call.tool.as_str()).unwrap_or_default();
        let changed = call.inputs.iter().find(|input| !now.contains(input))?;
        Some(NotDone::Changed { input: changed.name.clone() })
    }

    fn next(&self, tool: &str, args: &[u8]) -> Reply {
        let mut script = self.script.lock().unwrap_or_else(PoisonError::into_inner);
        let queued = script.get_mut(tool).and_then(VecDeque::pop_front);
        let answer = || {
            let mut answerers = self.answerers.lock().unwrap_or_else(PoisonError::into_inner);
            answerers.0.get_mut(tool).map(|answer| answer(args))
        };
        queued.or_else(answer).unwrap_or_else(|| Reply::Land(b"{}".to_vec()))
    }

    fn note(&self, warrant: &Warrant<Call>, happened: bool) {
        let call = warrant.act();
        self.log.lock().unwrap_or_else(PoisonError::into_inner).push(Sent {
            effect: call.effect,
            key: call.idempotency_key(),
            attempt: warrant.attempt(),
            tool: call.tool.to_string(),
            args: call.args.to_vec(),
            audit_leaf: warrant.commit().audit_leaf,
            happened,
        });
    }
}

#[async_trait]
impl ToolRunner for ScriptedTools {
    async fn resolve(&self, tool: &Definition, _: &Call) -> Result<Vec<ResolvedInput>, NotDone> {
        *self.resolved.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.inputs(tool.id.as_str())
    }

    async fn run(&self, tool: &Definition, warrant: Warrant<Call>, stop: &dyn Stop) -> Outcome {
        if let Some(reason) = self.changed(warrant.act()) {
            return Outcome::NeverLeft { reason };
        }
        let reply = self.next(tool.id.as_str(), &warrant.act().args);
        self.note(&warrant, matches!(reply, Reply::Land(_) | Reply::LandUnheard));
        match reply {
            Reply::Land(output) => Outcome::Landed { output, truncated: false },
            Reply::LandUnheard | Reply::Lose => Outcome::Unknown { reason: "no reply".to_owned() },
            Reply::Fail(reason) => Outcome::Failed { reason },
            Reply::NeverLeft(reason) => Outcome::NeverLeft { reason },
            Reply::UntilStopped => {
                stop.stopped().await;
                Outcome::Unknown { reason: "stopped".to_owned() }
            }
        }
    }

    async fn verify(&self, _: &Definition, call: &Call) -> (Verification, Option<Vec<u8>>) {
        self.count_question();
        if self.happened().contains_key(&call.effect) {
            (Verification::Landed, Some(b"{}".to_vec()))
        } else {
            (Verification::NotLanded, None)
        }
    }

    async fn prove_dead(&self, _: &Definition, _: &Call, _: u32) -> bool {
        !*self.undead.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Never tells a tool to stop.
#[derive(Debug, Clone, Copy, Default)]
pub struct NeverStop;

#[async_trait]
impl Stop for NeverStop {
    async fn stopped(&self) {
        std::future::pending().await
    }
}
