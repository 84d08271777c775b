//! Why a configuration is refused.

use std::path::PathBuf;

use super::Origin;

/// Why a configuration is refused.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read.
    #[error("configuration `{}` cannot be read", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The file is not TOML, or a value is of the wrong type.
    #[error("configuration {origin} is refused: {reason}")]
    Refused {
        /// Where.
        origin: Origin,
        /// What is wrong, in words of the parser.
        reason: String,
    },
    /// There is no such key.
    #[error("configuration {origin} has unknown key `{key}`")]
    UnknownKey {
        /// Where.
        origin: Origin,
        /// The key as it was written.
        key: String,
        /// The key that was probably meant.
        suggestion: Option<String>,
    },
    /// A value that cannot be.
    #[error("configuration key `{key}` ({origin}) is refused: {reason}")]
    Value {
        /// Where.
        origin: Origin,
        /// The key.
        key: &'static str,
        /// What is wrong with its value.
        reason: String,
    },
    /// A key without which nothing starts.
    #[error("configuration lacks `{key}`")]
    Missing {
        /// The key.
        key: &'static str,
    },
}

impl Error {
    /// What to do about it.
    #[must_use]
    pub fn next_step(&self) -> String {
        match self {
            Self::Unreadable { .. } => {
                "name the file with --config; `scalbotics initialize --help` tells how an installation is made".to_owned()
            }
            Self::Refused { .. } | Self::Value { .. } => "scalboticsd config schema".to_owned(),
            Self::UnknownKey { suggestion: Some(key), .. } => format!("did you mean `{key}`?"),
            Self::UnknownKey { suggestion: None, .. } => "scalboticsd --print-default-config".to_owned(),
            Self::Missing { key } => {
                format!("set `{key}` in the file, or make an installation, which writes it: `scalbotics initialize --help`")
            }
        }
    }
}
