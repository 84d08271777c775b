//! Why there is no certificate.

use scalbotics_core::ports::{KeyAuthorityError, StoreError};
use scalbotics_core::tenant::Name;

use crate::change::ChangeError;

/// Why a join token does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spoiled {
    /// There is none like it.
    Unknown,
    /// It was used before.
    Used,
    /// It is over.
    Late,
    /// It is another agent's.
    OtherAgent,
    /// Its agent was suspended, offboarded or got new keys since.
    Void,
}

impl Spoiled {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Unknown, Self::Used, Self::Late, Self::OtherAgent, Self::Void];

    /// In words, for the log and the record; callers are not told which.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Used => "used",
            Self::Late => "late",
            Self::OtherAgent => "other_agent",
            Self::Void => "void",
        }
    }
}

/// Why there is no certificate or token, or why nothing was cut short.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The tenant has no such agent.
    #[error("there is no such agent")]
    NotFound,
    /// The agent may not act, or was suspended meanwhile.
    #[error("agent `{name}` may not act")]
    NotActive {
        /// Its name.
        name: Name,
    },
    /// The join token does not count.
    #[error("the join token does not count")]
    Token(Spoiled),
    /// As many tokens wait as may.
    #[error("too many join tokens of agent `{name}` wait to be used")]
    TooMany {
        /// Its name.
        name: Name,
    },
    /// Somebody else than a human would let an agent join.
    #[error("an agent is let in by a human")]
    NotSponsor,
    /// The same request was answered before, with a secret that is not kept (semantics §9.1).
    #[error("the request was answered before, and the answer holds a secret that is not kept")]
    Answered,
    /// The clock is not believed, so nothing is issued (semantics §4.7).
    #[error("the clock is not believed, so nothing is issued")]
    Clock,
    /// The authority did not sign.
    #[error("the certificate was not signed")]
    Authority(#[from] KeyAuthorityError),
    /// It was not written.
    #[error(transparent)]
    Change(#[from] ChangeError),
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        Self::Change(error.into())
    }
}
