//! `task show`, `task result`

use scalbotics_proto::v1;
use scalbotics_proto::v1::TaskStatus;
use serde_json::{Value, json};

use super::{tree, verb};
use crate::codes;
use crate::commands::wire;
use crate::failure::{Exit, Failure};
use crate::output::{Printer, column, escape, money, pad, print_data};
use crate::session::Session;

/// What stands for words that were erased.
const ERASED: &str = "ERASED";

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
        "calls_denied": task.calls_denied,
        "tokens_used": task.tokens_used,
        "cost_micros": task.cost_micros,
        "failure": task.failure,
        "failure_detail": task.failure_detail,
        "erased": task.erased,
        "decision": task.decision,
        "login": task.login.as_ref().map(login_json),
        "created": wire::time(task.create_time),
        "updated": wire::time(task.update_time),
        "deadline": wire::time(task.deadline),
        "calls": task.calls.iter().map(call_json).collect::<Vec<_>>(),
    })
}

fn login_json(login: &v1::AwaitedLogin) -> Value {
    json!({
        "human": login.human,
        "step": login.step,
        "tool": login.tool,
        "tier": login.tier,
        "claims_time": wire::time(login.claims_time),
        "expire_time": wire::time(login.expire_time),
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
        "decision": call.decision,
        "answer": answer_json(call.answer.as_ref()),
    })
}

/// Which model answered and what that took; null where nobody was asked or nobody answered.
pub(super) fn answer_json(answer: Option<&v1::ModelAnswer>) -> Value {
    let Some(answer) = answer else { return Value::Null };
    let superseded = answer
        .superseded
        .iter()
        .map(|before| json!({ "model": before.model, "miss": before.miss, "may_have_spent": before.may_have_spent }));
    json!({
        "model": answer.model,
        "input_tokens": answer.input_tokens,
        "output_tokens": answer.output_tokens,
        "estimated": answer.estimated,
        "cost_micros": answer.cost_micros,
        "superseded": superseded.collect::<Vec<_>>(),
    })
}

/// The same in words: `large, 10 + 5 tokens, cost 0.000020, after small (busy)`.
pub(super) fn answer_words(answer: &v1::ModelAnswer) -> String {
    let about = if answer.estimated { "at most " } else { "" };
    let mut words = format!("{}, {about}{} + {} tokens", answer.model, answer.input_tokens, answer.output_tokens);
    if answer.cost_micros > 0 {
        words.push_str(&format!(", cost {}", money(answer.cost_micros)));
    }
    for (index, before) in answer.superseded.iter().enumerate() {
        let miss = if before.miss.is_empty() { "no answer" } else { &before.miss };
        words.push_str(&format!("{} {} ({})", if index == 0 { ", after" } else { "," }, before.model, miss.replace('_', " ")));
    }
    words
}

/// A task as people read it: with a note on each call that has one, and without numbers that say nothing.
fn in_words(task: &v1::Task) -> Value {
    let mut value = task_json(task);
    let Some(map) = value.as_object_mut() else { return value };
    if task.calls_denied > 0 {
        map.insert("denied".to_owned(), json!(task.calls_denied));
    }
    if let Some(login) = &task.login {
        let until = wire::time(login.expire_time);
        let words = format!("{} to log in, for {} (tier {}), until {until}", login.human, login.tool, login.tier);
        map.insert("waits_for".to_owned(), json!(words));
    }
    if task.cost_micros > 0 {
        map.insert("cost".to_owned(), json!(money(task.cost_micros)));
    }
    let with_note = |call: &v1::Call| {
        let mut shown = call_json(call);
        if let Some(map) = shown.as_object_mut() {
            map.insert("note".to_owned(), json!(call_note(call)));
        }
        shown
    };
    map.insert("calls".to_owned(), Value::Array(task.calls.iter().map(with_note).collect()));
    for field in &task.erased {
        map.insert(field.clone(), json!(ERASED));
    }
    value
}

/// What there is to say of a call: why it is in doubt, what denied it, which model answered.
fn call_note(call: &v1::Call) -> String {
    let answer = call.answer.as_ref().map(answer_words).unwrap_or_default();
    let notes = [call.doubt.as_str(), call.decision.as_str(), answer.as_str()];
    notes.into_iter().find(|note| !note.is_empty()).unwrap_or_default().to_owned()
}

/// How many calls were made, and how many denied: `1 call, 1 denied`.
pub(super) fn calls_words(task: &v1::Task) -> String {
    let made = if task.calls_used == 1 { "1 call".to_owned() } else { format!("{} calls", task.calls_used) };
    if task.calls_denied == 0 { made } else { format!("{made}, {} denied", task.calls_denied) }
}

/// Prints a task with its calls.
pub(super) fn print(task: &v1::Task, printer: &Printer) -> Result<(), Failure> {
    let value = if printer.is_for_people() { in_words(task) } else { task_json(task) };
    head(&value, printer)?;
    let columns = [
        column("STEP", "/step"),
        column("TOOL", "/tool"),
        column("TIER", "/tier"),
        column("CLASS", "/effect_class"),
        column("PHASE", "/phase"),
        column("ATTEMPTS", "/attempts"),
        column("APPROVAL", "/approval"),
        column("NOTE", "/note"),
        column("EFFECT", "/name"),
    ];
    printer.section(&value, "/calls", &columns)
}

/// Prints a task with its calls as a tree: for people drawn, for programs in that order and with the step that each belongs to.
pub(super) fn print_tree(task: &v1::Task, printer: &Printer) -> Result<(), Failure> {
    let nodes = tree::nodes(task.calls.iter().map(|call| (call.step.clone(), call)));
    if !printer.is_for_people() {
        let mut value = task_json(task);
        let with_parent = |call: &v1::Call| {
            let mut shown = call_json(call);
            if let Some(map) = shown.as_object_mut() {
                map.insert("parent".to_owned(), json!(tree::parent(&call.step).unwrap_or_default()));
            }
            shown
        };
        let calls: Vec<Value> = nodes.iter().filter_map(|node| node.call.map(with_parent)).collect();
        if let Some(map) = value.as_object_mut() {
            map.insert("calls".to_owned(), Value::Array(calls));
        }
        return head(&value, printer);
    }
    head(&in_words(task), printer)?;
    let width = task.calls.iter().map(|call| call.tool.len()).max().unwrap_or(0);
    for (at, (line, node)) in tree::drawn(&nodes).iter().zip(&nodes).enumerate() {
        let gap = if at == 0 { "\n" } else { "" };
        let words = node.call.map(|call| {
            let parts = [
                pad(&call.tool, width),
                format!("tier {}", call.tier),
                call.phase.clone(),
                call.approval.clone(),
                call_note(call),
            ];
            parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("  ")
        });
        print_data(&format!("{gap}{}", format!("{line}  {}", escape(&words.unwrap_or_default())).trim_end()))?;
    }
    Ok(())
}

fn head(value: &Value, printer: &Printer) -> Result<(), Failure> {
    let columns = [
        column("task", "/name"),
        column("status", "/status"),
        column("waits for", "/waits_for"),
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
        column("denied", "/denied"),
        column("tokens", "/tokens_used"),
        column("cost", "/cost"),
        column("created", "/created"),
        column("updated", "/updated"),
        column("deadline", "/deadline"),
    ];
    printer.one(value, &columns)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(cost_micros: u64, superseded: &[(&str, &str)]) -> v1::ModelAnswer {
        let superseded = superseded.iter().map(|(model, miss)| v1::SupersededModel {
            model: (*model).to_owned(),
            miss: (*miss).to_owned(),
            may_have_spent: false,
        });
        v1::ModelAnswer {
            model: "large".to_owned(),
            input_tokens: 10,
            output_tokens: 5,
            estimated: false,
            cost_micros,
            superseded: superseded.collect(),
        }
    }

    #[test]
    fn what_a_call_says_of_itself() {
        let call = |doubt: &str, decision: &str, answer| v1::Call {
            doubt: doubt.to_owned(),
            decision: decision.to_owned(),
            answer,
            ..v1::Call::default()
        };
        let estimated = v1::ModelAnswer { estimated: true, ..answer(0, &[]) };
        for (call, note) in [
            (call("", "", None), ""),
            (call("opaque", "", None), "opaque"),
            (call("", "dec_1", None), "dec_1"),
            (call("", "", Some(answer(0, &[]))), "large, 10 + 5 tokens"),
            (call("", "", Some(answer(20, &[]))), "large, 10 + 5 tokens, cost 0.000020"),
            (call("", "", Some(answer(12_000_000, &[("a", "busy"), ("b", "never_left"), ("c", "")]))), {
                "large, 10 + 5 tokens, cost 12.000000, after a (busy), b (never left), c (no answer)"
            }),
            (call("", "", Some(estimated)), "large, at most 10 + 5 tokens"),
        ] {
            assert_eq!(call_note(&call), note);
        }
    }

    #[test]
    fn how_many_calls() {
        for (calls_used, calls_denied, words) in [
            (0, 0, "0 calls"),
            (1, 0, "1 call"),
            (0, 1, "0 calls, 1 denied"),
            (1, 1, "1 call, 1 denied"),
            (2, 3, "2 calls, 3 denied"),
        ] {
            assert_eq!(calls_words(&v1::Task { calls_used, calls_denied, ..v1::Task::default() }), words);
        }
    }
}
