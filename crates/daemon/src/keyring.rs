//! The wrapping keys of tenants: rotated and destroyed in the keystore's file, and in the cipher that uses them.
//!
//! The keystore is opened anew for each change, so that its other keys are in memory no longer than it takes.

use std::sync::{Arc, Mutex, PoisonError};

use scalbotics_core::failpoint;
use scalbotics_core::ports::{KeyringError, RetiredKey, WrappingKeys};
use scalbotics_core::tenant::TenantId;
use scalbotics_core::time::Timestamp;
use scalbotics_identity::authority::keystore::{self, Keystore};
use scalbotics_identity::authority::seal::{self, TenantCipher};

use crate::config::Config;
use crate::keys;
use crate::start_error::BoxError;

/// Times that a change is tried when other processes write the keystore too.
const TRIES_MAX: u32 = 10;

/// The wrapping keys of this installation.
#[derive(Debug)]
pub(crate) struct Keyring {
    config: Config,
    cipher: Arc<TenantCipher>,
    /// One change at a time: each writes the file whole.
    one: Mutex<()>,
}

impl Keyring {
    /// A ring over the keystore of `config`, from which `cipher` has its keys.
    pub(crate) const fn new(config: Config, cipher: Arc<TenantCipher>) -> Self {
        Self { config, cipher, one: Mutex::new(()) }
    }

    fn open(&self, attempt: &'static str) -> Result<Keystore, KeyringError> {
        keys::keystore(&self.config).map_err(|error| failed(attempt)(error.into()))
    }

    fn change(
        &self,
        attempt: &'static str,
        change: impl Fn(&mut Keystore) -> Result<(), keystore::Error>,
    ) -> Result<(), KeyringError> {
        let _one = self.one.lock().unwrap_or_else(PoisonError::into_inner);
        for tried in 1.. {
            let mut keystore = self.open(attempt)?;
            failpoint!("keys.before");
            match change(&mut keystore) {
                // Another process, an `initialize`, wrote it in between: what it wrote stays.
                Err(keystore::Error::Changed) if tried < TRIES_MAX => continue,
                changed => changed.map_err(|error| failed(attempt)(error.into()))?,
            }
            failpoint!("keys.after");
            return self.cipher.replace(&keystore).map_err(|error| failed(attempt)(error.into()));
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
        Ok(seal::retired(&self.open("read")?, tenant))
    }

    fn destroy(&self, tenant: &TenantId, id: &str) -> Result<(), KeyringError> {
        self.change("destroyed", |keystore| seal::destroy(keystore, tenant, id).map(drop))
    }
}
