//! A tenant's wrapping keys: the one that wraps, and those that were replaced.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use aws_lc_rs::hmac;
use scalbotics_core::ports::{CipherError, RetiredKey};
use scalbotics_core::tenant::TenantId;
use scalbotics_core::time::Timestamp;
use zeroize::Zeroizing;

use super::{open, seal};
use crate::authority::aead::{self, KEY_LEN, NONCE_LEN};
use crate::authority::keystore::{self, Keystore, Kind};

/// Where a keystore holds tenants' keys: this, then the tenant's name.
const PREFIX: &str = "tenant/";

/// Where it holds those that were replaced: this, the tenant's name, `/` and the key's id.
const RETIRED_PREFIX: &str = "retired/";

/// Where it remembers those that were destroyed, by what they were called: this, the tenant's name, `/` and the key's id.
const DESTROYED_PREFIX: &str = "destroyed/";

/// Destroyed keys that are remembered, the newest: a rotation a day for five years, longer than backups are kept.
const DESTROYED_MAX: usize = 2_000;

/// Where it holds the keys of fingerprints.
const FINGERPRINT_PREFIX: &str = "fingerprint/";

/// Makes the key of fingerprints from a tenant's first key.
const FINGERPRINT_TAG: &[u8] = b"scalbotics/fingerprint-key/v1";

/// Makes a key's id from the key.
const ID_TAG: &[u8] = b"scalbotics/tenant-key-id/v1";

/// Length of a key's id, in bytes.
const ID_LEN: usize = 8;

/// Length of a key that was wrapped before keys had ids: nonce, key and tag.
const BARE_LEN: usize = NONCE_LEN + KEY_LEN + 16;

/// Keys that may be retired at once: a rotation a day for more than two years.
const RETIRED_MAX: usize = 1_000;

type Id = [u8; ID_LEN];

/// The key that wraps one tenant's data keys.
#[derive(Clone)]
pub struct TenantKey(aead::Key);

impl TenantKey {
    /// Draws a new one.
    ///
    /// # Errors
    /// [`keystore::Error::Entropy`].
    pub fn generate() -> Result<Self, keystore::Error> {
        Ok(Self(aead::generate_key()?))
    }

    /// Takes the 32 bytes of a keystore's entry; `None` when there are more or fewer.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(|key| Self(Zeroizing::new(key)))
    }

    /// The bytes, for the keystore.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(self.0.to_vec())
    }

    fn id(&self) -> Id {
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &*self.0), ID_TAG);
        tag.as_ref().first_chunk().copied().unwrap_or_default()
    }

    /// The key of fingerprints that is made from this one.
    fn fingerprint_key(&self) -> Zeroizing<Vec<u8>> {
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &*self.0), FINGERPRINT_TAG);
        Zeroizing::new(tag.as_ref().to_vec())
    }
}

impl fmt::Debug for TenantKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TenantKey(hidden)")
    }
}

/// The keys of one tenant.
#[derive(Debug)]
pub(super) struct Ring {
    id: Id,
    key: TenantKey,
    retired: BTreeMap<Id, TenantKey>,
    /// What was destroyed: what these wrapped was erased, and what any other unknown key wrapped was not.
    destroyed: BTreeSet<Id>,
    /// Of a tenant whose key was rotated: else it is made from the key.
    fingerprint: Option<Zeroizing<Vec<u8>>>,
}

impl Ring {
    pub(super) fn of(key: TenantKey) -> Self {
        Self { id: key.id(), key, retired: BTreeMap::new(), destroyed: BTreeSet::new(), fingerprint: None }
    }

    /// Whether the key of now wraps this.
    pub(super) fn is_current(&self, wrapped: &[u8]) -> bool {
        wrapped.len() != BARE_LEN && wrapped.first_chunk() == Some(&self.id)
    }

    pub(super) fn wrap(&self, aad: &[u8], data_key: &aead::Key) -> Result<Vec<u8>, CipherError> {
        let sealed = seal(&self.key.0, aad, &**data_key)?;
        Ok([self.id.as_slice(), &sealed].concat())
    }

    pub(super) fn unwrap(&self, aad: &[u8], wrapped: &[u8]) -> Result<Zeroizing<Vec<u8>>, CipherError> {
        if wrapped.len() == BARE_LEN {
            // Wrapped before keys had ids, so that the key is unknown; there are few of them then.
            let keys = std::iter::once(&self.key).chain(self.retired.values());
            return keys.map(|key| open(&key.0, aad, wrapped)).find(Result::is_ok).unwrap_or(Err(self.unknown()));
        }
        let (id, sealed) = wrapped.split_first_chunk::<ID_LEN>().ok_or(CipherError::Refused)?;
        let key = if *id == self.id { Some(&self.key) } else { self.retired.get(id) };
        match key {
            Some(key) => open(&key.0, aad, sealed),
            None if sealed.len() != BARE_LEN => Err(CipherError::Refused),
            None if self.destroyed.contains(id) => Err(CipherError::KeyGone),
            None => Err(CipherError::KeyUnknown),
        }
    }

    /// What a key without id that opens with none of ours is: erased only where something was ever destroyed.
    fn unknown(&self) -> CipherError {
        if self.destroyed.is_empty() { CipherError::Refused } else { CipherError::KeyGone }
    }

    pub(super) fn fingerprint_key(&self) -> Zeroizing<Vec<u8>> {
        self.fingerprint.clone().unwrap_or_else(|| self.key.fingerprint_key())
    }
}

/// The name of a tenant's key in a keystore.
pub(super) fn name(tenant: &TenantId) -> String {
    format!("{PREFIX}{tenant}")
}

fn fingerprint_name(tenant: &TenantId) -> String {
    format!("{FINGERPRINT_PREFIX}{tenant}")
}

fn retired_prefix(tenant: &TenantId) -> String {
    format!("{RETIRED_PREFIX}{tenant}/")
}

fn destroyed_prefix(tenant: &TenantId) -> String {
    format!("{DESTROYED_PREFIX}{tenant}/")
}

fn hex(id: Id) -> String {
    format!("{:016x}", u64::from_be_bytes(id))
}

/// Every tenant's keys in a keystore.
pub(super) fn of_keystore(keystore: &Keystore) -> Result<BTreeMap<TenantId, Ring>, keystore::Error> {
    let malformed = || keystore::Error::Malformed { what: "tenant key" };
    let mut rings = BTreeMap::new();
    for (name, entry) in keystore.iter().filter(|(_, entry)| entry.kind == Kind::TenantKey) {
        let tenant = name.strip_prefix(PREFIX).and_then(|name| TenantId::parse(name).ok()).ok_or_else(malformed)?;
        let mut ring = Ring::of(TenantKey::from_bytes(&entry.secret).ok_or_else(malformed)?);
        let fingerprint = keystore.get(&fingerprint_name(&tenant)).filter(|entry| entry.kind == Kind::FingerprintKey);
        ring.fingerprint = fingerprint.map(|entry| entry.secret.clone());
        let prefix = retired_prefix(&tenant);
        for (_, old) in keystore.iter().filter(|(name, old)| name.starts_with(&prefix) && old.kind == Kind::RetiredTenantKey) {
            let key = TenantKey::from_bytes(&old.secret).ok_or_else(malformed)?;
            ring.retired.insert(key.id(), key);
        }
        let (prefix, is_mark) = (destroyed_prefix(&tenant), |kind| kind == Kind::DestroyedTenantKey);
        for (_, mark) in keystore.iter().filter(|(name, mark)| name.starts_with(&prefix) && is_mark(mark.kind)) {
            ring.destroyed.insert(mark.secret.as_slice().try_into().map_err(|_| malformed())?);
        }
        rings.insert(tenant, ring);
    }
    Ok(rings)
}

/// Makes the first key of a tenant and saves the keystore; a tenant that has a key keeps it.
///
/// # Errors
/// [`keystore::Error`]; the file is as it was then.
pub fn begin(keystore: &mut Keystore, tenant: &TenantId, now: Timestamp) -> Result<(), keystore::Error> {
    if keystore.get(&name(tenant)).is_some() {
        return Ok(());
    }
    keystore.insert(&name(tenant), Kind::TenantKey, TenantKey::generate()?.to_bytes(), now)?;
    keystore.save()
}

/// Puts a new key in the place of a tenant's and saves the keystore: the old one is retired.
///
/// # Errors
/// [`keystore::Error`], also when the tenant has no key or too many retired ones; the file is as it was then.
pub fn rotate(keystore: &mut Keystore, tenant: &TenantId, now: Timestamp) -> Result<(), keystore::Error> {
    let malformed = |what| keystore::Error::Malformed { what };
    let old = keystore.get(&name(tenant)).filter(|entry| entry.kind == Kind::TenantKey);
    let old = old.and_then(|entry| TenantKey::from_bytes(&entry.secret)).ok_or_else(|| malformed("tenant key"))?;
    if retired(keystore, tenant).len() >= RETIRED_MAX {
        return Err(malformed("more retired tenant keys than there may be"));
    }
    if keystore.get(&fingerprint_name(tenant)).is_none() {
        // What tells values apart stays the same.
        keystore.insert(&fingerprint_name(tenant), Kind::FingerprintKey, old.fingerprint_key(), now)?;
    }
    keystore.insert(&format!("{}{}", retired_prefix(tenant), hex(old.id())), Kind::RetiredTenantKey, old.to_bytes(), now)?;
    keystore.remove(&name(tenant));
    keystore.insert(&name(tenant), Kind::TenantKey, TenantKey::generate()?.to_bytes(), now)?;
    keystore.save()
}

/// A tenant's retired keys, oldest first.
#[must_use]
pub fn retired(keystore: &Keystore, tenant: &TenantId) -> Vec<RetiredKey> {
    let prefix = retired_prefix(tenant);
    let entries = keystore.iter().filter(|(_, entry)| entry.kind == Kind::RetiredTenantKey);
    let key = |(name, entry): (&str, &keystore::Entry)| {
        Some(RetiredKey { retired_at: entry.created_at, id: name.strip_prefix(&prefix)?.to_owned() })
    };
    let mut keys: Vec<RetiredKey> = entries.filter_map(key).collect();
    keys.sort();
    keys
}

/// Destroys a retired key and saves the keystore, which remembers its id and nothing else; answers whether there was one.
///
/// # Errors
/// [`keystore::Error`]; the file is as it was then.
pub fn destroy(keystore: &mut Keystore, tenant: &TenantId, id: &str) -> Result<bool, keystore::Error> {
    let name = format!("{}{id}", retired_prefix(tenant));
    let old = keystore.get(&name).filter(|entry| entry.kind == Kind::RetiredTenantKey);
    let old = old.and_then(|entry| Some((TenantKey::from_bytes(&entry.secret)?.id(), entry.created_at)));
    if !keystore.remove(&name) {
        return Ok(false);
    }
    if let Some((id, retired_at)) = old {
        remember(keystore, tenant, id, retired_at)?;
    }
    keystore.save().map(|()| true)
}

/// Remembers that a key was destroyed; the oldest such marks go where there are too many.
fn remember(keystore: &mut Keystore, tenant: &TenantId, id: Id, retired_at: Timestamp) -> Result<(), keystore::Error> {
    let prefix = destroyed_prefix(tenant);
    let name = format!("{prefix}{}", hex(id));
    if keystore.get(&name).is_some() {
        return Ok(());
    }
    let marks = keystore.iter().filter(|(name, entry)| name.starts_with(&prefix) && entry.kind == Kind::DestroyedTenantKey);
    let mut marks: Vec<(Timestamp, String)> = marks.map(|(name, entry)| (entry.created_at, name.to_owned())).collect();
    marks.sort();
    for (_, name) in marks.iter().take((marks.len() + 1).saturating_sub(DESTROYED_MAX)) {
        keystore.remove(name);
    }
    keystore.insert(&name, Kind::DestroyedTenantKey, Zeroizing::new(id.to_vec()), retired_at)
}

#[cfg(test)]
mod tests {
    use scalbotics_core::ids::{InstallationId, PayloadId};
    use scalbotics_core::payload::{Payload, Sealed};
    use scalbotics_core::ports::PayloadCipher as _;

    use super::super::TenantCipher;
    use super::*;
    use crate::authority::keystore::{KeyFile, Unlock};

    const NOW: Timestamp = Timestamp::from_unix_ms(7);

    fn acme() -> TenantId {
        TenantId::parse("acme").unwrap()
    }

    fn keystore(directory: &std::path::Path) -> Keystore {
        let unlock = Unlock::KeyFile(KeyFile::generate().unwrap());
        let mut store = Keystore::create(&directory.join("ks"), InstallationId::from_u128(1), &unlock).unwrap();
        store.insert(&name(&acme()), Kind::TenantKey, TenantKey::generate().unwrap().to_bytes(), NOW).unwrap();
        store
    }

    fn payload(id: u128) -> Payload {
        Payload { id: PayloadId::from_u128(id), salt: [9; 32], bytes: b"x".to_vec() }
    }

    #[test]
    fn sem_7_2_what_an_old_key_wrapped_opens_until_it_is_destroyed() {
        let directory = tempfile::tempdir().unwrap();
        let mut store = keystore(directory.path());
        let cipher = TenantCipher::from_keystore(&store).unwrap();
        let print = cipher.fingerprint(&acme(), b"value").unwrap();
        let in_backup = cipher.seal(&acme(), &payload(1)).unwrap();
        rotate(&mut store, &acme(), NOW).unwrap();
        cipher.replace(&store).unwrap();
        assert_eq!(cipher.open(&in_backup).unwrap(), payload(1));
        assert_eq!(cipher.fingerprint(&acme(), b"value").unwrap(), print, "values are told apart as before");
        let rewrapped = cipher.rewrap(&Sealed { ciphertext: Vec::new(), ..in_backup.clone() }).unwrap().unwrap();
        let live = Sealed { wrapped_key: rewrapped, ..in_backup.clone() };
        assert_eq!(cipher.open(&live).unwrap(), payload(1));
        assert_eq!(cipher.rewrap(&live), Ok(None), "once is enough");
        let [old] = retired(&store, &acme()).try_into().unwrap();
        assert_eq!(old.retired_at, NOW);
        assert!(destroy(&mut store, &acme(), &old.id).unwrap() && !destroy(&mut store, &acme(), &old.id).unwrap());
        cipher.replace(&store).unwrap();
        assert_eq!(cipher.open(&in_backup), Err(CipherError::KeyGone));
        assert_eq!(cipher.open(&live).unwrap(), payload(1));
        assert_eq!(cipher.rewrap(&in_backup), Err(CipherError::KeyGone));
    }

    #[test]
    fn a_key_that_was_wrapped_before_keys_had_ids_opens_and_is_wrapped_anew() {
        let directory = tempfile::tempdir().unwrap();
        let mut store = keystore(directory.path());
        let cipher = TenantCipher::from_keystore(&store).unwrap();
        let sealed = cipher.seal(&acme(), &payload(1)).unwrap();
        let bare = Sealed { wrapped_key: sealed.wrapped_key[ID_LEN..].to_vec(), ..sealed };
        assert_eq!(bare.wrapped_key.len(), BARE_LEN);
        assert_eq!(cipher.open(&bare).unwrap(), payload(1));
        assert!(cipher.rewrap(&bare).unwrap().is_some());
        rotate(&mut store, &acme(), NOW).unwrap();
        cipher.replace(&store).unwrap();
        assert_eq!(cipher.open(&bare).unwrap(), payload(1));
        let id = retired(&store, &acme()).remove(0).id;
        destroy(&mut store, &acme(), &id).unwrap();
        cipher.replace(&store).unwrap();
        assert_eq!(cipher.open(&bare), Err(CipherError::KeyGone));
        assert_eq!(cipher.open(&Sealed { wrapped_key: vec![1; BARE_LEN - 1], ..bare }), Err(CipherError::Refused));
    }

    #[test]
    fn what_a_key_that_was_never_here_wrapped_is_not_taken_for_erased() {
        let directory = tempfile::tempdir().unwrap();
        let mut store = keystore(directory.path());
        let cipher = TenantCipher::from_keystore(&store).unwrap();
        let first = cipher.seal(&acme(), &payload(1)).unwrap();
        rotate(&mut store, &acme(), NOW).unwrap();
        cipher.replace(&store).unwrap();
        let second = cipher.seal(&acme(), &payload(2)).unwrap();
        let id = retired(&store, &acme()).remove(0).id;
        destroy(&mut store, &acme(), &id).unwrap();
        cipher.replace(&store).unwrap();
        assert_eq!(cipher.open(&first), Err(CipherError::KeyGone), "erased");
        assert_eq!(cipher.rewrap(&first), Err(CipherError::KeyGone));
        // Another tenant's, a changed one, and one whose key only a newer keystore has.
        let mut changed = second.clone();
        changed.wrapped_key[0] ^= 1;
        assert_eq!(cipher.open(&changed), Err(CipherError::KeyUnknown));
        assert_eq!(cipher.rewrap(&changed), Err(CipherError::KeyUnknown));
        let mut before = Ring::of(TenantKey::generate().unwrap());
        before.destroyed.insert([9; ID_LEN]);
        let aad = [];
        let unknown = before.unwrap(&aad, &second.wrapped_key);
        assert_eq!(unknown.err(), Some(CipherError::KeyUnknown));
        // A mark holds an id and no key, survives in the file, and the oldest go.
        let marks = |store: &Keystore| store.iter().filter(|(_, entry)| entry.kind == Kind::DestroyedTenantKey).count();
        assert_eq!(marks(&store), 1);
        for number in 0..DESTROYED_MAX as u64 {
            let at = Timestamp::from_unix_ms(i64::try_from(number).unwrap() + 8);
            remember(&mut store, &acme(), number.to_be_bytes(), at).unwrap();
        }
        assert_eq!(marks(&store), DESTROYED_MAX);
        store.save().unwrap();
    }

    #[test]
    fn a_rotation_survives_in_the_file_and_a_tenant_without_key_has_none() {
        let directory = tempfile::tempdir().unwrap();
        let unlock = Unlock::KeyFile(KeyFile::generate().unwrap());
        let path = directory.path().join("ks");
        let mut store = Keystore::create(&path, InstallationId::from_u128(1), &unlock).unwrap();
        assert!(rotate(&mut store, &acme(), NOW).is_err());
        store.insert(&name(&acme()), Kind::TenantKey, TenantKey::generate().unwrap().to_bytes(), NOW).unwrap();
        let sealed = TenantCipher::from_keystore(&store).unwrap().seal(&acme(), &payload(1)).unwrap();
        for _ in 0..3 {
            rotate(&mut store, &acme(), NOW).unwrap();
        }
        let again = Keystore::open(&path, InstallationId::from_u128(1), &unlock).unwrap();
        assert_eq!(retired(&again, &acme()).len(), 3);
        assert_eq!(TenantCipher::from_keystore(&again).unwrap().open(&sealed).unwrap(), payload(1));
        assert!(retired(&again, &TenantId::parse("acm").unwrap()).is_empty());
    }
}
