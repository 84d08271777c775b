//! The way that a task takes, in memory: what decides its next call, and what it has heard so far.

use std::sync::Arc;

use scalbotics_core::conversation::{self, Conversation, Frame, Heard, Move, Stuck};
use scalbotics_core::ids::EffectId;
use scalbotics_core::in_words;
use scalbotics_core::policy::Warrant;
use scalbotics_core::task::{CallState, Failure, Goal, Phase, State, Way};
use scalbotics_core::tenant::Name;
use scalbotics_core::tool::{Call, Definition};
use scalbotics_core::workflow::{EvalError, Next, Results, Workflow};
use serde_json::Value;

use super::executor::Shared;
use super::slots::Slot;
use crate::reconcile::InForce;
use crate::vault::OpenError;

/// Most bytes of results that one task keeps decoded, so that [`super::RUNNING_MAX`] tasks cannot fill the memory.
const RESULTS_LEN_MAX: usize = 32 << 20;

/// The way that a task takes, under the versions that it was submitted with (semantics §9.3).
#[derive(Debug)]
pub(super) struct Run {
    pub(super) pinned: Arc<InForce>,
    agent: Name,
    driver: Driver,
    len: usize,
}

/// What decides the next call.
#[derive(Debug)]
pub(super) enum Driver {
    /// A workflow, with the task's input and the results so far.
    Workflow { workflow: Arc<Workflow>, input: Value, results: Results },
    /// A model.
    Model(Box<Conversation>),
}

/// A task that was just submitted.
#[derive(Debug)]
pub(super) struct Born {
    pub(super) state: State,
    pub(super) run: Run,
    pub(super) warrants: Vec<Warrant<Call>>,
    pub(super) slot: Option<Slot>,
}

/// Why a run cannot be had.
#[derive(Debug)]
pub(super) enum Gone {
    /// The commit, the workflow or a payload is not there any more, or not what it was.
    Missing(String),
    /// The store did not answer.
    Store(scalbotics_core::ports::StoreError),
}

impl From<OpenError> for Gone {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Store(error) => Self::Store(error),
            OpenError::Erased(_) | OpenError::Cipher(_) => Self::Missing(error.to_string()),
        }
    }
}

/// Why a result was not taken in.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unusable {
    /// It is not what the tool promises.
    #[error(transparent)]
    Output(EvalError),
    /// The conversation cannot go on with it.
    #[error(transparent)]
    Answer(Stuck),
    /// The task's results are too large together.
    #[error("results of the task are larger than {RESULTS_LEN_MAX} bytes together")]
    TooMuch,
}

impl Unusable {
    /// What the task fails with.
    pub(super) const fn failure(&self) -> Failure {
        match self {
            Self::Output(_) | Self::TooMuch => Failure::ToolFailed,
            Self::Answer(stuck) => stuck.failure,
        }
    }
}

impl Driver {
    /// The driver of a task that heard nothing so far; `None` when its agent or its workflow is not what it was.
    pub(super) fn new(pinned: &InForce, (way, agent): (&Way, &Name), goal: &str, input: Value) -> Option<Self> {
        match way {
            Way::Workflow { workflow, digest } => {
                let workflow = pinned.snapshot.workflows.get(workflow).filter(|found| found.digest == *digest)?;
                Some(Self::Workflow { workflow: Arc::clone(workflow), input, results: Results::new() })
            }
            Way::Model => {
                let agent = pinned.snapshot.agents.get(agent)?;
                let frame = Frame::new(&pinned.snapshot, agent, goal, &input)?;
                Some(Self::Model(Box::new(Conversation::new(frame))))
            }
        }
    }
}

impl Run {
    pub(super) const fn new(pinned: Arc<InForce>, agent: Name, driver: Driver) -> Self {
        Self { pinned, agent, driver, len: 0 }
    }

    /// Rebuilds the run of a task from its state and payloads.
    pub(super) async fn load(shared: &Shared, state: &State) -> Result<Self, Gone> {
        let (path, envelope) = (&state.path, &state.envelope);
        let missing = |what: String| Gone::Missing(what);
        let pinned = shared.states.at(&envelope.tenant, &path.commit).await;
        let pinned = pinned.ok_or_else(|| missing(format!("commit `{}` cannot be loaded", path.commit)))?;
        let input = shared.vault.open(&envelope.tenant, &envelope.input).await?;
        let input = scalbotics_core::json::parse(&input).map_err(|error| missing(error.to_string()))?;
        let goal = match &envelope.goal {
            Goal::Text { text } => String::from_utf8_lossy(&shared.vault.open(&envelope.tenant, text).await?).into_owned(),
            Goal::Workflow { .. } => String::new(),
        };
        let driver = Driver::new(&pinned, (&path.way, &envelope.agent_name), &goal, input);
        let driver = driver.ok_or_else(|| missing("the agent or the workflow of the task is another by now".to_owned()))?;
        let mut run = Self::new(pinned, envelope.agent_name.clone(), driver);
        // Turns first: what became of a call means something only beside the answer that asked for it.
        let (turns, calls): (Vec<_>, Vec<_>) = state.calls.values().partition(|call| Conversation::is_turn(&call.intent.step));
        for call in turns.into_iter().chain(calls) {
            if let Some(heard) = heard(shared, state, call).await? {
                run.take(&call.intent.step, heard).map_err(|error| missing(error.to_string()))?;
            }
        }
        for step in state.denied.keys().chain(&state.refused) {
            run.take(step, Heard::Refused).map_err(|error| missing(error.to_string()))?;
        }
        Ok(run)
    }

    /// The next move; or what the task fails with, in words.
    pub(super) fn next(&self) -> Result<Move, (Failure, String)> {
        match &self.driver {
            Driver::Model(conversation) => conversation.next().map_err(|stuck| (stuck.failure, stuck.words)),
            Driver::Workflow { workflow, input, results } => {
                let next = workflow.next(input, results).map_err(|error| (Failure::WorkflowFailed, in_words(&error)))?;
                self.move_of(next).map_err(|stuck| (stuck.failure, stuck.words))
            }
        }
    }

    /// The calls that need nothing of the one of `step`, as far as `may` holds for their tools.
    pub(super) fn beside(&self, step: &str, may: impl Fn(&Name) -> bool) -> Vec<Move> {
        match &self.driver {
            Driver::Model(conversation) => {
                let calls = conversation.beside(step).into_iter();
                calls.take_while(|next| matches!(next, Move::Call { tool, .. } if may(tool))).collect()
            }
            Driver::Workflow { workflow, input, .. } => {
                let calls = workflow.beside(step, input, may).into_iter();
                calls.filter_map(|next| self.move_of(next).ok()).collect()
            }
        }
    }

    fn move_of(&self, next: Next) -> Result<Move, Stuck> {
        Ok(match next {
            Next::Call { step, tool, args } => Move::Call { step, tool, args },
            Next::Done { output } => Move::Done { output },
            Next::Ask { step, prompt, answer } => {
                let agent = self.pinned.snapshot.agents.get(&self.agent);
                let gone = || Stuck { failure: Failure::Unavailable, words: "no model drives the agent".to_owned() };
                let (agent, route) = agent.and_then(|agent| Some((agent, agent.model.as_deref()?))).ok_or_else(gone)?;
                Move::Ask { step, request: conversation::ask(route, agent, &prompt, answer)? }
            }
        })
    }

    /// Takes in what became of a step; the same in again changes nothing.
    pub(super) fn take(&mut self, step: &str, heard: Heard) -> Result<(), Unusable> {
        let len = if let Heard::Landed { output, .. } = &heard { output.len() } else { 0 };
        let len = self.len.saturating_add(len);
        if len > RESULTS_LEN_MAX {
            return Err(Unusable::TooMuch);
        }
        match &mut self.driver {
            Driver::Model(conversation) => conversation.take(step, heard).map_err(Unusable::Answer)?,
            Driver::Workflow { workflow, results, .. } => {
                let value = match heard {
                    Heard::Landed { output, .. } => workflow.read_output(step, &output).map_err(Unusable::Output)?,
                    // References to it find nothing and fail the task.
                    Heard::Settled => Value::Null,
                    // The task ends with it.
                    Heard::Failed { .. } | Heard::Refused => return Ok(()),
                };
                if results.insert(step.to_owned(), value).is_some() {
                    return Ok(());
                }
            }
        }
        self.len = len;
        Ok(())
    }

    /// The tool of a call under the digest that the call was made with, in force or as pinned.
    pub(super) fn tool_of(&self, shared: &Shared, state: &State, effect: EffectId) -> Option<Arc<Definition>> {
        let intent = &state.calls.get(&effect)?.intent;
        let current = shared.states.current(&state.envelope.tenant);
        let found =
            |state: &Arc<InForce>| state.tools.get(&intent.tool).filter(|tool| tool.digest == intent.tool_digest).cloned();
        current.as_ref().and_then(found).or_else(|| found(&self.pinned))
    }
}

/// What became of a call, from its payloads; `None` while nothing has.
async fn heard(shared: &Shared, state: &State, call: &CallState) -> Result<Option<Heard>, Gone> {
    let tenant = &state.envelope.tenant;
    Ok(match &call.phase {
        Phase::Landed { result: Some(result), truncated } => {
            Some(Heard::Landed { output: shared.vault.open(tenant, result).await?, truncated: *truncated })
        }
        Phase::Landed { result: None, .. } => Some(Heard::Settled),
        Phase::Failed { reason: Some(reason) } => {
            let words = shared.vault.open(tenant, reason).await?;
            Some(Heard::Failed { words: String::from_utf8_lossy(&words).into_owned() })
        }
        Phase::Failed { reason: None }
        | Phase::Waiting { .. }
        | Phase::Approved { .. }
        | Phase::Sent
        | Phase::Ready
        | Phase::InDoubt { .. } => None,
    })
}
