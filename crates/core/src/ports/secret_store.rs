//! Secrets as they are stored: sealed, with what is known about them. The store never sees a value.

use async_trait::async_trait;

use super::{Note, StoreError};
use crate::audit::Record;
use crate::ids::SecretId;
use crate::payload::Sealed;
use crate::secret::Facts;
use crate::tenant::{Name, TenantId};
use crate::time::Timestamp;

/// A secret at rest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedSecret {
    /// What is known about it.
    pub facts: Facts,
    /// Its value, enclosed with name and version and sealed under a key of its own, wrapped by the tenant's.
    pub sealed: Sealed,
}

/// Keeps secrets.
#[async_trait]
pub trait SecretStore: Send + Sync + std::fmt::Debug {
    /// Keeps a new secret.
    ///
    /// # Errors
    /// [`StoreError::Taken`] when the tenant has one of that name; [`StoreError`].
    async fn put(&self, secret: SealedSecret, note: Note) -> Result<(), StoreError>;

    /// Replaces a secret by its next version, whole or not at all; nothing of the old value stays in the row.
    ///
    /// # Errors
    /// [`StoreError::Taken`] when what is stored is not the version before; [`StoreError`].
    async fn rotate(&self, secret: SealedSecret, note: Note) -> Result<(), StoreError>;

    /// Removes a secret; its name may be used again, its id is not.
    ///
    /// # Errors
    /// [`StoreError::Taken`] when there is no such secret any more; [`StoreError`].
    async fn remove(&self, tenant: &TenantId, id: SecretId, note: Note) -> Result<(), StoreError>;

    /// One secret, or `None` when it is absent or another tenant's.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn get(&self, tenant: &TenantId, name: &Name) -> Result<Option<SealedSecret>, StoreError>;

    /// All secrets of a tenant, by name; at most [`crate::secret::SECRETS_MAX`].
    ///
    /// # Errors
    /// [`StoreError`].
    async fn list(&self, tenant: &TenantId) -> Result<Vec<SealedSecret>, StoreError>;

    /// Notes that a version of a secret is handed to a call, with its audit record; durable when this returns.
    ///
    /// # Errors
    /// [`StoreError::Taken`] when that version is not the stored one any more; [`StoreError`].
    async fn note_use(&self, secret: (SecretId, u64), at: Timestamp, record: Record) -> Result<(), StoreError>;
}
