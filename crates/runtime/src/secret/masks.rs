//! What is taken out of what tools say and of what models are asked, tenant by tenant: the values of its secrets, and what detectors find.
//!
//! A tenant's are read when its first tool runs in this process, and learnt from then on; a value that was replaced stays, since
//! a tool that has it may still run.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use scalbotics_core::ports::{PayloadCipher, SecretStore, StoreError};
use scalbotics_core::redaction::{Detect, Mask};
use scalbotics_core::secret::{SECRETS_MAX, Secret, disclose};
use scalbotics_core::tenant::TenantId;

/// Values of one tenant at most: those of now and of some rotations. Beyond it the ones of now are read anew.
const VALUES_MAX: usize = 4 * SECRETS_MAX;

/// Takes a value and whose it is.
pub type Tell = dyn Fn(&TenantId, &Secret) + Send + Sync;

/// Who is told of each value and whose it is, so that it is covered beside tools too: in the log, in errors.
#[derive(Clone)]
struct Told(Arc<Tell>);

impl std::fmt::Debug for Told {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Told")
    }
}

/// The masks of one tenant: the same values, other detectors.
#[derive(Debug)]
struct Known {
    results: Arc<Mask>,
    words: Arc<Mask>,
    prompts: Arc<Mask>,
}

/// What is taken out of what tools say, and of what models are asked.
#[derive(Debug)]
pub struct Masks {
    store: Arc<dyn SecretStore>,
    cipher: Arc<dyn PayloadCipher>,
    known: Mutex<BTreeMap<TenantId, Known>>,
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

    /// Looks for this in results of tools, and for that in what models are asked.
    #[must_use]
    pub fn detecting(mut self, outputs: Detect, prompts: Detect) -> Self {
        (self.outputs, self.prompts) = (outputs, prompts);
        self
    }

    /// Tells of each value that is taken out from now on.
    #[must_use]
    pub fn telling(mut self, tell: Arc<Tell>) -> Self {
        self.told = Some(Told(tell));
        self
    }

    /// The mask of what models of a tenant are asked.
    ///
    /// # Errors
    /// [`StoreError`] when its secrets cannot be read.
    pub async fn of_prompts(&self, tenant: &TenantId) -> Result<Arc<Mask>, StoreError> {
        self.one(tenant, |known| &known.prompts).await
    }

    /// The mask of words for people: reasons of failures, and what models of a tenant say. Secrets are always looked for.
    ///
    /// # Errors
    /// [`StoreError`] when its secrets cannot be read.
    pub async fn of_words(&self, tenant: &TenantId) -> Result<Arc<Mask>, StoreError> {
        self.one(tenant, |known| &known.words).await
    }

    /// The mask of results of a tenant's tools.
    ///
    /// # Errors
    /// [`StoreError`] when its secrets cannot be read.
    pub async fn of(&self, tenant: &TenantId) -> Result<Arc<Mask>, StoreError> {
        self.one(tenant, |known| &known.results).await
    }

    async fn one(&self, tenant: &TenantId, which: impl Fn(&Known) -> &Arc<Mask>) -> Result<Arc<Mask>, StoreError> {
        if let Some(mask) = self.lock().get(tenant).map(|known| Arc::clone(which(known))) {
            return Ok(mask);
        }
        let mut mask = Mask::detecting(self.outputs);
        for secret in self.store.list(tenant).await? {
            let facts = &secret.facts;
            let opened = self.cipher.open(&secret.sealed).ok();
            match opened.and_then(|payload| disclose(&facts.name, facts.version, payload.bytes)) {
                Some(value) => {
                    self.tell(tenant, &value);
                    mask.add(value);
                }
                // It is handed to nobody either.
                None => tracing::error!(secret = %facts.id, "secret cannot be opened"),
            }
        }
        let words = if self.outputs == Detect::Nothing { Detect::Secrets } else { self.outputs };
        let (words, prompts) = (Arc::new(mask.with(words)), Arc::new(mask.with(self.prompts)));
        let known = Known { results: Arc::new(mask), words, prompts };
        // What was learnt meanwhile is in the store too, or about to be, and was learnt by the one that is there.
        Ok(Arc::clone(which(self.lock().entry(tenant.clone()).or_insert(known))))
    }

    /// Takes this value out too, from the next look on.
    ///
    /// # Errors
    /// [`StoreError`] when the tenant's secrets cannot be read.
    pub async fn learn(&self, tenant: &TenantId, value: &Secret) -> Result<(), StoreError> {
        if self.lock().get(tenant).is_some_and(|known| known.results.len() >= VALUES_MAX) {
            self.lock().remove(tenant);
        }
        let _loaded = self.of(tenant).await?;
        let mut known = self.lock();
        if let Some(Known { results, words, prompts }) = known.get_mut(tenant)
            && !results.holds(value)
        {
            self.tell(tenant, value);
            for mask in [results, words, prompts] {
                Arc::make_mut(mask).add(value.clone());
            }
        }
        Ok(())
    }

    fn tell(&self, tenant: &TenantId, value: &Secret) {
        if let Some(Told(tell)) = &self.told {
            tell(tenant, value);
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<TenantId, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
