//! Why a keystore cannot be opened or written; each has another next step for the operator.

use crate::{entropy, private_file};

/// Why a keystore cannot be opened, changed or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file could not be read or written, or others may read it.
    #[error("cannot use the keystore's file")]
    File(#[from] private_file::Error),
    /// The file does not start as a keystore does.
    #[error("file is not a keystore")]
    NotKeystore,
    /// The file is of a version that this program does not know.
    #[error("keystore has version {version}; this program reads version 1")]
    UnsupportedVersion {
        /// The version found.
        version: u8,
    },
    /// The file is shorter than its header says.
    #[error("keystore is truncated: {len} bytes of {expected}")]
    Truncated {
        /// Length of the file, in bytes.
        len: usize,
        /// Length that it should have at least, in bytes.
        expected: usize,
    },
    /// The header holds values that this program never writes, or bytes follow the ciphertext.
    #[error("keystore is malformed: {what}")]
    Malformed {
        /// What is wrong.
        what: &'static str,
    },
    /// The file belongs to another installation.
    #[error("keystore belongs to installation `{found}`, not to this one")]
    OtherInstallation {
        /// The installation that wrote it.
        found: String,
    },
    /// The keystore is locked by the other means of unlocking.
    #[error("keystore is locked by a {expected}")]
    WrongMeans {
        /// `passphrase` or `key file`.
        expected: &'static str,
    },
    /// The passphrase or key file is not this keystore's.
    #[error("passphrase or key file is not that of the keystore")]
    WrongKey,
    /// The key is right, but header or ciphertext was changed after writing.
    #[error("keystore was altered after it was written")]
    Altered,
    /// A new passphrase is too short.
    #[error("passphrase of {len} bytes is shorter than 12")]
    WeakPassphrase {
        /// Its length, in bytes.
        len: usize,
    },
    /// A name is empty, too long or badly spelled.
    #[error("key name `{name}` is not 1 to 128 of a-z, 0-9, `-`, `.`, `_`, `/`")]
    Name {
        /// The name.
        name: String,
    },
    /// The name is taken.
    #[error("keystore already holds a key `{name}`")]
    Taken {
        /// The name.
        name: String,
    },
    /// The secret is empty or longer than any key.
    #[error("secret of {len} bytes is not between 1 and 4096")]
    SecretLength {
        /// Its length, in bytes.
        len: usize,
    },
    /// Another process has written the file since it was read.
    #[error("keystore was changed by another process meanwhile")]
    Changed,
    /// The map of keys outgrew the file's limit.
    #[error("keystore would be longer than its limit")]
    Full,
    /// Key derivation or encryption failed inside the library.
    #[error("cannot {what}")]
    Library {
        /// What was attempted.
        what: &'static str,
    },
    /// No random bytes.
    #[error("cannot draw a salt, nonce or key")]
    Entropy(#[from] entropy::Exhausted),
}
