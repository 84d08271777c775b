//! Desired state from a remote repository: its branch is fetched into the local copy, from which everything is read.
//!
//! **Invariant:** when the remote does not answer, what was fetched stays readable, so that what is in force stays in force and
//! tasks go on under the commits that they began with.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use scalbotics_adapters::git::Source as GitSource;
use scalbotics_adapters::git::remote::{Address, Error as RemoteError, Remote, Service};
use scalbotics_core::egress::Roots;
use scalbotics_core::ports::{DesiredError, DesiredSource, RawFiles};
use scalbotics_runtime::secret;
use tokio::sync::Semaphore;

use crate::start_error::BoxError;

/// The user name beside a token where the configuration names none; most servers take any.
pub(crate) const USER: &str = "git";

/// A remote repository, followed at one branch.
#[derive(Debug)]
pub(crate) struct Following {
    /// Reads the copy.
    pub(crate) local: GitSource,
    /// The copy.
    pub(crate) copy: PathBuf,
    /// The full name of the branch.
    pub(crate) reference: String,
    /// The remote.
    pub(crate) address: Address,
    /// The user name beside the token.
    pub(crate) user: String,
    /// The token, where one is configured.
    pub(crate) token: Option<secret::Own>,
    /// Authorities that are believed beside the system's.
    pub(crate) roots: Roots,
    /// Places of those who fetch at one time: a server that hangs takes one of them, and no thread from anybody else.
    pub(crate) places: Arc<Semaphore>,
    /// Whether the copy is enough for the first look, if it has a commit: a start waits for no server of a guest's.
    pub(crate) begins_here: AtomicBool,
}

impl Following {
    async fn remote(&self) -> Result<Remote, BoxError> {
        let token = match &self.token {
            Some(own) => Some(own.value().await?),
            None => None,
        };
        Ok(Remote::new(self.address.clone(), self.user.clone(), token).trusting(self.roots.clone()))
    }

    /// Why it is not had, as people may be told.
    fn failed(&self, source: BoxError) -> DesiredError {
        let place = format!("{} at {}", self.address, self.reference);
        match source.downcast::<RemoteError>().map(|error| *error) {
            Ok(RemoteError::TooLarge { what, .. }) => DesiredError::TooLarge { place, what },
            Ok(error) => DesiredError::Unreadable { place, source: error.into() },
            Err(source) => DesiredError::Unreadable { place, source },
        }
    }

    /// Brings the copy to where the remote stands.
    async fn fetch(&self) -> Result<(), BoxError> {
        let place = Arc::clone(&self.places).acquire_owned().await?;
        let remote = self.remote().await?;
        let references = remote.look(Service::Fetch).await?;
        let there = references.get(&self.reference).ok_or_else(|| format!("the remote has no `{}`", self.reference))?;
        if self.local.head().await.is_ok_and(|here| here == *there) {
            return Ok(());
        }
        let (copy, reference) = (self.copy.clone(), self.reference.clone());
        tokio::task::spawn_blocking(move || {
            let _until_it_ends = place;
            remote.fetch(&copy, &reference)
        })
        .await??;
        Ok(())
    }
}

#[async_trait]
impl DesiredSource for Following {
    /// # Cancel safety
    /// Cancel safe: a fetch that was begun ends on its own thread, and moves the copy's branch whole or not at all.
    async fn head(&self) -> Result<String, DesiredError> {
        if self.begins_here.swap(false, Ordering::Relaxed)
            && let Ok(here) = self.local.head().await
        {
            return Ok(here);
        }
        self.fetch().await.map_err(|source| self.failed(source))?;
        self.local.head().await
    }

    /// # Cancel safety
    /// Cancel safe: reading changes nothing.
    async fn load(&self, commit: &str) -> Result<RawFiles, DesiredError> {
        self.local.load(commit).await
    }
}
