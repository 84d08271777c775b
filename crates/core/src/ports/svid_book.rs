//! The book of certificates: which were issued to whom, and until when each counts.

use async_trait::async_trait;

use super::{Note, RevokedSvid, StoreError};
use crate::identity::{AuthorityId, Svid};
use crate::ids::AgentUid;
use crate::tenant::TenantId;
use crate::time::Timestamp;

/// Which certificates are listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SvidFilter {
    /// Of this tenant.
    pub tenant: TenantId,
    /// Of this agent; of all where none is named.
    pub agent: Option<AgentUid>,
    /// Those whose life ends at or after this moment.
    pub from: Timestamp,
    /// Those after this one in order of end and serial number.
    pub after: Option<(Timestamp, String)>,
    /// At most so many.
    pub limit: usize,
}

/// Reads and writes the book. An entry is kept as long as its certificate lives, and may be forgotten later.
#[async_trait]
pub trait SvidBook: Send + Sync + std::fmt::Debug {
    /// The certificate with this serial number.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn svid(&self, serial: &str) -> Result<Option<Svid>, StoreError>;

    /// Certificates in order of end and serial number.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn svids(&self, filter: &SvidFilter) -> Result<Vec<Svid>, StoreError>;

    /// Enters a certificate with its note in the same commit; answers whether it was, and nothing is written where its agent is not active
    /// at exactly its epoch.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn enter(&self, svid: Svid, note: Note) -> Result<bool, StoreError>;

    /// Cuts short whatever the agent has: nothing of it counts from `void_at` on. Answers how many certificates that were to live longer.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn cut_short(&self, agent: AgentUid, void_at: Timestamp, note: Note) -> Result<u64, StoreError>;

    /// When the first agent will have no certificate any more unless it gets another: of each agent, of whatever tenant, the one that counts
    /// longest after `now`, and of these ends the first.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn nearest_end(&self, now: Timestamp) -> Result<Option<Timestamp>, StoreError>;

    /// The certificates of an authority that were cut short before `now` and whose life has not ended, in order of end: all of them.
    ///
    /// # Errors
    /// [`StoreError`], also when there are more than can be listed: none is left out in silence.
    async fn revoked(&self, authority: &AuthorityId, now: Timestamp) -> Result<Vec<RevokedSvid>, StoreError>;
}
