//! Decisions as they were made, for whoever asks why.

use std::sync::Arc;

use scalbotics_core::ids::DecisionId;
use scalbotics_core::policy::Decision;
use scalbotics_core::ports::{CipherError, DecisionStore, PayloadCipher, StoreError};
use scalbotics_core::tenant::TenantId;

use crate::Ports;
use crate::vault::decision_of;

/// Why a decision cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The store did not answer.
    #[error("decision could not be loaded")]
    Store(#[from] StoreError),
    /// It does not open.
    #[error("decision could not be opened")]
    Cipher(#[from] CipherError),
    /// What was opened is no decision.
    #[error("decision `{id}` cannot be read")]
    Form {
        /// Its id.
        id: DecisionId,
        /// What does not fit.
        #[source]
        source: serde_json::Error,
    },
}

/// Reads decisions. Cloning shares the ports.
#[derive(Debug, Clone)]
pub struct Decisions {
    store: Arc<dyn DecisionStore>,
    cipher: Arc<dyn PayloadCipher>,
}

impl Decisions {
    /// A reader over these ports.
    #[must_use]
    pub fn new(ports: &Ports) -> Self {
        Self { store: Arc::clone(&ports.decision_store), cipher: Arc::clone(&ports.cipher) }
    }

    /// The decision, or `None` when it is absent, another tenant's or erased.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn get(&self, tenant: &TenantId, id: DecisionId) -> Result<Option<Decision>, Error> {
        let Some(sealed) = self.store.get(tenant, id).await? else { return Ok(None) };
        let payload = match self.cipher.open(&sealed) {
            Err(CipherError::KeyGone) => return Ok(None),
            opened => opened?,
        };
        let Some(decision) = decision_of(&payload.bytes) else { return Ok(None) };
        let decision = decision.map_err(|source| Error::Form { id, source })?;
        if decision.id == id { Ok(Some(decision)) } else { Err(Error::Cipher(CipherError::Refused)) }
    }
}
