//! Why a store does not open.

use std::path::PathBuf;

/// Why a store does not open. Nothing was changed then, except that a missing directory may have been made.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process serves this data.
    #[error("data directory `{dir}` is in use by process {}", pid.map_or_else(|| "unknown".to_owned(), |pid| pid.to_string()))]
    Locked {
        /// The directory.
        dir: PathBuf,
        /// The other process, if it wrote down its id.
        pid: Option<u32>,
    },
    /// Written by a newer program.
    #[error("database `{path}` has schema {found}, this program knows up to {known}")]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its schema version.
        found: i64,
        /// The newest version known here.
        known: i64,
    },
    /// A database of another program.
    #[error("database `{path}` belongs to another program")]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// What stands there cannot have been written by this program.
    #[error("database `{path}` is corrupt: {what}")]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        what: String,
    },
    /// There is no store, and this way of opening makes none.
    #[error("there is no store in `{dir}`")]
    Missing {
        /// The directory.
        dir: PathBuf,
    },
    /// The file system refuses.
    #[error("`{path}` cannot be opened")]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The engine refuses.
    #[error("database `{path}` cannot be opened: failed to {attempt}")]
    Engine {
        /// The file.
        path: PathBuf,
        /// What was attempted.
        attempt: &'static str,
        /// What the engine said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl OpenError {
    /// What the operator can do about it, as a sentence.
    #[must_use]
    pub const fn next_step(&self) -> &'static str {
        match self {
            Self::Locked { .. } => "Stop the other daemon, or give this one another data directory.",
            Self::Newer { .. } => "Run the program that wrote it, or a newer one; schemas never go back.",
            Self::Foreign { .. } => "Give the daemon a data directory of its own.",
            Self::Corrupt { .. } => {
                "Keep a copy of the data directory as it is, then restore the newest backup; do not delete the -wal file."
            }
            Self::Missing { .. } => "Check the path; a mistyped one is no empty store.",
            Self::Io { .. } => "Check that the path exists and belongs to the user that runs the daemon.",
            Self::Engine { .. } => "Check free space and permissions, then start again.",
        }
    }
}
