//! An order to erase: durable before the first byte goes, and carried on with after a crash.

use serde::{Deserialize, Serialize};

use super::Scope;
use crate::ids::ErasureId;
use crate::payload::Ref;
use crate::principal::Uid;
use crate::tenant::TenantId;
use crate::time::Timestamp;

/// Orders that are done and remembered outside of the database: a restore of an older one repeats them. It is as many as three a day for as
/// long as backups may be kept.
pub const ERASURES_MAX: usize = 10_000;

/// Longest reason of an erasure or a legal hold, in bytes.
pub const REASON_LEN_MAX: usize = 4 << 10;

/// An order to erase.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Erasure {
    /// Its id.
    pub id: ErasureId,
    /// The tenant.
    pub tenant: TenantId,
    /// What is erased.
    pub scope: Scope,
    /// Who ordered it.
    pub by: Uid,
    /// When.
    pub at: Timestamp,
    /// Why; a payload.
    pub reason: Ref,
    /// Payloads that were destroyed so far.
    pub destroyed: u64,
    /// When the last byte was gone; `None` while it is under way.
    pub done_at: Option<Timestamp>,
}
