//! A denied action shows: in the outcome, in the exit code, in `task show`, and in what explains it.

use serde_json::json;

use crate::command::Answer;
use crate::desired::Desired;
use crate::installation::{ANN, Installation, cli};
use crate::next_steps::follow;

/// Forbids one entry to the agent.
pub(crate) fn forbid(desired: &mut Desired) {
    let policy = "@id(\"not-this-entry\")\nforbid (principal is Agent, action == Action::\"tool/ledger.pure\", resource)\n\
                  when { context.args.entry == \"forbidden\" };\n";
    desired.files.insert("policies/entries.cedar".to_owned(), policy.to_owned());
}

#[test]
fn a_denied_call_fails_the_task_and_says_why() {
    let installation = Installation::with(forbid);
    let _daemon = installation.start();
    let input = json!({ "entry": "forbidden", "before_ms": 0, "after_ms": 0 }).to_string();
    let answer = installation.ann(&["task", "run", "--agent", "clerk", "--workflow", "pure", "--input", &input]).exits(5);
    let error = answer.error();
    assert_eq!(error.code, "POLICY_DENIED");
    let tasks = installation.ann(&["task", "list"]).exits(0).json();
    let task = installation.task(tasks[0]["name"].as_str().unwrap());
    assert_eq!((&task["status"], &task["failure"]), (&json!("FAILED"), &json!("POLICY_DENIED")), "{task:#}");
    let decision = task["decision"].as_str().unwrap();
    assert!(!installation.ledger.has("forbidden", "begin"), "the denied call ran");
    assert_eq!(error.next, format!("scalbotics policy explain {decision}"));
    let explained: Answer = follow(&installation, ANN, &error.next).exits(0);
    assert!(explained.stdout.contains("DENY") && explained.stdout.contains("policies/entries.cedar:1"), "{explained:#?}");
    let asked = ["policy", "can-i", "--agent", "clerk", "--tool", "ledger.pure", "--args"];
    let denied = installation.ann(&[&asked[..], &[&input]].concat()).exits(5);
    assert!(denied.stdout.contains("policies/entries.cedar"), "{denied:#?}");
    let allowed = input.replace("forbidden", "fine");
    installation.ann(&[&asked[..], &[&allowed]].concat()).exits(0);
    // What a script wants is the task's name, and nothing of its events.
    let mut named = installation.environment(&cli());
    named.args(["--context", ANN, "-o", "name", "task", "run", "--agent", "clerk", "--workflow", "pure", "--input", &allowed]);
    let named = Answer::of(&mut named).exits(0).stdout;
    assert!(named.starts_with("task_") && named.lines().count() == 1, "{named}");
    // The denial stands in the log.
    let records = installation.ann(&["audit", "tail", "--lines", "200"]).exits(0).lines();
    let denial = |record: &&serde_json::Value| {
        record["record"]["decision"]["id"] == decision && record["record"]["decision"]["allow"] == false
    };
    assert!(records.iter().any(|record| denial(&record)), "no denial {decision} in the log");
}
