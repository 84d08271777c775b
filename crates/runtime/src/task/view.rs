//! A task as it is shown: its state and the payloads that words are in.

use scalbotics_core::ids::{DecisionId, TaskId};
use scalbotics_core::payload::Ref;
use scalbotics_core::ports::StoreError;
use scalbotics_core::task::{Event, Failure, Goal, State, Status, evolve};
use scalbotics_core::tenant::TenantId;
use serde_json::Value;

use super::Error;
use super::executor::Shared;

/// A task as it is shown.
#[derive(Debug, Clone, PartialEq)]
pub struct View {
    /// Its state.
    pub state: State,
    /// Its goal in words, if it was given so; `None` also once erased.
    pub goal: Option<String>,
    /// Its failure in words, as data; `None` also once erased.
    pub failure_detail: Option<String>,
    /// The decision that it failed with, or that denied the last call of a completed one.
    pub denial: Option<DecisionId>,
    /// Its output, if it was asked for and there is one.
    pub output: Option<Value>,
}

/// Events at the end of a journal among which a denial stands.
const TAIL: u64 = 4;

impl Shared {
    /// The state that a task had at a version; `None` when it never had it.
    pub(super) async fn state_at(&self, tenant: &TenantId, task: TaskId, version: u64) -> Result<Option<State>, StoreError> {
        let (mut state, mut read): (Option<State>, u64) = (None, 0);
        while read < version {
            let limit = usize::try_from(version - read).unwrap_or(usize::MAX);
            let page = self.ports.task_log.events(tenant, task, read, limit).await?;
            if page.is_empty() {
                return Ok(None);
            }
            for stored in page {
                let next = evolve(state.take(), &stored.event, stored.at);
                state = Some(next.map_err(|error| StoreError::Corrupt { what: error.to_string() })?);
                read = stored.sequence.saturating_add(1);
            }
        }
        Ok(state)
    }

    pub(super) async fn view(&self, state: State, with_output: bool) -> Result<View, Error> {
        let goal = match &state.envelope.goal {
            Goal::Text { text } => self.words(&state, text).await?,
            Goal::Workflow { .. } => None,
        };
        let failure_detail = match &state.failure_detail {
            Some(detail) => self.words(&state, detail).await?,
            None => None,
        };
        let denial = self.denial(&state).await?;
        let output = if with_output && state.output.is_some() { Some(self.output(&state).await?) } else { None };
        Ok(View { state, goal, failure_detail, denial, output })
    }

    /// Words of a payload; erased ones are no error, for the task itself is still there.
    async fn words(&self, state: &State, reference: &Ref) -> Result<Option<String>, Error> {
        let task = state.envelope.id;
        match self.vault.open(&state.envelope.tenant, reference).await.map_err(Error::open(task)) {
            Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
            Err(Error::Erased { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(super) async fn output(&self, state: &State) -> Result<Value, Error> {
        let task = state.envelope.id;
        let output = state.output.ok_or(Error::NoResult { task, status: state.status })?;
        let bytes = self.vault.open(&state.envelope.tenant, &output).await.map_err(Error::open(task))?;
        let parsed = scalbotics_core::json::parse_within(&bytes, scalbotics_core::payload::LEN_MAX);
        parsed.map_err(|_| Error::Unreadable { task })
    }

    async fn denial(&self, state: &State) -> Result<Option<DecisionId>, Error> {
        match state.failure {
            Some(Failure::PolicyDenied | Failure::PolicyError | Failure::AgentSuspended) => {}
            Some(
                Failure::ApprovalDenied
                | Failure::ApprovalExpired
                | Failure::LoginMissing
                | Failure::ToolFailed
                | Failure::WorkflowFailed
                | Failure::BudgetExhausted
                | Failure::DeadlineExceeded
                | Failure::Unavailable
                | Failure::ModelFailed
                | Failure::NoProgress
                | Failure::TurnsExhausted,
            ) => return Ok(None),
            None => {
                let completed = matches!(state.status, Status::Completed);
                return Ok(state.last_denied().filter(|_| completed).map(|denied| denied.decision));
            }
        }
        let (task, tenant): (TaskId, _) = (state.envelope.id, &state.envelope.tenant);
        let from = state.version.saturating_sub(TAIL);
        let tail = self.ports.task_log.events(tenant, task, from, 8).await.map_err(Error::store(task))?;
        Ok(tail
            .iter()
            .rev()
            .find_map(|stored| if let Event::CallDenied { decision, .. } = &stored.event { Some(*decision) } else { None }))
    }
}
