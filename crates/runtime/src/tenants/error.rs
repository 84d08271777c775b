//! Why tenants were not changed.

use scalbotics_core::ports::TENANTS_MAX;
use scalbotics_core::tenant::TenantId;

use crate::change::ChangeError;

/// Why tenants were not changed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such tenant.
    #[error("there is no tenant `{id}`")]
    NotFound {
        /// The name.
        id: TenantId,
    },
    /// The name is a tenant's.
    #[error("tenant `{id}` is there already, and names are never used again")]
    Taken {
        /// The name.
        id: TenantId,
    },
    /// The name is the installation's own.
    #[error("`{id}` is the name of the installation itself")]
    Own {
        /// The name.
        id: TenantId,
    },
    /// There would be too many.
    #[error("an installation has no more than {TENANTS_MAX} tenants")]
    TooMany,
    /// Nobody would be left who could resume it.
    #[error("tenant `{id}` operates the installation, and nobody else could resume it")]
    Operating {
        /// The name.
        id: TenantId,
    },
    /// Its key, folder or repository could not be made.
    #[error("the place of tenant `{id}` cannot be made")]
    Premises {
        /// The name.
        id: TenantId,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// It was not made durable.
    #[error(transparent)]
    Change(#[from] ChangeError),
}
