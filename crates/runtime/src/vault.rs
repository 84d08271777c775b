//! Sealing and opening payloads.

use std::sync::Arc;

use scalbotics_core::digest::Digest;
use scalbotics_core::ids::PayloadId;
use scalbotics_core::payload::{Payload, Ref, Salt, Sealed};
use scalbotics_core::policy::Decision;
use scalbotics_core::ports::{CipherError, IdSource, PayloadCipher, PayloadStore, SealedDecision, StoreError};
use scalbotics_core::task::Intent;
use scalbotics_core::tenant::TenantId;
use scalbotics_core::tool::ResolvedInput;

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

/// Why a decision could not be sealed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SealError {
    /// It has no JSON.
    #[error("decision has no JSON")]
    Form(#[source] serde_json::Error),
    /// The cipher refuses.
    #[error("decision could not be sealed")]
    Cipher(#[from] CipherError),
}

/// What the payload of a decision begins with: no other payload is taken for one.
const DECISION_TAG: &[u8] = b"decision ";

/// A decision as it is sealed.
fn decision_bytes(decision: &Decision) -> Result<Vec<u8>, serde_json::Error> {
    let mut bytes = DECISION_TAG.to_vec();
    serde_json::to_writer(&mut bytes, decision)?;
    Ok(bytes)
}

/// The decision that a payload is, or `None` for a payload that is none.
pub(crate) fn decision_of(bytes: &[u8]) -> Option<Result<Decision, serde_json::Error>> {
    bytes.strip_prefix(DECISION_TAG).map(serde_json::from_slice)
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
        self.seal_under(tenant, self.salt(), bytes)
    }

    /// The same with a salt of [`Vault::salt`].
    pub(crate) fn seal_under(&self, tenant: &TenantId, salt: Salt, bytes: Vec<u8>) -> Result<Sealed, CipherError> {
        self.cipher.seal(tenant, &Payload { id: PayloadId::from_u128(self.ids.next()), salt, bytes })
    }

    /// What tells bytes from others, and is made with a key of the tenant.
    pub(crate) fn fingerprint(&self, tenant: &TenantId, bytes: &[u8]) -> Result<Digest, CipherError> {
        self.cipher.fingerprint(tenant, bytes)
    }

    /// A new salt.
    pub(crate) fn salt(&self) -> Salt {
        self.ids.salt()
    }

    /// Seals decisions, which name people, for the store (semantics §7.2).
    pub(crate) fn seal_decisions<'a>(
        &self,
        tenant: &TenantId,
        decisions: impl IntoIterator<Item = &'a Decision>,
    ) -> Result<Vec<SealedDecision>, SealError> {
        let seal = |decision: &Decision| {
            let bytes = decision_bytes(decision).map_err(SealError::Form)?;
            let id = PayloadId::from_u128(decision.id.as_u128());
            Ok(SealedDecision { id: decision.id, sealed: self.cipher.seal(tenant, &Payload { id, salt: self.salt(), bytes })? })
        };
        decisions.into_iter().map(seal).collect()
    }

    /// Opens a payload and checks that it is the one referred to.
    pub(crate) async fn open(&self, tenant: &TenantId, reference: &Ref) -> Result<Vec<u8>, OpenError> {
        self.reveal(tenant, reference).await.map(|payload| payload.bytes)
    }

    /// The same with its salt, for whoever checks the commitment elsewhere.
    pub(crate) async fn reveal(&self, tenant: &TenantId, reference: &Ref) -> Result<Payload, OpenError> {
        let sealed = self.store.get(tenant, reference.id).await?.ok_or(OpenError::Erased(reference.id))?;
        if sealed.reference != *reference {
            return Err(OpenError::Cipher(CipherError::Refused));
        }
        let payload = match self.cipher.open(&sealed) {
            Err(CipherError::KeyGone) => return Err(OpenError::Erased(reference.id)),
            opened => opened?,
        };
        if payload.reference() == *reference { Ok(payload) } else { Err(OpenError::Cipher(CipherError::Refused)) }
    }
}

impl Vault {
    /// Opens what a call depends on beside its arguments; nothing where nothing was sealed.
    pub(crate) async fn open_inputs(&self, tenant: &TenantId, inputs: Option<&Ref>) -> Result<Vec<ResolvedInput>, OpenError> {
        let Some(reference) = inputs else { return Ok(Vec::new()) };
        let bytes = self.open(tenant, reference).await?;
        ResolvedInput::from_payload(&bytes).ok_or(OpenError::Cipher(CipherError::Refused))
    }

    /// What a call that was decided before is made of: the salt of its arguments, and its inputs.
    pub(crate) async fn open_known(&self, tenant: &TenantId, intent: &Intent) -> Result<(Salt, Vec<ResolvedInput>), OpenError> {
        let args = self.reveal(tenant, &intent.args).await?;
        Ok((args.salt, self.open_inputs(tenant, intent.inputs.as_ref()).await?))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use async_trait::async_trait;
    use scalbotics_testkit::{PlainCipher, SeededIds};

    use super::*;

    /// Answers with the one payload that it has, whatever is asked for.
    #[derive(Debug, Default)]
    struct One(Mutex<Option<Sealed>>);

    #[async_trait]
    impl PayloadStore for One {
        async fn get(&self, _: &TenantId, _: PayloadId) -> Result<Option<Sealed>, StoreError> {
            Ok(self.0.lock().unwrap().clone())
        }
    }

    /// Opens everything to other bytes than were sealed.
    #[derive(Debug)]
    struct Liar;

    impl PayloadCipher for Liar {
        fn seal(&self, tenant: &TenantId, payload: &Payload) -> Result<Sealed, CipherError> {
            PlainCipher.seal(tenant, payload)
        }

        fn open(&self, sealed: &Sealed) -> Result<Payload, CipherError> {
            Ok(Payload { id: sealed.reference.id, salt: [0; 32], bytes: b"other".to_vec() })
        }

        fn rewrap(&self, _: &Sealed) -> Result<Option<Vec<u8>>, CipherError> {
            Ok(None)
        }

        fn fingerprint(&self, tenant: &TenantId, bytes: &[u8]) -> Result<Digest, CipherError> {
            PlainCipher.fingerprint(tenant, bytes)
        }
    }

    #[tokio::test]
    async fn only_what_the_reference_commits_to_is_opened() {
        let tenant = TenantId::parse("acme").unwrap();
        let store = Arc::new(One::default());
        let vault = |cipher: Arc<dyn PayloadCipher>| Vault { cipher, store: store.clone(), ids: Arc::new(SeededIds::new(1)) };
        let honest = vault(Arc::new(PlainCipher));
        let (first, second) =
            (honest.seal(&tenant, b"first".to_vec()).unwrap(), honest.seal(&tenant, b"second".to_vec()).unwrap());
        assert!(matches!(honest.open(&tenant, &first.reference).await, Err(OpenError::Erased(_))));
        *store.0.lock().unwrap() = Some(first.clone());
        assert_eq!(honest.open(&tenant, &first.reference).await.unwrap(), b"first");
        assert!(matches!(honest.open(&tenant, &second.reference).await, Err(OpenError::Cipher(_))), "another payload");
        assert!(matches!(vault(Arc::new(Liar)).open(&tenant, &first.reference).await, Err(OpenError::Cipher(_))), "other bytes");
    }
}
