//! What was approved is what runs, once.

use scalbotics_core::digest::Digest;
use serde_json::json;

use crate::command::Answer;
use crate::installation::{BOB, Installation, Times, id};
use crate::ledger::Class;

const TIMES: Times = Times { before_ms: 0, after_ms: 0 };

/// Starts a task that waits for an approval; answers task and approval.
fn waiting(installation: &Installation, class: Class, entry: &str) -> (String, String) {
    let task = id(&installation.submit(class, entry, TIMES));
    let approval = installation.approval_of(&task);
    assert!(!installation.ledger.has(entry, "begin"), "it ran before it was approved");
    (task, approval)
}

#[test]
fn two_approvers_at_once_make_one_effect() {
    let installation = Installation::new();
    let _daemon = installation.start();
    for (round, class) in [Class::Opaque, Class::Keyed, Class::Opaque].into_iter().enumerate() {
        let entry = format!("race-{round}");
        let (task, approval) = waiting(&installation, class, &entry);
        let arguments = ["approval", "approve", approval.as_str(), "--reason", "as shown"];
        let both: Vec<_> = (0..2)
            .map(|_| {
                let mut command = installation.cli(BOB, &arguments);
                let line = format!("{command:?}");
                command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
                (line, command.spawn().unwrap())
            })
            .collect();
        let both: Vec<_> = both.into_iter().map(|(line, child)| Answer::from(line, child.wait_with_output().unwrap())).collect();
        let mut codes: Vec<_> = both.iter().map(|answer| answer.code).collect();
        codes.sort_unstable();
        assert_eq!(codes, [0, 7], "{both:#?}");
        assert_eq!(installation.rest(&task)["status"], "COMPLETED");
        assert_eq!(installation.ledger.of(&entry, "begin").len(), 1);
        installation.ledger.check(class, &entry);
        let late = installation.bob(&arguments).exits(7).error();
        assert!(late.reference.contains("request"), "{late:?}");
        assert_eq!(installation.ledger.of(&entry, "begin").len(), 1);
    }
}

#[test]
fn a_denied_approval_runs_nothing_and_says_so() {
    let installation = Installation::new();
    let _daemon = installation.start();
    let (task, approval) = waiting(&installation, Class::Opaque, "denied");
    installation.bob(&["approval", "deny", &approval, "--reason", "wrong entry"]).exits(0);
    let shown = installation.rest(&task);
    assert_eq!((&shown["status"], &shown["failure"]), (&json!("FAILED"), &json!("APPROVAL_DENIED")), "{shown:#}");
    installation.ann(&["task", "watch", &task]).exits(5).error();
    assert!(!installation.ledger.has("denied", "begin"));
}

#[test]
fn the_requester_does_not_approve() {
    let installation = Installation::new();
    let _daemon = installation.start();
    let (task, approval) = waiting(&installation, Class::Opaque, "own");
    let refused = installation.ann(&["approval", "approve", &approval, "--reason", "mine"]).exits(5).error();
    assert_eq!(refused.code, "CLI_NO_APPROVAL_KEY");
    // Bob's enrolled key in Ann's hands is still not Ann's.
    let contexts = installation.path("config").join("contexts.toml");
    let text = std::fs::read_to_string(&contexts).unwrap();
    let key = text.lines().find(|line| line.starts_with("approval_key")).unwrap().to_owned();
    let ann = text.replacen("[contexts.acme-ann]", &format!("[contexts.acme-ann]\n{key}"), 1);
    assert_ne!(ann, text);
    std::fs::write(&contexts, ann).unwrap();
    let refused = installation.ann(&["approval", "approve", &approval, "--reason", "mine"]);
    assert_eq!(refused.code, 5, "{refused:#?}");
    assert_eq!(installation.task(&task)["status"], "INPUT_REQUIRED");
    assert!(!installation.ledger.has("own", "begin"));
}

/// Approve X, run Y: the tool is another one by the time of the approval.
#[test]
fn a_tool_that_was_changed_after_the_question_does_not_run() {
    let installation = Installation::new();
    let _daemon = installation.start();
    let (task, approval) = waiting(&installation, Class::Opaque, "changed");
    let manifest = std::fs::read_to_string(installation.path("desired/tools/ledger.opaque.yaml")).unwrap();
    let mut other: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    other["argv"] = json!(["/bin/sh", "-c", format!("touch {}/other", installation.ledger.folder.display())]);
    installation.commit(&[("tools/ledger.opaque.yaml", Some(&other.to_string()))]);
    installation.ann(&["repo", "apply"]).exits(0);
    let approved = installation.bob(&["approval", "approve", &approval, "--reason", "as shown"]);
    let shown = installation.rest(&task);
    assert!(
        !installation.ledger.folder.join("other").exists(),
        "another program than the approved one ran: {approved:#?} {shown:#}"
    );
    // Either the task goes on under the tool that it was submitted with (semantics 9.3), or it runs nothing.
    let ran = installation.ledger.of("changed", "begin").len();
    assert_eq!(ran, usize::from(shown["status"] == "COMPLETED"), "{shown:#}");
}

/// Approve X, run Y: the program behind an unchanged manifest was overwritten, or not.
#[test]
fn a_program_that_was_overwritten_after_the_question_is_known_by_its_digest() {
    let installation = Installation::with(|desired| {
        let script = desired.ledger.join("script");
        std::fs::write(&script, format!("#!/bin/sh\necho first >>{}/ran\n", desired.ledger.display())).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(&script, mode).unwrap();
        desired.add_tool("script", json!({
            "id": "script", "description": "Runs a script.", "argv": [script], "input": { "type": "object", "properties": {} },
            "tier": 2, "effect": "opaque", "write_paths": [desired.ledger],
        }));
    });
    let _daemon = installation.start();
    let (script, ran) = (installation.ledger.folder.join("script"), installation.ledger.folder.join("ran"));
    let asked = || {
        let task = installation.run("script", &json!({}));
        let approval = installation.approval_of(&task);
        (task, approval)
    };
    let (task, approval) = asked();
    let digest = Digest::of_bytes(&std::fs::read(&script).unwrap()).to_string();
    let input = json!({ "name": format!("program {}", script.display()), "sha256": digest });
    assert_eq!(installation.bob(&["approval", "show", &approval]).exits(0).json()["inputs"], json!([input]));
    installation.approve(&approval);
    assert_eq!(installation.rest(&task)["status"], "COMPLETED");
    assert_eq!(std::fs::read_to_string(&ran).unwrap(), "first\n");

    let (task, approval) = asked();
    std::fs::write(&script, format!("#!/bin/sh\necho second >>{}\n", ran.display())).unwrap();
    installation.approve(&approval);
    let shown = installation.rest(&task);
    assert_eq!((&shown["status"], &shown["failure"]), (&json!("FAILED"), &json!("UNAVAILABLE")), "{shown:#}");
    let words = format!("program {} changed since it was approved", script.display());
    assert_eq!(shown["failure_detail"], json!(words));
    let error = installation.ann(&["task", "watch", "--wait", &task]).exits(1).error();
    assert_eq!((error.code.as_str(), error.why.contains(&words)), ("UNAVAILABLE", true), "{error:?}");
    assert_eq!(std::fs::read_to_string(&ran).unwrap(), "first\n", "an overwritten program ran under the approval of the first");
    installation.verify_audit();
}
