//! Services: programs that call the API by themselves.

use async_trait::async_trait;

use super::{Note, StoreError};
use crate::ids::ServiceUid;
use crate::service::Service;
use crate::tenant::{Name, TenantId};

/// Reads and writes services.
#[async_trait]
pub trait ServiceRegistry: Send + Sync + std::fmt::Debug {
    /// A service by name.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn service(&self, tenant: &TenantId, name: &Name) -> Result<Option<Service>, StoreError>;

    /// A service by identity.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn service_by_uid(&self, uid: ServiceUid) -> Result<Option<Service>, StoreError>;

    /// All services of a tenant, by name, whatever their standing.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn services(&self, tenant: &TenantId) -> Result<Vec<Service>, StoreError>;

    /// Inserts the service, or replaces the row of the same uid; with its note in the same commit.
    ///
    /// # Errors
    /// [`StoreError`], also when the name belongs to another uid.
    async fn put_service(&self, service: Service, note: Note) -> Result<(), StoreError>;
}
