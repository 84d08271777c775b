//! The repository as a [`DesiredSource`].

use std::path::{Path, PathBuf};

use async_trait::async_trait;
use scalbotics_core::ports::{DesiredError, DesiredSource, RawFiles};

use super::walk;

/// A local repository, bare or with a work tree, read at one branch.
///
/// It is opened for each call, so that a repository that is replaced or repacked is seen as it is. Configuration of the
/// machine and of its users is not read, and no program is started.
#[derive(Debug, Clone)]
pub struct Source {
    path: PathBuf,
    reference: String,
}

impl Source {
    /// A source that follows `refs/heads/main` of the repository at `path`.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), reference: "refs/heads/main".to_owned() }
    }

    /// The same, following another full reference name such as `refs/heads/production`.
    #[must_use]
    pub fn following(mut self, reference: impl Into<String>) -> Self {
        self.reference = reference.into();
        self
    }

    /// The newest commit's id.
    ///
    /// Blocking; it reads one reference, which takes well under a millisecond.
    ///
    /// # Errors
    /// [`DesiredError::Unreadable`] when the repository or the reference is not there.
    pub fn read_head(&self) -> Result<String, DesiredError> {
        let repository = open(&self.path).map_err(|source| self.unreadable(source))?;
        let mut reference =
            repository.find_reference(self.reference.as_str()).map_err(|source| self.unreadable(source.into()))?;
        let commit = reference.peel_to_commit().map_err(|source| self.unreadable(source.into()))?;
        Ok(commit.id.to_string())
    }

    /// The files of desired state in a commit.
    ///
    /// Blocking. Only the folders of [`scalbotics_core::desired::FOLDERS`] are walked.
    ///
    /// # Errors
    /// [`DesiredError::Unreadable`] when an object is not there or broken, [`DesiredError::Refused`] when the commit holds a
    /// link, a submodule, or more than may be read; nothing is loaded then.
    pub fn read_files(&self, commit: &str) -> Result<RawFiles, DesiredError> {
        let repository = open(&self.path).map_err(|source| self.unreadable(source))?;
        walk::read(&repository, commit).map_err(|fault| match fault {
            walk::Fault::Git(source) => self.unreadable(source),
            walk::Fault::Refused { path, reason } => {
                DesiredError::Refused { commit: commit.chars().take(64).collect(), path, reason }
            }
        })
    }

    fn unreadable(&self, source: BoxError) -> DesiredError {
        DesiredError::Unreadable { place: format!("{} at {}", self.path.display(), self.reference), source }
    }

    /// Runs blocking work away from the async threads.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> Result<T, DesiredError> + Send + 'static,
    ) -> Result<T, DesiredError> {
        let this = self.clone();
        match tokio::task::spawn_blocking(move || work(&this)).await {
            Ok(result) => result,
            Err(error) => Err(self.unreadable(error.into())),
        }
    }
}

/// What git's library says.
pub(super) type BoxError = Box<dyn std::error::Error + Send + Sync>;

pub(super) fn open(path: &Path) -> Result<gix::Repository, BoxError> {
    open_with(path, [])
}

/// Opens it with more configuration than that of its own file.
pub(super) fn open_with(path: &Path, more: impl IntoIterator<Item = String>) -> Result<gix::Repository, BoxError> {
    // A replacement (`refs/replace/`) would let one id stand for other content than it did before.
    let own = ["core.useReplaceRefs=false".to_owned()].into_iter().chain(more);
    let options = gix::open::Options::isolated().config_overrides(own);
    gix::open_opts(path, options).map_err(Into::into)
}

#[async_trait]
impl DesiredSource for Source {
    /// # Cancel safety
    /// Cancel safe: reading changes nothing.
    async fn head(&self) -> Result<String, DesiredError> {
        self.blocking(Self::read_head).await
    }

    /// # Cancel safety
    /// Cancel safe: reading changes nothing; work that was begun ends on its own thread.
    async fn load(&self, commit: &str) -> Result<RawFiles, DesiredError> {
        let commit = commit.to_owned();
        self.blocking(move |this| this.read_files(&commit)).await
    }
}
