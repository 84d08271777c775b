//! Opening, changing and saving a keystore.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use scalbotics_core::digest::Digest;
use scalbotics_core::ids::InstallationId;
use scalbotics_core::time::Timestamp;
use zeroize::Zeroizing;

use super::entry::{self, Entry, Kind, SECRET_LEN_MAX};
use super::header::{HEADER_LEN, Header};
use super::unlock::{Derivation, Keys, SALT_LEN, Unlock};
use super::{Error, NAME_LEN_MAX};
use crate::authority::aead;
use crate::holder::key;
use crate::{entropy, private_file};

/// Longest keystore file, in bytes: some ten thousand tenants' keys.
pub const FILE_LEN_MAX: u64 = 4 << 20;

/// Length of the cipher's tag, in bytes.
const TAG_LEN: usize = 16;

/// An unlocked keystore.
pub struct Keystore {
    path: PathBuf,
    installation: InstallationId,
    derivation: Derivation,
    salt: [u8; SALT_LEN],
    keys: Keys,
    entries: BTreeMap<String, Entry>,
    /// The file as it was read or written last: what another process has written since is never overwritten.
    seen: Digest,
}

impl Keystore {
    /// Creates an empty keystore file; of two racing creators exactly one wins.
    ///
    /// # Errors
    /// [`Error::WeakPassphrase`]; [`Error::File`], also when the file exists.
    pub fn create(path: &Path, installation: InstallationId, unlock: &Unlock) -> Result<Self, Error> {
        unlock.check_strength()?;
        let (salt, derivation) = (entropy::bytes()?, unlock.derivation());
        let keys = unlock.derive(derivation, &salt)?;
        let (path, entries, seen) = (path.to_owned(), BTreeMap::new(), Digest::of_bytes(b""));
        let mut store = Self { path, installation, derivation, salt, keys, entries, seen };
        let bytes = store.encrypt()?;
        private_file::create(&store.path, &bytes, private_file::SECRET_MODE)?;
        store.seen = Digest::of_bytes(&bytes);
        Ok(store)
    }

    /// Opens a keystore of this installation.
    ///
    /// # Errors
    /// Any [`Error`] but those of changes; wrong key, truncation, other installation and alteration are told apart.
    pub fn open(path: &Path, installation: InstallationId, unlock: &Unlock) -> Result<Self, Error> {
        let file = private_file::read(path, FILE_LEN_MAX)?;
        let (header, bytes, ciphertext) = Header::split(&file)?;
        if header.installation != installation {
            return Err(Error::OtherInstallation { found: header.installation.to_string() });
        }
        let keys = unlock.derive(header.derivation, &header.salt)?;
        if aws_lc_rs::constant_time::verify_slices_are_equal(&*keys.check, &header.check).is_err() {
            return Err(Error::WrongKey);
        }
        let text = aead::open(&keys.encrypt, &header.nonce, bytes, ciphertext).map_err(|_| Error::Altered)?;
        let entries = entry::parse(&text)?;
        let (path, seen) = (path.to_owned(), Digest::of_bytes(&file));
        Ok(Self { path, installation, derivation: header.derivation, salt: header.salt, keys, entries, seen })
    }

    /// The installation that the keystore belongs to.
    #[must_use]
    pub const fn installation(&self) -> InstallationId {
        self.installation
    }

    /// The secret with this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Entry> {
        self.entries.get(name)
    }

    /// The key pair with this name, when it is of this kind and PKCS#8.
    #[must_use]
    pub fn pair(&self, name: &str, kind: Kind) -> Option<key::Pair> {
        let entry = self.entries.get(name).filter(|entry| entry.kind == kind)?;
        key::Pair::from_pkcs8_der(&entry.secret).ok()
    }

    /// All names and secrets, in order of names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Entry)> {
        self.entries.iter().map(|(name, entry)| (name.as_str(), entry))
    }

    /// Adds a secret in memory; [`Keystore::save`] makes it last.
    ///
    /// # Errors
    /// [`Error::Name`], [`Error::SecretLength`]; [`Error::Taken`]: a secret is never overwritten.
    pub fn insert(&mut self, name: &str, kind: Kind, secret: Zeroizing<Vec<u8>>, now: Timestamp) -> Result<(), Error> {
        entry::check_name(name)?;
        if !(1..=SECRET_LEN_MAX).contains(&secret.len()) {
            return Err(Error::SecretLength { len: secret.len() });
        }
        if self.entries.contains_key(name) {
            return Err(Error::Taken { name: name.to_owned() });
        }
        self.entries.insert(name.to_owned(), Entry { kind, created_at: now, secret });
        Ok(())
    }

    /// Removes a secret in memory, which destroys it once saved; `true` when there was one.
    pub fn remove(&mut self, name: &str) -> bool {
        self.entries.remove(name).is_some()
    }

    /// Locks the keystore by another means, with a new salt, and saves it.
    ///
    /// # Errors
    /// [`Error::WeakPassphrase`], [`Error::File`].
    pub fn relock(&mut self, unlock: &Unlock) -> Result<(), Error> {
        unlock.check_strength()?;
        let (salt, derivation) = (entropy::bytes()?, unlock.derivation());
        self.keys = unlock.derive(derivation, &salt)?;
        (self.salt, self.derivation) = (salt, derivation);
        self.save()
    }

    /// Writes the file anew, whole or not at all, under a fresh nonce; of processes that save at the same time each waits for the other.
    ///
    /// # Errors
    /// [`Error::Changed`] when another process has written it since it was read: nothing is lost, and whoever opens it anew may try again.
    /// [`Error::File`], [`Error::Full`].
    pub fn save(&mut self) -> Result<(), Error> {
        let bytes = self.encrypt()?;
        let _one_at_a_time = private_file::lock_directory(&self.path)?;
        if Digest::of_bytes(&private_file::read(&self.path, FILE_LEN_MAX)?) != self.seen {
            return Err(Error::Changed);
        }
        private_file::replace(&self.path, &bytes, private_file::SECRET_MODE)?;
        self.seen = Digest::of_bytes(&bytes);
        Ok(())
    }

    fn encrypt(&self) -> Result<Vec<u8>, Error> {
        let text = entry::render(&self.entries)?;
        let len = text.len().saturating_add(TAG_LEN);
        if len.saturating_add(HEADER_LEN) as u64 > FILE_LEN_MAX {
            return Err(Error::Full);
        }
        let header = Header {
            derivation: self.derivation,
            salt: self.salt,
            installation: self.installation,
            check: *self.keys.check,
            nonce: entropy::bytes()?,
            ciphertext_len: u32::try_from(len).map_err(|_| Error::Full)?,
        };
        let bytes = header.to_bytes();
        let ciphertext = aead::seal(&self.keys.encrypt, &header.nonce, &bytes, text.as_bytes())
            .map_err(|_| Error::Library { what: "encrypt the keystore" })?;
        Ok([bytes.as_slice(), &ciphertext].concat())
    }
}

impl fmt::Debug for Keystore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.entries.keys().map(|name| name.get(..NAME_LEN_MAX).unwrap_or(name)).collect();
        f.debug_struct("Keystore").field("path", &self.path).field("names", &names).finish_non_exhaustive()
    }
}
