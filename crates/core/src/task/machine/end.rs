//! How a task ends: by itself after an outcome, or by request.

use super::{Accepted, Rejection};
use crate::ids::EffectId;
use crate::principal::Uid;
use crate::task::event::Doubt;
use crate::task::{CallState, Effect, Event, Phase, State};
use crate::tool::EffectClass;

/// The acceptance of `event` about `effect`; ends a task that is being canceled once nothing is open any more.
pub(super) fn after(state: &State, effect: EffectId, event: Event) -> Accepted {
    let others_open =
        state.calls.iter().any(|(id, call)| *id != effect && matches!(call.phase, Phase::Sent | Phase::InDoubt { .. }));
    if state.cancel_requested_by.is_some() && !others_open {
        (vec![event, Event::Canceled], vec![Effect::Finish])
    } else {
        (vec![event], vec![Effect::Advance])
    }
}

pub(super) fn cancel(state: &State, by: Uid) -> Result<Accepted, Rejection> {
    if state.cancel_requested_by.is_some() {
        return Err(Rejection::Canceling);
    }
    let mut events = vec![Event::CancelRequested { by }];
    let mut effects: Vec<Effect> = state.open_calls().map(|(effect, _)| Effect::Stop { effect: *effect }).collect();
    let unsettled = state.calls.values().any(|call| matches!(call.phase, Phase::Sent | Phase::InDoubt { .. }));
    if !unsettled {
        events.push(Event::Canceled);
        effects.push(Effect::Finish);
    }
    Ok((events, effects))
}

/// What a restore makes of a task that had not ended when the backup was made: it may have gone on since, and nobody knows how far. Every
/// call that may have been sent is in doubt, every approval lapses, and the task ends once a person has settled what is in doubt.
pub(super) fn put_back(state: &State) -> Accepted {
    let mut events: Vec<Event> = state.calls.iter().flat_map(|(effect, call)| put_back_call(*effect, call)).collect();
    let in_doubt = |event: &Event| matches!(event, Event::InDoubt { .. });
    let open = |call: &CallState| matches!(call.phase, Phase::Sent | Phase::InDoubt { .. });
    let unsettled = events.iter().any(in_doubt) || state.calls.values().any(open);
    if state.cancel_requested_by.is_none() {
        events.push(Event::CancelRequested { by: Uid::Daemon });
    }
    if unsettled {
        return (events, Vec::new());
    }
    events.push(Event::Canceled);
    (events, vec![Effect::Finish])
}

fn put_back_call(effect: EffectId, call: &CallState) -> Vec<Event> {
    let lapsed = match &call.phase {
        Phase::Waiting { approval, .. } | Phase::Approved { approval, .. } => {
            Some(Event::ApprovalExpired { approval: *approval })
        }
        Phase::Sent | Phase::Ready | Phase::Landed { .. } | Phase::Failed { .. } | Phase::InDoubt { .. } => None,
    };
    let may_have_run = match &call.phase {
        Phase::Waiting { .. } | Phase::Approved { .. } | Phase::Sent | Phase::Ready => call.intent.class != EffectClass::Pure,
        Phase::Landed { .. } | Phase::Failed { .. } | Phase::InDoubt { .. } => false,
    };
    let doubt = may_have_run.then_some(Event::InDoubt { effect, doubt: Doubt::Restored });
    lapsed.into_iter().chain(doubt).collect()
}
