//! Why something about privacy was not done.

use scalbotics_core::ids::{HoldId, TaskId};
use scalbotics_core::ports::{CipherError, KeyringError, StoreError};
use scalbotics_core::privacy::{HOLDS_MAX, REASON_LEN_MAX, Scope};
use scalbotics_core::tenant::Name;

use crate::ChangeError;

/// Why something about privacy was not done; nothing was erased by the request then.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The tenant has no such task, human or hold.
    #[error("`{what}` does not exist")]
    NotFound {
        /// What was asked for.
        what: String,
    },
    /// A legal hold is on it.
    #[error("legal hold `{hold}` is on `{scope}`")]
    Held {
        /// The hold.
        hold: HoldId,
        /// What it is about.
        scope: Scope,
    },
    /// Tasks have not ended, and need what would be erased.
    #[error("{count} of the tasks have not ended, such as `{task}`")]
    Unfinished {
        /// One of them.
        task: TaskId,
        /// How many there are.
        count: usize,
    },
    /// The human may still act.
    #[error("human `{name}` is not offboarded")]
    StillThere {
        /// Their name.
        name: Name,
    },
    /// A reason is missing or too long.
    #[error("reason of {len} bytes is not between 1 and {REASON_LEN_MAX}")]
    Reason {
        /// Its length, in bytes.
        len: usize,
    },
    /// The tenant has as many holds as it may have.
    #[error("tenant has {HOLDS_MAX} legal holds, and may have no more")]
    TooMany,
    /// The change was not made.
    #[error(transparent)]
    Change(#[from] ChangeError),
    /// A reason could not be sealed or opened.
    #[error("reason could not be sealed")]
    Cipher(#[from] CipherError),
    /// The keys could not be read or changed.
    #[error("wrapping keys did not answer")]
    Keys(#[from] KeyringError),
    /// A record of the log cannot be read.
    #[error("record {index} of the audit log cannot be read")]
    Record {
        /// Its index.
        index: u64,
        /// What does not fit.
        #[source]
        source: serde_json::Error,
    },
    /// The daemon is ending; what was ordered is carried on with at the next start.
    #[error("daemon is ending")]
    Draining,
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        Self::Change(error.into())
    }
}
