//! A tenant that is not there yet.

use async_trait::async_trait;
use scalbotics_core::ports::{RemoteRepository, Tenant};
use scalbotics_core::secret::Secret;
use scalbotics_core::tenant::{Name, TenantId};

/// A tenant that is not there yet.
#[derive(Debug, Clone)]
pub struct NewTenant {
    /// Its name, of no tenant else and never of any before.
    pub id: TenantId,
    /// The branch of its repository that is followed.
    pub branch: String,
    /// The overlay that narrows its desired state.
    pub overlay: Option<Name>,
    /// Whether its desired state may run programs of the daemon's host and reach addresses of its networks.
    pub host_access: bool,
    /// The remote repository that is followed; none for one that is made on this host.
    pub remote: Option<RemoteRepository>,
    /// The token of the remote repository, which becomes the secret that `remote` names.
    pub token: Option<Secret>,
    /// Its first human; none where its people come by an outside issuer.
    pub admin: Option<NewAdmin>,
}

/// The first human of a tenant, who administers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAdmin {
    /// The name.
    pub name: Name,
    /// The public login key, a JWK in JSON; the caller has parsed it.
    pub login_key: String,
}

/// Makes what a tenant has outside of the database.
#[async_trait]
pub trait Premises: Send + Sync {
    /// Makes the tenant's wrapping key, folder and repository, as far as they are not there; a remote repository is looked at with the token.
    ///
    /// # Errors
    /// Why not; a second time goes on from there.
    async fn make(&self, tenant: &Tenant, token: Option<&Secret>) -> Result<(), Box<dyn std::error::Error + Send + Sync>>;
}
