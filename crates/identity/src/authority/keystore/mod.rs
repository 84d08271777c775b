//! The keystore: one encrypted file with the installation's secret keys.
//!
//! The file is a fixed header (version, key derivation, salt, installation, key check, nonce), which the cipher also
//! authenticates, and an XChaCha20-Poly1305 ciphertext of a canonical JSON map from names to keys. The encryption key
//! comes from a passphrase (Argon2id, slow on purpose) or a key file of random bytes (HKDF, fast: an unattended start
//! must not cost 100 ms). The root CA's key has a keystore of its own, opened only to sign an issuing CA (semantics §4.6).
//!
//! **Invariant:** a file is written whole or not at all, readable by its owner alone, under a nonce never used before.

mod entry;
mod error;
mod header;
mod store;
mod unlock;

pub use entry::{Entry, Kind, NAME_LEN_MAX, SECRET_LEN_MAX};
pub use error::Error;
pub use store::{FILE_LEN_MAX, Keystore};
pub use unlock::{KeyFile, PASSPHRASE_LEN_MIN, Unlock};

#[cfg(test)]
mod tests;
