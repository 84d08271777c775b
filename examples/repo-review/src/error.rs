//! Why a run failed.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// Why a run failed. Nothing was published, whatever the variant.
#[derive(Debug)]
pub(crate) enum Error {
    /// The command line is not understood.
    Usage(String),
    /// Standard input is no JSON of the expected shape, or too long.
    Input(String),
    /// git is not there, or said no.
    Git {
        /// What it was asked for.
        asked: &'static str,
        /// What went wrong.
        reason: String,
    },
    /// The ledger's folder cannot be used.
    Ledger {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The key is already used for something else.
    KeyReused {
        /// The key.
        key: String,
    },
    /// The answer cannot be encoded.
    Encode(serde_json::Error),
    /// The answer cannot be printed.
    Output(io::Error),
}

impl Error {
    /// 2 for a wrong command line, 3 for everything else; 1 is left for `published`, which means "not there".
    pub(crate) const fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            Self::Input(_)
            | Self::Git { .. }
            | Self::Ledger { .. }
            | Self::KeyReused { .. }
            | Self::Encode(_)
            | Self::Output(_) => 3,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(reason) => write!(f, "{reason}\n{}", crate::arguments::USAGE),
            Self::Input(reason) => write!(f, "standard input is refused: {reason}"),
            Self::Git { asked, reason } => write!(f, "git could not {asked}: {reason}"),
            Self::Ledger { path, source } => write!(f, "ledger `{}` cannot be used: {source}", path.display()),
            Self::KeyReused { key } => write!(f, "key `{key}` was used before, for another report"),
            Self::Encode(source) => write!(f, "the answer is no JSON: {source}"),
            Self::Output(source) => write!(f, "the answer cannot be printed: {source}"),
        }
    }
}
