//! Why the task service refuses.

use scalbotics_core::conversation::Stuck;
use scalbotics_core::ids::TaskId;
use scalbotics_core::ports::{CipherError, StoreError};
use scalbotics_core::task::{EnvelopeError, Rejection, Status};
use scalbotics_core::tenant::Name;
use scalbotics_core::tool::schema::Violation;
use scalbotics_core::workflow::EvalError;

use super::OrderError;
use crate::vault::OpenError;

/// Why a submission is refused. Nothing is durable then.
#[derive(Debug, thiserror::Error)]
pub enum SubmitError {
    /// Only humans and the services that they sponsor submit; an agent delegates instead, and no chain lacks a human.
    #[error("a task is submitted by a human, or by a service that one sponsors")]
    NotSponsor,
    /// No commit of the repository was ever good.
    #[error("no desired state is in force")]
    NothingInForce,
    /// The commit that the task to retry was submitted under cannot be had any more.
    #[error("commit `{commit}` is not there any more")]
    CommitGone {
        /// The commit.
        commit: String,
    },
    /// The tenant has no such agent in force.
    #[error("agent `{agent}` does not exist")]
    UnknownAgent {
        /// The agent.
        agent: Name,
    },
    /// The agent may not act.
    #[error("agent `{agent}` may not act")]
    AgentNotActive {
        /// The agent.
        agent: Name,
    },
    /// The agent has no such workflow.
    #[error("agent `{agent}` has no workflow `{workflow}`")]
    UnknownWorkflow {
        /// The agent.
        agent: Name,
        /// The workflow that was named.
        workflow: Name,
        /// The workflows that it has.
        known: Vec<Name>,
    },
    /// None of the agent's workflows serves the goal with this input.
    #[error("agent `{agent}` has no way to this goal")]
    NoPath {
        /// The agent.
        agent: Name,
        /// The workflows that were asked.
        asked: Vec<Name>,
    },
    /// The input does not conform to the workflow.
    #[error("input does not conform to workflow `{workflow}`")]
    Input {
        /// The workflow.
        workflow: Name,
        /// How it differs.
        #[source]
        source: Violation,
    },
    /// The run would fail whatever its tools answer.
    #[error("workflow `{workflow}` cannot end well with this input")]
    Foreseen {
        /// The workflow.
        workflow: Name,
        /// What would end it.
        #[source]
        source: EvalError,
    },
    /// A model would have to drive the task, and cannot.
    #[error("model of agent `{agent}` cannot be asked for this")]
    Stuck {
        /// The agent.
        agent: Name,
        /// Why.
        #[source]
        source: Stuck,
    },
    /// The task may take fewer tokens than the first answer of the model may.
    #[error("first answer of the model of agent `{agent}` may take {wanted} tokens, and the task may take {budget}")]
    TooFewTokens {
        /// The agent.
        agent: Name,
        /// Tokens that it may take.
        wanted: u64,
        /// Tokens that the task may take.
        budget: u64,
    },
    /// The task may make fewer calls than the workflow makes at least.
    #[error("workflow `{workflow}` makes at least {wanted} calls, and the task may make {budget}")]
    TooFewCalls {
        /// The workflow.
        workflow: Name,
        /// Calls that it makes at least.
        wanted: u64,
        /// Calls that the task may make.
        budget: u64,
    },
    /// The input has no canonical form, or is too long.
    #[error("input is refused")]
    InputForm(#[source] scalbotics_core::json::Error),
    /// A tool of the workflow is missing among the agent's.
    #[error("agent `{agent}` may not use tool `{tool}` of workflow `{workflow}`")]
    ToolNotGranted {
        /// The agent.
        agent: Name,
        /// The workflow.
        workflow: Name,
        /// The tool.
        tool: Name,
    },
    /// A limit of the envelope is passed.
    #[error("task envelope is refused")]
    Envelope(#[from] EnvelopeError),
    /// The request id was used for another request.
    #[error("request id was used for another request")]
    KeyReused,
    /// The daemon is ending.
    #[error("daemon is shutting down")]
    Draining,
    /// The store did not take it.
    #[error("task could not be stored")]
    Store(#[from] StoreError),
    /// A payload could not be sealed.
    #[error("payload could not be sealed")]
    Cipher(#[from] CipherError),
    /// The machine refuses.
    #[error("task is refused")]
    Rejected(#[from] Rejection),
    /// A stored answer, or the machine's own events, cannot have been written by this program.
    #[error("what was stored is corrupt: {what}")]
    Corrupt {
        /// What does not fit.
        what: String,
    },
}

/// Why an operation on a task is refused.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Absent, or another tenant's: the answer is the same.
    #[error("task `{task}` does not exist")]
    NotFound {
        /// The task.
        task: TaskId,
    },
    /// Its state does not allow this.
    #[error("task `{task}` does not allow this now")]
    Rejected {
        /// The task.
        task: TaskId,
        /// Why.
        #[source]
        source: Rejection,
    },
    /// Only a task that failed or was canceled is retried.
    #[error("task `{task}` is {}, only a failed or canceled one is retried", status.as_str())]
    NotRetryable {
        /// The task.
        task: TaskId,
        /// Its status.
        status: Status,
    },
    /// The retry is refused as a submission.
    #[error("task `{task}` could not be submitted again")]
    Resubmit {
        /// The task.
        task: TaskId,
        /// Why.
        #[source]
        source: Box<SubmitError>,
    },
    /// Only a completed task has a result.
    #[error("task `{task}` is {} and has no result", status.as_str())]
    NoResult {
        /// The task.
        task: TaskId,
        /// Its status.
        status: Status,
    },
    /// The payload was erased.
    #[error("payload of task `{task}` was erased")]
    Erased {
        /// The task.
        task: TaskId,
    },
    /// A payload does not open or is not what it must be.
    #[error("payload of task `{task}` cannot be read")]
    Unreadable {
        /// The task.
        task: TaskId,
    },
    /// Settling words are too long.
    #[error("`{field}` of {len} bytes is longer than {max} bytes")]
    TooLong {
        /// The field.
        field: &'static str,
        /// Its length in bytes.
        len: usize,
        /// The limit in bytes.
        max: usize,
    },
    /// The request id was used for another request.
    #[error("request id was used for another request")]
    KeyReused,
    /// The task's mailbox or the number of watchers is at its limit.
    #[error("too many requests about task `{task}`")]
    Busy {
        /// The task.
        task: TaskId,
    },
    /// The daemon is ending.
    #[error("daemon is shutting down")]
    Draining,
    /// The store did not answer.
    #[error("task `{task}` could not be read or written")]
    Store {
        /// The task.
        task: TaskId,
        /// Why.
        #[source]
        source: StoreError,
    },
}

impl Error {
    pub(super) const fn store(task: TaskId) -> impl Fn(StoreError) -> Self {
        move |source| Self::Store { task, source }
    }

    pub(super) const fn open(task: TaskId) -> impl Fn(OpenError) -> Self {
        move |error| match error {
            OpenError::Erased(_) => Self::Erased { task },
            OpenError::Store(source) => Self::Store { task, source },
            OpenError::Cipher(_) => Self::Unreadable { task },
        }
    }

    pub(super) fn order(task: TaskId, error: OrderError) -> Self {
        match error {
            OrderError::Absent => Self::NotFound { task },
            OrderError::Rejected(source) => Self::Rejected { task, source },
            OrderError::Busy => Self::Busy { task },
            OrderError::Draining => Self::Draining,
            OrderError::Store(source) => Self::Store { task, source },
            OrderError::Corrupt(what) => Self::Store { task, source: StoreError::Corrupt { what } },
        }
    }
}
