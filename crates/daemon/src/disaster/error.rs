//! Why there is no backup, or why nothing was restored.

use std::path::{Path, PathBuf};

use scalbotics_core::ports::StoreError;
use scalbotics_store::{CopyError, OpenError};

use crate::rpc::codes::{self, Code};
use crate::start_error::StartError;

/// What a library said.
type Source = Box<dyn std::error::Error + Send + Sync>;

/// Why it was not done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// Configuration, keys or data cannot be used.
    #[error("installation cannot be used")]
    Start(#[from] StartError),
    /// Another backup is being made.
    #[error("another backup is being made: it holds `{}`", path.display())]
    Busy {
        /// The lock.
        path: PathBuf,
    },
    /// Something stands where the backup should be.
    #[error("`{}` is there already", path.display())]
    Exists {
        /// The place.
        path: PathBuf,
    },
    /// A file or directory of a restore cannot be used.
    #[error("`{}` cannot be used", path.display())]
    Place {
        /// Which.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The place of a backup, or the database that it is made of, cannot be used.
    #[error("`{}` cannot be used", path.display())]
    Out {
        /// Which.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The disk has too little room.
    #[error("`{}` has {} MiB free, and {} MiB are needed", path.display(), free >> 20, needed.div_ceil(1 << 20))]
    NoRoom {
        /// Where.
        path: PathBuf,
        /// Bytes needed.
        needed: u64,
        /// Bytes free.
        free: u64,
    },
    /// The database was not copied.
    #[error("database could not be copied")]
    Copy(#[from] CopyError),
    /// A copy is not whole.
    #[error("`{}` is not a whole database of an installation", path.display())]
    Damaged {
        /// The copy.
        path: PathBuf,
        /// What is wrong.
        #[source]
        source: Source,
    },
    /// The manifest of a backup cannot be used, or written.
    #[error("manifest `{}` cannot be used", path.display())]
    Manifest {
        /// The manifest.
        path: PathBuf,
        /// Why.
        #[source]
        source: Source,
    },
    /// Nobody said yes.
    #[error("a restore was not confirmed")]
    NotConfirmed,
    /// Nobody could resume the others.
    #[error("after this restore no administrator could act")]
    NoAdmin,
    /// There is no such human in the backup.
    #[error("the backup has no human `{name}`")]
    NoHuman {
        /// The name.
        name: String,
    },
    /// A daemon serves the data, or the directory cannot be used.
    #[error("data directory cannot be restored to")]
    Data(#[from] OpenError),
    /// Something could not be read from the copy, or written to it.
    #[error("restored database could not be written")]
    Store(#[from] StoreError),
    /// Something else of the restore did not work.
    #[error("cannot {attempt}")]
    Step {
        /// What was attempted.
        attempt: &'static str,
        /// What was said.
        #[source]
        source: Source,
    },
}

impl Error {
    /// A copy that is not whole.
    pub(super) fn damaged(path: &Path, source: impl Into<Source>) -> Self {
        Self::Damaged { path: path.to_owned(), source: source.into() }
    }

    /// For `map_err`.
    pub(super) fn step<E: Into<Source>>(attempt: &'static str) -> impl Fn(E) -> Self {
        move |source| Self::Step { attempt, source: source.into() }
    }

    /// The code, with a page in the docs.
    pub(crate) const fn code(&self) -> Code {
        match self {
            Self::Start(source) => source.code(),
            Self::Data(OpenError::Locked { .. }) => codes::DATA_IN_USE,
            Self::Damaged { .. } | Self::Manifest { .. } => codes::BACKUP_UNUSABLE,
            Self::Busy { .. } | Self::Exists { .. } | Self::Out { .. } | Self::NoRoom { .. } | Self::Copy(_) => {
                codes::BACKUP_FAILED
            }
            Self::NotConfirmed
            | Self::NoAdmin
            | Self::NoHuman { .. }
            | Self::Place { .. }
            | Self::Data(_)
            | Self::Store(_)
            | Self::Step { .. } => codes::RESTORE_FAILED,
        }
    }

    /// What to do about it.
    pub(crate) fn next_step(&self) -> String {
        let text = match self {
            Self::Start(source) => return source.next_step(),
            Self::Busy { .. } => "wait for the other backup",
            Self::Exists { .. } => "name a place that is free; no backup is ever overwritten",
            Self::Place { .. } | Self::Out { .. } => "check the path, who owns it, and whether its disk is writable and has room",
            Self::NoRoom { .. } | Self::Copy(CopyError::Full { .. }) => "name a place on a disk with more room, or free some",
            Self::Copy(_) => "look at the disk of the copy and, with `scalbotics doctor`, at the database",
            Self::Damaged { .. } | Self::Manifest { .. } => "take another backup of this installation; this one is not used",
            Self::NotConfirmed => "look at the plan with --dry-run, and confirm it with --yes",
            Self::NoAdmin => "name an administrator of the backup who may act, with --keep NAME",
            Self::NoHuman { .. } => "name a human whom the backup has",
            Self::Data(source) => source.next_step(),
            Self::Store(_) | Self::Step { .. } => {
                "free space where the data is and run the same restore again; nothing is served until it is done"
            }
        };
        text.to_owned()
    }
}
