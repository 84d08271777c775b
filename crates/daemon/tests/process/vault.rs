//! Secrets from outside: kept, handed to tools, never shown, and whole whatever happens.

use std::io::Write as _;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::command::Answer;
use crate::desired::Desired;
use crate::installation::{ANN, BOB, Installation, id};
use crate::process::{Numbers, seed};
use crate::secrets::{files, search};

/// A value that nothing else writes; it has what URLs and JSON write in another way.
const CANARY: &str = "canary/quoth \"the\" 7391+nightjar";

impl Installation {
    /// A `secret` verb with this on its standard input.
    pub(crate) fn secret(&self, context: &str, arguments: &[&str], value: &[u8]) -> Answer {
        let mut command = self.cli(context, &[&["secret"], arguments].concat());
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // A command that refuses does not read.
        let _ = child.stdin.take().unwrap().write_all(value);
        Answer::from(format!("{command:?}"), child.wait_with_output().unwrap())
    }

    fn put(&self, name: &str, value: &str) -> Value {
        self.secret(ANN, &["put", name], value.as_bytes()).exits(0).json()
    }

    fn secrets(&self) -> Vec<Value> {
        self.ann(&["secret", "list"]).exits(0).json().as_array().unwrap().clone()
    }
}

fn tool(id: &str, script: &str, secrets: &Value) -> Value {
    json!({
        "id": id, "description": "Uses a secret.", "argv": ["/bin/sh", "-c", script],
        "input": { "type": "object", "properties": {} }, "tier": 1, "effect": "pure", "secrets": secrets,
    })
}

/// Adds a tool, and a workflow of its name that gives what it says.
fn add(desired: &mut Desired, manifest: Value) {
    let id = manifest["id"].as_str().unwrap().to_owned();
    let input = manifest["input"].clone();
    desired.add_tool(&id, manifest);
    let workflow = json!({
        "id": id, "description": "Calls one tool.", "input": input, "steps": [{ "id": "act", "tool": id, "args": {} }],
        "output": { "said": "${steps.act.output}" },
    });
    desired.put(&format!("workflows/{id}.yaml"), workflow);
}

fn token() -> Value {
    json!([{ "name": "secret://acme/token", "env": "TOKEN" }])
}

/// One whose tools print what they were given, in many ways.
fn installation() -> Installation {
    Installation::with(|desired| {
        let forms =
            "printf '%s' \"$TOKEN\"; printf '%s' \"x$TOKEN\" | base64 -w0; printf '%s' \"$TOKEN\" | od -An -tx1 | tr -d ' \\n'";
        add(desired, tool("prints", forms, &token()));
        add(desired, tool("cries", "printf '%s' \"$TOKEN\" >&2; exit 7", &token()));
        add(desired, tool("counts", "printf '%s' \"$TOKEN\" | wc -c", &token()));
        add(desired, tool("looks", "printf '[%s]' \"$TOKEN\"", &json!([])));
        let other = json!([{ "name": "secret://acme/nowhere", "env": "TOKEN" }]);
        add(desired, tool("wants", "echo ran >> /dev/null", &other));
    })
}

#[test]
fn no_planted_secret_is_in_any_sink() {
    let installation = installation();
    let daemon = installation.start();
    let put = installation.put("token", CANARY);
    assert_eq!((&put["name"], &put["version"], &put["reference"]), (&json!("token"), &json!(1), &json!("secret://acme/token")));
    let printed = installation.run("prints", &json!({}));
    assert_eq!(installation.rest(&printed)["status"], "COMPLETED");
    let output = installation.ann(&["task", "result", &printed]).exits(0);
    assert!(output.stdout.contains("***"), "{output:#?}");
    let cried = installation.rest(&installation.run("cries", &json!({})));
    assert_eq!(cried["failure"], "TOOL_FAILED", "{cried:#}");
    assert!(cried["failure_detail"].as_str().unwrap().contains("it said: ***"), "{cried:#}");
    let counted = installation.run("counts", &json!({}));
    assert_eq!(installation.rest(&counted)["status"], "COMPLETED");
    let counted = installation.ann(&["task", "result", &counted]).exits(0);
    assert!(counted.stdout.contains(&CANARY.len().to_string()), "the tool had the value: {counted:#?}");
    let looked = installation.run("looks", &json!({}));
    assert_eq!(installation.rest(&looked)["status"], "COMPLETED");
    assert!(installation.ann(&["task", "result", &looked]).exits(0).stdout.contains("[]"), "not given, not there");
    installation.secret(ANN, &["put", "token"], CANARY.as_bytes()).exits(7);
    installation.secret(BOB, &["put", "other"], CANARY.as_bytes()).exits(5);

    let used: Vec<Value> = installation.ann(&["audit", "tail", "--lines", "500", "-o", "jsonl"]).exits(0).lines();
    let used: Vec<&Value> = used.iter().filter(|record| record["record"]["action"] == "secret.use").collect();
    assert_eq!(used.len(), 3, "each warrant that got it is in the log: {used:#?}");
    assert!(used.iter().all(|record| record["record"]["target"] == format!("{}/1", put["uid"].as_str().unwrap())), "{used:#?}");
    assert_ne!(installation.secrets()[0]["used_at"], "");
    installation.verify_audit();

    // Everything that the API tells, in the clear.
    let mut told = String::new();
    for arguments in [
        &["secret", "list", "-o", "json"] as &[&str],
        &["task", "show", &printed],
        &["task", "result", &printed],
        &["task", "watch", &printed],
        &["audit", "tail", "--lines", "500"],
        &["tool", "show", "prints"],
    ] {
        let answer = installation.ann(arguments);
        told += &(answer.stdout + &answer.stderr);
    }
    told += &daemon.get("/metrics").1;
    std::fs::write(installation.path("told"), &told).unwrap();
    daemon.kill();
    let mut looked_at = files(&installation.root.join("data"));
    looked_at.extend([installation.log(), installation.path("told")]);
    looked_at.extend(files(&installation.root.join("keys")));
    let bytes = search(&looked_at, &[("the secret", CANARY.to_owned())]);
    assert!(bytes > 10_000 && told.len() > 1_000);
}

#[test]
fn a_secret_that_is_not_there_stops_the_call_before_anything_runs() {
    let installation = installation();
    let _daemon = installation.start();
    let shown = installation.rest(&installation.run("wants", &json!({})));
    assert_eq!(shown["status"], "FAILED", "{shown:#}");
    let detail = shown["failure_detail"].as_str().unwrap();
    assert!(detail.contains("`secret://acme/nowhere` does not exist: put it with `scalbotics secret put nowhere`"), "{detail}");
    installation.put("nowhere", "found now");
    assert_eq!(installation.rest(&installation.run("wants", &json!({})))["status"], "COMPLETED");
    installation.ann(&["secret", "remove", "nowhere"]).exits(2);
    installation.ann(&["secret", "remove", "nowhere", "--dry-run"]).exits(0);
    installation.ann(&["secret", "remove", "nowhere", "--yes"]).exits(0);
    assert_eq!(installation.ann(&["secret", "remove", "nowhere", "--yes"]).exits(10).error().code, "NOT_FOUND");
    assert_eq!(installation.rest(&installation.run("wants", &json!({})))["status"], "FAILED");
}

#[test]
fn a_rotated_secret_is_the_next_calls() {
    let installation = installation();
    let _daemon = installation.start();
    installation.secret(ANN, &["rotate", "token"], b"x").exits(10);
    let first = installation.put("token", "four");
    let dry = installation.secret(ANN, &["rotate", "token", "--dry-run"], b"fivefive").exits(0).json();
    assert_eq!(dry["version"], 2);
    assert_eq!(installation.secrets()[0]["version"], 1, "a dry run changes nothing");
    let again = ["rotate", "token", "--request-id", "once"];
    let second = installation.secret(ANN, &again, b"sixsix\n").exits(0).json();
    assert_eq!(installation.secret(ANN, &again, b"sixsix").exits(0).json(), second, "the same request");
    assert_eq!(installation.secret(ANN, &again, b"seven77").exits(2).error().code, "REQUEST_ID_REUSED");
    assert_eq!((&second["version"], &second["uid"]), (&json!(2), &first["uid"]));
    assert_ne!(second["fingerprint"], first["fingerprint"]);
    assert_eq!((&first["rotated_at"], &second["created_at"]), (&json!(""), &first["created_at"]));
    // To the second: the rest may be left out.
    let second_of = |of: &Value, field: &str| of[field].as_str().unwrap()[..19].to_owned();
    assert!(second_of(&second, "rotated_at") >= second_of(&first, "created_at"), "{second:#}");
    let kept = &installation.secrets()[0];
    for field in ["version", "uid", "fingerprint", "created_at", "rotated_at"] {
        assert_eq!(kept[field], second[field], "{field}");
    }
    let counted = installation.run("counts", &json!({}));
    installation.rest(&counted);
    assert!(installation.ann(&["task", "result", &counted]).exits(0).stdout.contains('6'));
    for (name, value, code) in [("Bad", "x", 2), ("empty", "", 1), ("long", &"x".repeat((64 << 10) + 1), 2)] {
        installation.secret(ANN, &["put", name], value.as_bytes()).exits(code);
    }
    installation.secret(ANN, &["put", "longest"], "x".repeat(64 << 10).as_bytes()).exits(0);
    let foreign = installation.secret(ANN, &["rotate", "tenants/other/secrets/token"], b"x").exits(10).error();
    assert_eq!(foreign.code, "NOT_FOUND");
}

#[test]
fn another_tenants_secret_is_refused_when_desired_state_is_loaded() {
    let installation = installation();
    let _daemon = installation.start();
    let foreign = tool("foreign", "true", &json!([{ "name": "secret://other/token", "env": "TOKEN" }]));
    let before = installation.ann(&["repo", "status"]).json()["commit"].clone();
    installation.commit(&[("tools/foreign.yaml", Some(&foreign.to_string()))]);
    let applied = installation.ann(&["repo", "apply"]);
    assert_ne!(applied.code, 0, "{applied:#?}");
    let status = installation.ann(&["repo", "status"]).json();
    assert_eq!(status["commit"], before, "the last good state stays");
    assert!(status["findings"].to_string().contains("secret://other/token"), "{status:#}");
}

/// Kills of one test.
const KILLS: usize = 12;

#[test]
fn a_kill_leaves_the_old_value_or_the_new_one() {
    let mut numbers = Numbers::of(seed());
    let installation = installation();
    let daemon = installation.start();
    installation.put("token", &"a".repeat(10));
    daemon.kill();
    let mut version = 1;
    for kill in 0..KILLS {
        let daemon = installation.start();
        let value = "b".repeat(11 + kill);
        let rotate = installation.cli(ANN, &["secret", "rotate", "token"]);
        let rotating = std::thread::spawn(move || {
            let mut command = rotate;
            let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
            let _ = child.stdin.take().unwrap().write_all(value.as_bytes());
            child.wait_with_output().unwrap().status.success()
        });
        std::thread::sleep(std::time::Duration::from_millis(numbers.below(60)));
        daemon.kill();
        let acknowledged = rotating.join().unwrap();
        let daemon = installation.start();
        let now = installation.secrets()[0]["version"].as_u64().unwrap();
        assert!(now == version || now == version + 1, "{now} after {version}");
        assert!(!acknowledged || now == version + 1, "what was acknowledged is there");
        let counted = id(&installation.ann(&["task", "run", "--agent", "clerk", "--workflow", "counts", "--detach"]));
        assert_eq!(installation.rest(&counted)["status"], "COMPLETED", "it opens");
        version = now;
        daemon.kill();
    }
    let _daemon = installation.start();
    installation.verify_audit();
}
