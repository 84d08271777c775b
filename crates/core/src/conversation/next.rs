//! What comes next in a conversation, or why nothing does.

use serde_json::Value;

use crate::model::Written;
use crate::task::Failure;
use crate::tenant::Name;

/// What comes next.
#[derive(Debug, Clone, PartialEq)]
pub enum Move {
    /// Ask the models and put the answer under `step`.
    Ask {
        /// The step key: `turn-2`.
        step: String,
        /// What they are asked.
        request: Written,
    },
    /// Call a tool and put what becomes of it under `step`.
    Call {
        /// The step key: `turn-2.call-1`, or `turn-2.call-1/scan[3]` of a workflow that the model started.
        step: String,
        /// The tool.
        tool: Name,
        /// The arguments.
        args: Value,
    },
    /// The model has said its last word.
    Done {
        /// The result.
        output: Value,
    },
}

/// Why a conversation cannot go on; the task fails with it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{words}")]
pub struct Stuck {
    /// What the task fails with.
    pub failure: Failure,
    /// The reason, for a person.
    pub words: String,
}

impl Stuck {
    pub(crate) fn new(failure: Failure, words: impl Into<String>) -> Self {
        Self { failure, words: words.into() }
    }
}
