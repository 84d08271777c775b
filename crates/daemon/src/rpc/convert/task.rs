//! Tasks, their calls and their events.

use scalbotics_core::model::{AnswerNote, Miss};
use scalbotics_core::ports::{StoredEvent, Summary};
use scalbotics_core::task::{
    Budget, CallState, Denied, Doubt, Event, Failure as TaskFailure, Goal as StoredGoal, Intent, LoginAsked, Path, Phase, State,
    Status, Way,
};
use scalbotics_core::tenant::{Name, TenantId};
use scalbotics_proto::v1;
use scalbotics_runtime::task::{Goal, Limits, Submit, View, Watched};

use super::tool::effect_class;
use super::{from_struct, length_ms, timestamp, to_value};
use crate::rpc::failure::Failure;
use crate::rpc::names;

/// Highest priority.
const PRIORITY_MAX: u32 = 9;

/// A submission from the wire; the agent's name is parsed by the caller.
///
/// # Errors
/// INVALID_ARGUMENT.
pub(in crate::rpc) fn submit(request: v1::SubmitTaskRequest, agent: Name) -> Result<Submit, Failure> {
    let goal = match request.goal {
        Some(v1::submit_task_request::Goal::Text(text)) if !text.trim().is_empty() => Goal::Text(text),
        Some(v1::submit_task_request::Goal::Workflow(workflow)) => Goal::Workflow(names::bare("workflow", &workflow)?),
        Some(v1::submit_task_request::Goal::Text(_)) | None => {
            return Err(Failure::invalid("goal", "neither a text nor a workflow is given"));
        }
    };
    let given = |value: u64| (value != 0).then_some(value);
    let limits = request.budget.map_or_else(Limits::default, |budget| Limits {
        calls: given(budget.calls),
        tokens: given(budget.tokens),
        seconds: given(budget.seconds),
    });
    let priority = u8::try_from(request.priority).ok().filter(|priority| u32::from(*priority) <= PRIORITY_MAX);
    Ok(Submit {
        agent,
        goal,
        input: from_struct("input", request.input)?,
        limits,
        timeout_ms: request.timeout.map(|timeout| length_ms("timeout", timeout)).transpose()?,
        priority: priority.ok_or_else(|| Failure::invalid("priority", "it is not 0 to 9"))?,
    })
}

/// A whole task.
pub(in crate::rpc) fn task(view: View) -> v1::Task {
    let state = &view.state;
    let envelope = &state.envelope;
    let submitter = envelope.chain.submitter();
    v1::Task {
        name: names::name(&envelope.tenant, "tasks", &envelope.id),
        agent: names::name(&envelope.tenant, "agents", &envelope.agent_name),
        status: wire_status(state.status).into(),
        workflow: state.path.workflow().map(ToString::to_string).unwrap_or_default(),
        models: state.path.models.iter().map(|(id, _)| id.to_string()).collect(),
        path: path(&envelope.goal, &state.path).to_owned(),
        commit: state.path.commit.clone(),
        goal: view.goal.clone().unwrap_or_default(),
        requested_by: submitter.map(|principal| principal.uid.to_string()).unwrap_or_default(),
        calls: calls(state),
        budget: Some(budget(&envelope.budget)),
        calls_used: state.account.taken().calls,
        tokens_used: state.account.taken().tokens,
        calls_denied: state.denied.len() as u64,
        cost_micros: state.cost_micros(),
        failure: state.failure.map(failure_word).unwrap_or_default().to_owned(),
        failure_detail: view.failure_detail.clone().unwrap_or_default(),
        decision: view.denial.map(|decision| decision.to_string()).unwrap_or_default(),
        output: view.output.clone().map(to_value),
        create_time: Some(timestamp(envelope.submitted_at)),
        update_time: Some(timestamp(state.updated_at)),
        deadline: Some(timestamp(envelope.deadline)),
        etag: state.version.to_string(),
        erased: erased(&view),
        login: state.login.as_deref().map(login),
    }
}

/// The login that a task waits for.
fn login(login: &LoginAsked) -> v1::AwaitedLogin {
    v1::AwaitedLogin {
        human: login.human.to_string(),
        step: login.step.clone(),
        tool: login.tool.to_string(),
        tier: login.tier.number().into(),
        claims_time: Some(timestamp(login.claims_at)),
        expire_time: Some(timestamp(login.expires_at)),
    }
}

/// Fields that the journal refers to and whose words are gone.
fn erased(view: &View) -> Vec<String> {
    let goal = matches!(view.state.envelope.goal, StoredGoal::Text { .. }) && view.goal.is_none();
    let detail = view.state.failure_detail.is_some() && view.failure_detail.is_none();
    let fields = [("goal", goal), ("failure_detail", detail)];
    fields.into_iter().filter(|(_, gone)| *gone).map(|(field, _)| field.to_owned()).collect()
}

/// What a task would be that was only looked at: who would do it, and the way that it would take.
pub(in crate::rpc) fn validated(agent: String, path: &Path) -> v1::Task {
    v1::Task {
        agent,
        workflow: path.workflow().map(ToString::to_string).unwrap_or_default(),
        models: path.models.iter().map(|(id, _)| id.to_string()).collect(),
        commit: path.commit.clone(),
        ..v1::Task::default()
    }
}

/// A task in a list.
pub(in crate::rpc) fn summary(tenant: &TenantId, summary: &Summary) -> v1::Task {
    v1::Task {
        name: names::name(tenant, "tasks", &summary.id),
        agent: names::name(tenant, "agents", &summary.agent),
        status: wire_status(summary.status).into(),
        workflow: summary.workflow.as_ref().map(ToString::to_string).unwrap_or_default(),
        create_time: Some(timestamp(summary.submitted_at)),
        update_time: Some(timestamp(summary.updated_at)),
        ..v1::Task::default()
    }
}

/// How the way was chosen.
const fn path(goal: &StoredGoal, path: &Path) -> &'static str {
    match (&path.way, goal) {
        (Way::Model, _) => "model",
        (Way::Workflow { .. }, StoredGoal::Text { .. }) => "workflow matched",
        (Way::Workflow { .. }, StoredGoal::Workflow { .. }) => "workflow named",
    }
}

const fn budget(budget: &Budget) -> v1::Budget {
    v1::Budget { calls: budget.calls, tokens: budget.tokens, seconds: budget.seconds }
}

const fn wire_status(status: Status) -> v1::TaskStatus {
    match status {
        Status::Submitted => v1::TaskStatus::Submitted,
        Status::Working => v1::TaskStatus::Working,
        Status::InputRequired => v1::TaskStatus::InputRequired,
        Status::AuthRequired => v1::TaskStatus::AuthRequired,
        Status::Completed => v1::TaskStatus::Completed,
        Status::Failed => v1::TaskStatus::Failed,
        Status::Canceled => v1::TaskStatus::Canceled,
        Status::Rejected => v1::TaskStatus::Rejected,
    }
}

/// Calls in the order of their effects' ids, which rise with the steps, and behind them those that were denied before they were any.
fn calls(state: &State) -> Vec<v1::Call> {
    let begun = state.calls.values().map(|known| with_denial(call(known), state.denied.get(&known.intent.step)));
    let never = state.denied.iter().filter(|(step, _)| !state.steps.contains_key(*step)).map(|(step, denied)| v1::Call {
        step: step.clone(),
        tool: denied.tool.to_string(),
        tier: denied.tier.map(|tier| tier.number().into()).unwrap_or_default(),
        phase: DENIED.to_owned(),
        decision: denied.decision.to_string(),
        ..v1::Call::default()
    });
    begun.chain(never).collect()
}

/// The phase of a call that was denied.
const DENIED: &str = "denied";

/// A call that was begun, and denied when it was to be sent (again).
fn with_denial(call: v1::Call, denied: Option<&Denied>) -> v1::Call {
    match denied {
        Some(denied) => v1::Call { phase: DENIED.to_owned(), decision: denied.decision.to_string(), ..call },
        None => call,
    }
}

fn answer(note: &AnswerNote) -> v1::ModelAnswer {
    let superseded = note.superseded.iter().map(|before| v1::SupersededModel {
        model: before.model.to_string(),
        miss: before.miss.map(Miss::as_str).unwrap_or_default().to_owned(),
        may_have_spent: before.may_have_spent,
    });
    v1::ModelAnswer {
        model: note.model.to_string(),
        input_tokens: note.input_tokens,
        output_tokens: note.output_tokens,
        estimated: note.estimated,
        cost_micros: note.cost_micros,
        superseded: superseded.collect(),
    }
}

fn call(call: &CallState) -> v1::Call {
    let intent = &call.intent;
    let (phase, waiting, doubt) = match &call.phase {
        Phase::Waiting { approval, .. } => ("waiting", Some(*approval), None),
        Phase::Approved { approval, .. } => ("approved", Some(*approval), None),
        Phase::Sent => ("sent", None, None),
        Phase::Ready => ("ready", None, None),
        Phase::Landed { .. } => ("landed", None, None),
        Phase::Failed { .. } => ("failed", None, None),
        Phase::InDoubt { doubt } => ("in_doubt", None, Some(doubt_word(*doubt))),
    };
    v1::Call {
        effect: intent.effect.to_string(),
        step: intent.step.clone(),
        tool: intent.tool.to_string(),
        tier: intent.tier.number().into(),
        effect_class: effect_class(intent.class).to_owned(),
        phase: phase.to_owned(),
        attempts: call.attempt,
        approval: waiting.or(call.approval).map(|approval| approval.to_string()).unwrap_or_default(),
        doubt: doubt.unwrap_or_default().to_owned(),
        digest: intent.call.shown().to_string(),
        decision: String::new(),
        answer: call.answer.as_deref().map(answer),
    }
}

const fn doubt_word(doubt: Doubt) -> &'static str {
    match doubt {
        Doubt::Opaque => "opaque",
        Doubt::KeyExpired => "key_expired",
        Doubt::Unverified => "unverified",
        Doubt::PolicyDenies => "policy_denies",
        Doubt::OutcomeUnknown => "outcome_unknown",
        Doubt::LeftoverAlive => "leftover_alive",
        Doubt::Restored => "restored",
    }
}

const fn failure_word(failure: TaskFailure) -> &'static str {
    match failure {
        TaskFailure::PolicyDenied => "POLICY_DENIED",
        TaskFailure::PolicyError => "POLICY_ERROR",
        TaskFailure::ApprovalDenied => "APPROVAL_DENIED",
        TaskFailure::ApprovalExpired => "APPROVAL_EXPIRED",
        TaskFailure::LoginMissing => "LOGIN_MISSING",
        TaskFailure::ToolFailed => "TOOL_FAILED",
        TaskFailure::WorkflowFailed => "WORKFLOW_FAILED",
        TaskFailure::BudgetExhausted => "BUDGET_EXHAUSTED",
        TaskFailure::DeadlineExceeded => "DEADLINE_EXCEEDED",
        TaskFailure::AgentSuspended => "AGENT_SUSPENDED",
        TaskFailure::Unavailable => "UNAVAILABLE",
        TaskFailure::ModelFailed => "MODEL_FAILED",
        TaskFailure::NoProgress => "NO_PROGRESS",
        TaskFailure::TurnsExhausted => "TURNS_EXHAUSTED",
    }
}

/// One event, with the status after it.
pub(in crate::rpc) fn task_event(watched: &Watched) -> v1::TaskEvent {
    let StoredEvent { sequence, at, event } = &watched.event;
    let base = v1::TaskEvent {
        sequence: *sequence,
        time: Some(timestamp(*at)),
        status: wire_status(watched.status).into(),
        ..v1::TaskEvent::default()
    };
    described(base, event)
}

/// Fills in what an event of a call says.
fn with_intent(base: v1::TaskEvent, kind: &str, intent: &Intent) -> v1::TaskEvent {
    v1::TaskEvent {
        kind: kind.to_owned(),
        effect: intent.effect.to_string(),
        step: intent.step.clone(),
        tool: intent.tool.to_string(),
        tier: intent.tier.number().into(),
        ..base
    }
}

fn described(base: v1::TaskEvent, event: &Event) -> v1::TaskEvent {
    let about = |base: v1::TaskEvent, kind: &str, effect: &dyn std::fmt::Display, detail: String| v1::TaskEvent {
        kind: kind.to_owned(),
        effect: effect.to_string(),
        detail,
        ..base
    };
    let approval = |base: v1::TaskEvent, kind: &str, id: &dyn std::fmt::Display, detail: String| v1::TaskEvent {
        kind: kind.to_owned(),
        approval: id.to_string(),
        detail,
        ..base
    };
    let plain = |base: v1::TaskEvent, kind: &str, detail: String| v1::TaskEvent { kind: kind.to_owned(), detail, ..base };
    match event {
        Event::Submitted { path, .. } => {
            let way = path.workflow().map_or_else(|| "model".to_owned(), |workflow| format!("workflow {workflow}"));
            plain(base, "submitted", way)
        }
        Event::ApprovalRequested { intent, approval, decision } => v1::TaskEvent {
            approval: approval.id.to_string(),
            decision: decision.to_string(),
            ..with_intent(base, "approval_requested", intent)
        },
        Event::ApprovalGranted { approval: id, by, .. } => approval(base, "approval_granted", id, format!("by {by}")),
        Event::ApprovalDenied { approval: id, by, .. } => approval(base, "approval_denied", id, format!("by {by}")),
        Event::ApprovalExpired { approval: id } => approval(base, "approval_expired", id, String::new()),
        Event::Intended { intent, attempt, decision, approval, .. } => v1::TaskEvent {
            approval: approval.map(|id| id.to_string()).unwrap_or_default(),
            decision: decision.to_string(),
            detail: format!("attempt {attempt}"),
            ..with_intent(base, "intended", intent)
        },
        Event::CallDenied { step, tool, tier, decision } => v1::TaskEvent {
            step: step.clone(),
            tool: tool.to_string(),
            tier: tier.map(|tier| tier.number().into()).unwrap_or_default(),
            decision: decision.to_string(),
            ..plain(base, "call_denied", String::new())
        },
        Event::LoginRequested { login, decision } => v1::TaskEvent {
            step: login.step.clone(),
            tool: login.tool.to_string(),
            tier: login.tier.number().into(),
            decision: decision.to_string(),
            ..plain(base, "login_requested", format!("of {}", login.human))
        },
        Event::LoginSeen { .. } => plain(base, "login_seen", String::new()),
        Event::LoginExpired => plain(base, "login_expired", String::new()),
        Event::Landed { effect, attempt, truncated, answer: note, .. } => {
            let cut = if *truncated { ", result cut at its limit" } else { "" };
            let base = v1::TaskEvent { answer: note.as_deref().map(answer), ..base };
            about(base, "landed", effect, format!("attempt {attempt}{cut}"))
        }
        Event::CallFailed { effect, attempt, .. } => about(base, "call_failed", effect, format!("attempt {attempt}")),
        Event::NotLanded { effect, attempt } => about(base, "not_landed", effect, format!("attempt {attempt}")),
        Event::InDoubt { effect, doubt } => about(base, "in_doubt", effect, doubt_word(*doubt).to_owned()),
        Event::Settled { effect, by, landed, .. } => {
            let word = if *landed { "landed" } else { "not landed" };
            about(base, "settled", effect, format!("{word}, by {by}"))
        }
        Event::CancelRequested { by } => plain(base, "cancel_requested", format!("by {by}")),
        Event::Completed { .. } => plain(base, "completed", String::new()),
        Event::Failed { failure, .. } => plain(base, "failed", failure_word(*failure).to_owned()),
        Event::Canceled => plain(base, "canceled", String::new()),
    }
}
