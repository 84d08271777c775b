//! A decision: data, always recorded, replayed by `policy explain`.

use serde::{Deserialize, Serialize};

use super::{Answer, Request};
use crate::ids::DecisionId;
use crate::principal::Uid;
use crate::time::Timestamp;

/// Why something is denied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum Denial {
    /// An engine denied for this principal of the chain.
    Policy {
        /// The principal that lacks the right.
        principal: Uid,
        /// The engine.
        engine: String,
    },
    /// Evaluation failed; POLICY_ERROR (semantics §3.1).
    Error {
        /// The principal that was asked about.
        principal: Uid,
        /// What failed.
        message: String,
    },
    /// A grant of the chain does not cover the call.
    Grant {
        /// The link whose grant is too narrow or over.
        link: usize,
    },
    /// The chain itself is not one.
    Chain {
        /// What is wrong with it.
        message: String,
    },
    /// No engine is configured, or one did not answer for every principal.
    Unanswered,
}

/// Allowed or not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ruling", rename_all = "snake_case")]
pub enum Ruling {
    /// Every engine permits for every principal, and every grant covers it.
    Allow,
    /// Denied, for the first of the reasons from the human onwards.
    Deny(Denial),
}

/// One decision with all that it was made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// Its id.
    pub id: DecisionId,
    /// When it was made.
    pub at: Timestamp,
    /// The ruling.
    pub ruling: Ruling,
    /// The questions, one per principal of the chain, the human first.
    pub requests: Vec<Request>,
    /// For each question, the answers of all engines.
    pub answers: Vec<Vec<Answer>>,
}

impl Decision {
    /// Whether the act is allowed.
    #[must_use]
    pub const fn allows(&self) -> bool {
        matches!(self.ruling, Ruling::Allow)
    }
}
