//! The state of a task: what the fold of its events is.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::event::{Doubt, Failure, Intent, LoginAsked};
use super::{Account, Envelope, Path};
use crate::ids::{ApprovalId, DecisionId, EffectId};
use crate::model::AnswerNote;
use crate::payload;
use crate::principal::Uid;
use crate::tenant::Name;
use crate::time::Timestamp;
use crate::tool::Tier;

/// A2A's task states, which are the outer states of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    /// Durable, not begun.
    Submitted,
    /// Running.
    Working,
    /// Waits for a person: an approval, or the settling of an effect that is IN_DOUBT.
    InputRequired,
    /// Waits for the human to log in again; [`State::login`] says who, and for which call.
    AuthRequired,
    /// Reached its goal.
    Completed,
    /// Ended without reaching it; the failure says why.
    Failed,
    /// Ended by request.
    Canceled,
    /// Not taken on.
    Rejected,
}

impl Status {
    /// Whether nothing more will happen.
    #[must_use]
    pub const fn is_final(self) -> bool {
        match self {
            Self::Submitted | Self::Working | Self::InputRequired | Self::AuthRequired => false,
            Self::Completed | Self::Failed | Self::Canceled | Self::Rejected => true,
        }
    }

    /// The word on the wire and in tables.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Submitted => "SUBMITTED",
            Self::Working => "WORKING",
            Self::InputRequired => "INPUT_REQUIRED",
            Self::AuthRequired => "AUTH_REQUIRED",
            Self::Completed => "COMPLETED",
            Self::Failed => "FAILED",
            Self::Canceled => "CANCELED",
            Self::Rejected => "REJECTED",
        }
    }
}

/// Where one call stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "phase", rename_all = "snake_case")]
pub enum Phase {
    /// Tier 2: nothing was sent, a person must approve.
    Waiting {
        /// The approval asked for.
        approval: ApprovalId,
        /// When the request lapses.
        expires_at: Timestamp,
    },
    /// Approved and not yet intended.
    Approved {
        /// The approval, still unused.
        approval: ApprovalId,
        /// When it lapses.
        expires_at: Timestamp,
    },
    /// The intent of the current attempt is durable; the effect may be on its way or done.
    Sent,
    /// The current attempt is known not to have landed; another may be made.
    Ready,
    /// Carried out.
    Landed {
        /// The result; `None` when a person settled it without one.
        result: Option<payload::Ref>,
        /// Whether it was cut at a limit.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        truncated: bool,
    },
    /// Failed for good.
    Failed {
        /// The tool's words; none where a person said no.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<payload::Ref>,
    },
    /// Nobody knows; a person must settle it.
    InDoubt {
        /// Why nobody knows.
        doubt: Doubt,
    },
}

/// One call of a task and everything that recovery needs to know about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallState {
    /// What was proposed.
    pub intent: Intent,
    /// Where it stands.
    pub phase: Phase,
    /// Attempts made, 0 before the first intent.
    pub attempt: u32,
    /// Intent of the first attempt; an idempotency key lives from here.
    pub first_sent_at: Option<Timestamp>,
    /// Whether an attempt before the current one may have landed: keyed, and sent again before its outcome was known.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub earlier_open: bool,
    /// Last moment at which the current attempt may have been sent.
    pub send_deadline: Option<Timestamp>,
    /// The approval that was consumed.
    pub approval: Option<ApprovalId>,
    /// Which model answered and what that took, where it was a question that was answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Box<AnswerNote>>,
}

/// Most calls of one task that may be denied; the next denial ends it, so that a state has a size. A model is stopped long before:
/// after the turn with its fifth denial, and a turn has at most 32 calls.
pub const DENIED_MAX: usize = 64;

/// One call that was denied: nothing of it was ever sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Denied {
    /// The tool.
    pub tool: Name,
    /// Its tier; `None` in journals of before it was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tier: Option<Tier>,
    /// The decision.
    pub decision: DecisionId,
}

/// The state of a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// What it was given.
    pub envelope: Envelope,
    /// The way it takes.
    pub path: Path,
    /// Outer state.
    pub status: Status,
    /// Calls by effect.
    pub calls: BTreeMap<EffectId, CallState>,
    /// The effect of each step that was proposed.
    pub steps: BTreeMap<String, EffectId>,
    /// The calls that were denied, by step; at most [`DENIED_MAX`].
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub denied: BTreeMap<String, Denied>,
    /// Steps that were denied, in a state that was stored before denials were kept with their decision; only read.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub refused: BTreeSet<String>,
    /// What it has used, and what is held for its effects.
    pub account: Account,
    /// The login that it waits for; nothing begins meanwhile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login: Option<Box<LoginAsked>>,
    /// Who asked to cancel.
    pub cancel_requested_by: Option<Uid>,
    /// Output of a completed task.
    pub output: Option<payload::Ref>,
    /// Failure of a failed one.
    pub failure: Option<Failure>,
    /// The failure in more words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure_detail: Option<payload::Ref>,
    /// Number of events folded; the next event's sequence number.
    pub version: u64,
    /// Time of the last event.
    pub updated_at: Timestamp,
}

impl CallState {
    /// Whether a model was asked and its answer was lost: it may have spent tokens, so asking again takes another hold (semantics
    /// §6.1). A tool call that is sent again is one call nevertheless.
    #[must_use]
    pub const fn is_lost_ask(&self) -> bool {
        matches!(self.phase, Phase::Sent) && self.intent.worst.tokens > 0
    }
}

impl State {
    /// Calls whose effect may be on its way: intent durable, outcome not.
    pub fn open_calls(&self) -> impl Iterator<Item = (&EffectId, &CallState)> {
        self.calls.iter().filter(|(_, call)| matches!(call.phase, Phase::Sent))
    }

    /// What the answers of models cost by their price tables, in micro units of the currency. An answer that was lost is not in it.
    #[must_use]
    pub fn cost_micros(&self) -> u64 {
        let answers = self.calls.values().filter_map(|call| call.answer.as_ref());
        answers.fold(0, |sum, answer| answer.cost_micros.saturating_add(sum))
    }

    /// The newest denial; ids of decisions rise.
    #[must_use]
    pub fn last_denied(&self) -> Option<&Denied> {
        self.denied.values().max_by_key(|denied| denied.decision)
    }

    /// Calls that wait for a person.
    pub fn parked_calls(&self) -> impl Iterator<Item = (&EffectId, &CallState)> {
        self.calls.iter().filter(|(_, call)| matches!(call.phase, Phase::Waiting { .. } | Phase::InDoubt { .. }))
    }
}
