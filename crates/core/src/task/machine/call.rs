//! Rules of one call: intent, further attempts, outcome, doubt, settling.

use super::{Accepted, Rejection, end, login, phase_word};
use crate::ids::EffectId;
use crate::payload;
use crate::principal::Uid;
use crate::task::event::{Doubt, Intent};
use crate::task::{CallState, Effect, Event, Phase, Proposal, State, Usage, Verdict};
use crate::time::Timestamp;
use crate::tool::{EffectClass, Tier, Verification};

fn find(state: &State, effect: EffectId) -> Result<&CallState, Rejection> {
    state.calls.get(&effect).ok_or(Rejection::NoCall { effect })
}

pub(super) fn wrong_phase(effect: EffectId, call: &CallState) -> Rejection {
    Rejection::Phase { effect, phase: phase_word(&call.phase) }
}

/// The call, if `attempt` of it is open: an outcome is recorded whoever is suspended meanwhile (semantics §2.7).
pub(super) fn current(state: &State, effect: EffectId, attempt: u32) -> Result<&CallState, Rejection> {
    let call = find(state, effect)?;
    match call.phase {
        Phase::Sent if call.attempt == attempt => Ok(call),
        Phase::Sent => Err(Rejection::Attempt { effect }),
        Phase::Waiting { .. }
        | Phase::Approved { .. }
        | Phase::Ready
        | Phase::Landed { .. }
        | Phase::Failed { .. }
        | Phase::InDoubt { .. } => Err(wrong_phase(effect, call)),
    }
}

/// Refuses while an outcome is outstanding or in doubt, since a final task is never opened again.
pub(super) fn none_open(state: &State) -> Result<(), Rejection> {
    let open = state.calls.values().any(|call| matches!(call.phase, Phase::Sent | Phase::InDoubt { .. }));
    if open { Err(Rejection::CallsOpen) } else { Ok(()) }
}

/// Refuses a call whose step was taken by another one, and everything new once the task is being canceled or over time.
pub(super) fn admissible(state: &State, intent: &Intent, now: Timestamp) -> Result<(), Rejection> {
    if state.cancel_requested_by.is_some() {
        return Err(Rejection::Canceling);
    }
    if now >= state.envelope.deadline {
        return Err(Rejection::DeadlineExceeded);
    }
    login::none_awaited(state)?;
    match state.steps.get(&intent.step) {
        Some(effect) if *effect != intent.effect => return Err(Rejection::StepTaken { step: intent.step.clone() }),
        Some(_) | None => {}
    }
    match state.calls.get(&intent.effect) {
        Some(call) if call.intent != *intent => Err(Rejection::StepTaken { step: intent.step.clone() }),
        Some(call) if !call.is_lost_ask() => Ok(()),
        Some(_) | None if !state.account.affords(intent.worst, &state.envelope.budget) => Err(Rejection::BudgetExhausted),
        Some(_) | None => Ok(()),
    }
}

pub(super) fn intend(
    state: &State,
    proposal: &Proposal,
    send_deadline: Timestamp,
    now: Timestamp,
) -> Result<Accepted, Rejection> {
    let intent = &proposal.intent;
    admissible(state, intent, now)?;
    let known = state.calls.get(&intent.effect);
    let approval = match known {
        None if intent.tier == Tier::Risky => return Err(Rejection::ApprovalMissing { effect: intent.effect }),
        None => None,
        Some(call) => repeatable(intent.effect, call, now)?,
    };
    let attempt = known.map_or(1, |call| call.attempt.saturating_add(1));
    let event = Event::Intended {
        intent: Box::new(intent.clone()),
        attempt,
        decision: proposal.decision,
        approval,
        send_deadline: send_deadline.min(state.envelope.deadline).min(known.and_then(key_end).unwrap_or(send_deadline)),
    };
    Ok((vec![event], vec![Effect::Run { effect: intent.effect, attempt }]))
}

/// Whether a known call may be sent now, and the approval that this consumes (semantics §2.4, §2.5).
fn repeatable(effect: EffectId, call: &CallState, now: Timestamp) -> Result<Option<crate::ids::ApprovalId>, Rejection> {
    match &call.phase {
        Phase::Approved { approval, expires_at } if now < *expires_at => Ok(Some(*approval)),
        Phase::Approved { approval, .. } => Err(Rejection::Expired { approval: *approval }),
        Phase::Waiting { .. } => Err(Rejection::ApprovalMissing { effect }),
        Phase::Ready => Ok(None),
        Phase::Sent => {
            let in_time = call.first_sent_at.is_some_and(|first| now < first.plus_ms(call.intent.key_ttl.as_ms()));
            match call.intent.class {
                EffectClass::Pure => Ok(None),
                EffectClass::Keyed if in_time => Ok(None),
                EffectClass::Keyed | EffectClass::Verifiable | EffectClass::Opaque => Err(Rejection::NotRepeatable { effect }),
            }
        }
        Phase::Landed { .. } | Phase::Failed { .. } | Phase::InDoubt { .. } => Err(wrong_phase(effect, call)),
    }
}

/// When the key of a call that may have landed is forgotten: another attempt must arrive before, not only be intended.
fn key_end(call: &CallState) -> Option<Timestamp> {
    let open = matches!(call.phase, Phase::Sent) && call.intent.class == EffectClass::Keyed;
    call.first_sent_at.filter(|_| open).map(|first| first.plus_ms(call.intent.key_ttl.as_ms()))
}

/// An attempt that failed; while an earlier one may have landed, this says nothing about the effect.
pub(super) fn failed(
    state: &State,
    effect: EffectId,
    attempt: u32,
    (reason, spent): (payload::Ref, Usage),
) -> Result<Accepted, Rejection> {
    if current(state, effect, attempt)?.earlier_open {
        return Ok((vec![Event::InDoubt { effect, doubt: Doubt::OutcomeUnknown }], vec![]));
    }
    Ok(end::after(state, effect, Event::CallFailed { effect, attempt, reason, spent }))
}

/// An attempt that never left; while an earlier one may have landed, the call stays open (semantics §2.5).
pub(super) fn never_left(state: &State, effect: EffectId, attempt: u32) -> Result<Accepted, Rejection> {
    let event = Event::NotLanded { effect, attempt };
    if current(state, effect, attempt)?.earlier_open {
        return Ok((vec![event], vec![Effect::Advance]));
    }
    Ok(end::after(state, effect, event))
}

pub(super) fn verified(
    state: &State,
    effect: EffectId,
    verification: Verification,
    result: Option<payload::Ref>,
    now: Timestamp,
) -> Result<Accepted, Rejection> {
    let call = find(state, effect)?;
    if !matches!(call.phase, Phase::Sent) || call.intent.class != EffectClass::Verifiable {
        return Err(wrong_phase(effect, call));
    }
    let attempt = call.attempt;
    let settled_at = call.send_deadline.unwrap_or(now).plus_ms(call.intent.settle_after.as_ms());
    match (verification, result) {
        (Verification::Landed, Some(result)) => {
            let spent = Usage::ONE_CALL;
            Ok(end::after(state, effect, Event::Landed { effect, attempt, result, truncated: false, spent, answer: None }))
        }
        (Verification::NotLanded, _) if now < settled_at => Err(Rejection::NotSettled { effect }),
        (Verification::NotLanded, _) => Ok(end::after(state, effect, Event::NotLanded { effect, attempt })),
        (Verification::Landed, None) | (Verification::Unknown, _) => {
            Ok((vec![Event::InDoubt { effect, doubt: Doubt::Unverified }], vec![]))
        }
    }
}

pub(super) fn park(state: &State, effect: EffectId, doubt: Doubt) -> Result<Accepted, Rejection> {
    let call = find(state, effect)?;
    match call.phase {
        Phase::Sent => Ok((vec![Event::InDoubt { effect, doubt }], vec![])),
        Phase::Waiting { .. }
        | Phase::Approved { .. }
        | Phase::Ready
        | Phase::Landed { .. }
        | Phase::Failed { .. }
        | Phase::InDoubt { .. } => Err(wrong_phase(effect, call)),
    }
}

pub(super) fn settle(
    state: &State,
    effect: EffectId,
    by: Uid,
    verdict: Verdict,
    reason: payload::Ref,
) -> Result<Accepted, Rejection> {
    let call = find(state, effect)?;
    if !matches!(call.phase, Phase::InDoubt { .. }) {
        return Err(wrong_phase(effect, call));
    }
    let (landed, result) = match verdict {
        Verdict::Landed { result } => (true, result),
        Verdict::NotLanded => (false, None),
    };
    Ok(end::after(state, effect, Event::Settled { effect, by, landed, result, reason }))
}
