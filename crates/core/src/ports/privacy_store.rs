//! Holds, orders to erase, and the destruction of payloads.

use std::collections::BTreeSet;

use async_trait::async_trait;

use super::{Note, StoreError};
use crate::audit::Record;
use crate::ids::{HoldId, PayloadId};
use crate::payload::Sealed;
use crate::privacy::{Erasure, Hold, Marks, Scope};
use crate::tenant::TenantId;

/// Answers to requests that are forgotten; what asks again for them is a new request then.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Forgotten {
    /// The one under this key.
    Key(String),
    /// All whose keys begin so.
    Beginning(String),
}

/// Which orders to erase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Orders {
    /// Those that are not done; a page of them.
    UnderWay,
    /// Those that are done, the newest [`ERASURES_MAX`](crate::privacy::ERASURES_MAX).
    Done,
}

/// What becomes durable in one commit; empty parts change nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrivacyChange {
    /// The tenant; everything else is its.
    pub tenant: TenantId,
    /// What the change would erase: a hold on any of it, or on the tenant, refuses the change. `None` erases nothing that a hold could be on.
    pub unless_held: Option<BTreeSet<Scope>>,
    /// Payloads and decisions whose bytes, keys and salts go; absent ones are no error.
    pub destroy: Vec<PayloadId>,
    /// New payloads: reasons.
    pub payloads: Vec<Sealed>,
    /// A hold that is placed.
    pub hold: Option<Hold>,
    /// A hold that is lifted; it has to be there.
    pub lift: Option<HoldId>,
    /// An order to erase as it stands now.
    pub erasure: Option<Erasure>,
    /// Answers to requests that go too.
    pub forget_answers: Vec<Forgotten>,
    /// How far the work has come.
    pub marks: Option<Marks>,
    /// A record that nobody asked for.
    pub record: Option<Record>,
    /// What a request made.
    pub note: Option<Note>,
}

impl PrivacyChange {
    /// A change that changes nothing yet.
    #[must_use]
    pub const fn of(tenant: TenantId) -> Self {
        Self {
            tenant,
            unless_held: None,
            destroy: Vec::new(),
            payloads: Vec::new(),
            hold: None,
            lift: None,
            erasure: None,
            forget_answers: Vec::new(),
            marks: None,
            record: None,
            note: None,
        }
    }
}

/// Keeps holds and orders to erase, and destroys payloads.
#[async_trait]
pub trait PrivacyStore: Send + Sync + std::fmt::Debug {
    /// Makes the change durable; answers how many payloads were there and are gone.
    ///
    /// # Errors
    /// [`StoreError::Taken`] names the hold that refuses it, or the one to be lifted that is absent; any other [`StoreError`]. Nothing
    /// is durable then.
    async fn change(&self, change: PrivacyChange) -> Result<u64, StoreError>;

    /// Holds of a tenant, oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn holds(&self, tenant: &TenantId) -> Result<Vec<Hold>, StoreError>;

    /// Orders of a tenant: those that are under way, oldest first, or those that are done, newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn orders(&self, tenant: &TenantId, which: Orders) -> Result<Vec<Erasure>, StoreError>;

    /// How far the work has come.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn marks(&self, tenant: &TenantId) -> Result<Marks, StoreError>;

    /// Whether the tenant had this payload and it was destroyed.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn is_destroyed(&self, tenant: &TenantId, id: PayloadId) -> Result<bool, StoreError>;

    /// Returns when what was destroyed stands in no file of the store any more, write-ahead log included.
    ///
    /// # Errors
    /// [`StoreError`]: something may stand there still.
    async fn scrub(&self) -> Result<(), StoreError>;
}
