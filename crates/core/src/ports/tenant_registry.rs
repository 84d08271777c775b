//! Tenants of an installation.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{Human, Note, StoreError};
use crate::agent::Standing;
use crate::audit::Record;
use crate::tenant::{Name, TenantId};
use crate::time::Timestamp;

/// Most tenants of an installation; each is polled for, and has logs of its own that are signed.
pub const TENANTS_MAX: usize = 1_000;

/// A remote repository of desired state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RemoteRepository {
    /// Its address, `https://…`, without a password.
    pub url: String,
    /// The user of the token; none where there is no token, or where the server does not mind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The tenant's secret that holds the token; none for a repository that everybody may read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<Name>,
}

/// A registered tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tenant {
    /// Its name, never used again.
    pub id: TenantId,
    /// Whether anybody and anything of it may act; a tenant is never offboarded.
    pub standing: Standing,
    /// When it was registered.
    pub created_at: Timestamp,
    /// The branch of its repository that is followed.
    pub branch: String,
    /// The overlay of its repository that narrows what is in force (semantics §9.4).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overlay: Option<Name>,
    /// Whether its desired state may run programs of the daemon's host and reach addresses of its networks: who writes it is trusted like
    /// an operator then.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub host_access: bool,
    /// The remote repository that is followed; none for one on this host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote: Option<RemoteRepository>,
}

/// Reads and writes tenants.
///
/// **Invariant:** a tenant that is not registered may do nothing, like one that is suspended.
#[async_trait]
pub trait TenantRegistry: Send + Sync + std::fmt::Debug {
    /// A tenant by name; every call and every effect asks this.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn tenant(&self, id: &TenantId) -> Result<Option<Tenant>, StoreError>;

    /// All tenants, by name, at most [`TENANTS_MAX`].
    ///
    /// # Errors
    /// [`StoreError`].
    async fn tenants(&self) -> Result<Vec<Tenant>, StoreError>;

    /// Inserts the tenant, or replaces the row of the same name, with `record` in the installation log and, where a caller asked for it, the
    /// note in the caller's, and with its first human, all in one commit. When a tenant was registered never changes.
    ///
    /// # Errors
    /// [`StoreError`], also for one more than [`TENANTS_MAX`].
    async fn put_tenant(
        &self,
        tenant: Tenant,
        record: Record,
        note: Option<Note>,
        first: Option<(Human, Note)>,
    ) -> Result<(), StoreError>;
}

/// Whether anything of a tenant may act: it is registered, and not suspended.
///
/// # Errors
/// [`StoreError`].
pub async fn is_served(registry: &dyn TenantRegistry, id: &TenantId) -> Result<bool, StoreError> {
    let tenant = registry.tenant(id).await?;
    Ok(tenant.is_some_and(|tenant| tenant.standing == Standing::Active))
}
