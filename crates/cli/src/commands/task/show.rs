//! `task show`, `task result`

use scalbotics_proto::v1;
use scalbotics_proto::v1::TaskStatus;
use serde_json::{Value, json};

use super::verb;
use crate::codes;
use crate::commands::wire;
use crate::failure::{Exit, Failure};
use crate::output::{Printer, column};
use crate::session::Session;

/// Fetches a task.
pub(super) async fn get(session: &Session, task: &str, with_output: bool) -> Result<v1::Task, Failure> {
    let request = v1::GetTaskRequest { name: session.resource("tasks", task), with_output };
    Ok(verb::client(session).get_task(session.request(request)?).await?.into_inner())
}

/// A task as JSON.
pub(super) fn task_json(task: &v1::Task) -> Value {
    json!({
        "name": wire::short(&task.name),
        "status": task.status().as_str_name().trim_start_matches("TASK_STATUS_"),
        "agent": wire::short(&task.agent),
        "workflow": task.workflow,
        "models": task.models,
        "path": task.path,
        "commit": task.commit,
        "goal": task.goal,
        "requested_by": task.requested_by,
        "calls_used": task.calls_used,
        "tokens_used": task.tokens_used,
        "failure": task.failure,
        "failure_detail": task.failure_detail,
        "decision": task.decision,
        "created": wire::time(task.create_time),
        "updated": wire::time(task.update_time),
        "deadline": wire::time(task.deadline),
        "calls": task.calls.iter().map(call_json).collect::<Vec<_>>(),
    })
}

fn call_json(call: &v1::Call) -> Value {
    json!({
        "name": call.effect,
        "step": call.step,
        "tool": call.tool,
        "tier": call.tier,
        "effect_class": call.effect_class,
        "phase": call.phase,
        "attempts": call.attempts,
        "approval": call.approval,
        "doubt": call.doubt,
        "digest": call.digest,
    })
}

/// Prints a task with its calls.
pub(super) fn print(task: &v1::Task, printer: &Printer) -> Result<(), Failure> {
    let value = task_json(task);
    let columns = [
        column("task", "/name"),
        column("status", "/status"),
        column("agent", "/agent"),
        column("workflow", "/workflow"),
        column("models", "/models"),
        column("path", "/path"),
        column("commit", "/commit"),
        column("goal", "/goal"),
        column("requested by", "/requested_by"),
        column("failure", "/failure"),
        column("why", "/failure_detail"),
        column("decision", "/decision"),
        column("calls", "/calls_used"),
        column("tokens", "/tokens_used"),
        column("created", "/created"),
        column("updated", "/updated"),
        column("deadline", "/deadline"),
    ];
    printer.one(&value, &columns)?;
    let columns = [
        column("STEP", "/step"),
        column("TOOL", "/tool"),
        column("TIER", "/tier"),
        column("CLASS", "/effect_class"),
        column("PHASE", "/phase"),
        column("ATTEMPTS", "/attempts"),
        column("APPROVAL", "/approval"),
        column("DOUBT", "/doubt"),
        column("EFFECT", "/name"),
    ];
    printer.section(&value, "/calls", &columns)
}

/// Prints the output of a completed task.
pub(super) async fn result(session: &Session, task: &str, printer: &Printer) -> Result<(), Failure> {
    let task = get(session, task, true).await?;
    let id = wire::short(&task.name);
    match (task.status(), task.output) {
        (TaskStatus::Completed, Some(output)) => printer.document(&wire::json(output)),
        (status, _) => Err(Failure::new(Exit::Conflict, codes::NO_OUTPUT, format!("task {id} has no output"))
            .why(format!("it is {}", status.as_str_name().trim_start_matches("TASK_STATUS_")))
            .next(format!("scalbotics task show {id}"))),
    }
}
