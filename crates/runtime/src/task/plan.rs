//! The next move of a task: a call that passes the gate, an approval to ask for, or the end.

mod beside;
mod wanted;

use std::sync::Arc;

use scalbotics_core::approval::LIFETIME;
use scalbotics_core::conversation::Move;
use scalbotics_core::digest::Digest;
use scalbotics_core::ids::{ApprovalId, EffectId};
use scalbotics_core::in_words;
use scalbotics_core::payload;
use scalbotics_core::policy::Permit;
use scalbotics_core::task::{ApprovalAsked, Command, Failure, Intent, Phase, Proposal, Rejection, State};
use scalbotics_core::time::Timestamp;
use scalbotics_core::tool::{Call, Definition, EffectClass, Kind, NotDone, ResolvedInput, Tier};
use serde_json::Value;

use super::draft::{Draft, Trouble};
use super::executor::Shared;
use super::run::Run;
use crate::tool::{Asked, Gate, Ruled};
use crate::vault::OpenError;
use wanted::Wanted;

/// Time between the commit of an intent and the last moment at which its run may begin, in milliseconds.
const START_WINDOW_MS: u64 = 5_000;

/// The last moment at which an attempt that is intended at `now` may have an effect: its window and its whole run.
pub(super) fn send_deadline(now: Timestamp, timeout_ms: u64) -> Timestamp {
    now.plus_ms(START_WINDOW_MS.saturating_add(timeout_ms))
}

/// What the task fails with when its time is over.
pub(super) fn time_over(state: &State) -> Failure {
    let budget_end = state.envelope.submitted_at.plus_ms(state.envelope.budget.seconds.saturating_mul(1_000));
    if budget_end <= state.envelope.deadline { Failure::BudgetExhausted } else { Failure::DeadlineExceeded }
}

/// Puts the next move into the draft. Nothing may be open, in doubt or waiting.
pub(super) async fn advance(shared: &Shared, run: &Run, draft: &mut Draft) -> Result<(), Trouble> {
    let state = draft.state()?;
    if draft.at >= state.envelope.deadline {
        let failure = time_over(state);
        return draft.fail(&shared.vault, failure, "time is up");
    }
    let wanted = match run.next() {
        Ok(Move::Done { output }) => return complete(shared, draft, &output),
        Ok(Move::Call { step, tool, args }) => Wanted::call(shared, draft.state()?, (step, &tool, args)),
        Ok(Move::Ask { step, request }) => Wanted::question(shared, draft.state()?, step, &request),
        Err(stuck) => Err(stuck),
    };
    match wanted {
        Ok(wanted) => {
            let (is_read, step) = (is_read(&wanted.tool), wanted.step.clone());
            propose(shared, draft, wanted).await?;
            if is_read { beside::propose(shared, run, draft, &step).await } else { Ok(()) }
        }
        Err((failure, words)) => draft.fail(&shared.vault, failure, &words),
    }
}

/// Whether calls of the tool may be made together: it is the daemon's own, changes nothing, and takes no process.
fn is_read(tool: &Definition) -> bool {
    matches!(tool.kind, Kind::Builtin(_)) && tool.tier == Tier::Read && tool.effect == EffectClass::Pure
}

fn complete(shared: &Shared, draft: &mut Draft, output: &Value) -> Result<(), Trouble> {
    match scalbotics_core::json::canonical(output) {
        Ok(bytes) if bytes.len() <= payload::LEN_MAX => {
            let output = draft.seal(&shared.vault, bytes)?;
            draft.apply(Command::Complete { output })
        }
        Ok(bytes) => {
            let words = format!("output of {} bytes is longer than {} bytes", bytes.len(), payload::LEN_MAX);
            draft.fail(&shared.vault, Failure::WorkflowFailed, &words)
        }
        Err(error) => draft.fail(&shared.vault, Failure::WorkflowFailed, &in_words(&error)),
    }
}

async fn propose(shared: &Shared, draft: &mut Draft, mut wanted: Wanted) -> Result<(), Trouble> {
    let state = draft.state()?;
    let known = state.steps.get(&wanted.step).and_then(|effect| state.calls.get(effect)).cloned();
    // One that landed comes here when its result could not be used while others were open.
    if let Some(call) = &known
        && matches!(call.phase, Phase::Failed { .. } | Phase::Landed { .. })
    {
        return draft.fail(&shared.vault, Failure::ToolFailed, &format!("step `{}` failed", wanted.step));
    }
    let effect = known.as_ref().map_or_else(|| EffectId::from_u128(shared.ports.ids.next()), |call| call.intent.effect);
    // Resolved once for an effect: what an approver saw is what every attempt carries.
    let resolved = match &known {
        Some(known) => match shared.vault.open_known(&state.envelope.tenant, &known.intent).await {
            Ok((salt, inputs)) => {
                wanted.salt = salt;
                Ok(inputs)
            }
            Err(OpenError::Store(error)) => return Err(error.into()),
            Err(error @ (OpenError::Erased(_) | OpenError::Cipher(_))) => {
                return draft.fail(&shared.vault, Failure::Unavailable, &error.to_string());
            }
        },
        None => resolve(shared, draft.state()?, effect, &wanted).await,
    };
    let inputs = resolved.as_deref().unwrap_or_default();
    let asked = Asked {
        state,
        effect,
        tool: &wanted.tool,
        args: &wanted.args,
        canonical: Arc::clone(&wanted.canonical),
        salt: known.as_ref().is_none_or(|known| known.intent.call.is_salted()).then_some(wanted.salt),
        inputs,
        in_force: &wanted.in_force,
    };
    let call = Gate::call(&asked);
    if known.as_ref().is_some_and(|known| known.intent.call != call.mark) {
        let words = format!("step `{}` would be another call than the one decided before", wanted.step);
        return draft.fail(&shared.vault, Failure::Unavailable, &words);
    }
    let ruled = shared.gate.ask(&asked).await?;
    draft.agent_epoch = ruled.agent_epoch;
    let Ruled { decision, permit: Some(permit), .. } = ruled else {
        return deny(shared, draft, wanted, ruled);
    };
    draft.decisions.push(decision);
    // Said behind the decision, so that who may not call the tool learns nothing of its files.
    if let Err(reason) = resolved {
        return draft.fail(&shared.vault, Failure::Unavailable, &reason.to_string());
    }
    let intent = match known {
        Some(known) => known.intent,
        None => intent(shared, draft, &wanted, call)?,
    };
    match draft.state()?.calls.get(&effect).map(|call| &call.phase) {
        None if intent.tier == Tier::Risky => ask_approval(shared, draft, intent, permit),
        Some(Phase::Approved { approval, expires_at }) if draft.at >= *expires_at => {
            let approval = *approval;
            draft.apply(Command::ExpireApproval { approval })
        }
        _ => {
            let deadline = send_deadline(draft.at, intent.timeout.as_ms());
            draft.intend(intent, permit, (&wanted.tool, deadline))
        }
    }
}

/// What a denial comes to: a wait for a login where that may change it, or else the call is refused.
fn deny(shared: &Shared, draft: &mut Draft, wanted: Wanted, ruled: Ruled) -> Result<(), Trouble> {
    let (decision, state) = (ruled.decision.id, draft.state()?);
    // The grant ends with the task: then it is time that is over, and not a right that is missing.
    if shared.now() >= state.envelope.deadline {
        let failure = time_over(state);
        draft.decisions.push(ruled.decision);
        return draft.fail(&shared.vault, failure, "time is up");
    }
    let (step, tool, tier) = (wanted.step, wanted.tool.id.clone(), wanted.tool.tier);
    if let Some(stale) = ruled.stale {
        // An approval that lapses meanwhile is of no use to the login.
        let known = state.steps.get(&step).and_then(|effect| state.calls.get(effect));
        let phase = known.map(|call| &call.phase);
        let until = if let Some(Phase::Approved { expires_at, .. }) = phase { Some(*expires_at) } else { None };
        draft.decisions.push(ruled.decision);
        return draft.ask_login(stale, (step, tool, tier), (decision, until));
    }
    // A model hears of it and may find another way; whoever may not act at all has none.
    let told = ruled.failure == Failure::PolicyDenied && state.path.tells(&tool);
    draft.decisions.push(ruled.decision);
    draft.apply(Command::Refuse { step, tool, tier, decision, failure: (!told).then_some(ruled.failure) })
}

/// The question about a call that is new and depends on nothing but its arguments.
fn asked<'a>(shared: &Shared, state: &'a State, wanted: &'a Wanted) -> Asked<'a> {
    let effect = EffectId::from_u128(shared.ports.ids.next());
    let (tool, args, canonical) = (&wanted.tool, &wanted.args, Arc::clone(&wanted.canonical));
    Asked { state, effect, tool, args, canonical, salt: Some(wanted.salt), inputs: &[], in_force: &wanted.in_force }
}

/// What the wanted call depends on beside its arguments; only what a person approves is bound to files (decisions/0012).
async fn resolve(shared: &Shared, state: &State, effect: EffectId, wanted: &Wanted) -> Result<Vec<ResolvedInput>, NotDone> {
    match wanted.tool.tier {
        Tier::Read | Tier::Change => Ok(Vec::new()),
        Tier::Risky => {
            let call = Gate::call(&Asked { effect, ..asked(shared, state, wanted) });
            shared.ports.tools.resolve(&wanted.tool, &call).await
        }
    }
}

fn intent(shared: &Shared, draft: &mut Draft, wanted: &Wanted, call: Call) -> Result<Intent, Trouble> {
    let args = draft.seal_under(&shared.vault, wanted.salt, wanted.canonical.to_vec())?;
    let inputs = match call.inputs.as_slice() {
        [] => None,
        inputs => Some(draft.seal(&shared.vault, ResolvedInput::to_payload(inputs))?),
    };
    let tool = &wanted.tool;
    Ok(Intent {
        effect: call.effect,
        step: wanted.step.clone(),
        tool: tool.id.clone(),
        tool_digest: tool.digest,
        tier: tool.tier,
        class: tool.effect,
        args,
        inputs,
        call: call.mark,
        key_ttl: tool.key_ttl,
        settle_after: tool.settle_after,
        timeout: tool.timeout,
        worst: wanted.worst,
    })
}

/// The permit is only the right to ask: sending needs a fresh decision after the approval.
fn ask_approval(shared: &Shared, draft: &mut Draft, intent: Intent, permit: Permit<Call>) -> Result<(), Trouble> {
    let expires_at = draft.at.plus_ms(LIFETIME.as_ms()).min(draft.state()?.envelope.deadline);
    let approval = ApprovalAsked {
        id: ApprovalId::from_u128(shared.ports.ids.next()),
        nonce: Digest::from_bytes(shared.ports.ids.salt()),
        expires_at,
    };
    let proposal = Box::new(Proposal { intent, decision: permit.decision() });
    draft.apply(Command::AskApproval { proposal, approval })
}

/// Whether the machine says that the moment for this has passed and the state has to be looked at again.
pub(super) const fn is_outdated(rejection: &Rejection) -> bool {
    matches!(rejection, Rejection::Canceling | Rejection::Final | Rejection::DeadlineExceeded | Rejection::Expired { .. })
}
