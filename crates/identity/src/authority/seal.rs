//! Encryption of payloads (semantics §7.2): each under a random key of its own, wrapped by its tenant's key.
//!
//! A tenant's key is rotated: the one that is replaced is *retired*, opens what it wrapped until all of that is wrapped anew, and is
//! destroyed when no backup is kept any more that needs it. A wrapped key begins with the id of the key that wraps it.
//!
//! Both layers are XChaCha20-Poly1305. Tenant, payload id and commitment are authenticated with them, so that a row moved
//! to another tenant, id or commitment does not open. Destroying a wrapped key erases one payload; destroying a retired key erases all that
//! it wrapped, and its id is remembered: what is wrapped by any other unknown key is damage, not erasure.

mod ring;

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock};

use aws_lc_rs::hmac;
use scalbotics_core::digest::Digest;
use scalbotics_core::payload::{Payload, Ref, Salt, Sealed};
use scalbotics_core::ports::{CipherError, PayloadCipher};
use scalbotics_core::tenant::TenantId;
use zeroize::Zeroizing;

use super::aead::{self, NONCE_LEN};
use super::keystore::{self, Keystore};
use crate::entropy;

use ring::Ring;
pub use ring::{TenantKey, begin, destroy, retired, rotate};

/// Separates wrapped keys from sealed payloads.
const WRAP_TAG: &[u8] = b"scalbotics/payload-key/v1\0";

/// Separates sealed payloads from wrapped keys.
const SEAL_TAG: &[u8] = b"scalbotics/payload-seal/v1\0";

/// Length of a commitment's salt, in bytes.
const SALT_LEN: usize = size_of::<Salt>();

/// The payload cipher over the tenants' keys of this installation.
#[derive(Debug, Default)]
pub struct TenantCipher {
    rings: RwLock<BTreeMap<TenantId, Ring>>,
}

impl TenantCipher {
    /// Takes every tenant key of a keystore.
    ///
    /// # Errors
    /// [`keystore::Error::Malformed`] when an entry of that kind is badly named or is not 32 bytes.
    pub fn from_keystore(keystore: &Keystore) -> Result<Self, keystore::Error> {
        Ok(Self { rings: RwLock::new(ring::of_keystore(keystore)?) })
    }

    /// The name under which a keystore holds the tenant's key.
    #[must_use]
    pub fn keystore_name(tenant: &TenantId) -> String {
        ring::name(tenant)
    }

    /// Takes the keys of a keystore that was changed and saved, in place of all that were known.
    ///
    /// # Errors
    /// Those of [`TenantCipher::from_keystore`]; the keys of before count then.
    pub fn replace(&self, keystore: &Keystore) -> Result<(), keystore::Error> {
        let rings = ring::of_keystore(keystore)?;
        *self.rings.write().unwrap_or_else(PoisonError::into_inner) = rings;
        Ok(())
    }

    /// Uses `key` for `tenant` from now on, and none beside it; the caller has saved it in the keystore.
    pub fn insert(&self, tenant: TenantId, key: TenantKey) {
        self.rings.write().unwrap_or_else(PoisonError::into_inner).insert(tenant, Ring::of(key));
    }

    /// Forgets a tenant's keys.
    pub fn remove(&self, tenant: &TenantId) {
        self.rings.write().unwrap_or_else(PoisonError::into_inner).remove(tenant);
    }

    fn with<T>(&self, tenant: &TenantId, with: impl FnOnce(&Ring) -> Result<T, CipherError>) -> Result<T, CipherError> {
        let rings = self.rings.read().unwrap_or_else(PoisonError::into_inner);
        with(rings.get(tenant).ok_or_else(|| CipherError::NoKey { tenant: tenant.clone() })?)
    }

    /// The payload's own key.
    fn unwrap(&self, sealed: &Sealed) -> Result<aead::Key, CipherError> {
        let aad = binding(WRAP_TAG, &sealed.tenant, &sealed.reference);
        let data_key = self.with(&sealed.tenant, |ring| ring.unwrap(&aad, &sealed.wrapped_key))?;
        data_key.as_slice().try_into().map(Zeroizing::new).map_err(|_| CipherError::Refused)
    }
}

impl PayloadCipher for TenantCipher {
    fn seal(&self, tenant: &TenantId, payload: &Payload) -> Result<Sealed, CipherError> {
        let reference = payload.reference();
        let data_key = aead::generate_key().map_err(|_| CipherError::Refused)?;
        let aad = binding(WRAP_TAG, tenant, &reference);
        let wrapped_key = self.with(tenant, |ring| ring.wrap(&aad, &data_key))?;
        let mut plaintext = Zeroizing::new(Vec::with_capacity(SALT_LEN.saturating_add(payload.bytes.len())));
        plaintext.extend_from_slice(&payload.salt);
        plaintext.extend_from_slice(&payload.bytes);
        let ciphertext = seal(&data_key, &binding(SEAL_TAG, tenant, &reference), &plaintext)?;
        Ok(Sealed { reference, tenant: tenant.clone(), wrapped_key, ciphertext })
    }

    fn open(&self, sealed: &Sealed) -> Result<Payload, CipherError> {
        let (tenant, reference) = (&sealed.tenant, &sealed.reference);
        let data_key = self.unwrap(sealed)?;
        let plaintext = open(&data_key, &binding(SEAL_TAG, tenant, reference), &sealed.ciphertext)?;
        let (salt, bytes) = plaintext.split_first_chunk::<SALT_LEN>().ok_or(CipherError::Refused)?;
        let payload = Payload { id: reference.id, salt: *salt, bytes: bytes.to_vec() };
        if payload.reference() == *reference { Ok(payload) } else { Err(CipherError::Refused) }
    }

    fn rewrap(&self, sealed: &Sealed) -> Result<Option<Vec<u8>>, CipherError> {
        if self.with(&sealed.tenant, |ring| Ok(ring.is_current(&sealed.wrapped_key)))? {
            return Ok(None);
        }
        let data_key = self.unwrap(sealed)?;
        let aad = binding(WRAP_TAG, &sealed.tenant, &sealed.reference);
        self.with(&sealed.tenant, |ring| ring.wrap(&aad, &data_key)).map(Some)
    }

    fn fingerprint(&self, tenant: &TenantId, bytes: &[u8]) -> Result<Digest, CipherError> {
        let tag = self.with(tenant, |ring| {
            let key = ring.fingerprint_key();
            Ok(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), bytes))
        })?;
        tag.as_ref().try_into().map(Digest::from_bytes).map_err(|_| CipherError::Refused)
    }
}

/// What a ciphertext is bound to; every part but the tenant's name, which comes last, has a fixed length.
fn binding(tag: &[u8], tenant: &TenantId, reference: &Ref) -> Vec<u8> {
    let parts: [&[u8]; 5] = [
        tag,
        &reference.id.as_u128().to_be_bytes(),
        reference.commitment.as_bytes(),
        &reference.len.to_be_bytes(),
        tenant.as_str().as_bytes(),
    ];
    parts.concat()
}

/// A fresh nonce and the ciphertext under it.
fn seal(key: &aead::Key, aad: &[u8], plaintext: &[u8]) -> Result<Vec<u8>, CipherError> {
    let nonce: [u8; NONCE_LEN] = entropy::bytes().map_err(|_| CipherError::Refused)?;
    let ciphertext = aead::seal(key, &nonce, aad, plaintext).map_err(|_| CipherError::Refused)?;
    Ok([nonce.as_slice(), &ciphertext].concat())
}

fn open(key: &aead::Key, aad: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, CipherError> {
    let (nonce, ciphertext) = sealed.split_first_chunk().ok_or(CipherError::Refused)?;
    aead::open(key, nonce, aad, ciphertext).map_err(|_| CipherError::Refused)
}

#[cfg(test)]
mod tests {
    use scalbotics_core::ids::{InstallationId, PayloadId};
    use scalbotics_core::time::Timestamp;

    use super::*;
    use crate::authority::keystore::{KeyFile, Kind, Unlock};

    fn tenant(name: &str) -> TenantId {
        TenantId::parse(name).unwrap()
    }

    fn cipher() -> TenantCipher {
        let cipher = TenantCipher::default();
        cipher.insert(tenant("acme"), TenantKey::generate().unwrap());
        cipher.insert(tenant("evil"), TenantKey::generate().unwrap());
        cipher
    }

    fn payload(bytes: &[u8]) -> Payload {
        Payload { id: PayloadId::from_u128(1), salt: [9; 32], bytes: bytes.to_vec() }
    }

    #[test]
    fn round_trip() {
        let cipher = cipher();
        for bytes in [b"".as_slice(), b"x", &vec![7; scalbotics_core::payload::LEN_MAX]] {
            let payload = payload(bytes);
            let sealed = cipher.seal(&tenant("acme"), &payload).unwrap();
            assert_eq!(cipher.open(&sealed).unwrap(), payload);
            assert_eq!(sealed.reference, payload.reference());
        }
    }

    #[test]
    fn the_same_payload_never_looks_the_same() {
        let cipher = cipher();
        let (a, b) =
            (cipher.seal(&tenant("acme"), &payload(b"x")).unwrap(), cipher.seal(&tenant("acme"), &payload(b"x")).unwrap());
        assert_ne!(a.wrapped_key, b.wrapped_key);
        assert_ne!(a.ciphertext, b.ciphertext);
        assert_ne!(a.ciphertext[NONCE_LEN..], b.ciphertext[NONCE_LEN..]);
    }

    #[test]
    fn sem_7_2_bound_to_tenant_id_and_commitment() {
        let cipher = cipher();
        let good = cipher.seal(&tenant("acme"), &payload(b"salary 100")).unwrap();
        let change = |edit: &dyn Fn(&mut Sealed)| {
            let mut sealed = good.clone();
            edit(&mut sealed);
            cipher.open(&sealed)
        };
        assert_eq!(change(&|s| s.tenant = tenant("evil")), Err(CipherError::KeyUnknown), "no key of theirs wraps it");
        assert_eq!(change(&|s| s.tenant = tenant("nobody")), Err(CipherError::NoKey { tenant: tenant("nobody") }));
        assert_eq!(change(&|s| s.reference.id = PayloadId::from_u128(2)), Err(CipherError::Refused));
        assert_eq!(change(&|s| s.reference.commitment = Digest::of_bytes(b"")), Err(CipherError::Refused));
        assert_eq!(change(&|s| s.reference.len = 9), Err(CipherError::Refused));
        let other = cipher.seal(&tenant("acme"), &payload(b"salary 999")).unwrap();
        assert_eq!(change(&|s| s.ciphertext = other.ciphertext.clone()), Err(CipherError::Refused));
        assert_eq!(change(&|s| s.wrapped_key = other.wrapped_key.clone()), Err(CipherError::Refused));
        assert_eq!(change(&|s| std::mem::swap(&mut s.wrapped_key, &mut s.ciphertext)), Err(CipherError::Refused));
        for len in 0..good.ciphertext.len() {
            assert_eq!(change(&|s| s.ciphertext.truncate(len)), Err(CipherError::Refused), "{len}");
        }
        for len in 0..good.wrapped_key.len() {
            assert_eq!(change(&|s| s.wrapped_key.truncate(len)), Err(CipherError::Refused), "{len}");
        }
        for bit in 0..good.ciphertext.len() * 8 {
            assert_eq!(change(&|s| s.ciphertext[bit / 8] ^= 1 << (bit % 8)), Err(CipherError::Refused), "{bit}");
        }
    }

    #[test]
    fn a_fingerprint_tells_values_apart_and_only_to_the_tenant() {
        let cipher = cipher();
        let of = |tenant_name: &str, value: &[u8]| cipher.fingerprint(&tenant(tenant_name), value);
        assert_eq!(of("acme", b"x"), of("acme", b"x"));
        assert_ne!(of("acme", b"x"), of("acme", b"y"));
        assert_ne!(of("acme", b"x"), of("evil", b"x"));
        assert_eq!(of("nobody", b"x"), Err(CipherError::NoKey { tenant: tenant("nobody") }));
    }

    #[test]
    fn without_its_tenants_key_a_payload_does_not_open_and_is_not_taken_for_erased() {
        let cipher = cipher();
        let sealed = cipher.seal(&tenant("acme"), &payload(b"x")).unwrap();
        cipher.remove(&tenant("acme"));
        assert_eq!(cipher.open(&sealed), Err(CipherError::NoKey { tenant: tenant("acme") }));
        cipher.insert(tenant("acme"), TenantKey::generate().unwrap());
        assert_eq!(cipher.open(&sealed), Err(CipherError::KeyUnknown));
    }

    #[test]
    fn keys_come_from_the_keystore() {
        let directory = tempfile::tempdir().unwrap();
        let unlock = Unlock::KeyFile(KeyFile::generate().unwrap());
        let mut store = Keystore::create(&directory.path().join("ks"), InstallationId::from_u128(1), &unlock).unwrap();
        let (acme, key) = (tenant("acme"), TenantKey::generate().unwrap());
        let now = Timestamp::from_unix_ms(0);
        store.insert(&TenantCipher::keystore_name(&acme), Kind::TenantKey, key.to_bytes(), now).unwrap();
        let sealed = TenantCipher::from_keystore(&store).unwrap().seal(&acme, &payload(b"x")).unwrap();
        assert_eq!(TenantCipher::from_keystore(&store).unwrap().open(&sealed).unwrap().bytes, b"x");
        store.insert("tenant/Bad", Kind::TenantKey, key.to_bytes(), now).unwrap_err();
        store.insert("tenant/short", Kind::TenantKey, Zeroizing::new(vec![1; 31]), now).unwrap();
        assert!(matches!(TenantCipher::from_keystore(&store), Err(keystore::Error::Malformed { .. })));
        assert!(!format!("{key:?}").contains(&format!("{:?}", &key.to_bytes()[..4])));
    }
}
