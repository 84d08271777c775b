//! The question that a policy engine gets, and its answer.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::principal::Principal;

/// What is acted upon.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resource {
    /// The entity type of the policy schema: `Tool`, `Task`, `Agent`, `Approval`, `Tenant`, …
    pub kind: String,
    /// The id within the tenant.
    pub id: String,
    /// Attributes of the schema's shape for that type.
    pub attributes: Value,
}

/// One question: may this principal do this to that. One is asked for every principal of a chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// Who is asked about.
    pub principal: Principal,
    /// The action: a method's (`task.submit`) or a tool's (`tool/fs.read`).
    pub action: String,
    /// What is acted upon.
    pub resource: Resource,
    /// The context: for a tool call `{"args": …, "task": …}`, in the shape of the action's schema.
    pub context: Value,
}

/// What an engine says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Some policy permits and none forbids.
    Allow,
    /// No policy permits, or one forbids.
    Deny,
}

/// A policy that determined an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deciding {
    /// The policy's id.
    pub policy: String,
    /// Where it stands, as `policies/ops.cedar:14`.
    pub place: String,
}

/// The answer of one engine about one principal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// The engine's name.
    pub engine: String,
    /// Digest of the policy bundle that was asked.
    pub bundle: crate::digest::Digest,
    /// Digest of the entity slice that was asked with (semantics §9.2).
    pub slice: crate::digest::Digest,
    /// Its verdict.
    pub verdict: Verdict,
    /// The policies that determined it; empty for a denial by default.
    pub deciding: Vec<Deciding>,
    /// Errors met on the way; any of them makes the whole decision a denial.
    pub errors: Vec<String>,
}
