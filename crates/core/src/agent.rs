//! An agent as the registry knows it: identity, epoch, and whether it may act.

use serde::{Deserialize, Serialize};

use crate::ids::AgentUid;
use crate::tenant::{Name, TenantId};

/// Whether an agent may act. Suspension lives only in the registry and wins over desired state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// May act.
    Active,
    /// May not act until resumed; everything older than its epoch is void (semantics §4.3).
    Suspended,
    /// Gone for good; the name is a tombstone.
    Offboarded,
}

/// A registered agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Agent {
    /// Identity for good.
    pub uid: AgentUid,
    /// The tenant.
    pub tenant: TenantId,
    /// Unique in the tenant, never reused.
    pub name: Name,
    /// Whether it may act.
    pub standing: Standing,
    /// Rises with each suspension; certificates, tokens and warrants of an older epoch are void.
    pub epoch: u64,
}
