//! The keystore's header: 128 bytes in front of the ciphertext, authenticated with it.

use scalbotics_core::ids::InstallationId;

use super::Error;
use super::unlock::{Derivation, SALT_LEN};
use crate::authority::aead::{KEY_LEN, NONCE_LEN};

/// The first bytes of every keystore.
const MAGIC: [u8; 4] = *b"SBKS";

/// The only version.
const VERSION: u8 = 1;

/// Length of the header, in bytes.
pub(super) const HEADER_LEN: usize = 128;

/// What the header says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) derivation: Derivation,
    pub(super) salt: [u8; SALT_LEN],
    pub(super) installation: InstallationId,
    pub(super) check: [u8; KEY_LEN],
    pub(super) nonce: [u8; NONCE_LEN],
    pub(super) ciphertext_len: u32,
}

impl Header {
    pub(super) fn to_bytes(&self) -> [u8; HEADER_LEN] {
        let (code, costs) = match self.derivation {
            Derivation::Argon2id { memory_kib, passes, lanes } => (1, [memory_kib, passes, lanes]),
            Derivation::KeyFile => (2, [0; 3]),
        };
        let costs = costs.map(u32::to_be_bytes);
        let parts: [&[u8]; 8] = [
            &MAGIC,
            &[VERSION, code, 0, 0],
            costs.as_flattened(),
            &self.salt,
            &self.installation.as_u128().to_be_bytes(),
            &self.check,
            &self.nonce,
            &self.ciphertext_len.to_be_bytes(),
        ];
        let mut bytes = [0; HEADER_LEN];
        for (place, byte) in bytes.iter_mut().zip(parts.into_iter().flatten()) {
            *place = *byte;
        }
        bytes
    }

    /// Splits a file into header, header bytes and ciphertext.
    pub(super) fn split(file: &[u8]) -> Result<(Self, &[u8; HEADER_LEN], &[u8]), Error> {
        let prefix = file.len().min(MAGIC.len());
        if file.get(..prefix) != MAGIC.get(..prefix) {
            return Err(Error::NotKeystore);
        }
        if let Some(version) = file.get(MAGIC.len()).copied().filter(|version| *version != VERSION) {
            return Err(Error::UnsupportedVersion { version });
        }
        let truncated = |expected| Error::Truncated { len: file.len(), expected };
        let (bytes, ciphertext) = file.split_first_chunk::<HEADER_LEN>().ok_or(truncated(HEADER_LEN))?;
        let header = Self::parse(bytes).ok_or(Error::Malformed { what: "unknown key derivation" })?;
        header.derivation.check()?;
        let expected = usize::try_from(header.ciphertext_len).map_err(|_| Error::Full)?;
        if ciphertext.len() < expected {
            return Err(truncated(HEADER_LEN.saturating_add(expected)));
        }
        if ciphertext.len() > expected {
            return Err(Error::Malformed { what: "bytes follow the ciphertext" });
        }
        Ok((header, bytes, ciphertext))
    }

    fn parse(bytes: &[u8; HEADER_LEN]) -> Option<Self> {
        let (_, rest) = bytes.split_first_chunk::<4>()?;
        let (kind, rest) = rest.split_first_chunk::<4>()?;
        let (memory_kib, rest) = rest.split_first_chunk()?;
        let (passes, rest) = rest.split_first_chunk()?;
        let (lanes, rest) = rest.split_first_chunk()?;
        let costs = [memory_kib, passes, lanes].map(|cost| u32::from_be_bytes(*cost));
        let derivation = match (*kind, costs) {
            ([VERSION, 1, 0, 0], [memory_kib, passes, lanes]) => Derivation::Argon2id { memory_kib, passes, lanes },
            ([VERSION, 2, 0, 0], [0, 0, 0]) => Derivation::KeyFile,
            _ => return None,
        };
        let (salt, rest) = rest.split_first_chunk()?;
        let (installation, rest) = rest.split_first_chunk()?;
        let (check, rest) = rest.split_first_chunk()?;
        let (nonce, rest) = rest.split_first_chunk()?;
        let (ciphertext_len, _) = rest.split_first_chunk()?;
        Some(Self {
            derivation,
            salt: *salt,
            installation: InstallationId::from_u128(u128::from_be_bytes(*installation)),
            check: *check,
            nonce: *nonce,
            ciphertext_len: u32::from_be_bytes(*ciphertext_len),
        })
    }
}
