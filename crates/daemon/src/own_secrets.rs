//! Secrets that the daemon itself sends: tokens of repositories.

use std::sync::Arc;

use scalbotics_core::ports::{Clock, PayloadCipher, SecretStore};
use scalbotics_core::secret::SecretRef;
use scalbotics_runtime::secret::{Masks, Own};

use crate::config::Config;

/// Where the daemon's own secrets are read.
#[derive(Debug, Clone)]
pub(crate) struct OwnSecrets {
    store: Arc<dyn SecretStore>,
    cipher: Arc<dyn PayloadCipher>,
    clock: Arc<dyn Clock>,
    masks: Arc<Masks>,
}

impl OwnSecrets {
    /// Those of this store.
    pub(crate) fn new(
        (store, cipher): (Arc<dyn SecretStore>, Arc<dyn PayloadCipher>),
        (clock, masks): (Arc<dyn Clock>, Arc<Masks>),
    ) -> Self {
        Self { store, cipher, clock, masks }
    }

    /// A secret.
    pub(crate) fn of(&self, reference: SecretRef) -> Own {
        let (store, cipher) = (Arc::clone(&self.store), Arc::clone(&self.cipher));
        Own::new(reference, store, cipher, self.clock(), Arc::clone(&self.masks))
    }

    /// The clock by which uses are noted.
    pub(crate) fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock)
    }
}

/// The secrets that the configuration keeps for the daemon: no tool is given them.
pub(crate) fn reserved(config: &Config) -> Vec<SecretRef> {
    let repository = config.settings.repository.token.iter().filter(|_| config.remote.is_some());
    let checkpoints = config.settings.audit.checkpoint_git.token.iter();
    repository.chain(checkpoints).map(|name| SecretRef { tenant: config.tenant.clone(), name: name.clone() }).collect()
}
