//! The versioned task envelope: everything that a task was given, fixed at submission.

use serde::{Deserialize, Serialize};

use super::TraceContext;
use crate::digest::Digest;
use crate::ids::{AgentUid, TaskId};
use crate::payload;
use crate::principal::Chain;
use crate::tenant::{Name, TenantId};
use crate::time::Timestamp;

/// The version of the envelope's shape; readers refuse a newer one.
pub const SCHEMA_VERSION: u16 = 1;

/// Longest goal, in bytes: a page of text; longer matter belongs into files.
pub const GOAL_LEN_MAX: usize = 16 << 10;

/// Longest input, in bytes of canonical JSON.
pub const INPUT_LEN_MAX: usize = 256 << 10;

/// Longest idempotency key or request id given by a client, in bytes.
pub const KEY_LEN_MAX: usize = 128;

/// What a task is to reach.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Goal {
    /// A sentence; the agent's workflows are asked first, then a model.
    Text {
        /// The sentence, as a payload.
        text: payload::Ref,
    },
    /// A named workflow of the agent.
    Workflow {
        /// The workflow's id.
        id: Name,
    },
}

/// What decides the next call of a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Way {
    /// A deterministic workflow.
    Workflow {
        /// Its id.
        workflow: Name,
        /// Its digest.
        digest: Digest,
    },
    /// A model, turn by turn.
    Model,
}

/// The way that was taken, and the exact versions it runs under (semantics §9.3).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Path {
    /// What decides the next call.
    pub way: Way,
    /// The desired-state commit.
    pub commit: String,
    /// Digest of the policy bundle at submission.
    pub bundle: Digest,
    /// Digests of the agent's bootstrap files, by name.
    pub bootstrap: Vec<(String, Digest)>,
    /// Digests of the tools that may be called, by id.
    pub tools: Vec<(Name, Digest)>,
    /// Digests of the models that may be asked, by id.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub models: Vec<(Name, Digest)>,
}

impl Path {
    /// The workflow, where one runs.
    #[must_use]
    pub const fn workflow(&self) -> Option<&Name> {
        match &self.way {
            Way::Workflow { workflow, .. } => Some(workflow),
            Way::Model => None,
        }
    }

    /// Whether a call of `tool` that is refused or fails is told to whoever decides the next call, and ends nothing: a model may
    /// find another way, a workflow has none, and without answers of the model itself there is nobody to tell.
    #[must_use]
    pub fn tells(&self, tool: &Name) -> bool {
        matches!(self.way, Way::Model) && tool.as_str() != crate::model::CALL
    }

    /// Whether the task was submitted under exactly this tool.
    #[must_use]
    pub fn names(&self, tool: &Name, digest: &Digest) -> bool {
        self.tools.iter().any(|(id, known)| id == tool && known == digest)
    }
}

/// What a task may use at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Budget {
    /// Tool calls.
    pub calls: u64,
    /// Model tokens.
    pub tokens: u64,
    /// Wall-clock seconds from submission, waiting for approvals included.
    pub seconds: u64,
}

impl Default for Budget {
    /// Enough for a morning's work of one agent; desired state narrows or widens it.
    fn default() -> Self {
        Self { calls: 1_000, tokens: 200_000, seconds: 3_600 }
    }
}

/// Everything that a task was given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope {
    /// [`SCHEMA_VERSION`] of the writer.
    pub schema_version: u16,
    /// The task's id.
    pub id: TaskId,
    /// The client's key: a second submission with it is the same task.
    pub idempotency_key: String,
    /// The tenant.
    pub tenant: TenantId,
    /// The agent's team.
    pub team: Name,
    /// The agent's identity.
    pub agent: AgentUid,
    /// The agent's name.
    pub agent_name: Name,
    /// human → … → agent.
    pub chain: Chain,
    /// What is to be reached.
    pub goal: Goal,
    /// Input, canonical JSON, as a payload.
    pub input: payload::Ref,
    /// The token by which it was submitted, as a payload.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<payload::Ref>,
    /// Limits.
    pub budget: Budget,
    /// Submission.
    pub submitted_at: Timestamp,
    /// Nothing is sent at or after this moment.
    pub deadline: Timestamp,
    /// 0 lowest to 9 highest; the queue takes higher first.
    pub priority: u8,
    /// Trace of the submission.
    pub trace: Option<TraceContext>,
}

/// Why an envelope is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// Written by a newer program.
    #[error("task envelope has schema version {found}, this program reads up to {SCHEMA_VERSION}")]
    Version {
        /// The version found.
        found: u16,
    },
    /// A field is beyond its limit.
    #[error("task envelope has `{field}` of {found}, the limit is {max}")]
    Limit {
        /// The field.
        field: &'static str,
        /// What was given.
        found: u64,
        /// The limit.
        max: u64,
    },
    /// The chain is not sound, does not end at the envelope's agent and tenant, or holds a grant of another task.
    #[error("task envelope has a chain that does not lead from a human to agent `{agent}`")]
    Chain {
        /// The agent.
        agent: Name,
    },
    /// The deadline is not after the submission.
    #[error("task envelope has a deadline that is not after its submission")]
    Deadline,
}

impl Envelope {
    /// Checks every limit of the envelope.
    ///
    /// # Errors
    /// [`EnvelopeError`], the first limit that is passed.
    pub fn check(&self) -> Result<(), EnvelopeError> {
        if self.schema_version > SCHEMA_VERSION || self.schema_version == 0 {
            return Err(EnvelopeError::Version { found: self.schema_version });
        }
        let goal_len = match &self.goal {
            Goal::Text { text } => text.len,
            Goal::Workflow { .. } => 0,
        };
        let limits = [
            ("goal", goal_len, GOAL_LEN_MAX as u64),
            ("input", self.input.len, INPUT_LEN_MAX as u64),
            ("idempotency_key", self.idempotency_key.len() as u64, KEY_LEN_MAX as u64),
            ("priority", u64::from(self.priority), 9),
            ("budget.calls", self.budget.calls, 100_000),
            ("budget.tokens", self.budget.tokens, 1_000_000_000),
            ("budget.seconds", self.budget.seconds, 30 * 86_400),
        ];
        if let Some((field, found, max)) = limits.into_iter().find(|(_, found, max)| found > max) {
            return Err(EnvelopeError::Limit { field, found, max });
        }
        if self.deadline <= self.submitted_at {
            return Err(EnvelopeError::Deadline);
        }
        let actor = self.chain.actor();
        let ends_here = actor.is_some_and(|a| a.uid == crate::principal::Uid::Agent(self.agent) && a.tenant == self.tenant);
        let of_this_task = self.chain.grants.iter().all(|grant| grant.task == Some(self.id));
        if self.chain.check().is_err() || !ends_here || !of_this_task {
            return Err(EnvelopeError::Chain { agent: self.agent_name.clone() });
        }
        Ok(())
    }
}
