//! Asking models.

use async_trait::async_trait;

use crate::model::{Miss, Model, Reply, Request};
use crate::policy::Warrant;
use crate::tool::Call;

/// Asks one model for one answer.
#[async_trait]
pub trait ModelProvider: Send + Sync + std::fmt::Debug {
    /// Sends the request to the model and waits for its whole answer, within the model's timeouts, the request's output cap and
    /// the warrant's deadline. The reply names this model and supersedes none: an order of models is the router's matter.
    ///
    /// # Errors
    /// [`NotAnswered`]; an answer that came in part only is one, never a reply.
    ///
    /// # Cancel safety
    /// Dropping the future closes the connection, by which servers stop; tokens may have been spent.
    async fn complete(&self, warrant: &Warrant<Call>, model: &Model, request: &Request) -> Result<Reply, NotAnswered>;
}

/// Why there is no answer. Words are the server's, cut and cleaned, and never hold the key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAnswered {
    /// Nothing was sent, and for a reason of ours: no key, no time left, or a request that does not fit the model.
    #[error("the request never left: {words}")]
    NeverLeft {
        /// Why.
        words: String,
    },
    /// Nothing was sent: there is no connection to the server.
    #[error("the server cannot be reached: {words}")]
    Unreachable {
        /// Why.
        words: String,
    },
    /// The server takes no requests now: 429 or 5xx.
    #[error("the server is busy or broken, status {status}: {words}")]
    Busy {
        /// The status.
        status: u16,
        /// For how many milliseconds the server wants to be left alone, if it says so.
        retry_after_ms: Option<u64>,
        /// Its words.
        words: String,
    },
    /// The server was asked, and the first part of its answer did not come in time, or the connection broke before it.
    #[error("the server was asked and did not begin to answer: {words}")]
    Silent {
        /// What was seen.
        words: String,
    },
    /// The server refused the request: any other status. Asked again it would refuse it again.
    #[error("the server refused the request, status {status}: {words}")]
    Refused {
        /// The status.
        status: u16,
        /// Its words.
        words: String,
    },
    /// The answer had begun, and broke off, stalled or turned into garbage.
    #[error("the answer broke off: {words}")]
    Cut {
        /// What was seen.
        words: String,
    },
    /// The answer is longer than anything that was asked for.
    #[error("the answer is too long: {words}")]
    TooLong {
        /// Which limit it broke.
        words: String,
    },
    /// The server answered with something that is no answer.
    #[error("the answer cannot be read: {words}")]
    Malformed {
        /// What is wrong with it.
        words: String,
    },
}

impl NotAnswered {
    /// The same in one word.
    #[must_use]
    pub const fn miss(&self) -> Miss {
        match self {
            Self::NeverLeft { .. } => Miss::NeverLeft,
            Self::Unreachable { .. } => Miss::Unreachable,
            Self::Busy { .. } => Miss::Busy,
            Self::Silent { .. } => Miss::Silent,
            Self::Refused { .. } => Miss::Refused,
            Self::Cut { .. } => Miss::Cut,
            Self::TooLong { .. } => Miss::TooLong,
            Self::Malformed { .. } => Miss::Malformed,
        }
    }

    /// Whether another model may be asked instead: only where no part of an answer had come.
    #[must_use]
    pub const fn may_try_next(&self) -> bool {
        match self {
            Self::NeverLeft { .. } | Self::Unreachable { .. } | Self::Busy { .. } | Self::Silent { .. } => true,
            Self::Refused { .. } | Self::Cut { .. } | Self::TooLong { .. } | Self::Malformed { .. } => false,
        }
    }

    /// Whether the server may have spent tokens: then the whole hold is charged (semantics §6.1).
    #[must_use]
    pub const fn may_have_spent(&self) -> bool {
        match self {
            Self::NeverLeft { .. } | Self::Unreachable { .. } | Self::Refused { .. } => false,
            // A 5xx may come from a proxy before a server that works on.
            Self::Busy { status, .. } => *status != 429,
            Self::Silent { .. } | Self::Cut { .. } | Self::TooLong { .. } | Self::Malformed { .. } => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_follows() {
        let words = String::new;
        let busy = |status| NotAnswered::Busy { status, retry_after_ms: None, words: words() };
        for (error, next, spent) in [
            (NotAnswered::NeverLeft { words: words() }, true, false),
            (NotAnswered::Unreachable { words: words() }, true, false),
            (busy(429), true, false),
            (busy(503), true, true),
            (NotAnswered::Silent { words: words() }, true, true),
            (NotAnswered::Refused { status: 401, words: words() }, false, false),
            (NotAnswered::Cut { words: words() }, false, true),
            (NotAnswered::TooLong { words: words() }, false, true),
            (NotAnswered::Malformed { words: words() }, false, true),
        ] {
            assert_eq!((error.may_try_next(), error.may_have_spent()), (next, spent), "{error}");
        }
    }
}
