//! What a task was given, as the record of its submission binds it.

use serde::Serialize;

use crate::digest::Digest;
use crate::ids::{AgentUid, TaskId};
use crate::json::Error;
use crate::principal::{Grant, Uid};
use crate::task::{Budget, Envelope, Goal, Path};
use crate::tenant::{Name, TenantId};
use crate::time::Timestamp;

/// What is to be reached: a workflow by name, or a sentence by its commitment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Aim {
    Text { commitment: Digest },
    Workflow { id: Name },
}

/// What was submitted: ids, grants, limits and versions in the clear, everything else by its commitment (semantics §9.3).
///
/// The record of the submission holds its digest, so it need not be secret and cannot be exchanged.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Submission {
    version: u16,
    task: TaskId,
    tenant: TenantId,
    agent: AgentUid,
    agent_name: Name,
    chain: Vec<Uid>,
    grants: Vec<Grant>,
    goal: Aim,
    input: Digest,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<Digest>,
    budget: Budget,
    submitted_at: Timestamp,
    deadline: Timestamp,
    path: Path,
}

impl Submission {
    /// What was submitted by this envelope, on this way.
    #[must_use]
    pub fn of(envelope: &Envelope, path: &Path) -> Self {
        let goal = match &envelope.goal {
            Goal::Text { text } => Aim::Text { commitment: text.commitment },
            Goal::Workflow { id } => Aim::Workflow { id: id.clone() },
        };
        Self {
            version: 1,
            task: envelope.id,
            tenant: envelope.tenant.clone(),
            agent: envelope.agent,
            agent_name: envelope.agent_name.clone(),
            chain: envelope.chain.principals.iter().map(|principal| principal.uid).collect(),
            grants: envelope.chain.grants.clone(),
            goal,
            input: envelope.input.commitment,
            token: envelope.token.map(|token| token.commitment),
            budget: envelope.budget,
            submitted_at: envelope.submitted_at,
            deadline: envelope.deadline,
            path: path.clone(),
        }
    }

    /// SHA-256 of its canonical JSON, as `sha256sum` prints it.
    ///
    /// # Errors
    /// [`Error`] when a number has no canonical form.
    pub fn digest(&self) -> Result<Digest, Error> {
        crate::json::canonical_of(self).map(|bytes| Digest::of_bytes(&bytes))
    }
}
