//! Rules of the wait for a login (semantics §3.5): one at a time, nothing begins meanwhile, and what comes of it is decided anew.

use super::{Accepted, Rejection, approval, call};
use crate::ids::DecisionId;
use crate::task::event::{Failure, LoginAsked};
use crate::task::{Effect, Event, Phase, State};
use crate::time::Timestamp;

/// Refuses whatever begins or ends something while a login is waited for.
pub(super) fn none_awaited(state: &State) -> Result<(), Rejection> {
    if state.login.is_some() { Err(Rejection::LoginAwaited) } else { Ok(()) }
}

/// A call whose outcome is outstanding may wait too, for its next attempt; one that waits for a person or is in doubt has its own wait.
pub(super) fn ask(
    state: &State,
    mut login: Box<LoginAsked>,
    decision: DecisionId,
    now: Timestamp,
) -> Result<Accepted, Rejection> {
    if state.cancel_requested_by.is_some() {
        return Err(Rejection::Canceling);
    }
    if now >= state.envelope.deadline {
        return Err(Rejection::DeadlineExceeded);
    }
    none_awaited(state)?;
    let waits = state.calls.iter().find(|(_, call)| matches!(call.phase, Phase::Waiting { .. } | Phase::InDoubt { .. }));
    if let Some((effect, known)) = waits {
        return Err(call::wrong_phase(*effect, known));
    }
    login.expires_at = login.expires_at.min(state.envelope.deadline);
    Ok((vec![Event::LoginRequested { login, decision }], vec![]))
}

/// A login that came in time counts however late it is noticed; the executor looks for one before it lets the wait lapse.
pub(super) fn note(state: &State, claims_at: Timestamp) -> Result<Accepted, Rejection> {
    if state.login.as_ref().is_none_or(|login| login.claims_at >= claims_at) {
        return Err(Rejection::NoLogin);
    }
    Ok((vec![Event::LoginSeen { claims_at }], vec![Effect::Advance]))
}

/// Ends the task, unless an effect's outcome is outstanding: then the executor settles that first.
pub(super) fn expire(state: &State, now: Timestamp) -> Result<Accepted, Rejection> {
    let login = state.login.as_ref().ok_or(Rejection::NoLogin)?;
    if now < login.expires_at {
        return Err(Rejection::LoginNotOver);
    }
    let mut events = vec![Event::LoginExpired];
    let effects = approval::fail_unless_open(state, Failure::LoginMissing, &mut events);
    Ok((events, effects))
}
