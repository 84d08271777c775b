//! Whether a tenant is served: whatever of it calls, or is called for, is refused while it is suspended.

use scalbotics_core::agent::Standing;
use scalbotics_core::ports::is_served;
use scalbotics_core::tenant::TenantId;

use super::codes;
use super::context::Context;
use super::convert::store_failure;
use super::failure::Failure;

impl Context {
    /// Whether anything of the tenant may act.
    ///
    /// # Errors
    /// Those of the store.
    pub(super) async fn is_served(&self, tenant: &TenantId) -> Result<bool, Failure> {
        is_served(self.ports.tenants.as_ref(), tenant).await.map_err(|error| store_failure(&error))
    }

    /// Refuses what is asked for a tenant that is suspended, after the words of what was attempted.
    ///
    /// # Errors
    /// TENANT_SUSPENDED; those of the store.
    pub(super) async fn check_served(&self, tenant: &TenantId, what: &str) -> Result<(), Failure> {
        let found = self.ports.tenants.tenant(tenant).await.map_err(|error| store_failure(&error))?;
        let why = match found.map(|found| found.standing) {
            Some(Standing::Active) => return Ok(()),
            Some(Standing::Suspended | Standing::Offboarded) => "is suspended",
            None => "is not registered",
        };
        let failure = Failure::new(codes::TENANT_SUSPENDED, what);
        Err(failure.why(format!("tenant `{tenant}` {why}")).next("ask whoever operates the installation"))
    }
}
