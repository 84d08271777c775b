//! Why no evidence was made.

use scalbotics_core::ids::TaskId;
use scalbotics_core::ports::{CipherError, SignError, StoreError};

/// Why no evidence was made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such task, or it is another tenant's.
    #[error("task `{task}` is not there")]
    NotFound {
        /// The task.
        task: TaskId,
    },
    /// The task was begun by a program whose records have no sequence numbers.
    #[error("records of task `{task}` are not numbered")]
    Unnumbered {
        /// The task.
        task: TaskId,
    },
    /// The bundle would be longer than a verifier reads.
    #[error("evidence of task `{task}` is longer than {len_max} bytes")]
    TooLong {
        /// The task.
        task: TaskId,
        /// The limit, in bytes.
        len_max: usize,
    },
    /// Records and journal do not fit together.
    #[error("evidence of task `{task}` does not fit together: {what}")]
    Corrupt {
        /// The task.
        task: TaskId,
        /// What does not fit.
        what: String,
    },
    /// A payload does not open.
    #[error("payload could not be opened")]
    Cipher(#[from] CipherError),
    /// The store did not answer.
    #[error("store did not answer")]
    Store(#[from] StoreError),
    /// The log's head could not be signed.
    #[error("log key did not sign")]
    Sign(#[from] SignError),
}
