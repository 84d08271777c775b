//! Finding records of the audit logs by what they say.

use async_trait::async_trait;

use super::{AuditEntry, StoreError};
use crate::audit::{Filter, Order};
use crate::tenant::TenantId;

/// What is looked for, and where a page begins.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Search {
    /// Which records.
    pub filter: Filter,
    /// From which end.
    pub order: Order,
    /// The index at which to begin, that one included; the end of the log that `order` begins with where nothing is said.
    pub start: Option<u64>,
    /// At most so many, from 1 to 1 000.
    pub limit: usize,
}

/// A page of what was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditFound {
    /// The records, in the order asked for.
    pub entries: Vec<AuditEntry>,
    /// Where the next page begins; `None` where there is nothing more. A page with few records or none may have one: an
    /// implementation looks at so many records a call and no more.
    pub next: Option<u64>,
}

/// Finds audit records.
#[async_trait]
pub trait AuditSearch: Send + Sync + std::fmt::Debug {
    /// A page of the records of the tenant's log that the filter wants.
    ///
    /// # Errors
    /// [`StoreError`].
    ///
    /// # Cancel safety
    /// Cancel safe: reading changes nothing.
    async fn search(&self, tenant: &TenantId, search: &Search) -> Result<AuditFound, StoreError>;
}
