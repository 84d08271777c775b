//! Values that the daemon itself must send, outside of any call: the token of its repository.
//!
//! **Invariant:** the first use of each version in a process is in the audit log before the value is handed over.

use std::sync::{Arc, Mutex, PoisonError};

use scalbotics_core::audit::{Kind, OutcomeNote, Record};
use scalbotics_core::ids::SecretId;
use scalbotics_core::ports::{Clock, PayloadCipher, SecretStore};
use scalbotics_core::principal::Uid;
use scalbotics_core::secret::{Facts, RevealError, Secret, SecretRef, disclose};

use super::Masks;

/// One secret that the daemon itself sends. No warrant opens it: see [`Source::reserving`](super::Source::reserving).
#[derive(Debug)]
pub struct Own {
    reference: SecretRef,
    store: Arc<dyn SecretStore>,
    cipher: Arc<dyn PayloadCipher>,
    clock: Arc<dyn Clock>,
    masks: Arc<Masks>,
    noted: Mutex<Option<(SecretId, u64)>>,
}

impl Own {
    /// The secret behind `reference`; what is handed over, `masks` takes out of what tools say.
    #[must_use]
    pub fn new(
        reference: SecretRef,
        store: Arc<dyn SecretStore>,
        cipher: Arc<dyn PayloadCipher>,
        clock: Arc<dyn Clock>,
        masks: Arc<Masks>,
    ) -> Self {
        Self { reference, store, cipher, clock, masks, noted: Mutex::default() }
    }

    /// The value of now.
    ///
    /// # Errors
    /// [`RevealError`]; nothing may be sent then.
    ///
    /// # Cancel safety
    /// Cancel safe: a use that was noted and not made is one too many in the log, never one too few.
    pub async fn value(&self) -> Result<Secret, RevealError> {
        let reference = &self.reference;
        let stored = self.store.get(&reference.tenant, &reference.name).await?;
        let stored = stored.ok_or_else(|| RevealError::NotFound { reference: reference.clone() })?;
        let facts = &stored.facts;
        let opened = self.cipher.open(&stored.sealed).ok();
        let value = opened.and_then(|payload| disclose(&facts.name, facts.version, payload.bytes));
        let value = value.ok_or_else(|| RevealError::Unreadable { reference: reference.clone() })?;
        let version = (facts.id, facts.version);
        if *self.noted.lock().unwrap_or_else(PoisonError::into_inner) != Some(version) {
            self.masks.learn(&reference.tenant, &value).await?;
            let record = self.record(facts);
            self.store.note_use(version, record.at, record).await?;
            *self.noted.lock().unwrap_or_else(PoisonError::into_inner) = Some(version);
        }
        Ok(value)
    }

    fn record(&self, facts: &Facts) -> Record {
        let mut record = Record::new(Kind::Secret, self.clock.now(), self.reference.tenant.clone(), Uid::Daemon, "secret.use");
        record.target = Some(format!("{}/{}", facts.id, facts.version));
        record.outcome = Some(OutcomeNote { word: "revealed".to_owned(), attempt: None, commitment: None });
        record
    }
}
