//! What is told of an answer: which model gave it, which were asked before, and what it took. No word of the answer itself.

use serde::{Deserialize, Serialize};

use super::Reply;
use crate::tenant::Name;

/// How a model came to give no answer; the words are those of the metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Miss {
    /// Nothing was sent, for a reason of ours; also while its circuit breaker is open.
    NeverLeft,
    /// There was no connection.
    Unreachable,
    /// 429 or 5xx.
    Busy,
    /// It was asked and did not begin to answer.
    Silent,
    /// It refused the request.
    Refused,
    /// The answer broke off.
    Cut,
    /// The answer was longer than allowed.
    TooLong,
    /// The answer was none.
    Malformed,
}

impl Miss {
    /// The word on the wire, in tables and in metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NeverLeft => "never_left",
            Self::Unreachable => "unreachable",
            Self::Busy => "busy",
            Self::Silent => "silent",
            Self::Refused => "refused",
            Self::Cut => "cut",
            Self::TooLong => "too_long",
            Self::Malformed => "malformed",
        }
    }
}

/// A model that was superseded, as the journal has it: the server's words are a payload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SupersededNote {
    /// Which.
    pub model: Name,
    /// How it came to give no answer; `None` where a reply of before this was written down says none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub miss: Option<Miss>,
    /// Whether it may have spent tokens nevertheless.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub may_have_spent: bool,
}

/// What is told of an answer, by the journal and to people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnswerNote {
    /// Which model of the route answered.
    pub model: Name,
    /// Tokens of the prompt.
    pub input_tokens: u64,
    /// Tokens of the answer.
    pub output_tokens: u64,
    /// Whether the server did not count, and these are upper bounds.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub estimated: bool,
    /// What it cost by the price table, in micro units of the currency.
    pub cost_micros: u64,
    /// The models that were asked before it, in order; fewer than [`ROUTE_MAX`](super::ROUTE_MAX).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub superseded: Vec<SupersededNote>,
}

impl AnswerNote {
    /// What is told of `reply`.
    #[must_use]
    pub fn of(reply: &Reply) -> Self {
        let before = reply.superseded.iter().map(|before| SupersededNote {
            model: before.model.clone(),
            miss: before.miss,
            may_have_spent: before.may_have_spent,
        });
        Self {
            model: reply.model.clone(),
            input_tokens: reply.usage.input,
            output_tokens: reply.usage.output,
            estimated: reply.usage.estimated,
            cost_micros: reply.cost,
            superseded: before.collect(),
        }
    }
}
