//! What became of a run.

use std::fmt;
use std::io::ErrorKind;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// How a run ended, and what it said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// How it ended.
    pub outcome: Outcome,
    /// Head of standard output.
    pub stdout: Captured,
    /// Head of standard error.
    pub stderr: Captured,
}

impl Finished {
    pub(super) fn never(refusal: Refusal) -> Self {
        Self { outcome: Outcome::NeverStarted(refusal), stdout: Captured::default(), stderr: Captured::default() }
    }
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The program ended by itself.
    Exited {
        /// Its exit code.
        code: i32,
    },
    /// The program ended by a signal, for example `SIGXCPU` (24) or `SIGXFSZ` (25) at a limit, `SIGSYS` (31) for a foreign
    /// system call.
    Killed {
        /// The signal's number.
        signal: i32,
    },
    /// The wall-clock limit passed; everything was killed.
    TimedOut,
    /// The caller asked for an end; everything was killed.
    Stopped,
    /// One stream passed 16 times what is kept of it; everything was killed.
    OutputLimit,
    /// There were more processes than allowed; everything was killed.
    ProcessLimit,
    /// The program was certainly never started: nothing left this machine or changed on it.
    NeverStarted(Refusal),
    /// The program was certainly never started: this file is not the one that was pinned.
    Changed(PathBuf),
    /// The sandbox was destroyed from outside after the program was started, or may have been.
    Lost,
}

/// Why a program was not started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("could not {attempt}: {reason}; {next}")]
#[serde(deny_unknown_fields)]
pub struct Refusal {
    /// What was attempted, continuing "could not …".
    pub attempt: String,
    /// Why it did not work.
    pub reason: String,
    /// What the operator can do.
    pub next: String,
    /// Whether it was for want of room on the disk, which passes.
    pub no_room: bool,
}

/// What operators can do about a full disk.
const NEXT_ROOM: &str = "free space where the daemon keeps its data, and it goes on by itself";

impl Refusal {
    pub(super) fn new(attempt: impl Into<String>, reason: impl fmt::Display, next: impl Into<String>) -> Self {
        Self { attempt: attempt.into(), reason: reason.to_string(), next: next.into(), no_room: false }
    }

    /// The refusal of a file operation; a full disk is told apart, and `next` is not said about it.
    pub(super) fn of_file(attempt: impl Into<String>, error: &std::io::Error, next: impl Into<String>) -> Self {
        if matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded) {
            return Self { no_room: true, ..Self::new(attempt, error, NEXT_ROOM) };
        }
        Self::new(attempt, error, next)
    }
}

/// The head of an output stream.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Captured {
    /// The first bytes, up to the limit.
    pub bytes: Vec<u8>,
    /// Bytes that were written in all, as far as they were read.
    pub total: u64,
}

impl Captured {
    /// Whether more was written than is kept.
    #[must_use]
    pub fn truncated(&self) -> bool {
        u64::try_from(self.bytes.len()).is_ok_and(|kept| kept < self.total)
    }
}

impl fmt::Debug for Captured {
    /// Prints sizes only: a tool's output may hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Captured({} of {} bytes)", self.bytes.len(), self.total)
    }
}
