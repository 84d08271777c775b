//! The fold: state by events. Replaying the journal and living through it give the same state.

use std::collections::{BTreeMap, BTreeSet};

use crate::ids::{ApprovalId, EffectId};
use crate::payload;
use crate::task::event::{Intent, LoginAsked};
use crate::task::{Account, CallState, Denied, Event, Phase, State, Status};
use crate::time::Timestamp;
use crate::tool::EffectClass;

/// A journal that no run of the machine can have written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("task journal is corrupt at event {at}: {reason}")]
pub struct Corrupt {
    /// Sequence number of the event.
    pub at: u64,
    /// What does not fit.
    pub reason: &'static str,
}

/// The state after `event`, which happened at `at`.
///
/// # Errors
/// [`Corrupt`] when the event does not fit the state; the task is stopped then, never the daemon.
pub fn evolve(state: Option<State>, event: &Event, at: Timestamp) -> Result<State, Corrupt> {
    let Some(mut state) = state else {
        return first(event, at);
    };
    let sequence = state.version;
    apply(&mut state, event, at).map_err(|reason| Corrupt { at: sequence, reason })?;
    state.version += 1;
    state.updated_at = at;
    Ok(state)
}

/// Folds a whole journal of `(event, at)`.
///
/// # Errors
/// [`Corrupt`] at the first event that does not fit.
pub fn fold<'a>(events: impl IntoIterator<Item = (&'a Event, Timestamp)>) -> Result<Option<State>, Corrupt> {
    events.into_iter().try_fold(None, |state, (event, at)| evolve(state, event, at).map(Some))
}

fn first(event: &Event, at: Timestamp) -> Result<State, Corrupt> {
    let Event::Submitted { envelope, path } = event else {
        return Err(Corrupt { at: 0, reason: "journal does not start with a submission" });
    };
    Ok(State {
        envelope: (**envelope).clone(),
        path: path.clone(),
        status: Status::Submitted,
        calls: BTreeMap::new(),
        steps: BTreeMap::new(),
        denied: BTreeMap::new(),
        refused: BTreeSet::new(),
        account: Account::default(),
        login: None,
        cancel_requested_by: None,
        output: None,
        failure: None,
        failure_detail: None,
        version: 1,
        updated_at: at,
    })
}

fn apply(state: &mut State, event: &Event, at: Timestamp) -> Result<(), &'static str> {
    if state.status.is_final() {
        return Err("something happened after the end");
    }
    match event {
        Event::Submitted { .. } => return Err("submitted twice"),
        Event::ApprovalRequested { intent, approval, .. } => {
            let phase = Phase::Waiting { approval: approval.id, expires_at: approval.expires_at };
            insert(state, intent, phase)?;
        }
        Event::ApprovalGranted { approval, .. } => {
            let call = by_approval(state, *approval)?;
            let Phase::Waiting { expires_at, .. } = call.phase else { return Err("approval granted twice") };
            call.phase = Phase::Approved { approval: *approval, expires_at };
        }
        Event::ApprovalDenied { approval, .. } | Event::ApprovalExpired { approval } => {
            let call = by_approval(state, *approval)?;
            call.phase = Phase::Failed { reason: None };
            let effect = call.intent.effect;
            state.account.release(effect);
        }
        Event::Intended { intent, attempt, approval, send_deadline, .. } => {
            intended(state, intent, *attempt, at)?;
            let call = call(state, intent.effect)?;
            call.approval = call.approval.or(*approval);
            call.send_deadline = Some(*send_deadline);
        }
        Event::CallDenied { step, tool, tier, decision } => {
            let denied = Denied { tool: tool.clone(), tier: *tier, decision: *decision };
            state.denied.insert(step.clone(), denied);
        }
        Event::LoginRequested { login, .. } => login_requested(state, login)?,
        Event::LoginSeen { claims_at } => login_over(state, Some(*claims_at))?,
        Event::LoginExpired => login_over(state, None)?,
        Event::Landed { effect, result, truncated, spent, answer, .. } => {
            let call = call(state, *effect)?;
            call.phase = Phase::Landed { result: Some(*result), truncated: *truncated };
            call.answer.clone_from(answer);
            state.account.charge(*effect, *spent);
        }
        Event::CallFailed { effect, reason, spent, .. } => {
            call(state, *effect)?.phase = Phase::Failed { reason: Some(*reason) };
            state.account.charge(*effect, *spent);
        }
        Event::NotLanded { effect, .. } => not_landed(call(state, *effect)?),
        Event::InDoubt { effect, doubt } => {
            call(state, *effect)?.phase = Phase::InDoubt { doubt: *doubt };
            state.account.forfeit(*effect);
        }
        Event::Settled { effect, landed, result, .. } => settled(state, *effect, *landed, *result)?,
        Event::CancelRequested { by } => {
            state.cancel_requested_by = Some(*by);
            state.login = None;
        }
        Event::Completed { output } => state.output = Some(*output),
        Event::Failed { failure, detail } => {
            state.failure = Some(*failure);
            state.failure_detail = *detail;
        }
        Event::Canceled => {}
    }
    state.status = status_after(state, event);
    if state.status.is_final() {
        state.account.close();
        state.login = None;
    }
    Ok(())
}

fn settled(state: &mut State, effect: EffectId, landed: bool, result: Option<payload::Ref>) -> Result<(), &'static str> {
    let call = call(state, effect)?;
    call.phase = if landed { Phase::Landed { result, truncated: false } } else { Phase::Ready };
    call.earlier_open = false;
    if !landed {
        call.first_sent_at = None;
        let worst = call.intent.worst;
        state.account.restore(effect, worst);
    }
    Ok(())
}

fn login_requested(state: &mut State, login: &LoginAsked) -> Result<(), &'static str> {
    if state.login.is_some() {
        return Err("a second login is waited for");
    }
    state.login = Some(Box::new(login.clone()));
    Ok(())
}

fn login_over(state: &mut State, claims_at: Option<Timestamp>) -> Result<(), &'static str> {
    let login = state.login.take().ok_or("no login was waited for")?;
    if claims_at.is_some_and(|claims_at| claims_at <= login.claims_at) {
        return Err("a login that brought nothing new");
    }
    Ok(())
}

const fn not_landed(call: &mut CallState) {
    // What is known about one attempt says nothing about the ones before it.
    if call.earlier_open {
        call.phase = Phase::Sent;
    } else {
        // No request arrived, so the key's life begins with the next attempt.
        call.phase = Phase::Ready;
        call.first_sent_at = None;
    }
}

fn insert(state: &mut State, intent: &Intent, phase: Phase) -> Result<(), &'static str> {
    if state.calls.contains_key(&intent.effect) || state.steps.contains_key(&intent.step) {
        return Err("step or effect begun twice");
    }
    let call = CallState {
        intent: intent.clone(),
        phase,
        attempt: 0,
        first_sent_at: None,
        earlier_open: false,
        send_deadline: None,
        approval: None,
        answer: None,
    };
    state.steps.insert(intent.step.clone(), intent.effect);
    state.calls.insert(intent.effect, call);
    state.account.reserve(intent.effect, intent.worst);
    Ok(())
}

fn intended(state: &mut State, intent: &Intent, attempt: u32, at: Timestamp) -> Result<(), &'static str> {
    if !state.calls.contains_key(&intent.effect) {
        insert(state, intent, Phase::Sent)?;
    } else if state.calls.get(&intent.effect).is_some_and(CallState::is_lost_ask) {
        state.account.forfeit(intent.effect);
        state.account.reserve(intent.effect, intent.worst);
    }
    let call = call(state, intent.effect)?;
    if attempt != call.attempt + 1 {
        return Err("attempts are not in order");
    }
    call.earlier_open |= attempt > 1 && matches!(call.phase, Phase::Sent) && intent.class == EffectClass::Keyed;
    call.phase = Phase::Sent;
    call.attempt = attempt;
    call.first_sent_at = call.first_sent_at.or(Some(at));
    Ok(())
}

fn call(state: &mut State, effect: EffectId) -> Result<&mut CallState, &'static str> {
    state.calls.get_mut(&effect).ok_or("unknown effect")
}

fn by_approval(state: &mut State, approval: ApprovalId) -> Result<&mut CallState, &'static str> {
    let found = state.calls.values_mut().find(|call| match &call.phase {
        Phase::Waiting { approval: id, .. } | Phase::Approved { approval: id, .. } => *id == approval,
        Phase::Sent | Phase::Ready | Phase::Landed { .. } | Phase::Failed { .. } | Phase::InDoubt { .. } => false,
    });
    found.ok_or("unknown approval")
}

fn status_after(state: &State, event: &Event) -> Status {
    match event {
        Event::Completed { .. } => return Status::Completed,
        Event::Failed { .. } => return Status::Failed,
        Event::Canceled => return Status::Canceled,
        Event::Submitted { .. }
        | Event::ApprovalRequested { .. }
        | Event::ApprovalGranted { .. }
        | Event::ApprovalDenied { .. }
        | Event::ApprovalExpired { .. }
        | Event::Intended { .. }
        | Event::CallDenied { .. }
        | Event::LoginRequested { .. }
        | Event::LoginSeen { .. }
        | Event::LoginExpired
        | Event::Landed { .. }
        | Event::CallFailed { .. }
        | Event::NotLanded { .. }
        | Event::InDoubt { .. }
        | Event::Settled { .. }
        | Event::CancelRequested { .. } => {}
    }
    match &state.login {
        _ if state.parked_calls().next().is_some() => Status::InputRequired,
        Some(_) => Status::AuthRequired,
        None => Status::Working,
    }
}
