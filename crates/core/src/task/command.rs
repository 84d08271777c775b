//! What is asked of a task, in the imperative. A command is a proposal; [`super::decide`] accepts or rejects it.

use super::event::{ApprovalAsked, Doubt, Failure, Intent, LoginAsked};
use super::{Envelope, Path, Usage};
use crate::ids::{ApprovalId, DecisionId, EffectId};
use crate::model::AnswerNote;
use crate::payload;
use crate::principal::Uid;
use crate::tenant::Name;
use crate::time::Timestamp;
use crate::tool::{Tier, Verification};

/// A person's word on an effect that is IN_DOUBT.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It landed; go on, with this result if later steps need one.
    Landed {
        /// Its result.
        result: Option<payload::Ref>,
    },
    /// It did not; it may be tried again.
    NotLanded,
}

/// A call that policy allows, to be sent or to be put before an approver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// The call.
    pub intent: Intent,
    /// The decision that allows it.
    pub decision: DecisionId,
}

/// What is asked of a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Take on the task.
    Submit {
        /// What it is given.
        envelope: Box<Envelope>,
        /// The way it takes.
        path: Path,
    },
    /// Ask a person for this call.
    AskApproval {
        /// The call.
        proposal: Box<Proposal>,
        /// The approval.
        approval: ApprovalAsked,
    },
    /// A person said yes.
    Approve {
        /// To which.
        approval: ApprovalId,
        /// Who.
        by: Uid,
        /// Signed statement.
        statement: payload::Ref,
    },
    /// A person said no.
    Deny {
        /// To which.
        approval: ApprovalId,
        /// Who.
        by: Uid,
        /// Signed statement.
        statement: payload::Ref,
    },
    /// Time is up for an approval.
    ExpireApproval {
        /// Which.
        approval: ApprovalId,
    },
    /// Wait until the human has logged in again.
    AskLogin {
        /// Who, and for which call.
        login: Box<LoginAsked>,
        /// The decision that denied it.
        decision: DecisionId,
    },
    /// The human has logged in, and their issuer has said something later.
    NoteLogin {
        /// When it said so.
        claims_at: Timestamp,
    },
    /// Time is up for a login.
    ExpireLogin,
    /// Send this call: first attempt, or a further one of a call that is [`super::Phase::Ready`] or still open.
    Intend {
        /// The call; for a further attempt the same intent.
        proposal: Box<Proposal>,
        /// Nothing is sent at or after this moment.
        send_deadline: Timestamp,
    },
    /// Record that a call was refused.
    Refuse {
        /// The step.
        step: String,
        /// The tool.
        tool: Name,
        /// Its tier.
        tier: Tier,
        /// The decision.
        decision: DecisionId,
        /// What the task fails with; it goes on where this is `None`, and the step is never proposed again.
        failure: Option<Failure>,
    },
    /// Record that an attempt landed.
    RecordLanded {
        /// Which.
        effect: EffectId,
        /// Which attempt.
        attempt: u32,
        /// Result.
        result: payload::Ref,
        /// Whether it was cut.
        truncated: bool,
        /// What it is charged for.
        spent: Usage,
        /// Which model answered and what that took, where it was a question.
        answer: Option<Box<AnswerNote>>,
    },
    /// Record that an attempt failed for good.
    RecordFailed {
        /// Which.
        effect: EffectId,
        /// Which attempt.
        attempt: u32,
        /// The tool's words.
        reason: payload::Ref,
        /// What it is charged for.
        spent: Usage,
    },
    /// Record that the boundary knows the attempt never left.
    RecordNeverLeft {
        /// Which.
        effect: EffectId,
        /// Which attempt.
        attempt: u32,
    },
    /// Record what a `verify` answered.
    RecordVerification {
        /// Which.
        effect: EffectId,
        /// The answer.
        verification: Verification,
        /// Result, where it landed.
        result: Option<payload::Ref>,
    },
    /// Give a call to a person.
    Park {
        /// Which.
        effect: EffectId,
        /// Why.
        doubt: Doubt,
    },
    /// A person settles a parked call.
    Settle {
        /// Which.
        effect: EffectId,
        /// Who.
        by: Uid,
        /// What the person says.
        verdict: Verdict,
        /// In which words.
        reason: payload::Ref,
    },
    /// The goal is reached.
    Complete {
        /// Output.
        output: payload::Ref,
    },
    /// The task cannot go on.
    Fail {
        /// Why.
        failure: Failure,
        /// In more words.
        detail: Option<payload::Ref>,
    },
    /// The state comes from a backup: whatever may have been sent since is in doubt, and nothing new begins (semantics §7.4).
    PutBack,
    /// End the task.
    Cancel {
        /// Who asks.
        by: Uid,
    },
}
