//! Join tokens: by which a worker gets its agent's first certificate, once (semantics §4.2, security row 4).

use super::svid::Joined;
use crate::digest::Digest;
use crate::ids::AgentUid;
use crate::tenant::TenantId;
use crate::time::Timestamp;

/// Life of a join token, in milliseconds: long enough to carry it to another machine by hand.
pub const JOIN_TOKEN_LIFETIME_MS: u64 = 10 * 60_000;

/// Most tokens of one agent that wait to be used: a fleet of workers that starts at once.
pub const JOIN_TOKENS_MAX: usize = 64;

/// Tag of the digest under which a token's secret is kept.
const SECRET_TAG: &str = "scalbotics/join-token/v1";

/// A join token, as it is kept: nothing of it can be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JoinToken {
    /// Digest of its secret.
    pub digest: Digest,
    /// The agent's tenant.
    pub tenant: TenantId,
    /// The one agent that it lets join.
    pub agent: AgentUid,
    /// The agent's epoch when it was made; under another it is void.
    pub epoch: u64,
    /// Who made it, and stands for the agent from then on.
    pub joined: Joined,
    /// When it was made.
    pub issued_at: Timestamp,
    /// It counts before this moment.
    pub expires_at: Timestamp,
    /// When it was used.
    pub used_at: Option<Timestamp>,
}

impl JoinToken {
    /// The digest under which a token with this secret is kept.
    #[must_use]
    pub fn digest_of(secret: &[u8]) -> Digest {
        Digest::of_parts(SECRET_TAG, &[secret])
    }
}
