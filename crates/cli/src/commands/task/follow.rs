//! Following a task: events as they come, and an exit code for how it ended.

use scalbotics_proto::v1;
use scalbotics_proto::v1::TaskStatus;
use serde_json::{Value, json};
use tokio_stream::StreamExt as _;

use super::until::Until;
use super::{show, verb};
use crate::codes;
use crate::commands::policy::explain;
use crate::commands::wire;
use crate::failure::{Exit, Failure};
use crate::output::{Format, Printer, escape, pad};
use crate::session::Session;

/// Prints events until what is waited for: the end of the task, a state of it; where nothing is said, also that it waits for a
/// person. A wait for a state ends after the time that `--timeout` says.
pub(super) async fn follow(session: &Session, name: &str, until: Option<Until>, printer: &Printer) -> Result<(), Failure> {
    let following = events(session, name, until, printer);
    match (until, session.wait_max()) {
        (Some(until), Some(most)) => match tokio::time::timeout(most, following).await {
            Ok(followed) => followed,
            Err(_) => Err(late(name, until, most)),
        },
        (None, _) | (_, None) => following.await,
    }
}

async fn events(session: &Session, name: &str, until: Option<Until>, printer: &Printer) -> Result<(), Failure> {
    // The name is that of the task: for what was asked, its events have none.
    let only_names = printer.format == Format::Name;
    if only_names {
        printer.one(&json!({ "name": wire::short(name) }), &[])?;
    }
    let request = v1::WatchTaskRequest { name: name.to_owned(), from_sequence: 0 };
    let mut events = verb::client(session).watch_task(session.stream(request)?).await?.into_inner();
    while let Some(event) = events.next().await {
        let event = event?;
        if !only_names {
            printer.item(&event_json(&event), || line(&event))?;
        }
        if event.kind == "login_requested" && until != Some(Until::AuthRequired) {
            let task = show::get(session, name, false).await?;
            if let Some(login) = &task.login {
                return Err(login_needed(session, wire::short(name), login));
            }
        }
        let Some(until) = until else {
            if event.status() == TaskStatus::InputRequired && parked(session, name, &event).await? {
                return Err(waiting(session, name, &event));
            }
            continue;
        };
        // An older event says what was.
        if until.is_met_by(event.status()) && until.is_met_by(show::get(session, name, false).await?.status()) {
            printer.note(&format!("{} {}", wire::short(name), until.word()));
            return Ok(());
        }
    }
    let task = show::get(session, name, false).await?;
    match until {
        Some(until) if until.is_met_by(task.status()) => Ok(()),
        Some(until) if until != Until::Ended => Err(otherwise(session, &task, until, printer).await),
        Some(_) | None => ended(session, &task, printer).await,
    }
}

/// A task that came to another end than the one that was waited for.
async fn otherwise(session: &Session, task: &v1::Task, until: Until, printer: &Printer) -> Failure {
    let id = wire::short(&task.name);
    match ended(session, task, printer).await {
        Err(failure) => failure,
        Ok(()) => Failure::new(Exit::Failed, codes::FAILED, format!("task {id} will not be {}", until.word()))
            .why(format!("it has ended as {}", task.status().as_str_name().trim_start_matches("TASK_STATUS_")))
            .next(format!("scalbotics task show {id}")),
    }
}

fn late(name: &str, until: Until, most: std::time::Duration) -> Failure {
    let id = wire::short(name);
    Failure::new(Exit::TimedOut, codes::TIMED_OUT, format!("task {id} is not {} after {} ms", until.word(), most.as_millis()))
        .why("the time that --timeout gives is over; the task goes on")
        .next(format!("scalbotics task show {id}"))
}

/// Whether the event is what the task waits for now, so that a replayed older one does not end the following.
async fn parked(session: &Session, name: &str, event: &v1::TaskEvent) -> Result<bool, Failure> {
    let phase = match event.kind.as_str() {
        "approval_requested" => "waiting",
        "in_doubt" => "in_doubt",
        _ => return Ok(false),
    };
    let task = show::get(session, name, false).await?;
    Ok(task.calls.iter().any(|call| call.effect == event.effect && call.phase == phase))
}

/// A task that waits for a login: whoever follows it is told, also with `--wait`, for mostly it is they who have to log in.
fn login_needed(session: &Session, id: &str, login: &v1::AwaitedLogin) -> Failure {
    let is_me = session.context.person.as_ref().is_some_and(|person| person.holder.to_string() == login.human);
    let who = if is_me { "you log in".to_owned() } else { format!("{} logs in", login.human) };
    let (tool, tier, said) = (&login.tool, login.tier, wire::time(login.claims_time));
    Failure::new(Exit::NotLoggedIn, codes::LOGIN_REQUIRED, format!("task {id} waits at step {} until {who}", login.step))
        .why(format!(
            "{tool} is tier {tier} and allowed by groups that the identity provider said at {said}, which is too long ago; the task waits until {}",
            wire::time(login.expire_time)
        ))
        .next(if is_me { "scalbotics login".to_owned() } else { format!("{} runs `scalbotics login`", login.human) })
}

fn waiting(session: &Session, name: &str, event: &v1::TaskEvent) -> Failure {
    let waits = |what: String| Failure::new(Exit::Waiting, codes::WAITING, format!("the task waits for a person {what}"));
    if event.kind == "in_doubt" {
        return waits(format!("to settle {}", event.effect))
            .why(format!(
                "nobody knows whether effect {} landed ({}): look at its target, then settle it as --landed or --not-landed",
                event.effect, event.detail
            ))
            .next(format!("scalbotics task show {}", wire::short(name)));
    }
    let other = if session.context.approval_key.is_some() { "" } else { " of another human" };
    waits(format!("at step {}", event.step))
        .why(format!("{} is tier {} and needs an approval{other}", event.tool, event.tier))
        .next(format!("scalbotics approval show {}", event.approval))
}

/// How a task that has ended shows in the exit code: one of whose calls any was denied has not done all that it wanted, whatever its
/// model says of it (decisions/0029).
async fn ended(session: &Session, task: &v1::Task, printer: &Printer) -> Result<(), Failure> {
    let id = wire::short(&task.name);
    match task.status() {
        TaskStatus::Completed => {
            printer.note(&format!("{id} COMPLETED  {}  scalbotics task result {id}", show::calls_words(task)));
            if task.calls_denied == 0 { Ok(()) } else { Err(partly(session, task).await) }
        }
        TaskStatus::Canceled => Err(Failure::new(Exit::Failed, codes::CANCELED, format!("task {id} was canceled"))
            .why("somebody asked for its end")
            .next(format!("scalbotics task show {id}"))),
        TaskStatus::Unspecified
        | TaskStatus::Submitted
        | TaskStatus::Working
        | TaskStatus::InputRequired
        | TaskStatus::AuthRequired
        | TaskStatus::Failed
        | TaskStatus::Rejected => Err(failed(task, id, why(session, task).await)),
    }
}

/// A task that came to an end of which a part was denied.
async fn partly(session: &Session, task: &v1::Task) -> Failure {
    let id = wire::short(&task.name);
    let denied = if task.calls_denied == 1 { "1 call was".to_owned() } else { format!("{} calls were", task.calls_denied) };
    let what = format!("task {id} completed, but {denied} denied: its result may not be what was asked for");
    let next = if task.decision.is_empty() {
        format!("scalbotics task show {id}")
    } else {
        format!("scalbotics policy explain {}", task.decision)
    };
    Failure::new(Exit::Denied, codes::POLICY_DENIED, what).why(why(session, task).await).next(next)
}

/// Why a task failed: its own words, else those of the decision that denied its call, as far as the caller may read them.
async fn why(session: &Session, task: &v1::Task) -> String {
    if !task.failure_detail.is_empty() {
        return task.failure_detail.clone();
    }
    if !task.decision.is_empty()
        && let Ok(decision) = explain(session, &task.decision).await
    {
        return decision.why;
    }
    format!("it is {}, and no more is recorded", task.status().as_str_name().trim_start_matches("TASK_STATUS_"))
}

fn failed(task: &v1::Task, id: &str, why: String) -> Failure {
    let known = codes::TASK_ENDS.iter().find(|(code, _)| *code == task.failure);
    let exit = known.map_or(Exit::Failed, |(_, exit)| *exit);
    let rejected = task.status() == TaskStatus::Rejected;
    let code = match task.failure.as_str() {
        "" if rejected => codes::REJECTED.name(),
        "" => codes::FAILED.name(),
        code => code,
    };
    let next = if task.failure == codes::LOGIN_MISSING {
        "`scalbotics login`, then submit the task again".to_owned()
    } else if task.decision.is_empty() {
        format!("scalbotics task show {id}")
    } else {
        format!("scalbotics policy explain {}", task.decision)
    };
    Failure::told(exit, code, format!("task {id} ended without reaching its goal")).why(why).next(next)
}

fn event_json(event: &v1::TaskEvent) -> Value {
    json!({
        "name": event.sequence.to_string(),
        "sequence": event.sequence,
        "time": wire::time(event.time),
        "kind": event.kind,
        "step": event.step,
        "tool": event.tool,
        "tier": event.tier,
        "effect": event.effect,
        "approval": event.approval,
        "decision": event.decision,
        "detail": event.detail,
        "answer": show::answer_json(event.answer.as_ref()),
        "status": event.status().as_str_name().trim_start_matches("TASK_STATUS_"),
    })
}

fn line(event: &v1::TaskEvent) -> String {
    let subject = if event.tool.is_empty() { String::new() } else { format!("{} {}", event.step, event.tool) };
    let tier = if event.tool.is_empty() { String::new() } else { format!("tier {}", event.tier) };
    let denied = if event.kind == "call_denied" { event.decision.as_str() } else { "" };
    let answer = event.answer.as_ref().map(show::answer_words).unwrap_or_default();
    let detail = [event.approval.as_str(), denied, event.detail.as_str(), answer.as_str()]
        .into_iter()
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join(" ");
    let cells = [pad(&event.kind, 20), pad(&subject, 36), pad(&tier, 7), escape(&detail)];
    cells.join(" ").trim_end().to_owned()
}
