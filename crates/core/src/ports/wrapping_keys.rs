//! The keys that wrap payload keys, outside of the database.

use crate::tenant::TenantId;
use crate::time::Timestamp;

/// Why the keys could not be read or changed; nothing has changed then.
#[derive(Debug, thiserror::Error)]
#[error("wrapping keys could not be {attempt}")]
pub struct KeyringError {
    /// What was attempted: `read`, `made`, `rotated`, `destroyed`.
    pub attempt: &'static str,
    /// What went wrong.
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

/// A key that wraps nothing new any more, and still opens what it wrapped.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RetiredKey {
    /// When it was replaced.
    pub retired_at: Timestamp,
    /// Which it is: eight hexadecimal digits or more, no part of the key.
    pub id: String,
}

/// Keeps the wrapping keys. All methods block for the time of a file's write.
pub trait WrappingKeys: Send + Sync + std::fmt::Debug {
    /// Puts a new key in the place of the tenant's; durable, and used for whatever is sealed from now on, when this returns.
    ///
    /// # Errors
    /// [`KeyringError`].
    fn rotate(&self, tenant: &TenantId, now: Timestamp) -> Result<(), KeyringError>;

    /// The keys that were replaced and are there still, oldest first.
    ///
    /// # Errors
    /// [`KeyringError`].
    fn retired(&self, tenant: &TenantId) -> Result<Vec<RetiredKey>, KeyringError>;

    /// Destroys a retired key; what it alone opens is erased from then on, wherever copies are.
    ///
    /// # Errors
    /// [`KeyringError`].
    fn destroy(&self, tenant: &TenantId, id: &str) -> Result<(), KeyringError>;
}
