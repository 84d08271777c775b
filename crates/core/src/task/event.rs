//! What happened to a task, in the past tense. Events are the journal; they hold references, never payloads.

use serde::{Deserialize, Serialize};

use super::{Envelope, Path, Usage};
use crate::digest::Digest;
use crate::ids::{ApprovalId, DecisionId, EffectId, HumanUid};
use crate::model::AnswerNote;
use crate::payload;
use crate::principal::Uid;
use crate::tenant::Name;
use crate::time::{Span, Timestamp};
use crate::tool::{EffectClass, Mark, Tier};

/// A call as it is journalled: everything of [`crate::tool::Call`] but the argument bytes, which are a payload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    /// The effect.
    pub effect: EffectId,
    /// The step that proposes it, as `publish` or `scan[2]`.
    pub step: String,
    /// The tool.
    pub tool: Name,
    /// Its digest.
    pub tool_digest: Digest,
    /// Its tier.
    pub tier: Tier,
    /// Its effect class.
    pub class: EffectClass,
    /// Canonical arguments.
    pub args: payload::Ref,
    /// What else the call depends on, as [`ResolvedInput::to_payload`](crate::tool::ResolvedInput::to_payload) writes it; `None`
    /// when it is nothing.
    pub inputs: Option<payload::Ref>,
    /// What records and rows name the call by.
    pub call: Mark,
    /// How long the target remembers the idempotency key.
    pub key_ttl: Span,
    /// How long after the send deadline a `not landed` counts.
    pub settle_after: Span,
    /// Wall-clock limit of one attempt.
    pub timeout: Span,
    /// The most that it can be charged for (semantics §6.1).
    #[serde(default = "one_call", skip_serializing_if = "is_one_call")]
    pub worst: Usage,
}

/// What a tool call takes, which is not written down.
const fn one_call() -> Usage {
    Usage::ONE_CALL
}

fn is_one_call(usage: &Usage) -> bool {
    *usage == Usage::ONE_CALL
}

/// The approval that a call waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalAsked {
    /// Its id.
    pub id: ApprovalId,
    /// 32 random bytes as hexadecimal digits, in the statement to sign.
    pub nonce: Digest,
    /// When it lapses.
    pub expires_at: Timestamp,
}

/// The login that a task waits for: the call would be allowed with the groups that an outside issuer has said of the chain's human, and that
/// word is too old for its tier (semantics §3.5).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoginAsked {
    /// The step whose call waits.
    pub step: String,
    /// Its tool.
    pub tool: Name,
    /// The tool's tier.
    pub tier: Tier,
    /// Who has to log in.
    pub human: HumanUid,
    /// When their issuer last said which groups they are in; a login counts that brings a later word.
    pub claims_at: Timestamp,
    /// When the wait is over; the machine brings it down to the task's deadline.
    pub expires_at: Timestamp,
}

/// Why an effect is IN_DOUBT.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Doubt {
    /// Opaque, and no outcome was recorded.
    Opaque,
    /// Keyed, and the key's life is over.
    KeyExpired,
    /// Verifiable, and the target does not know.
    Unverified,
    /// Policy denies another attempt.
    PolicyDenies,
    /// The boundary could not tell what became of it.
    OutcomeUnknown,
    /// A process of an earlier attempt could not be proven dead.
    LeftoverAlive,
    /// The task was restored from a backup: what it did since is not known.
    Restored,
}

/// Why a task failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Failure {
    /// A call was denied by policy or a grant.
    PolicyDenied,
    /// Policy evaluation failed.
    PolicyError,
    /// An approver said no.
    ApprovalDenied,
    /// Nobody approved in time.
    ApprovalExpired,
    /// The human did not log in in time, and without that a call was not allowed.
    LoginMissing,
    /// A tool failed.
    ToolFailed,
    /// A step could not be evaluated.
    WorkflowFailed,
    /// The budget is used up.
    BudgetExhausted,
    /// The deadline passed.
    DeadlineExceeded,
    /// The agent may not act any more.
    AgentSuspended,
    /// What the task ran under is gone: a tool, a workflow, a payload.
    Unavailable,
    /// No model answered, or its answer cannot be used.
    ModelFailed,
    /// The model runs in circles, or into one refusal after the other.
    NoProgress,
    /// The model took all its turns.
    TurnsExhausted,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The task is durable.
    Submitted {
        /// What it was given.
        envelope: Box<Envelope>,
        /// The way it takes.
        path: Path,
    },
    /// A call needs a person.
    ApprovalRequested {
        /// The call.
        intent: Box<Intent>,
        /// The approval asked for.
        approval: ApprovalAsked,
        /// The decision that let it come this far.
        decision: DecisionId,
    },
    /// A person said yes; the statement is a payload.
    ApprovalGranted {
        /// Which.
        approval: ApprovalId,
        /// Who.
        by: Uid,
        /// The signed statement.
        statement: payload::Ref,
    },
    /// A person said no.
    ApprovalDenied {
        /// Which.
        approval: ApprovalId,
        /// Who.
        by: Uid,
        /// The signed statement.
        statement: payload::Ref,
    },
    /// Nobody answered in time, or the approval lapsed unused.
    ApprovalExpired {
        /// Which.
        approval: ApprovalId,
    },
    /// A call may be sent from now on.
    Intended {
        /// The call.
        intent: Box<Intent>,
        /// From 1.
        attempt: u32,
        /// The decision.
        decision: DecisionId,
        /// The approval that this consumes.
        approval: Option<ApprovalId>,
        /// Nothing is sent at or after this moment.
        send_deadline: Timestamp,
    },
    /// A call was refused by policy, a grant, or its evaluation.
    CallDenied {
        /// The step.
        step: String,
        /// The tool.
        tool: Name,
        /// Its tier; `None` in journals of before it was written.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        tier: Option<Tier>,
        /// The decision.
        decision: DecisionId,
    },
    /// A call needs a newer word of an outside issuer: the human has to log in.
    LoginRequested {
        /// What is waited for.
        login: Box<LoginAsked>,
        /// The decision that denied it without the groups whose word is too old.
        decision: DecisionId,
    },
    /// The human has logged in; the call is decided again from the beginning.
    LoginSeen {
        /// When their issuer said what counts now.
        claims_at: Timestamp,
    },
    /// The human did not log in in time.
    LoginExpired,
    /// A call was carried out.
    Landed {
        /// Which.
        effect: EffectId,
        /// Which attempt.
        attempt: u32,
        /// Its result.
        result: payload::Ref,
        /// Whether the result was cut at a limit.
        truncated: bool,
        /// What it is charged for.
        #[serde(default = "one_call", skip_serializing_if = "is_one_call")]
        spent: Usage,
        /// Which model answered and what that took, where it was a question.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        answer: Option<Box<AnswerNote>>,
    },
    /// A call ran and failed.
    CallFailed {
        /// Which.
        effect: EffectId,
        /// Which attempt.
        attempt: u32,
        /// The tool's words.
        reason: payload::Ref,
        /// What it is charged for.
        #[serde(default = "one_call", skip_serializing_if = "is_one_call")]
        spent: Usage,
    },
    /// An attempt is known not to have landed.
    NotLanded {
        /// Which.
        effect: EffectId,
        /// Which attempt.
        attempt: u32,
    },
    /// Nobody knows what became of a call.
    InDoubt {
        /// Which.
        effect: EffectId,
        /// Why.
        doubt: Doubt,
    },
    /// A person settled a call that was IN_DOUBT.
    Settled {
        /// Which.
        effect: EffectId,
        /// Who.
        by: Uid,
        /// Whether it landed.
        landed: bool,
        /// The result that the person gave.
        result: Option<payload::Ref>,
        /// The person's words.
        reason: payload::Ref,
    },
    /// Somebody asked to end the task.
    CancelRequested {
        /// Who.
        by: Uid,
    },
    /// The goal is reached.
    Completed {
        /// The output.
        output: payload::Ref,
    },
    /// The task ended without reaching its goal.
    Failed {
        /// Why.
        failure: Failure,
        /// In more words, as data.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        detail: Option<payload::Ref>,
    },
    /// The task ended by request.
    Canceled,
}
