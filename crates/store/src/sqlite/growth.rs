//! Who waits for an audit log to grow.

use std::collections::BTreeMap;
use std::sync::Mutex;

use scalbotics_core::tenant::TenantId;
use tokio::sync::watch;

/// The sizes that were waited for, by tenant.
#[derive(Debug, Default)]
pub(super) struct Growth {
    sizes: Mutex<BTreeMap<TenantId, watch::Sender<u64>>>,
}

impl Growth {
    /// Says that the tenant's log has `size` leaves now; does nothing when nobody ever waited for it.
    pub(super) fn reached(&self, tenant: &TenantId, size: u64) {
        let sizes = self.sizes.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(sender) = sizes.get(tenant) {
            sender.send_if_modified(|known| {
                let grown = size > *known;
                *known = size.max(*known);
                grown
            });
        }
    }

    /// Watches the tenant's log. Look at the stored size only after this, so that no growth falls between.
    pub(super) fn watch(&self, tenant: &TenantId) -> watch::Receiver<u64> {
        let mut sizes = self.sizes.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        sizes.entry(tenant.clone()).or_insert_with(|| watch::Sender::new(0)).subscribe()
    }

    /// Lets all who wait go: the store is closing.
    pub(super) fn close(&self) {
        self.sizes.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clear();
    }
}
