//! What is in force, by tenant.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use scalbotics_core::tenant::TenantId;
use tokio::sync::watch;

use super::InForce;

/// What is in force, by tenant. Cloning shares it.
///
/// It holds no port: tools and models look here, and the ports hold them.
#[derive(Debug, Clone, Default)]
pub struct Board {
    tenants: Arc<RwLock<BTreeMap<TenantId, Arc<InForce>>>>,
    changes: watch::Sender<u64>,
}

impl Board {
    /// The state in force of a tenant; `None` where no commit of it was ever good.
    #[must_use]
    pub fn of(&self, tenant: &TenantId) -> Option<Arc<InForce>> {
        self.tenants.read().unwrap_or_else(PoisonError::into_inner).get(tenant).cloned()
    }

    /// The states in force of all tenants, by name.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<InForce>> {
        self.tenants.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// A number that rises when another state comes into force, of any tenant.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Brings a state into force in place of its tenant's, which is answered.
    pub(super) fn put(&self, state: Arc<InForce>) -> Option<Arc<InForce>> {
        let tenant = state.snapshot.tenant.clone();
        let before = self.tenants.write().unwrap_or_else(PoisonError::into_inner).insert(tenant, state);
        self.changes.send_modify(|changes| *changes = changes.wrapping_add(1));
        before
    }
}
