//! A payload cipher without cryptography, for tests that look at payloads.

use scalbotics_core::digest::Digest;
use scalbotics_core::payload::{Payload, Sealed};
use scalbotics_core::ports::{CipherError, PayloadCipher};
use scalbotics_core::tenant::TenantId;

/// Length of a salt, in bytes.
const SALT_LEN: usize = 32;

/// Keeps payloads in the clear behind their salt, and checks what a real cipher checks: tenant and commitment.
#[derive(Debug, Clone, Copy, Default)]
pub struct PlainCipher;

impl PayloadCipher for PlainCipher {
    fn seal(&self, tenant: &TenantId, payload: &Payload) -> Result<Sealed, CipherError> {
        Ok(Sealed {
            reference: payload.reference(),
            tenant: tenant.clone(),
            wrapped_key: tenant.as_str().as_bytes().to_vec(),
            ciphertext: [payload.salt.as_slice(), &payload.bytes].concat(),
        })
    }

    fn open(&self, sealed: &Sealed) -> Result<Payload, CipherError> {
        let (salt, bytes) = sealed.ciphertext.split_first_chunk::<SALT_LEN>().ok_or(CipherError::Refused)?;
        let payload = Payload { id: sealed.reference.id, salt: *salt, bytes: bytes.to_vec() };
        let fits = payload.reference() == sealed.reference && sealed.wrapped_key == sealed.tenant.as_str().as_bytes();
        if fits { Ok(payload) } else { Err(CipherError::Refused) }
    }

    fn rewrap(&self, _: &Sealed) -> Result<Option<Vec<u8>>, CipherError> {
        Ok(None)
    }

    fn fingerprint(&self, tenant: &TenantId, bytes: &[u8]) -> Result<Digest, CipherError> {
        Ok(Digest::of_parts("fingerprint", &[tenant.as_str().as_bytes(), bytes]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use scalbotics_core::ids::PayloadId;

    #[test]
    fn opens_what_it_sealed_and_nothing_else() {
        let tenant = TenantId::parse("acme").unwrap();
        let payload = Payload { id: PayloadId::from_u128(1), salt: [7; 32], bytes: b"x".to_vec() };
        let sealed = PlainCipher.seal(&tenant, &payload).unwrap();
        assert_eq!(PlainCipher.open(&sealed), Ok(payload));
        let foreign = Sealed { tenant: TenantId::parse("other").unwrap(), ..sealed.clone() };
        let changed = Sealed { ciphertext: [sealed.ciphertext.as_slice(), b"y"].concat(), ..sealed.clone() };
        for bad in [foreign, changed, Sealed { ciphertext: Vec::new(), ..sealed }] {
            assert_eq!(PlainCipher.open(&bad), Err(CipherError::Refused));
        }
    }
}
