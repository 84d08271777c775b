//! `status --watch`: the state once, then a line whenever it has changed.

use scalbotics_proto::v1;
use serde_json::{Value, json};

use super::status;
use crate::clock;
use crate::commands::{watching, wire};
use crate::failure::Failure;
use crate::output::{Printer, escape};
use crate::session::Session;

/// What is watched. The size of the audit log is not: looking adds to it.
const WATCHED: &[(&str, &str)] = &[
    ("health", "/health"),
    ("reasons", "/reasons"),
    ("version", "/version"),
    ("started", "/started"),
    ("tasks running", "/tasks_running"),
    ("tasks queued", "/tasks_queued"),
    ("tasks waiting", "/tasks_waiting"),
    ("approvals waiting", "/approvals_waiting"),
    ("logins waiting", "/logins_waiting"),
    ("commit in force", "/commit"),
];

/// Prints the state, and goes on until somebody ends it; a daemon that does not answer is a state too.
pub(super) async fn watch(session: &mut Session, now: &v1::Installation, printer: &Printer) -> Result<(), Failure> {
    let mut last = status::status_json(now);
    if printer.is_for_people() {
        status::print(&last, printer)?;
    } else {
        printer.item(&last, String::new)?;
    }
    loop {
        watching::pause(session).await?;
        let seen = match status::get(session).await {
            Ok(seen) => status::status_json(&seen),
            Err(failure) if watching::is_away(&failure) => away(&last),
            Err(failure) => return Err(failure),
        };
        let changes = changes(&last, &seen);
        if !changes.is_empty() {
            printer.item(&seen, || format!("{}  {}", wire::shown(clock::now()), escape(&changes.join(" · "))))?;
        }
        last = seen;
    }
}

/// The last state of a daemon that does not answer.
fn away(last: &Value) -> Value {
    let mut value = last.clone();
    if let Some(map) = value.as_object_mut() {
        map.insert("health".to_owned(), json!("unreachable"));
        map.insert("reasons".to_owned(), json!([]));
    }
    value
}

/// What differs between two states, as `tasks running 0 → 1`.
fn changes(last: &Value, seen: &Value) -> Vec<String> {
    let differs = |pointer: &&(&str, &str)| last.pointer(pointer.1) != seen.pointer(pointer.1);
    let words = |(head, pointer): &(&str, &str)| format!("{head} {} → {}", word(last, pointer), word(seen, pointer));
    WATCHED.iter().filter(differs).map(words).collect()
}

fn word(value: &Value, pointer: &str) -> String {
    match value.pointer(pointer) {
        Some(Value::String(text)) if !text.is_empty() => text.clone(),
        Some(Value::Array(items)) if !items.is_empty() => {
            items.iter().map(|item| item.as_str().map_or_else(|| item.to_string(), str::to_owned)).collect::<Vec<_>>().join("; ")
        }
        None | Some(Value::Null | Value::String(_) | Value::Array(_)) => "none".to_owned(),
        Some(other @ (Value::Bool(_) | Value::Number(_) | Value::Object(_))) => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_watched_and_differs_is_told() {
        let status = |health: &str, running: u32, audit: u32, reasons: &[&str]| json!({ "health": health, "tasks_running": running, "audit_size": audit, "reasons": reasons });
        let ok = status("ok", 0, 1, &[]);
        for (seen, told) in [
            (status("ok", 0, 1, &[]), ""),
            (status("ok", 0, 9, &[]), ""),
            (status("ok", 2, 9, &[]), "tasks running 0 → 2"),
            (status("degraded", 0, 1, &["disk full", "x"]), "health ok → degraded · reasons none → disk full; x"),
            (away(&ok), "health ok → unreachable"),
        ] {
            assert_eq!(changes(&ok, &seen).join(" · "), told);
        }
    }
}
