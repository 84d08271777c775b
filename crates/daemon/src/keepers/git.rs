//! A branch of a remote repository: each commit holds one checkpoint, on top of the one before.
//!
//! What the branch holds is read before anything is pushed, and nothing is forced: who owns the remote sees each checkpoint that
//! there was, and when it came.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use scalbotics_adapters::git::Branch;
use scalbotics_adapters::git::remote::{Address, Error as RemoteError, Remote, Service};
use scalbotics_adapters::keeper::judge;
use scalbotics_core::audit::checkpoint::Checkpoint;
use scalbotics_core::audit::proof_text::AddCheckpoint;
use scalbotics_core::egress::Roots;
use scalbotics_core::in_words;
use scalbotics_core::ports::{CheckpointKeeper, Clock, KeepError, Kept};
use scalbotics_core::secret::SecretRef;
use scalbotics_core::time::{Span, Timestamp};
use scalbotics_runtime::secret;
use tokio::sync::Mutex;

use crate::config::{Config, programs};
use crate::following::USER;
use crate::own_secrets::OwnSecrets;

/// The copy of the branch, below the data directory.
const COPY: &str = "checkpoints.git";

/// The file of each commit.
const FILE: &str = "checkpoint";

/// A branch of a remote repository.
#[derive(Debug)]
pub(super) struct Git {
    name: String,
    apart: Span,
    address: Address,
    user: String,
    token: Option<secret::Own>,
    branch: Branch,
    clock: Arc<dyn Clock>,
    roots: Roots,
    /// The file of those authorities, for the `git` program.
    ca_bundle: Option<PathBuf>,
    /// Held by the thread that pushes: a remote that hangs has one of them, however often it is asked again.
    turn: Arc<Mutex<()>>,
}

impl Git {
    /// The branch that `audit.checkpoint_git` names, of the remote at this address.
    pub(super) fn new(config: &Config, address: Address, secrets: &OwnSecrets, roots: Roots) -> Self {
        let settings = &config.settings.audit.checkpoint_git;
        let reference = format!("refs/heads/{}", settings.branch);
        Self {
            name: format!("git {address} {}", settings.branch),
            apart: settings.every,
            address,
            user: settings.user.clone().unwrap_or_else(|| USER.to_owned()),
            token: settings
                .token
                .as_ref()
                .map(|name| secrets.of(SecretRef { tenant: config.tenant.clone(), name: name.clone() })),
            branch: Branch::new(config.data_dir.join(COPY), reference),
            clock: secrets.clock(),
            roots,
            ca_bundle: config.ca_bundle.clone(),
            turn: Arc::default(),
        }
    }

    async fn remote(&self) -> Result<Remote, KeepError> {
        let token = match &self.token {
            Some(own) => Some(own.value().await.map_err(unreachable)?),
            None => None,
        };
        Ok(Remote::new(self.address.clone(), self.user.clone(), token).trusting(self.roots.clone()))
    }
}

#[async_trait]
impl CheckpointKeeper for Git {
    fn name(&self) -> &str {
        &self.name
    }

    fn is_witness(&self) -> bool {
        false
    }

    fn apart(&self) -> Span {
        self.apart
    }

    /// # Cancel safety
    /// Cancel safe: a push that was begun ends on its own thread, and is found by the next.
    async fn keep(&self, checkpoint: &AddCheckpoint) -> Result<Kept, KeepError> {
        let under_way = |_| KeepError::Unreachable { source: "an earlier push is under way still".into() };
        let turn = Arc::clone(&self.turn).try_lock_owned().map_err(under_way)?;
        let remote = self.remote().await?;
        let mut references = remote.look(Service::Push).await.map_err(said)?;
        let there = references.remove(self.branch.reference());
        let place = Place { remote, branch: self.branch.clone(), ca_bundle: self.ca_bundle.clone() };
        let (given, now) = (checkpoint.clone(), self.clock.now());
        let push = move || {
            let _turn = turn;
            place.push(there.as_deref(), &given, now)
        };
        let pushed = tokio::task::spawn_blocking(push).await;
        pushed.unwrap_or_else(|panicked| Err(unreachable(panicked)))
    }
}

/// Where a checkpoint goes.
struct Place {
    remote: Remote,
    branch: Branch,
    ca_bundle: Option<PathBuf>,
}

impl Place {
    /// Brings the copy to where the remote stands, commits the note on top of it, and pushes.
    fn push(&self, there: Option<&str>, given: &AddCheckpoint, now: Timestamp) -> Result<Kept, KeepError> {
        let (remote, branch) = (&self.remote, &self.branch);
        branch.make().map_err(unreachable)?;
        let here = branch.head().map_err(unreachable)?;
        if there.is_some() && here.as_deref() != there {
            remote.fetch(branch.path(), branch.reference()).map_err(said)?;
        }
        let held = branch.read(FILE).map_err(unreachable)?;
        let held = held.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        judge(held.as_deref(), given)?;
        let note = given.note.as_str();
        let fresh = Checkpoint::of_note(note).map_err(|error| KeepError::Refused { why: error.to_string() })?;
        let is_held = held.is_some_and(|held| Checkpoint::of_note(&held).is_ok_and(|held| held.size == fresh.size));
        if !is_held {
            let message = format!("{}: {} records", fresh.origin, fresh.size);
            branch.commit(FILE, note.as_bytes(), &message, now).map_err(unreachable)?;
        }
        if !is_held || there.is_none() {
            let programs = programs();
            let means = (programs.as_str(), self.ca_bundle.as_deref());
            remote.push(branch.path(), branch.reference(), means).map_err(said)?;
            if let Err(error) = branch.pack(&programs) {
                tracing::warn!(error = in_words(&error), "the copy of the branch is not packed, and grows");
            }
        }
        Ok(Kept::Stored)
    }
}

fn unreachable(error: impl std::error::Error + Send + Sync + 'static) -> KeepError {
    KeepError::Unreachable { source: Box::new(error) }
}

/// What the remote says is its answer; only silence is none.
fn said(error: RemoteError) -> KeepError {
    match error {
        RemoteError::Unreachable { .. } => unreachable(error),
        RemoteError::Address { .. }
        | RemoteError::Token { .. }
        | RemoteError::NotFound { .. }
        | RemoteError::Redirected { .. }
        | RemoteError::NotGit { .. }
        | RemoteError::Fetch { .. }
        | RemoteError::TooLarge { .. }
        | RemoteError::Push { .. } => KeepError::Refused { why: in_words(&error) },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Guarded, System};

    #[tokio::test]
    async fn a_push_that_hangs_has_no_second_one_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let git = Git {
            name: "git".to_owned(),
            apart: Span::from_ms(0),
            address: Address::parse("http://127.0.0.1:9/kept.git").unwrap(),
            user: USER.to_owned(),
            token: None,
            branch: Branch::new(folder.path().join(COPY), "refs/heads/checkpoints".to_owned()),
            clock: Arc::new(Guarded::new(System, None)),
            roots: Roots::default(),
            ca_bundle: None,
            turn: Arc::default(),
        };
        let checkpoint = AddCheckpoint { old_size: 0, proof: Vec::new(), note: String::new() };
        let asked = async || in_words(&git.keep(&checkpoint).await.unwrap_err());
        let hangs = git.turn.lock().await;
        assert!(asked().await.contains("under way still"));
        drop(hangs);
        assert!(!asked().await.contains("under way"), "whoever is done lets the next one in");
    }
}
