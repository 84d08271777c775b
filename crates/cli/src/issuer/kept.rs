//! The login of a context at its issuer, with the refresh token: a file that its owner alone reads.

use std::fs::File;
use std::path::Path;

use scalbotics_core::in_words;
use scalbotics_core::time::Timestamp;
use scalbotics_identity::private_file;
use serde::{Deserialize, Serialize};

use crate::codes;
use crate::context::{Issuer, login_path};
use crate::failure::{Exit, Failure};

/// Longest file, in bytes: a refresh token of 16 KiB and some words.
const LEN_MAX: u64 = 32 << 10;

/// A login.
#[derive(Serialize, Deserialize)]
pub(crate) struct Login {
    issuer: String,
    client_id: String,
    /// Whom the issuer named: its `sub`, where it gave an ID token.
    pub(crate) subject: Option<String>,
    /// What gets new tokens, where the issuer gave it.
    pub(crate) refresh_token: Option<String>,
    /// When the person logged in.
    pub(crate) since: Timestamp,
}

impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Login").field("issuer", &self.issuer).field("subject", &self.subject).finish_non_exhaustive()
    }
}

impl Login {
    /// A login at this issuer.
    pub(crate) fn new(issuer: &Issuer, subject: Option<String>, refresh_token: Option<String>, since: Timestamp) -> Self {
        Self { issuer: issuer.url.clone(), client_id: issuer.client_id.clone(), subject, refresh_token, since }
    }

    /// The login of a context; one at another issuer, or of another client, is none of this context's.
    pub(crate) fn load(context: &str, issuer: &Issuer) -> Option<Self> {
        let bytes = private_file::read(&login_path(context).ok()?, LEN_MAX).ok()?;
        let login: Self = serde_json::from_slice(&bytes).ok()?;
        (login.issuer == issuer.url && login.client_id == issuer.client_id).then_some(login)
    }

    /// Keeps it.
    pub(crate) fn save(&self, context: &str) -> Result<(), Failure> {
        let path = login_path(context)?;
        made(&path)?;
        let text = serde_json::to_vec(self).map_err(|error| cannot(&path, error.to_string()))?;
        private_file::replace(&path, &text, private_file::SECRET_MODE).map_err(|error| cannot(&path, in_words(&error)))
    }

    /// Forgets it; answers whether there was one.
    pub(crate) fn remove(context: &str) -> Result<bool, Failure> {
        let path = login_path(context)?;
        match std::fs::remove_file(&path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(Failure::new(Exit::Failed, codes::TOKEN, format!("cannot remove {}", path.display()))
                .why(error.to_string())
                .next("remove the file by hand: it holds a refresh token that counts")),
        }
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
    _held: File,
}

impl Turn {
    /// Waits for the turn; whoever has it asks the issuer once, within that question's limits.
    pub(crate) fn wait(context: &str) -> Result<Self, Failure> {
        let path = login_path(context)?;
        made(&path)?;
        let held = private_file::lock_directory(&path).map_err(|error| cannot(&path, in_words(&error)))?;
        Ok(Self { _held: held })
    }
}
