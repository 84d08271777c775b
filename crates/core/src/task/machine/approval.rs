//! Rules of the approval of a call: asked once, answered once, used once (semantics §5.4).

use super::{Accepted, Rejection, call};
use crate::ids::{ApprovalId, EffectId};
use crate::payload;
use crate::principal::Uid;
use crate::task::event::{ApprovalAsked, Failure};
use crate::task::{Effect, Event, Phase, Proposal, State};
use crate::time::Timestamp;

pub(super) fn ask(state: &State, proposal: &Proposal, approval: ApprovalAsked, now: Timestamp) -> Result<Accepted, Rejection> {
    call::admissible(state, &proposal.intent, now)?;
    let effect = proposal.intent.effect;
    if state.calls.contains_key(&effect) {
        return Err(Rejection::StepTaken { step: proposal.intent.step.clone() });
    }
    let id = approval.id;
    let event = Event::ApprovalRequested { intent: Box::new(proposal.intent.clone()), approval, decision: proposal.decision };
    Ok((vec![event], vec![Effect::AskApproval { approval: id }]))
}

/// The effect that waits for `approval`, and when that lapses.
fn waiting(state: &State, approval: ApprovalId) -> Result<(EffectId, Timestamp), Rejection> {
    let found = state.calls.iter().find_map(|(effect, call)| match &call.phase {
        Phase::Waiting { approval: id, expires_at } if *id == approval => Some((*effect, *expires_at)),
        Phase::Waiting { .. }
        | Phase::Approved { .. }
        | Phase::Sent
        | Phase::Ready
        | Phase::Landed { .. }
        | Phase::Failed { .. }
        | Phase::InDoubt { .. } => None,
    });
    found.ok_or(Rejection::NotWaiting { approval })
}

fn in_time(state: &State, approval: ApprovalId, now: Timestamp) -> Result<(), Rejection> {
    let (_, expires_at) = waiting(state, approval)?;
    if state.cancel_requested_by.is_some() {
        return Err(Rejection::Canceling);
    }
    if now < expires_at { Ok(()) } else { Err(Rejection::Expired { approval }) }
}

pub(super) fn grant(
    state: &State,
    approval: ApprovalId,
    by: Uid,
    statement: payload::Ref,
    now: Timestamp,
) -> Result<Accepted, Rejection> {
    in_time(state, approval, now)?;
    Ok((vec![Event::ApprovalGranted { approval, by, statement }], vec![Effect::Advance]))
}

pub(super) fn deny(
    state: &State,
    approval: ApprovalId,
    by: Uid,
    statement: payload::Ref,
    now: Timestamp,
) -> Result<Accepted, Rejection> {
    in_time(state, approval, now)?;
    let mut events = vec![Event::ApprovalDenied { approval, by, statement }];
    let effects = fail_unless_open(state, Failure::ApprovalDenied, &mut events);
    Ok((events, effects))
}

pub(super) fn expire(state: &State, approval: ApprovalId, now: Timestamp) -> Result<Accepted, Rejection> {
    let expires_at = state.calls.values().find_map(|call| match &call.phase {
        Phase::Waiting { approval: id, expires_at } | Phase::Approved { approval: id, expires_at } if *id == approval => {
            Some(*expires_at)
        }
        Phase::Waiting { .. }
        | Phase::Approved { .. }
        | Phase::Sent
        | Phase::Ready
        | Phase::Landed { .. }
        | Phase::Failed { .. }
        | Phase::InDoubt { .. } => None,
    });
    let expires_at = expires_at.ok_or(Rejection::NotWaiting { approval })?;
    if now < expires_at {
        return Err(Rejection::NotExpired { approval });
    }
    let mut events = vec![Event::ApprovalExpired { approval }];
    let effects = fail_unless_open(state, Failure::ApprovalExpired, &mut events);
    Ok((events, effects))
}

/// Ends the task, unless another effect's outcome is outstanding: then the executor ends it once that is recorded.
pub(super) fn fail_unless_open(state: &State, failure: Failure, events: &mut Vec<Event>) -> Vec<Effect> {
    if call::none_open(state).is_err() {
        return vec![Effect::Advance];
    }
    events.push(Event::Failed { failure, detail: None });
    vec![Effect::Finish]
}
