//! The way that a task takes, in memory: its workflow, input and results so far.

use std::sync::Arc;

use scalbotics_core::ids::EffectId;
use scalbotics_core::policy::Warrant;
use scalbotics_core::task::{Phase, State};
use scalbotics_core::tool::{Call, Definition};
use scalbotics_core::workflow::{EvalError, Results, Workflow};
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
    pub(super) workflow: Arc<Workflow>,
    pub(super) input: Value,
    pub(super) results: Results,
    len: usize,
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
#[derive(Debug)]
pub(super) enum Unusable {
    /// It is not what the tool promises.
    Output(EvalError),
    /// The task's results are too large together.
    TooMuch,
}

impl std::fmt::Display for Unusable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Output(error) => error.fmt(f),
            Self::TooMuch => write!(f, "results of the task are larger than {RESULTS_LEN_MAX} bytes together"),
        }
    }
}

impl Run {
    pub(super) fn new(pinned: Arc<InForce>, workflow: Arc<Workflow>, input: Value) -> Self {
        Self { pinned, workflow, input, results: Results::new(), len: 0 }
    }

    /// Rebuilds the run of a task from its state and payloads.
    pub(super) async fn load(shared: &Shared, state: &State) -> Result<Self, Gone> {
        let (path, tenant) = (&state.path, &state.envelope.tenant);
        let missing = |what: String| Gone::Missing(what);
        let pinned = shared.states.at(&path.commit).await;
        let pinned = pinned.ok_or_else(|| missing(format!("commit `{}` cannot be loaded", path.commit)))?;
        let workflow = pinned.snapshot.workflows.get(&path.workflow).filter(|found| found.digest == path.workflow_digest);
        let workflow = workflow.cloned().ok_or_else(|| missing(format!("workflow `{}` is another", path.workflow)))?;
        let input = shared.vault.open(tenant, &state.envelope.input).await?;
        let input = scalbotics_core::json::parse(&input).map_err(|error| missing(error.to_string()))?;
        let mut run = Self::new(pinned, workflow, input);
        for call in state.calls.values() {
            match &call.phase {
                Phase::Landed { result: Some(result) } => {
                    let bytes = shared.vault.open(tenant, result).await?;
                    run.take_result(&call.intent.step, &bytes).map_err(|error| missing(error.to_string()))?;
                }
                Phase::Landed { result: None } => run.take_nothing(&call.intent.step),
                Phase::Waiting { .. }
                | Phase::Approved { .. }
                | Phase::Sent
                | Phase::Ready
                | Phase::Failed
                | Phase::InDoubt { .. } => {}
            }
        }
        Ok(run)
    }

    /// Takes in the result of a step; taking the same one in again changes nothing.
    pub(super) fn take_result(&mut self, step: &str, output: &[u8]) -> Result<(), Unusable> {
        let value = self.workflow.read_output(step, output).map_err(Unusable::Output)?;
        if !self.results.contains_key(step) {
            self.len = self.len.saturating_add(output.len());
        }
        if self.len > RESULTS_LEN_MAX {
            return Err(Unusable::TooMuch);
        }
        self.results.insert(step.to_owned(), value);
        Ok(())
    }

    /// Marks a step as done that a person settled without a result: references to it find nothing and fail the task.
    pub(super) fn take_nothing(&mut self, step: &str) {
        self.results.insert(step.to_owned(), Value::Null);
    }

    /// The tool of a call under the digest that the call was made with, in force or as pinned.
    pub(super) fn tool_of(&self, shared: &Shared, state: &State, effect: EffectId) -> Option<Arc<Definition>> {
        let intent = &state.calls.get(&effect)?.intent;
        let current = shared.states.current();
        let found =
            |state: &Arc<InForce>| state.tools.get(&intent.tool).filter(|tool| tool.digest == intent.tool_digest).cloned();
        current.as_ref().and_then(found).or_else(|| found(&self.pinned))
    }
}
