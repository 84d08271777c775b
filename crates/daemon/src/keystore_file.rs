//! The keystore's file while the daemon runs: opened anew for each change, so that its keys are in memory no longer than that takes, and by one
//! change at a time, since each writes the file whole.

use std::sync::{Mutex, PoisonError};

use scalbotics_core::failpoint;
use scalbotics_identity::authority::keystore::Keystore;
use scalbotics_identity::authority::local::KeystoreAccess;

use crate::config::Config;
use crate::keys;
use crate::start_error::{BoxError, StartError};

/// The way to the keystore of a configuration.
#[derive(Debug)]
pub(crate) struct KeystoreFile {
    config: Config,
    one: Mutex<()>,
}

impl KeystoreFile {
    /// The keystore of `config`.
    pub(crate) const fn new(config: Config) -> Self {
        Self { config, one: Mutex::new(()) }
    }

    /// Opens it to look.
    ///
    /// # Errors
    /// [`StartError::Keystore`].
    pub(crate) fn open(&self) -> Result<Keystore, StartError> {
        keys::keystore(&self.config)
    }

    /// Opens it for `work`, which changes and saves it, when nobody else does.
    ///
    /// # Errors
    /// [`StartError::Keystore`]; what `work` says is its own.
    pub(crate) fn change<T>(&self, work: impl FnOnce(&mut Keystore) -> T) -> Result<T, StartError> {
        let _one = self.one.lock().unwrap_or_else(PoisonError::into_inner);
        let mut keystore = self.open()?;
        failpoint!("keys.before");
        let made = work(&mut keystore);
        failpoint!("keys.after");
        Ok(made)
    }
}

impl KeystoreAccess for KeystoreFile {
    fn change(&self, work: &mut dyn FnMut(&mut Keystore)) -> Result<(), BoxError> {
        Self::change(self, work).map_err(Into::into)
    }
}
