//! Sealing and opening payloads.

use std::sync::Arc;

use scalbotics_core::ids::PayloadId;
use scalbotics_core::payload::{Payload, Ref, Sealed};
use scalbotics_core::ports::{CipherError, IdSource, PayloadCipher, PayloadStore, StoreError};
use scalbotics_core::tenant::TenantId;

use crate::Ports;

/// Why a payload could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    /// It was erased, or never was.
    #[error("payload `{0}` is not there any more")]
    Erased(PayloadId),
    /// The store did not answer.
    #[error("payload could not be loaded")]
    Store(#[from] StoreError),
    /// It does not open.
    #[error("payload could not be opened")]
    Cipher(#[from] CipherError),
}

/// Seals and opens payloads.
#[derive(Debug, Clone)]
pub(crate) struct Vault {
    cipher: Arc<dyn PayloadCipher>,
    store: Arc<dyn PayloadStore>,
    ids: Arc<dyn IdSource>,
}

impl Vault {
    pub(crate) fn new(ports: &Ports) -> Self {
        Self { cipher: Arc::clone(&ports.cipher), store: Arc::clone(&ports.payload_store), ids: Arc::clone(&ports.ids) }
    }

    /// Seals bytes as a new payload.
    pub(crate) fn seal(&self, tenant: &TenantId, bytes: Vec<u8>) -> Result<Sealed, CipherError> {
        let payload = Payload { id: PayloadId::from_u128(self.ids.next()), salt: self.ids.salt(), bytes };
        self.cipher.seal(tenant, &payload)
    }

    /// Opens a payload and checks that it is the one referred to.
    pub(crate) async fn open(&self, tenant: &TenantId, reference: &Ref) -> Result<Vec<u8>, OpenError> {
        let sealed = self.store.get(tenant, reference.id).await?.ok_or(OpenError::Erased(reference.id))?;
        if sealed.reference != *reference {
            return Err(OpenError::Cipher(CipherError::Refused));
        }
        let payload = self.cipher.open(&sealed)?;
        if payload.reference() == *reference { Ok(payload.bytes) } else { Err(OpenError::Cipher(CipherError::Refused)) }
    }
}
