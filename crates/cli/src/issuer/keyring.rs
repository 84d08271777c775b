//! The keyring of the person's desktop, as far as logins are kept in it.

use std::path::PathBuf;
use std::time::Duration;

use scalbotics_core::digest::Digest;
use scalbotics_core::in_words;
use scalbotics_identity::private_file;
use zeroize::Zeroizing;

use super::secret_tool::{self, Answer, SECRET_LEN_MAX};
use crate::codes;
use crate::context::{keyring_path, login_path};
use crate::failure::{Exit, Failure};

/// Time that the keyring gets for one question where nothing is said: somebody may have to unlock it.
const ANSWER_MAX: Duration = Duration::from_secs(60);

/// What somebody can do about it.
const NEXT: &str = "unlock the keyring, or give `scalbotics login` the flag --store file";

/// The item that is a login, and the one by which is tried whether anything can be kept.
const LOGIN: &str = "login";
const TRIAL: &str = "trial";

/// The keyring for one context of one state directory.
#[derive(Debug)]
pub(crate) struct Keyring {
    context: String,
    /// Tells the logins of several homes in one keyring apart.
    state: String,
    /// Says that the keyring may hold something of this context.
    mark: PathBuf,
    limit: Duration,
}

impl Keyring {
    /// That of this context; each question to it gets so long.
    pub(super) fn of(context: &str, limit: Option<Duration>) -> Result<Self, Failure> {
        let login = login_path(context)?;
        let state = Digest::of_bytes(login.parent().unwrap_or(&login).as_os_str().as_encoded_bytes()).to_string();
        let (context, mark) = (context.to_owned(), keyring_path(context)?);
        Ok(Self { context, state, mark, limit: limit.unwrap_or(ANSWER_MAX) })
    }

    /// Keeps something and forgets it again: it is unlocked while the person is there, and fails before they do anything.
    pub(crate) async fn try_out(&self) -> Result<(), Failure> {
        self.put(TRIAL, "ScalBotics: a trial", TRIAL.as_bytes()).await?;
        let cleared = self.run(&["clear"], Some(TRIAL), b"").await?;
        if cleared.is_ok { Ok(()) } else { Err(self.failure(complained(&cleared))) }
    }

    /// What is kept of the login.
    pub(crate) async fn login(&self) -> Result<Zeroizing<Vec<u8>>, Failure> {
        self.get(LOGIN).await
    }

    /// Keeps a login in place of the one before; `label` is what people see of it in their keyring's own program.
    pub(super) async fn keep(&self, label: &str, secret: &[u8]) -> Result<(), Failure> {
        // First of all: whoever logs out has to look there, whatever becomes of this program.
        let marked = private_file::replace(&self.mark, b"", private_file::SECRET_MODE);
        marked.map_err(|error| self.failure(in_words(&error)))?;
        self.put(LOGIN, label, secret).await
    }

    /// Whether the keyring may hold something of this context.
    pub(crate) fn is_marked(&self) -> bool {
        self.mark.try_exists().unwrap_or(true)
    }

    /// Takes everything of this context out of it.
    pub(super) async fn clear(&self) -> Result<(), Failure> {
        let left = |why: String| {
            Failure::new(Exit::Failed, codes::KEYRING, format!("the keyring still has a login of context {}", self.context))
                .why(why)
                .next("unlock the keyring, and log out again")
        };
        // It ends alike where there was nothing and where the keyring is locked: what it finds afterwards tells.
        self.run(&["clear"], None, b"").await.map_err(|failure| left(failure.why.clone()))?;
        let found = self.run(&["search", "--all"], None, b"").await.map_err(|failure| left(failure.why.clone()))?;
        if !found.is_ok || !found.stdout.is_empty() {
            return Err(left(if found.is_ok { "it is locked".to_owned() } else { complained(&found) }));
        }
        match std::fs::remove_file(&self.mark) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(left(error.to_string())),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    async fn get(&self, item: &str) -> Result<Zeroizing<Vec<u8>>, Failure> {
        let found = self.run(&["lookup"], Some(item), b"").await?;
        if found.is_ok && !found.stdout.is_empty() { Ok(found.stdout) } else { Err(self.failure(complained(&found))) }
    }

    /// Keeps a secret, and reads it again: only what is there can be counted on.
    async fn put(&self, item: &str, label: &str, secret: &[u8]) -> Result<(), Failure> {
        if secret.len() > SECRET_LEN_MAX {
            return Err(self.failure(format!("the refresh token is too long for it: it takes {SECRET_LEN_MAX} bytes")));
        }
        let stored = self.run(&["store", "--label", label], Some(item), secret).await?;
        if !stored.is_ok {
            return Err(self.failure(complained(&stored)));
        }
        if *self.get(item).await? == secret {
            Ok(())
        } else {
            Err(self.failure("it does not give back what it was given".into()))
        }
    }

    async fn run(&self, verb: &[&str], item: Option<&str>, secret: &[u8]) -> Result<Answer, Failure> {
        let whose = ["application", "scalbotics", "context", &self.context, "state", &self.state];
        let item = item.map(|item| ["item", item]);
        let words: Vec<&str> = verb.iter().chain(&whose).chain(item.iter().flatten()).copied().collect();
        let mut answer = secret_tool::run(&words, secret, self.limit).await.map_err(|error| self.failure(in_words(&error)))?;
        // Whatever a program under this name complains about, no secret is shown.
        if !secret.is_empty() || !answer.stdout.is_empty() {
            answer.complaint = shown(answer.complaint, &[secret, &answer.stdout]);
        }
        Ok(answer)
    }

    pub(super) fn failure(&self, why: String) -> Failure {
        let what = format!("the keyring cannot be used for the login of context {}", self.context);
        Failure::new(Exit::Failed, codes::KEYRING, what).why(why).next(NEXT)
    }
}

/// What the program said, or what its silence means.
fn complained(answer: &Answer) -> String {
    if answer.complaint.is_empty() { "it is locked, or has no login".to_owned() } else { answer.complaint.clone() }
}

/// The complaint, unless it has something in common with a secret.
fn shown(complaint: String, secrets: &[&[u8]]) -> String {
    /// Bytes of a secret that a complaint may hold by chance.
    const CHANCE: usize = 12;
    let bytes = complaint.as_bytes();
    let is_part = |secret: &&[u8]| secret.windows(CHANCE).any(|part| bytes.windows(CHANCE).any(|found| found == part));
    if secrets.iter().any(is_part) {
        "what it says is not shown, for it holds a part of the secret".to_owned()
    } else {
        complaint
    }
}
