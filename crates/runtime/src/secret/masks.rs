//! What is taken out of what tools say and of what models are asked, tenant by tenant: the values of its secrets, and what detectors find.
//!
//! A tenant's are read when its first tool runs in this process, and learnt from then on; a value that was replaced stays, since
//! a tool that has it may still run.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use scalbotics_core::ports::{PayloadCipher, SecretStore, StoreError};
use scalbotics_core::redaction::{Detect, Mask};
use scalbotics_core::secret::{SECRETS_MAX, Secret, disclose};
use scalbotics_core::tenant::TenantId;

/// Values of one tenant at most: those of now and of some rotations. Beyond it the ones of now are read anew.
const VALUES_MAX: usize = 4 * SECRETS_MAX;

/// Who is told of each value, so that it is covered in places that belong to no tenant: the log, errors.
#[derive(Clone)]
struct Told(Arc<dyn Fn(&Secret) + Send + Sync>);

impl std::fmt::Debug for Told {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Told")
    }
}

/// What is taken out of what tools say, and of what models are asked.
#[derive(Debug)]
pub struct Masks {
    store: Arc<dyn SecretStore>,
    cipher: Arc<dyn PayloadCipher>,
    known: Mutex<BTreeMap<TenantId, Arc<Mask>>>,
    outputs: Detect,
    prompts: Detect,
    told: Option<Told>,
}

impl Masks {
    /// Masks of what the store holds, and of all that looks like a secret.
    #[must_use]
    pub fn new(store: Arc<dyn SecretStore>, cipher: Arc<dyn PayloadCipher>) -> Self {
        let known = Mutex::default();
        Self { store, cipher, known, outputs: Detect::Secrets, prompts: Detect::Secrets, told: None }
    }

    /// Looks for this in outputs of tools, and for that in what models are asked.
    #[must_use]
    pub fn detecting(mut self, outputs: Detect, prompts: Detect) -> Self {
        (self.outputs, self.prompts) = (outputs, prompts);
        self
    }

    /// Tells of each value that is taken out from now on.
    #[must_use]
    pub fn telling(mut self, tell: Arc<dyn Fn(&Secret) + Send + Sync>) -> Self {
        self.told = Some(Told(tell));
        self
    }

    /// The mask of what models of a tenant are asked.
    ///
    /// # Errors
    /// [`StoreError`] when its secrets cannot be read.
    pub async fn of_prompts(&self, tenant: &TenantId) -> Result<Arc<Mask>, StoreError> {
        let mask = self.of(tenant).await?;
        Ok(if self.prompts == self.outputs { mask } else { Arc::new(mask.with(self.prompts)) })
    }

    /// The mask of what tools of a tenant say.
    ///
    /// # Errors
    /// [`StoreError`] when its secrets cannot be read.
    pub async fn of(&self, tenant: &TenantId) -> Result<Arc<Mask>, StoreError> {
        if let Some(known) = self.known(tenant) {
            return Ok(known);
        }
        let mut mask = Mask::detecting(self.outputs);
        for secret in self.store.list(tenant).await? {
            let facts = &secret.facts;
            let opened = self.cipher.open(&secret.sealed).ok();
            match opened.and_then(|payload| disclose(&facts.name, facts.version, payload.bytes)) {
                Some(value) => {
                    self.tell(&value);
                    mask.add(value);
                }
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
            self.tell(value);
            Arc::make_mut(mask).add(value.clone());
        }
        Ok(())
    }

    fn tell(&self, value: &Secret) {
        if let Some(Told(tell)) = &self.told {
            tell(value);
        }
    }

    fn known(&self, tenant: &TenantId) -> Option<Arc<Mask>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).get(tenant).cloned()
    }
}
