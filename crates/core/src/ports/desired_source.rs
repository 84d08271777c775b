//! Where desired state comes from.

use std::collections::BTreeMap;

use async_trait::async_trait;

/// The files of one commit, by path; only the folders that desired state knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawFiles {
    /// The commit's id, hexadecimal.
    pub commit: String,
    /// Contents by path, as `agents/clerk.yaml`.
    pub files: BTreeMap<String, Vec<u8>>,
}

/// Why desired state could not be read. The last good state stays in force.
#[derive(Debug, thiserror::Error)]
pub enum DesiredError {
    /// The repository or branch is not there.
    #[error("repository `{place}` cannot be read")]
    Unreadable {
        /// Where.
        place: String,
        /// What the library said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The repository's server sends more than is taken of one; nothing of it was kept.
    #[error("repository `{place}` sends too much: {what}")]
    TooLarge {
        /// Where.
        place: String,
        /// What is too large, and the limit.
        what: String,
    },
    /// The commit holds something that is refused before it is read.
    #[error("commit `{commit}` is refused at `{path}`: {reason}")]
    Refused {
        /// The commit.
        commit: String,
        /// The path in it.
        path: String,
        /// What is wrong: a symlink, a submodule, too large, too many.
        reason: String,
    },
}

/// Reads desired state from where it is written.
#[async_trait]
pub trait DesiredSource: Send + Sync + std::fmt::Debug {
    /// The newest commit's id.
    ///
    /// # Errors
    /// [`DesiredError::Unreadable`], [`DesiredError::TooLarge`].
    async fn head(&self) -> Result<String, DesiredError>;

    /// The files of a commit.
    ///
    /// # Errors
    /// [`DesiredError`].
    async fn load(&self, commit: &str) -> Result<RawFiles, DesiredError>;
}
