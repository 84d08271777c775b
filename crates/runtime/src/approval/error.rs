//! Why the approval service refuses.

use scalbotics_core::approval::Status;
use scalbotics_core::ids::{ApprovalId, DecisionId};
use scalbotics_core::ports::{CipherError, StoreError, VerifyError};

/// Why an approval is not shown or not answered.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Absent, or another tenant's: the answer is the same.
    #[error("approval `{approval}` does not exist")]
    NotFound {
        /// The approval.
        approval: ApprovalId,
    },
    /// Agents and services never approve.
    #[error("only a human answers an approval")]
    NotHuman,
    /// The human may not act.
    #[error("approver may not act")]
    NotActive,
    /// The call is made for the approver, and policy does not permit `self_approval`.
    #[error("approval `{approval}` is about a call that is made for you")]
    OwnCall {
        /// The approval.
        approval: ApprovalId,
        /// The decision.
        decision: DecisionId,
    },
    /// The statement cannot be read, or is too long.
    #[error("statement cannot be read")]
    Form(#[source] scalbotics_core::json::Error),
    /// A field of the statement has no such meaning.
    #[error("statement is not one: {reason}")]
    Shape {
        /// What is wrong.
        reason: String,
    },
    /// The reason is too long.
    #[error("reason of {len} bytes is longer than {max} bytes")]
    ReasonLen {
        /// Its length in bytes.
        len: usize,
        /// The limit in bytes.
        max: usize,
    },
    /// The statement is about something else than what is asked.
    #[error("statement differs from what approval `{approval}` asks")]
    Differs {
        /// The approval.
        approval: ApprovalId,
    },
    /// The signature does not count.
    #[error("signature does not count")]
    Signature(#[from] VerifyError),
    /// Somebody answered before, it lapsed, or it was used.
    #[error("approval `{approval}` is {} already", status.as_str())]
    Answered {
        /// The approval.
        approval: ApprovalId,
        /// Where it stands.
        status: Status,
    },
    /// The task ended or is being canceled, or the moment has passed.
    #[error("approval `{approval}` does not wait any more")]
    NotWaiting {
        /// The approval.
        approval: ApprovalId,
    },
    /// The arguments were erased.
    #[error("arguments of approval `{approval}` were erased")]
    Erased {
        /// The approval.
        approval: ApprovalId,
    },
    /// The arguments do not open or are not JSON.
    #[error("arguments of approval `{approval}` cannot be read")]
    Unreadable {
        /// The approval.
        approval: ApprovalId,
    },
    /// The request id was used for another request.
    #[error("request id was used for another request")]
    KeyReused,
    /// Too many requests about the task.
    #[error("too many requests about the task of approval `{approval}`")]
    Busy {
        /// The approval.
        approval: ApprovalId,
    },
    /// The daemon is ending.
    #[error("daemon is shutting down")]
    Draining,
    /// The statement could not be sealed.
    #[error("statement could not be sealed")]
    Cipher(#[from] CipherError),
    /// The store did not answer.
    #[error("approval could not be read or written")]
    Store(#[from] StoreError),
}
