//! Submissions that are refused before anything is durable.

use serde_json::json;

use crate::installation::Installation;

#[test]
fn what_cannot_be_taken_on_is_refused_and_leaves_no_task() {
    let installation = Installation::new();
    let _daemon = installation.start();
    let input = json!({ "entry": "x", "before_ms": 0, "after_ms": 0 }).to_string();
    let run = |arguments: &[&str]| installation.ann(&[&["task", "run", "--detach"], arguments].concat());
    let clerk = ["--agent", "clerk", "--workflow", "pure", "--input", &input];
    let with = |more: &[&str]| run(&[&clerk[..], more].concat());
    let long_goal = "g".repeat((16 << 10) + 1);
    let long_id = "i".repeat(129);
    let long_entry = json!({ "entry": "e".repeat(101), "before_ms": 0, "after_ms": 0 }).to_string();
    let cases = [
        (run(&["--agent", "nobody", "--workflow", "pure", "--input", &input]), 10, "NOT_FOUND", "nobody"),
        (run(&["--agent", "clerk", "--workflow", "none", "--input", &input]), 2, "INVALID_ARGUMENT", "none"),
        (run(&["--agent", "clerk", &long_goal]), 2, "INVALID_ARGUMENT", "goal"),
        (run(&["--agent", "clerk", "make me a sandwich"]), 2, "NO_PATH", "clerk"),
        (with(&["--request-id", &long_id]), 2, "INVALID_ARGUMENT", "request"),
        (with(&["--max-calls", "100001"]), 2, "INVALID_ARGUMENT", "budget.calls"),
        (run(&["--agent", "clerk", "--workflow", "pure", "--input", "{}"]), 2, "INPUT_INVALID", "pure"),
        (run(&["--agent", "clerk", "--workflow", "pure", "--input", &long_entry]), 2, "INPUT_INVALID", "pure"),
        (
            run(&["--agent", "clerk", "--workflow", "pure", "--input", "{\"entry\":\"a\",\"entry\":\"b\"}"]),
            2,
            "CLI_USAGE",
            "--input",
        ),
    ];
    for (answer, exit, code, part) in cases {
        let answer = answer.exits(exit);
        let error = answer.error();
        assert_eq!(error.code, code, "{error:?}");
        assert!(format!("{} {}", error.what, error.why).contains(part), "{error:?}");
        assert!(answer.stdout.is_empty(), "{answer:#?}");
    }
    assert_eq!(installation.ann(&["task", "list"]).exits(0).json(), json!([]));
    assert!(installation.ledger.lines().is_empty());
}

#[test]
fn a_request_id_is_one_task_and_one_body() {
    let installation = Installation::new();
    let daemon = installation.start();
    let submit = |entry: &str| {
        let input = json!({ "entry": entry, "before_ms": 0, "after_ms": 0 }).to_string();
        installation.ann(&[
            "task",
            "run",
            "--detach",
            "--agent",
            "clerk",
            "--workflow",
            "pure",
            "--request-id",
            "same",
            "--input",
            &input,
        ])
    };
    let first = crate::installation::id(&submit("one"));
    assert_eq!(crate::installation::id(&submit("one")), first);
    daemon.kill();
    let _daemon = installation.start();
    assert_eq!(crate::installation::id(&submit("one")), first);
    assert_eq!(submit("two").exits(2).error().code, "REQUEST_ID_REUSED");
    assert_eq!(installation.ann(&["task", "list"]).exits(0).json().as_array().unwrap().len(), 1);
}
