//! The wrapping keys of tenants: rotated and destroyed in the keystore's file, and in the cipher that uses them.

use std::sync::Arc;

use scalbotics_core::ports::{KeyringError, RetiredKey, WrappingKeys};
use scalbotics_core::tenant::TenantId;
use scalbotics_core::time::Timestamp;
use scalbotics_identity::authority::keystore::{self, Keystore};
use scalbotics_identity::authority::seal::{self, TenantCipher};

use crate::keystore_file::KeystoreFile;
use crate::start_error::BoxError;

/// Times that a change is tried when other processes write the keystore too.
const TRIES_MAX: u32 = 10;

/// The wrapping keys of this installation.
#[derive(Debug)]
pub(crate) struct Keyring {
    file: Arc<KeystoreFile>,
    cipher: Arc<TenantCipher>,
}

impl Keyring {
    /// A ring over the keystore's file, from which `cipher` has its keys.
    pub(crate) const fn new(file: Arc<KeystoreFile>, cipher: Arc<TenantCipher>) -> Self {
        Self { file, cipher }
    }

    /// Makes the first key of a tenant; one that has a key keeps it.
    ///
    /// # Errors
    /// [`KeyringError`].
    pub(crate) fn begin(&self, tenant: &TenantId, now: Timestamp) -> Result<(), KeyringError> {
        self.change("made", |keystore| seal::begin(keystore, tenant, now))
    }

    /// Makes the first key of each of these tenants that has none.
    ///
    /// # Errors
    /// [`KeyringError`].
    pub(crate) fn begin_all(&self, tenants: &[TenantId], now: Timestamp) -> Result<(), KeyringError> {
        self.change("made", |keystore| tenants.iter().try_for_each(|tenant| seal::begin(keystore, tenant, now)))
    }

    fn change(
        &self,
        attempt: &'static str,
        change: impl Fn(&mut Keystore) -> Result<(), keystore::Error>,
    ) -> Result<(), KeyringError> {
        for tried in 1.. {
            let work = |keystore: &mut Keystore| -> Result<bool, BoxError> {
                match change(keystore) {
                    // Another process, an `initialize`, wrote it in between: what it wrote stays.
                    Err(keystore::Error::Changed) if tried < TRIES_MAX => return Ok(false),
                    changed => changed?,
                }
                self.cipher.replace(keystore)?;
                Ok(true)
            };
            if self.file.change(work).map_err(|error| failed(attempt)(error.into()))?.map_err(failed(attempt))? {
                break;
            }
        }
        Ok(())
    }
}

const fn failed(attempt: &'static str) -> impl FnOnce(BoxError) -> KeyringError {
    move |source| KeyringError { attempt, source }
}

impl WrappingKeys for Keyring {
    fn rotate(&self, tenant: &TenantId, now: Timestamp) -> Result<(), KeyringError> {
        self.change("rotated", |keystore| seal::rotate(keystore, tenant, now))
    }

    fn retired(&self, tenant: &TenantId) -> Result<Vec<RetiredKey>, KeyringError> {
        let keystore = self.file.open().map_err(|error| failed("read")(error.into()))?;
        Ok(seal::retired(&keystore, tenant))
    }

    fn destroy(&self, tenant: &TenantId, id: &str) -> Result<(), KeyringError> {
        self.change("destroyed", |keystore| seal::destroy(keystore, tenant, id).map(drop))
    }
}
