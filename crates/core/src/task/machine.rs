//! The pure machine of a task: [`decide`] what a command means now, [`evolve`] the state by what happened.
//!
//! **Invariant:** both are deterministic and total; every rule about repeating an effect (semantics §2.4–2.7) stands here
//! and nowhere else.

mod approval;
mod call;
mod end;
mod evolve;
mod login;

pub use evolve::{Corrupt, evolve, fold};

use super::{Command, DENIED_MAX, Effect, Event, Failure, Phase, State};
use crate::ids::{ApprovalId, EffectId};
use crate::time::Timestamp;

/// Events to make durable and effects to do afterwards.
pub type Accepted = (Vec<Event>, Vec<Effect>);

/// Why a command is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// The task exists already.
    #[error("task exists already")]
    Exists,
    /// The task does not exist.
    #[error("task does not exist")]
    Absent,
    /// The task has ended.
    #[error("task has ended")]
    Final,
    /// The envelope is refused.
    #[error("task envelope is refused")]
    Envelope(#[from] super::EnvelopeError),
    /// No such call in this task.
    #[error("task has no effect `{effect}`")]
    NoCall {
        /// The effect.
        effect: EffectId,
    },
    /// The call is not where the command needs it.
    #[error("effect `{effect}` is {phase}, which does not allow this")]
    Phase {
        /// The effect.
        effect: EffectId,
        /// Where it is.
        phase: &'static str,
    },
    /// The report is about another attempt than the current one.
    #[error("effect `{effect}` is at another attempt")]
    Attempt {
        /// The effect.
        effect: EffectId,
    },
    /// The step was proposed already, with another call.
    #[error("step `{step}` was proposed already with another call")]
    StepTaken {
        /// The step.
        step: String,
    },
    /// A tier 2 call without an unused approval.
    #[error("effect `{effect}` needs an approval first")]
    ApprovalMissing {
        /// The effect.
        effect: EffectId,
    },
    /// No such approval is waiting.
    #[error("approval `{approval}` does not wait")]
    NotWaiting {
        /// The approval.
        approval: ApprovalId,
    },
    /// The approval's time is over.
    #[error("approval `{approval}` has expired")]
    Expired {
        /// The approval.
        approval: ApprovalId,
    },
    /// The approval's time is not over.
    #[error("approval `{approval}` has not expired")]
    NotExpired {
        /// The approval.
        approval: ApprovalId,
    },
    /// The task waits for a login, so nothing new starts.
    #[error("task waits for a login")]
    LoginAwaited,
    /// The task waits for no login, or for a later one.
    #[error("task does not wait for this login")]
    NoLogin,
    /// The time for the login is not over.
    #[error("time for the login is not over")]
    LoginNotOver,
    /// The task's calls are used up.
    #[error("budget of calls is used up")]
    BudgetExhausted,
    /// The task's time is up.
    #[error("deadline has passed")]
    DeadlineExceeded,
    /// The effect's class forbids another attempt; park it.
    #[error("effect `{effect}` may not be attempted again")]
    NotRepeatable {
        /// The effect.
        effect: EffectId,
    },
    /// The settling time of a verifiable effect is not over.
    #[error("effect `{effect}` may still land until its settling time is over")]
    NotSettled {
        /// The effect.
        effect: EffectId,
    },
    /// An effect is still open, so the task cannot end.
    #[error("an effect is still open")]
    CallsOpen,
    /// Somebody asked to end the task, so nothing new starts.
    #[error("task is being canceled")]
    Canceling,
}

/// What `command` means for a task in `state` at `now`.
///
/// # Errors
/// [`Rejection`] when the command does not fit; nothing has changed then.
pub fn decide(state: Option<&State>, command: Command, now: Timestamp) -> Result<Accepted, Rejection> {
    if let Command::Submit { envelope, path } = command {
        if state.is_some() {
            return Err(Rejection::Exists);
        }
        envelope.check()?;
        return Ok((vec![Event::Submitted { envelope, path }], vec![Effect::Advance]));
    }
    let state = state.ok_or(Rejection::Absent)?;
    if state.status.is_final() {
        return Err(Rejection::Final);
    }
    match command {
        Command::Submit { .. } => Err(Rejection::Exists),
        Command::AskApproval { proposal, approval } => approval::ask(state, &proposal, approval, now),
        Command::Approve { approval, by, statement } => approval::grant(state, approval, by, statement, now),
        Command::Deny { approval, by, statement } => approval::deny(state, approval, by, statement, now),
        Command::ExpireApproval { approval } => approval::expire(state, approval, now),
        Command::AskLogin { login, decision } => login::ask(state, login, decision, now),
        Command::NoteLogin { claims_at } => login::note(state, claims_at),
        Command::ExpireLogin => login::expire(state, now),
        Command::Intend { proposal, send_deadline } => call::intend(state, &proposal, send_deadline, now),
        Command::Refuse { step, tool, tier, decision, failure } => {
            login::none_awaited(state)?;
            call::none_open(state)?;
            let denied = Event::CallDenied { step, tool, tier: Some(tier), decision };
            let too_many = state.denied.len() + 1 >= DENIED_MAX;
            Ok(match failure.or(too_many.then_some(Failure::PolicyDenied)) {
                Some(failure) => (vec![denied, Event::Failed { failure, detail: None }], vec![Effect::Finish]),
                None => (vec![denied], vec![Effect::Advance]),
            })
        }
        Command::RecordLanded { effect, attempt, result, truncated, spent, answer } => {
            call::current(state, effect, attempt)?;
            Ok(end::after(state, effect, Event::Landed { effect, attempt, result, truncated, spent, answer }))
        }
        Command::RecordFailed { effect, attempt, reason, spent } => call::failed(state, effect, attempt, (reason, spent)),
        Command::RecordNeverLeft { effect, attempt } => call::never_left(state, effect, attempt),
        Command::RecordVerification { effect, verification, result } => call::verified(state, effect, verification, result, now),
        Command::Park { effect, doubt } => call::park(state, effect, doubt),
        Command::Settle { effect, by, verdict, reason } => call::settle(state, effect, by, verdict, reason),
        Command::Complete { output } => {
            login::none_awaited(state)?;
            call::none_open(state)?;
            Ok((vec![Event::Completed { output }], vec![Effect::Finish]))
        }
        Command::Fail { failure, detail } => {
            call::none_open(state)?;
            Ok((vec![Event::Failed { failure, detail }], vec![Effect::Finish]))
        }
        Command::PutBack => Ok(end::put_back(state)),
        Command::Cancel { by } => end::cancel(state, by),
    }
}

/// The word for a phase in messages.
const fn phase_word(phase: &Phase) -> &'static str {
    match phase {
        Phase::Waiting { .. } => "waiting for approval",
        Phase::Approved { .. } => "approved",
        Phase::Sent => "sent",
        Phase::Ready => "ready",
        Phase::Landed { .. } => "landed",
        Phase::Failed { .. } => "failed",
        Phase::InDoubt { .. } => "in doubt",
    }
}

#[cfg(test)]
mod tests;
