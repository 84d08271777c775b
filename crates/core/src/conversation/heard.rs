//! What became of a step.

use super::request::RESULT_SHOWN_LEN_MAX;

/// What became of a step.
#[derive(Clone, PartialEq, Eq)]
pub enum Heard {
    /// It was carried out.
    Landed {
        /// The bytes of its result.
        output: Vec<u8>,
        /// Whether they were cut at a limit.
        truncated: bool,
    },
    /// It failed.
    Failed {
        /// The tool's words.
        words: String,
    },
    /// Policy or a grant does not allow it.
    Refused,
    /// A person says that it was carried out, and no result is known.
    Settled,
}

impl Heard {
    /// The same with no more of a result than a model is shown, so that a task of many calls fills no memory.
    pub(super) fn shortened(self) -> Self {
        match self {
            Self::Landed { mut output, .. } if output.len() > RESULT_SHOWN_LEN_MAX => {
                output.truncate(RESULT_SHOWN_LEN_MAX);
                output.shrink_to_fit();
                Self::Landed { output, truncated: true }
            }
            heard @ (Self::Landed { .. } | Self::Failed { .. } | Self::Refused | Self::Settled) => heard,
        }
    }
}

impl std::fmt::Debug for Heard {
    /// Prints the kind and sizes, never the bytes.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Landed { output, truncated } => write!(f, "Landed({} bytes, truncated: {truncated})", output.len()),
            Self::Failed { .. } => f.write_str("Failed"),
            Self::Refused => f.write_str("Refused"),
            Self::Settled => f.write_str("Settled"),
        }
    }
}
