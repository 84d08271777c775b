//! How a task ends: by itself after an outcome, or by request.

use super::{Accepted, Rejection};
use crate::ids::EffectId;
use crate::principal::Uid;
use crate::task::{Effect, Event, Phase, State};

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
