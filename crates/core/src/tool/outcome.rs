//! What became of one attempt of a call, as the boundary that ran it reports.

/// What became of one attempt.
#[derive(Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The call was carried out; these are the bytes of its result.
    Landed {
        /// JSON when the tool declares an output schema, else text; at most [`crate::payload::LEN_MAX`].
        output: Vec<u8>,
        /// Whether the result was cut at a limit.
        truncated: bool,
    },
    /// The call ran and reports failure; the tool says that nothing more will happen.
    Failed {
        /// What went wrong, with the tool's own words as data.
        reason: String,
    },
    /// The boundary knows that the call never left: it may be tried again whatever its class.
    NeverLeft {
        /// Why it did not leave.
        reason: NotDone,
    },
    /// Nobody knows whether it landed.
    Unknown {
        /// What was seen.
        reason: String,
    },
}

impl std::fmt::Debug for Outcome {
    /// Prints the kind and sizes, never the bytes.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Landed { output, truncated } => write!(f, "Landed({} bytes, truncated: {truncated})", output.len()),
            Self::Failed { .. } => f.write_str("Failed"),
            Self::NeverLeft { reason } => write!(f, "NeverLeft({reason:?})"),
            Self::Unknown { .. } => f.write_str("Unknown"),
        }
    }
}

/// Why a call never left.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotDone {
    /// The arguments do not fit the tool.
    #[error("arguments are refused: {reason}")]
    Arguments {
        /// What is wrong.
        reason: String,
    },
    /// The sandbox, the program or the workspace is not there.
    #[error("tool is unavailable: {reason}")]
    Unavailable {
        /// What is missing.
        reason: String,
    },
    /// No model could be asked.
    #[error("no model was reached: {reason}")]
    NoModel {
        /// Each that was tried, and why it was not asked.
        reason: String,
    },
    /// The disk is full: the call waits for room and fails for nothing (semantics §1.3).
    #[error("there is no room to run it: {reason}")]
    NoRoom {
        /// What found no room.
        reason: String,
    },
    /// A file that the call was decided and approved with holds other bytes now (semantics §2.3); the call never becomes right again.
    #[error("{input} changed since it was approved")]
    Changed {
        /// Which, by the name of its resolved input; never what it holds.
        input: String,
    },
    /// The warrant is older than an epoch or past its deadline.
    #[error("warrant is void: {reason}")]
    Void {
        /// Which limit it passed.
        reason: String,
    },
}

/// What a `verify` of a verifiable tool answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verification {
    /// The effect is there.
    Landed,
    /// The effect is not there now; final only past the settling time.
    NotLanded,
    /// The target does not know.
    Unknown,
}
