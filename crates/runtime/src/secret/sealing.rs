//! From a value to what is stored of it.

use scalbotics_core::ids::PayloadId;
use scalbotics_core::payload::Payload;
use scalbotics_core::ports::{CipherError, IdSource, PayloadCipher, SealedSecret};
use scalbotics_core::secret::{Facts, Secret, enclose};
use scalbotics_core::tenant::TenantId;

/// Digits of a fingerprint that are shown: enough to tell the secrets of a tenant apart.
const FINGERPRINT_LEN: usize = 16;

/// Encloses a value with name and version, and seals it under a key of its own.
///
/// # Errors
/// [`CipherError`].
pub fn seal(cipher: &dyn PayloadCipher, ids: &dyn IdSource, facts: Facts, value: &Secret) -> Result<SealedSecret, CipherError> {
    let id = PayloadId::from_u128(ids.next());
    let enclosed = enclose(&facts.name, facts.version, value);
    let payload = Payload { id, salt: ids.salt(), bytes: enclosed.to_vec() };
    let sealed = cipher.seal(&facts.tenant, &payload);
    // Clears what was copied.
    drop(Secret::new(payload.bytes));
    Ok(SealedSecret { facts, sealed: sealed? })
}

/// What tells a value from others, to whoever has the tenant's key, as it is shown.
///
/// # Errors
/// [`CipherError`].
pub fn fingerprint(cipher: &dyn PayloadCipher, tenant: &TenantId, value: &Secret) -> Result<String, CipherError> {
    let shown = cipher.fingerprint(tenant, value.expose())?.to_string();
    let digits = shown.rsplit(':').next().unwrap_or_default();
    Ok(digits.get(..FINGERPRINT_LEN).unwrap_or(digits).to_owned())
}
