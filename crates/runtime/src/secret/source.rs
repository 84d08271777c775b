//! Values, each for one warrant.

use std::sync::Arc;

use async_trait::async_trait;
use scalbotics_core::audit::{Kind, OutcomeNote, Record};
use scalbotics_core::policy::Warrant;
use scalbotics_core::ports::{Clock, PayloadCipher, SecretSource, SecretStore, StoreError};
use scalbotics_core::principal::Uid;
use scalbotics_core::secret::{Facts, RevealError, Secret, SecretRef, disclose};
use scalbotics_core::tool::Call;

use super::Masks;
use super::Reserved;

/// Times that a value is read again because it was rotated in between.
const READS_MAX: u32 = 3;

/// Hands over values of secrets.
#[derive(Debug)]
pub struct Source {
    store: Arc<dyn SecretStore>,
    cipher: Arc<dyn PayloadCipher>,
    clock: Arc<dyn Clock>,
    masks: Arc<Masks>,
    reserved: Reserved,
}

impl Source {
    /// A source over the store; what it hands over, `masks` takes out of what tools say.
    #[must_use]
    pub fn new(store: Arc<dyn SecretStore>, cipher: Arc<dyn PayloadCipher>, clock: Arc<dyn Clock>, masks: Arc<Masks>) -> Self {
        Self { store, cipher, clock, masks, reserved: Reserved::default() }
    }

    /// The same, for which some secrets do not exist: the daemon's own.
    #[must_use]
    pub fn reserving(mut self, reserved: Reserved) -> Self {
        self.reserved = reserved;
        self
    }

    fn record(&self, warrant: &Warrant<Call>, facts: &Facts) -> Record {
        let call = warrant.act();
        let mut record = Record::new(Kind::Secret, self.clock.now(), call.tenant.clone(), Uid::Agent(call.agent), "secret.use");
        record.target = Some(format!("{}/{}", facts.id, facts.version));
        record.task = Some(call.task);
        record.effect = Some(call.effect);
        record.name_call(&call.mark);
        let attempt = Some(warrant.attempt());
        record.outcome = Some(OutcomeNote { word: "revealed".to_owned(), attempt, commitment: None });
        record
    }
}

#[async_trait]
impl SecretSource for Source {
    async fn reveal(&self, warrant: &Warrant<Call>, secret: &SecretRef) -> Result<Secret, RevealError> {
        let not_found = || RevealError::NotFound { reference: secret.clone() };
        let tenant = &warrant.act().tenant;
        if secret.tenant != *tenant || self.reserved.contains(secret) {
            return Err(not_found());
        }
        for _ in 0..READS_MAX {
            let stored = self.store.get(tenant, &secret.name).await?.ok_or_else(not_found)?;
            let facts = &stored.facts;
            let opened = self.cipher.open(&stored.sealed).ok();
            let value = opened.and_then(|payload| disclose(&facts.name, facts.version, payload.bytes));
            let value = value.ok_or_else(|| RevealError::Unreadable { reference: secret.clone() })?;
            self.masks.learn(tenant, &value).await?;
            let record = self.record(warrant, facts);
            match self.store.note_use((facts.id, facts.version), record.at, record).await {
                Ok(()) => return Ok(value),
                // It was rotated or removed since: what is stored now counts.
                Err(StoreError::Taken { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(not_found())
    }
}
