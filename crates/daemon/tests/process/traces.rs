//! One command, one trace: the four-part error refers to request and trace, and both are found in the daemon's log and in the audit
//! log.

use std::time::Duration;

use serde_json::{Value, json};

use crate::command::Answer;
use crate::installation::{ANN, Installation, Times, cli, id};
use crate::ledger::Class;
use crate::process::until;

/// Every line of the daemon's log, each of which is one JSON object.
fn lines(installation: &Installation) -> Vec<Value> {
    let parse = |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    let lines: Vec<Value> = installation.log_text().lines().map(parse).collect();
    assert!(lines.iter().all(|line| line["timestamp"].is_string() && line["level"].is_string()), "{lines:#?}");
    lines
}

/// Request and trace of a reference, `request req_…  trace 4bf9…`.
#[track_caller]
fn reference(text: &str) -> (String, String) {
    let word = |label: &str| text.split_once(label).and_then(|(_, rest)| rest.split_whitespace().next()).unwrap_or_default();
    let (request, trace) = (word("request "), word("trace "));
    assert!(request.starts_with("req_") && trace.len() == 32 && trace.bytes().all(|b| b.is_ascii_hexdigit()), "{text}");
    (request.to_owned(), trace.to_owned())
}

#[test]
fn an_error_leads_to_the_lines_of_the_log_and_the_record() {
    let installation = Installation::new();
    let _daemon = installation.start();
    let mut words = installation.environment(&cli());
    let printed = Answer::of(words.args(["--context", ANN, "agent", "show", "nobody"])).exits(10);
    let line = printed.stderr.lines().find_map(|line| line.strip_prefix("  ref: ")).unwrap();
    let (request, trace) = reference(line);
    let other = installation.ann(&["agent", "show", "nobody"]).exits(10).error();
    let (other_request, other_trace) = reference(&other.reference);
    assert!(request != other_request && trace != other_trace, "each command has a trace of its own");
    until("the call is logged", Duration::from_secs(10), || {
        let is_it = |line: &&Value| line["span"]["request"] == request.as_str();
        let found = lines(&installation).iter().find(is_it).cloned()?;
        assert_eq!(found["span"]["trace"], trace.as_str(), "{found:#}");
        Some(())
    });
    // Whatever was asked, no line of a call is without both.
    for line in lines(&installation).iter().filter(|line| line["span"]["name"] == "rpc") {
        reference(&format!(
            "request {} trace {}",
            line["span"]["request"].as_str().unwrap(),
            line["span"]["trace"].as_str().unwrap()
        ));
    }
}

#[test]
fn a_task_is_found_by_the_trace_of_its_command() {
    let installation = Installation::new();
    let _daemon = installation.start();
    let task = id(&installation.submit(Class::Pure, "traced", Times::default()));
    installation.rest(&task);
    let ended = until("the end is logged", Duration::from_secs(10), || {
        lines(&installation).into_iter().find(|line| line["message"] == "task ended" && line["task"] == task.as_str())
    });
    let trace = ended["trace"].as_str().unwrap().to_owned();
    let of_trace: Vec<Value> = lines(&installation).into_iter().filter(|line| line["span"]["trace"] == trace.as_str()).collect();
    let submits = |line: &Value| line["span"]["method"].as_str().unwrap().ends_with("/SubmitTask");
    assert!(of_trace.iter().any(submits), "no call of the trace {trace} submits: {of_trace:#?}");
    let records = installation.ann(&["audit", "tail", "--lines", "500"]).exits(0).lines();
    let of_task: Vec<&Value> = records.iter().filter(|line| line["record"]["task"] == task.as_str()).collect();
    assert!(!of_task.is_empty(), "{records:#?}");
    for record in of_task {
        assert_eq!(record["record"]["trace"], json!(trace), "{record:#}");
    }
}
