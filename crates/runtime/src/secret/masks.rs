//! The values that are taken out of what tools say, tenant by tenant.
//!
//! A tenant's are read when its first tool runs in this process, and learnt from then on; a value that was replaced stays, since
//! a tool that has it may still run.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use scalbotics_core::ports::{PayloadCipher, SecretStore, StoreError};
use scalbotics_core::redaction::Mask;
use scalbotics_core::secret::{SECRETS_MAX, Secret, disclose};
use scalbotics_core::tenant::TenantId;

/// Values of one tenant at most: those of now and of some rotations. Beyond it the ones of now are read anew.
const VALUES_MAX: usize = 4 * SECRETS_MAX;

/// What is taken out of what tools say.
#[derive(Debug)]
pub struct Masks {
    store: Arc<dyn SecretStore>,
    cipher: Arc<dyn PayloadCipher>,
    known: Mutex<BTreeMap<TenantId, Arc<Mask>>>,
}

impl Masks {
    /// Masks of what the store holds.
    #[must_use]
    pub fn new(store: Arc<dyn SecretStore>, cipher: Arc<dyn PayloadCipher>) -> Self {
        Self { store, cipher, known: Mutex::default() }
    }

    /// The mask of a tenant.
    ///
    /// # Errors
    /// [`StoreError`] when its secrets cannot be read.
    pub async fn of(&self, tenant: &TenantId) -> Result<Arc<Mask>, StoreError> {
        if let Some(known) = self.known(tenant) {
            return Ok(known);
        }
        let mut mask = Mask::default();
        for secret in self.store.list(tenant).await? {
            let facts = &secret.facts;
            let opened = self.cipher.open(&secret.sealed).ok();
            match opened.and_then(|payload| disclose(&facts.name, facts.version, payload.bytes)) {
                Some(value) => mask.add(value),
                // It is handed to nobody either.
                None => tracing::error!(secret = %facts.id, "secret cannot be opened"),
            }
        }
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        // What was learnt meanwhile is in the store too, or about to be, and was learnt by the one that is there.
        Ok(Arc::clone(known.entry(tenant.clone()).or_insert_with(|| Arc::new(mask))))
    }

    /// Takes this value out too, from the next look on.
    ///
    /// # Errors
    /// [`StoreError`] when the tenant's secrets cannot be read.
    pub async fn learn(&self, tenant: &TenantId, value: &Secret) -> Result<(), StoreError> {
        if self.known(tenant).is_some_and(|mask| mask.len() >= VALUES_MAX) {
            self.known.lock().unwrap_or_else(PoisonError::into_inner).remove(tenant);
        }
        let _loaded = self.of(tenant).await?;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(mask) = known.get_mut(tenant)
            && !mask.holds(value)
        {
            Arc::make_mut(mask).add(value.clone());
        }
        Ok(())
    }

    fn known(&self, tenant: &TenantId) -> Option<Arc<Mask>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).get(tenant).cloned()
    }
}
