//! A denied action shows: in the outcome, in the exit code, in `task show`, and in what explains it.

use scalbotics_testkit::model::{Answer as Said, ScriptedServer, Wish};
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
    // And is found there by who was denied, though another task of the same agent went well since.
    let asked = ["audit", "query", "--on-behalf-of", "agents/clerk", "--decision", "deny", "--since", "1h"];
    let found = installation.ann(&asked).exits(0).json();
    let found = found.as_array().unwrap();
    assert!(found.iter().any(|record| denial(&record)) && found.iter().all(|record| record["decision"] == "deny"), "{found:#?}");
    installation.ann(&["audit", "query", "--actor", "agents/ghost"]).exits(10);
    installation.ann(&["audit", "query", "--since", "yesterday"]).exits(2);
}

/// Says that all is done, whatever became of what it asked for.
fn boaster(calls: &'static [&'static str]) -> ScriptedServer {
    ScriptedServer::choosing(0, move |asked| {
        let messages = asked.body["messages"].as_array().unwrap();
        let turn = messages.iter().filter(|message| message["role"] == "assistant").count();
        match calls.get(turn) {
            Some(path) => Said::Call(vec![Wish::new("fs_read", json!({ "path": path }))]),
            None => Said::Say("All is done.".to_owned()),
        }
    })
    .unwrap()
}

/// An installation whose clerk is driven by this server and may not read diaries.
fn driven(server: &ScriptedServer) -> Installation {
    let installation = Installation::with(|desired| {
        let model = json!({
            "id": "small", "base_url": server.base_url(), "model": "scripted", "context_tokens": 100_000, "output_tokens_max": 500,
        });
        desired.put("models/small.yaml", model);
        desired.drive(&["small"]);
        let policy = "@id(\"no-diaries\")\nforbid (principal is Agent, action == Action::\"tool/fs.read\", resource)\n\
                      when { context.args.path like \"*diary*\" };\n";
        desired.files.insert("policies/diaries.cedar".to_owned(), policy.to_owned());
    });
    for file in ["order", "diary"] {
        std::fs::write(installation.path("work").join(file), format!("the {file}")).unwrap();
    }
    installation
}

#[test]
fn a_denied_call_of_a_model_shows_though_the_model_says_that_all_is_done() {
    let server = boaster(&["work/diary"]);
    let installation = driven(&server);
    let _daemon = installation.start();
    let error = installation.ann(&["task", "run", "--agent", "clerk", "read the diary"]).exits(5).error();
    assert_eq!(error.code, "POLICY_DENIED");
    assert!(error.what.contains("completed, but 1 call was denied") && error.why.contains("no-diaries"), "{error:?}");
    let tasks = installation.ann(&["task", "list"]).exits(0).json();
    let id = tasks[0]["name"].as_str().unwrap();
    let task = installation.task(id);
    assert_eq!((&task["status"], &task["calls_used"], &task["calls_denied"]), (&json!("COMPLETED"), &json!(0), &json!(1)));
    let denied: Vec<_> = task["calls"].as_array().unwrap().iter().filter(|call| call["phase"] == "denied").collect();
    let [denied] = denied[..] else { panic!("{task:#}") };
    assert_eq!((&denied["step"], &denied["tool"], &denied["tier"]), (&json!("turn-1.call-1"), &json!("fs.read"), &json!(0)));
    assert!(denied["decision"] == task["decision"] && denied["name"] == "", "{task:#}");
    assert_eq!(error.next, format!("scalbotics policy explain {}", denied["decision"].as_str().unwrap()));
    let explained = follow(&installation, ANN, &error.next).exits(0);
    assert!(explained.stdout.contains("DENY") && explained.stdout.contains("policies/diaries.cedar:1"), "{explained:#?}");
    // Whoever looks later sees it too, and a script as well.
    let watched = installation.ann(&["task", "watch", id]).exits(5);
    let event = watched.stdout.lines().find(|line| line.contains("call_denied")).unwrap();
    assert!(event.contains(denied["decision"].as_str().unwrap()), "{event}");
    let mut command = installation.environment(&cli());
    let shown = Answer::of(command.args(["--context", ANN, "task", "show", id])).exits(0).stdout;
    let row = shown.lines().find(|line| line.starts_with("turn-1.call-1")).unwrap();
    assert!(row.contains("denied") && row.contains(denied["decision"].as_str().unwrap()), "{shown}");
    let mut command = installation.environment(&cli());
    let noted = Answer::of(command.args(["--context", ANN, "task", "watch", id])).exits(5).stderr;
    assert!(noted.contains("COMPLETED  0 calls, 1 denied"), "{noted}");
    // What the model said is still its answer.
    let result = installation.ann(&["task", "result", id]).exits(0).json();
    assert_eq!(result, json!({ "text": "All is done." }));
    installation.verify_audit();
}

#[test]
fn a_denied_call_shows_also_where_another_one_landed_and_over_a_restart() {
    let server = boaster(&["work/order", "work/diary"]);
    let installation = driven(&server);
    let daemon = installation.start();
    let error = installation.ann(&["task", "run", "--agent", "clerk", "read both"]).exits(5).error();
    assert_eq!(error.code, "POLICY_DENIED");
    daemon.kill();
    let _daemon = installation.start();
    let tasks = installation.ann(&["task", "list"]).exits(0).json();
    let task = installation.task(tasks[0]["name"].as_str().unwrap());
    let phases: Vec<_> = task["calls"].as_array().unwrap().iter().map(|call| call["phase"].as_str().unwrap()).collect();
    assert_eq!(phases, ["landed", "landed", "landed", "landed", "denied"], "{task:#}");
    assert_eq!((&task["calls_used"], &task["calls_denied"]), (&json!(1), &json!(1)));
    assert_eq!(server.asked().len(), 3);
}
