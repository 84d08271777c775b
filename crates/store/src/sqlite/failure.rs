//! What SQLite's errors mean here.

use rusqlite::{Error, ErrorCode, ffi};
use scalbotics_core::ports::StoreError;

/// Why a whole group of jobs was not committed; each job gets its own copy as an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Failure {
    /// No room.
    Full,
    /// The database is damaged.
    Corrupt(String),
    /// An fsync failed: nothing that this process reads back can be believed any more.
    Unsynced(String),
    /// A later writer has taken the data over.
    Superseded,
    /// Anything else.
    Other(String),
}

/// The engine's words, as an error's source.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Said(String);

impl Failure {
    /// Classifies an error of the engine.
    pub(super) fn of(error: &Error) -> Self {
        let Error::SqliteFailure(code, _) = error else {
            return if is_misfit(error) { Self::Corrupt(error.to_string()) } else { Self::Other(error.to_string()) };
        };
        if matches!(code.extended_code, ffi::SQLITE_IOERR_FSYNC | ffi::SQLITE_IOERR_DIR_FSYNC) {
            return Self::Unsynced(error.to_string());
        }
        if code.code == ErrorCode::DiskFull {
            Self::Full
        } else if matches!(code.code, ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) {
            Self::Corrupt(error.to_string())
        } else {
            Self::Other(error.to_string())
        }
    }

    /// The error that a caller gets.
    pub(super) fn to_error(&self, attempt: &'static str) -> StoreError {
        match self {
            Self::Full => StoreError::Full,
            Self::Corrupt(what) => StoreError::Corrupt { what: what.clone() },
            Self::Superseded => StoreError::Superseded,
            Self::Unsynced(said) | Self::Other(said) => StoreError::Failed { attempt, source: Box::new(Said(said.clone())) },
        }
    }
}

/// Whether a row does not have the shape that this program writes.
fn is_misfit(error: &Error) -> bool {
    matches!(
        error,
        Error::FromSqlConversionFailure(..)
            | Error::IntegralValueOutOfRange(..)
            | Error::InvalidColumnType(..)
            | Error::Utf8Error(..)
    )
}

/// Turns the engine's error into the port's, for `map_err`.
pub(super) fn failed(attempt: &'static str) -> impl Fn(Error) -> StoreError {
    move |error| Failure::of(&error).to_error(attempt)
}

/// A row that this program cannot have written.
pub(super) fn corrupt(what: impl Into<String>) -> StoreError {
    StoreError::Corrupt { what: what.into() }
}

/// Something that was refused before it reached the engine.
pub(super) fn refused(attempt: &'static str, why: impl std::fmt::Display) -> StoreError {
    StoreError::Failed { attempt, source: Box::new(Said(why.to_string())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn meanings() {
        let said = |code| Failure::of(&Error::SqliteFailure(ffi::Error::new(code), None));
        assert_eq!(said(ffi::SQLITE_FULL), Failure::Full);
        for code in [ffi::SQLITE_CORRUPT, ffi::SQLITE_NOTADB, ffi::SQLITE_CORRUPT_INDEX] {
            assert!(matches!(said(code), Failure::Corrupt(_)), "{code}");
        }
        for code in [ffi::SQLITE_IOERR_FSYNC, ffi::SQLITE_IOERR_DIR_FSYNC] {
            assert!(matches!(said(code), Failure::Unsynced(_)), "{code}");
        }
        for code in [ffi::SQLITE_IOERR_WRITE, ffi::SQLITE_BUSY, ffi::SQLITE_READONLY] {
            assert!(matches!(said(code), Failure::Other(_)), "{code}");
        }
        let misfit = Error::IntegralValueOutOfRange(0, -1);
        assert!(matches!(Failure::of(&misfit), Failure::Corrupt(_)));
    }
}
