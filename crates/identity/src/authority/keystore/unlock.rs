//! Means of unlocking, and the derivation of the keystore's key from them.

use std::fmt;
use std::path::Path;

use argon2::{Algorithm, Argon2, Params, Version};
use aws_lc_rs::hkdf;
use zeroize::Zeroizing;

use super::Error;
use crate::authority::aead;
use crate::private_file;

/// Shortest passphrase of a new keystore, in bytes.
pub const PASSPHRASE_LEN_MIN: usize = 12;

/// Length of a key file, in bytes.
const KEY_FILE_LEN: usize = 32;

/// Length of a salt, in bytes.
pub(super) const SALT_LEN: usize = 32;

/// Memory of Argon2id, in KiB: 64 MiB (RFC 9106 §4, the option for less memory).
const ARGON2_MEMORY_KIB: u32 = 64 * 1024;

/// Passes of Argon2id (RFC 9106 §4).
const ARGON2_PASSES: u32 = 3;

/// Lanes of Argon2id; one, because the start of a small machine runs on one core.
const ARGON2_LANES: u32 = 1;

/// A key file's 32 random bytes: a systemd credential or a file outside backups (semantics §4.6).
pub struct KeyFile(aead::Key);

impl KeyFile {
    /// Draws a new one.
    ///
    /// # Errors
    /// [`Error::Entropy`].
    pub fn generate() -> Result<Self, Error> {
        Ok(Self(aead::generate_key()?))
    }

    /// Reads a file of exactly 32 bytes that only its owner can read.
    ///
    /// # Errors
    /// [`Error::File`]; [`Error::Malformed`] when the length is another.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let bytes = private_file::read(path, KEY_FILE_LEN as u64)?;
        let key = bytes.as_slice().try_into().map_err(|_| Error::Malformed { what: "key file is not 32 bytes" })?;
        Ok(Self(Zeroizing::new(key)))
    }

    /// Creates the file with mode 0600; an existing one is never overwritten.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn save(&self, path: &Path) -> Result<(), Error> {
        private_file::create(path, &*self.0, private_file::SECRET_MODE)?;
        Ok(())
    }
}

impl fmt::Debug for KeyFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyFile(hidden)")
    }
}

/// What unlocks a keystore.
pub enum Unlock {
    /// What a human types; slow to derive from (about 150 ms).
    Passphrase(Zeroizing<Vec<u8>>),
    /// Random bytes; fast to derive from.
    KeyFile(KeyFile),
}

impl Unlock {
    /// A passphrase.
    #[must_use]
    pub fn passphrase(text: &str) -> Self {
        Self::Passphrase(Zeroizing::new(text.as_bytes().to_vec()))
    }

    /// Refuses what a new keystore must not be locked with.
    pub(super) fn check_strength(&self) -> Result<(), Error> {
        match self {
            Self::Passphrase(text) if text.len() < PASSPHRASE_LEN_MIN => Err(Error::WeakPassphrase { len: text.len() }),
            Self::Passphrase(_) | Self::KeyFile(_) => Ok(()),
        }
    }

    /// The derivation that a new keystore gets.
    pub(super) const fn derivation(&self) -> Derivation {
        match self {
            Self::Passphrase(_) => {
                Derivation::Argon2id { memory_kib: ARGON2_MEMORY_KIB, passes: ARGON2_PASSES, lanes: ARGON2_LANES }
            }
            Self::KeyFile(_) => Derivation::KeyFile,
        }
    }

    /// Derives the keystore's keys.
    pub(super) fn derive(&self, derivation: Derivation, salt: &[u8; SALT_LEN]) -> Result<Keys, Error> {
        match (self, derivation) {
            (Self::Passphrase(text), Derivation::Argon2id { memory_kib, passes, lanes }) => {
                let fail = |_| Error::Library { what: "derive a key from a passphrase" };
                let params = Params::new(memory_kib, passes, lanes, Some(aead::KEY_LEN)).map_err(fail)?;
                let mut stretched = Zeroizing::new([0; aead::KEY_LEN]);
                Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
                    .hash_password_into(text, salt, &mut *stretched)
                    .map_err(fail)?;
                Keys::expand(&*stretched, salt)
            }
            (Self::KeyFile(KeyFile(bytes)), Derivation::KeyFile) => Keys::expand(&**bytes, salt),
            (Self::KeyFile(_), Derivation::Argon2id { .. }) => Err(Error::WrongMeans { expected: "passphrase" }),
            (Self::Passphrase(_), Derivation::KeyFile) => Err(Error::WrongMeans { expected: "key file" }),
        }
    }
}

impl fmt::Debug for Unlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Passphrase(_) => "Passphrase(hidden)",
            Self::KeyFile(_) => "KeyFile(hidden)",
        })
    }
}

/// How the encryption key comes from the means of unlocking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Derivation {
    /// Argon2id (RFC 9106), then HKDF.
    Argon2id {
        /// Memory, in KiB.
        memory_kib: u32,
        /// Passes.
        passes: u32,
        /// Lanes.
        lanes: u32,
    },
    /// HKDF alone.
    KeyFile,
}

impl Derivation {
    /// Refuses costs that this program never writes: too low would be a downgrade, too high a denial of service.
    pub(super) fn check(self) -> Result<Self, Error> {
        match self {
            Self::KeyFile => Ok(self),
            Self::Argon2id { memory_kib, passes, lanes } => {
                let sane = (ARGON2_MEMORY_KIB..=4 * ARGON2_MEMORY_KIB).contains(&memory_kib)
                    && (ARGON2_PASSES..=4 * ARGON2_PASSES).contains(&passes)
                    && (ARGON2_LANES..=4).contains(&lanes);
                if sane { Ok(self) } else { Err(Error::Malformed { what: "cost of key derivation is out of range" }) }
            }
        }
    }
}

/// The two keys that a keystore needs.
pub(super) struct Keys {
    /// Encrypts the map.
    pub(super) encrypt: aead::Key,
    /// Stands in the header: tells a wrong key from an altered file, and commits the ciphertext to one key.
    pub(super) check: aead::Key,
}

impl Keys {
    fn expand(secret: &[u8], salt: &[u8; SALT_LEN]) -> Result<Self, Error> {
        let prk = hkdf::Salt::new(hkdf::HKDF_SHA256, salt).extract(secret);
        let expand = |info: &'static [u8]| {
            let mut key = Zeroizing::new([0; aead::KEY_LEN]);
            let info = [info];
            let okm = prk.expand(&info, hkdf::HKDF_SHA256);
            okm.and_then(|okm| okm.fill(&mut *key)).map_err(|_| Error::Library { what: "derive a key" })?;
            Ok::<_, Error>(key)
        };
        Ok(Self { encrypt: expand(b"scalbotics/keystore/v1/encrypt")?, check: expand(b"scalbotics/keystore/v1/check")? })
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys(hidden)")
    }
}
