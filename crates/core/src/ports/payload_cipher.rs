//! Encryption of payloads at rest.

use crate::digest::Digest;
use crate::payload::{Payload, Sealed};
use crate::tenant::TenantId;

/// Why a payload was not sealed or opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CipherError {
    /// The tenant has no key here.
    #[error("tenant `{tenant}` has no payload key")]
    NoKey {
        /// The tenant.
        tenant: TenantId,
    },
    /// The bytes were changed, or belong to another payload or tenant.
    #[error("payload does not open")]
    Refused,
    /// Its key is wrapped by a tenant key that is not here and was not destroyed: the keystore is not the one that it was written with, or
    /// the bytes were changed. Nothing was erased.
    #[error("payload is wrapped by a key that the keystore never had: put back the keystore that belongs to the database")]
    KeyUnknown,
    /// Its key is wrapped by a tenant key that was destroyed: it was erased.
    #[error("payload is wrapped by a key that was destroyed")]
    KeyGone,
}

/// Seals payloads under a key of their own, wrapped by the tenant's key, which lives outside of the database.
pub trait PayloadCipher: Send + Sync + std::fmt::Debug {
    /// Seals `payload` for `tenant`.
    ///
    /// # Errors
    /// [`CipherError::NoKey`].
    fn seal(&self, tenant: &TenantId, payload: &Payload) -> Result<Sealed, CipherError>;

    /// Opens a sealed payload and checks its commitment.
    ///
    /// # Errors
    /// [`CipherError`].
    fn open(&self, sealed: &Sealed) -> Result<Payload, CipherError>;

    /// The payload's own key wrapped by the tenant's key of now, or `None` where it is already; the ciphertext is not looked at.
    ///
    /// # Errors
    /// [`CipherError`].
    fn rewrap(&self, sealed: &Sealed) -> Result<Option<Vec<u8>>, CipherError>;

    /// A digest of `bytes` under a key of the tenant's: the same bytes give the same one, also after the wrapping key
    /// was rotated, and without the key nothing can be tried against it.
    ///
    /// # Errors
    /// [`CipherError::NoKey`].
    fn fingerprint(&self, tenant: &TenantId, bytes: &[u8]) -> Result<Digest, CipherError>;
}
