//! The login of a context at its issuer, with the refresh token: in a file that its owner alone reads, or in the keyring of the desktop.
//!
//! The file says in both cases who logged in, and where the token is.

use std::fs::File;
use std::path::Path;
use std::time::Duration;

use scalbotics_core::in_words;
use scalbotics_core::time::Timestamp;
use scalbotics_identity::private_file;
use serde::{Deserialize, Serialize};

use super::keyring::Keyring;
use crate::codes;
use crate::context::{Issuer, Store, login_path};
use crate::failure::{Exit, Failure};

/// Longest file, in bytes: a refresh token of 16 KiB and some words.
const LEN_MAX: u64 = 32 << 10;

/// A login, without what renews it.
#[derive(Debug)]
pub(crate) struct Login {
    issuer: String,
    client_id: String,
    /// Whom the issuer named: its `sub`, where it gave an ID token.
    pub(crate) subject: Option<String>,
    /// When the person logged in.
    pub(crate) since: Timestamp,
    /// Where the refresh token is, if the issuer gave one.
    pub(crate) renewed_from: Option<Store>,
}

/// The file.
#[derive(Serialize, Deserialize)]
struct Written {
    issuer: String,
    client_id: String,
    subject: Option<String>,
    refresh_token: Option<String>,
    since: Timestamp,
    #[serde(default, skip_serializing_if = "Store::is_default")]
    store: Store,
}

/// What the keyring has: it says whose it is, so that nothing else is ever sent to an issuer.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Secret {
    issuer: String,
    client_id: String,
    refresh_token: String,
}

fn written(context: &str, issuer: &Issuer) -> Option<Written> {
    let bytes = private_file::read(&login_path(context).ok()?, LEN_MAX).ok()?;
    let written: Written = serde_json::from_slice(&bytes).ok()?;
    (written.issuer == issuer.url && written.client_id == issuer.client_id).then_some(written)
}

impl Login {
    /// A login at this issuer that nothing renews yet.
    pub(crate) fn new(issuer: &Issuer, subject: Option<String>, since: Timestamp) -> Self {
        Self { issuer: issuer.url.clone(), client_id: issuer.client_id.clone(), subject, since, renewed_from: None }
    }

    /// The login of a context; one at another issuer, or of another client, is none of this context's.
    pub(crate) fn load(context: &str, issuer: &Issuer) -> Option<Self> {
        let Written { issuer, client_id, subject, refresh_token, since, store } = written(context, issuer)?;
        let renewed_from = (store == Store::Keyring || refresh_token.is_some()).then_some(store);
        Some(Self { issuer, client_id, subject, since, renewed_from })
    }

    /// What gets new tokens.
    pub(crate) async fn refresh_token(&self, turn: &Turn, issuer: &Issuer) -> Result<Option<String>, Failure> {
        match self.renewed_from {
            None => Ok(None),
            Some(Store::File) => Ok(written(&turn.context, issuer).and_then(|written| written.refresh_token)),
            Some(Store::Keyring) => {
                let secret: Option<Secret> = serde_json::from_slice(&turn.keyring.login().await?).ok();
                let own = secret.filter(|secret| secret.issuer == self.issuer && secret.client_id == self.client_id);
                let own = own.ok_or_else(|| turn.keyring.failure("what it has there is no login at this issuer".to_owned()))?;
                Ok(Some(own.refresh_token))
            }
        }
    }

    /// Keeps it, with what renews it, in place of the one before.
    pub(crate) async fn save(&mut self, turn: &Turn, refresh_token: Option<&str>, store: Store) -> Result<(), Failure> {
        let path = login_path(&turn.context)?;
        let cannot = |error: serde_json::Error| cannot(&path, error.to_string());
        self.renewed_from = refresh_token.is_some().then_some(store);
        let store = self.renewed_from.unwrap_or_default();
        let (issuer, client_id) = (self.issuer.clone(), self.client_id.clone());
        let mut written =
            Written { issuer, client_id, subject: self.subject.clone(), refresh_token: None, since: self.since, store };
        match (store, refresh_token.map(str::to_owned)) {
            (Store::Keyring, Some(refresh_token)) => {
                let secret = Secret { issuer: self.issuer.clone(), client_id: self.client_id.clone(), refresh_token };
                let secret = zeroize::Zeroizing::new(serde_json::to_vec(&secret).map_err(cannot)?);
                turn.keyring.keep(&format!("ScalBotics: {} at {}", turn.context, self.issuer), &secret).await?;
            }
            (Store::File | Store::Keyring, token) => written.refresh_token = token,
        }
        let text = zeroize::Zeroizing::new(serde_json::to_vec(&written).map_err(cannot)?);
        private_file::replace(&path, &text, private_file::SECRET_MODE).map_err(|error| self::cannot(&path, in_words(&error)))
    }

    /// Forgets it wherever it is; answers whether there was one.
    pub(crate) async fn remove(turn: &Turn) -> Result<bool, Failure> {
        let path = login_path(&turn.context)?;
        let removed = match std::fs::remove_file(&path) {
            Ok(()) => true,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => false,
            Err(error) => {
                return Err(Failure::new(Exit::Failed, codes::TOKEN, format!("cannot remove {}", path.display()))
                    .why(error.to_string())
                    .next("remove the file by hand: it holds a refresh token that counts"));
            }
        };
        Ok(turn.swept().await? || removed)
    }
}

fn cannot(path: &Path, why: String) -> Failure {
    Failure::new(Exit::Failed, codes::TOKEN, format!("cannot keep the login in {}", path.display()))
        .why(why)
        .next("give SCALBOTICS_STATE_DIR a directory that you can write")
}

fn made(path: &Path) -> Result<(), Failure> {
    path.parent().map_or(Ok(()), std::fs::create_dir_all).map_err(|error| cannot(path, error.to_string()))
}

/// The turn of one program: issuers take a refresh token that was used twice for stolen, and end the whole login.
#[derive(Debug)]
pub(crate) struct Turn {
    context: String,
    /// The keyring, for this context.
    pub(crate) keyring: Keyring,
    _held: File,
}

impl Turn {
    /// Waits for the turn; whoever has it asks the issuer once, within that question's limits, and the keyring within `limit` a question.
    pub(crate) fn wait(context: &str, limit: Option<Duration>) -> Result<Self, Failure> {
        let path = login_path(context)?;
        made(&path)?;
        let held = private_file::lock_directory(&path).map_err(|error| cannot(&path, in_words(&error)))?;
        Ok(Self { context: context.to_owned(), keyring: Keyring::of(context, limit)?, _held: held })
    }

    /// Takes out of the keyring what may be there of this context; answers whether something may have been.
    pub(crate) async fn swept(&self) -> Result<bool, Failure> {
        let is_marked = self.keyring.is_marked();
        if is_marked {
            self.keyring.clear().await?;
        }
        Ok(is_marked)
    }
}
