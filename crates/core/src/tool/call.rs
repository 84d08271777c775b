//! One exact call of a tool: what is decided, approved, journalled and run.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{EffectClass, Tier};
use crate::digest::Digest;
use crate::ids::{AgentUid, EffectId, TaskId};
use crate::principal::Chain;
use crate::tenant::{Name, TenantId};

/// Domain tag of call digests.
const CALL_TAG: &str = "scalbotics/call/v1";

/// A file or tree that the call depends on, hashed when it was decided (semantics §2.3).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResolvedInput {
    /// What it is, as the person reads it.
    pub name: String,
    /// Its digest.
    pub digest: Digest,
}

/// One exact call.
#[derive(Clone, PartialEq, Eq)]
pub struct Call {
    /// The task it belongs to.
    pub task: TaskId,
    /// The effect that it is.
    pub effect: EffectId,
    /// The tenant.
    pub tenant: TenantId,
    /// The acting agent.
    pub agent: AgentUid,
    /// The acting agent's name, for workspaces and messages.
    pub agent_name: Name,
    /// The tool.
    pub tool: Name,
    /// The tool's digest at the moment of decision.
    pub tool_digest: Digest,
    /// The tool's tier.
    pub tier: Tier,
    /// The tool's effect class.
    pub class: EffectClass,
    /// RFC 8785 bytes of the arguments: what the tool gets, and nothing else.
    pub args: Arc<[u8]>,
    /// What the call depends on beside its arguments.
    pub inputs: Vec<ResolvedInput>,
    /// Digest over all that makes the call this call; an approval signs it.
    pub digest: Digest,
}

impl Call {
    /// The idempotency key: one per effect, the same at every attempt.
    #[must_use]
    pub fn idempotency_key(&self) -> String {
        self.effect.to_string()
    }
}

impl std::fmt::Debug for Call {
    /// Prints what is in the audit log too, never the arguments.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Call")
            .field("effect", &self.effect)
            .field("tool", &self.tool)
            .field("tier", &self.tier)
            .field("class", &self.class)
            .field("digest", &self.digest)
            .finish_non_exhaustive()
    }
}

/// The call digest (semantics §2.2): tenant, agent, chain principals and grants, tool digest, arguments, inputs.
///
/// Tokens and certificates are left out, since they renew; so is the effect id, since the approval names it beside.
#[must_use]
pub fn call_digest(chain: &Chain, tool_digest: &Digest, args: &[u8], inputs: &[ResolvedInput]) -> Digest {
    let tenant = chain.actor().map(|p| p.tenant.to_string()).unwrap_or_default();
    let principals: Vec<String> = chain.principals.iter().map(|p| p.uid.to_string()).collect();
    let grants: Vec<String> = chain.grants.iter().map(|g| g.id.to_string()).collect();
    let inputs: Vec<String> = inputs.iter().map(|i| format!("{}\0{}", i.name, i.digest)).collect();
    let list = |items: &[String]| Digest::of_parts(CALL_TAG, &items.iter().map(String::as_bytes).collect::<Vec<_>>());
    Digest::of_parts(
        CALL_TAG,
        &[
            tenant.as_bytes(),
            list(&principals).as_bytes(),
            list(&grants).as_bytes(),
            tool_digest.as_bytes(),
            args,
            list(&inputs).as_bytes(),
        ],
    )
}
