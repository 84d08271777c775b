//! Secrets that the daemon keeps for itself.

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError, RwLock};

use scalbotics_core::secret::SecretRef;

/// Secrets that no tool is given, since the daemon itself sends them. Cloning shares them.
#[derive(Debug, Clone, Default)]
pub struct Reserved(Arc<RwLock<BTreeSet<SecretRef>>>);

impl Reserved {
    /// Keeps these for the daemon from now on.
    pub fn add(&self, secrets: impl IntoIterator<Item = SecretRef>) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).extend(secrets);
    }

    pub(super) fn contains(&self, secret: &SecretRef) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).contains(secret)
    }
}
