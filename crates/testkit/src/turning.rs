//! A payload cipher without cryptography whose wrapping key can be rotated and destroyed.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use scalbotics_core::digest::Digest;
use scalbotics_core::payload::{Payload, Sealed};
use scalbotics_core::ports::{CipherError, KeyringError, PayloadCipher, RetiredKey, WrappingKeys};
use scalbotics_core::tenant::TenantId;
use scalbotics_core::time::Timestamp;

use crate::PlainCipher;

/// The keys by number.
#[derive(Debug, Default)]
struct Keys {
    current: u64,
    retired: BTreeMap<u64, Timestamp>,
}

/// Keeps payloads in the clear behind their salt; a "wrapped key" names the tenant and the number of the wrapping key.
#[derive(Debug, Default)]
pub struct TurningCipher(Mutex<Keys>);

impl TurningCipher {
    fn keys(&self) -> MutexGuard<'_, Keys> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wrapped(tenant: &TenantId, number: u64) -> Vec<u8> {
        format!("{tenant}/{number}").into_bytes()
    }
}

impl PayloadCipher for TurningCipher {
    fn seal(&self, tenant: &TenantId, payload: &Payload) -> Result<Sealed, CipherError> {
        Ok(Sealed { wrapped_key: Self::wrapped(tenant, self.keys().current), ..PlainCipher.seal(tenant, payload)? })
    }

    fn open(&self, sealed: &Sealed) -> Result<Payload, CipherError> {
        let keys = self.keys();
        let mut known = std::iter::once(&keys.current).chain(keys.retired.keys());
        if !known.any(|number| sealed.wrapped_key == Self::wrapped(&sealed.tenant, *number)) {
            let was_here = (0..keys.current).any(|number| sealed.wrapped_key == Self::wrapped(&sealed.tenant, number));
            return Err(if was_here { CipherError::KeyGone } else { CipherError::KeyUnknown });
        }
        PlainCipher.open(&Sealed { wrapped_key: sealed.tenant.as_str().as_bytes().to_vec(), ..sealed.clone() })
    }

    fn rewrap(&self, sealed: &Sealed) -> Result<Option<Vec<u8>>, CipherError> {
        let new = Self::wrapped(&sealed.tenant, self.keys().current);
        Ok((new != sealed.wrapped_key).then_some(new))
    }

    fn fingerprint(&self, tenant: &TenantId, bytes: &[u8]) -> Result<Digest, CipherError> {
        PlainCipher.fingerprint(tenant, bytes)
    }
}

impl WrappingKeys for TurningCipher {
    fn rotate(&self, _: &TenantId, now: Timestamp) -> Result<(), KeyringError> {
        let mut keys = self.keys();
        let old = keys.current;
        keys.retired.insert(old, now);
        keys.current += 1;
        Ok(())
    }

    fn retired(&self, _: &TenantId) -> Result<Vec<RetiredKey>, KeyringError> {
        let keys = self.keys();
        Ok(keys.retired.iter().map(|(number, at)| RetiredKey { retired_at: *at, id: number.to_string() }).collect())
    }

    fn destroy(&self, _: &TenantId, id: &str) -> Result<(), KeyringError> {
        self.keys().retired.retain(|number, _| number.to_string() != id);
        Ok(())
    }
}
