//! Erasing from outside: what was erased is told by nobody and stands in no file; what was not, is; and a kill changes nothing of that.

use serde_json::{Value, json};

use crate::command::Answer;
use crate::installation::{Installation, id, shipped};
use crate::process::until;
use crate::restore::{admin, backup, restore};
use crate::secrets::{files, search};

/// A text that nothing else writes.
const MARKER: &str = "marker-quoth-the-7391-nightjar";

/// Time that work in the background gets.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(30);

/// One whose tool says what it is given, once somebody approved it.
fn installation() -> Installation {
    Installation::with(|desired| {
        let input = json!({ "type": "object", "required": ["text"], "properties": { "text": { "type": "string" } } });
        let manifest = json!({
            "id": "says", "description": "Says it again.", "argv": ["/bin/sh", "-c", "cat"], "input": input,
            "tier": 2, "effect": "opaque",
        });
        desired.add_tool("says", manifest);
        let workflow = json!({
            "id": "says", "description": "Says it again.", "match": { "goal": "say *" }, "input": input,
            "steps": [{ "id": "act", "tool": "says", "args": { "text": "${input.text}" } }],
            "output": { "said": "${steps.act.output}" },
        });
        desired.put("workflows/says.yaml", workflow);
    })
}

impl Installation {
    /// A task that has a text in goal, input, argument, result and the approver's reason.
    fn told(&self, text: &str) -> (String, String) {
        let (goal, input) = (format!("say {text}"), json!({ "text": text }).to_string());
        let task = id(&self.ann(&["task", "run", "--agent", "clerk", "--detach", "--input", &input, &goal]));
        let approval = self.approval_of(&task);
        self.bob(&["approval", "approve", &approval, "--reason", text]).exits(0);
        assert_eq!(self.rest(&task)["status"], "COMPLETED");
        (task, approval)
    }

    fn erase(&self, task: &str) -> Value {
        self.ann(&["admin", "erase", "--task", task, "--reason", "asked for by the customer", "--yes"]).exits(0).json()
    }

    /// Everything that the API tells of a task.
    fn everything(&self, task: &str, approval: &str, decisions: &[String]) -> String {
        let out = self.path("everything.evidence");
        let _ = std::fs::remove_file(&out);
        let mut asked: Vec<Vec<&str>> = vec![
            vec!["task", "show", task],
            vec!["task", "result", task],
            vec!["task", "watch", task],
            vec!["task", "list"],
            vec!["approval", "show", approval],
            vec!["audit", "tail", "--lines", "500"],
            vec!["audit", "export", "--task", task, "--out", out.to_str().unwrap()],
            vec!["admin", "retention", "show"],
        ];
        asked.extend(decisions.iter().map(|decision| vec!["policy", "explain", decision]));
        let told: Vec<String> = asked.iter().map(|asked| self.ann(asked)).map(|answer| answer.stdout + &answer.stderr).collect();
        told.concat() + &String::from_utf8_lossy(&std::fs::read(&out).unwrap_or_default())
    }

    /// Decisions that the log names of a task.
    fn decisions(&self, task: &str) -> Vec<String> {
        let lines: Vec<Value> = self.ann(&["audit", "tail", "--lines", "500", "-o", "jsonl"]).exits(0).lines();
        let of = lines.iter().map(|line| &line["record"]).filter(|record| record["task"] == task && record["seq"].is_u64());
        of.filter_map(|record| record["decision"]["id"].as_str()).map(str::to_owned).collect()
    }

    fn actions(&self) -> Vec<String> {
        let lines: Vec<Value> = self.ann(&["audit", "tail", "--lines", "500", "-o", "jsonl"]).exits(0).lines();
        lines.iter().filter_map(|line| line["record"]["action"].as_str()).map(str::to_owned).collect()
    }
}

#[test]
fn sem_7_2_what_was_erased_is_told_by_nobody_and_stands_in_no_file() {
    let installation = installation();
    let daemon = installation.start();
    let (task, approval) = installation.told(MARKER);
    let (other, _) = installation.told("something else");
    let decisions = installation.decisions(&task);
    assert!(decisions.len() >= 3, "{decisions:?}");
    assert!(installation.everything(&task, &approval, &decisions).matches(MARKER).count() >= 6, "it is told before");

    let dry = installation.ann(&["admin", "erase", "--task", &task, "--reason", "try", "--dry-run"]).exits(0).json();
    assert!(dry["payloads"].as_u64().unwrap() >= 6 && dry["name"] == "" && dry["done_at"] == "", "{dry:#}");
    installation.ann(&["admin", "erase", "--task", &task, "--reason", "unasked"]).exits(2);
    assert!(installation.task(&task)["goal"].as_str().unwrap().contains(MARKER), "neither of them erases");
    let hold = installation.ann(&["admin", "hold", "add", "--task", &task, "--reason", "case 4711"]).exits(0).json();
    let held = installation.ann(&["admin", "erase", "--task", &task, "--reason", "now", "--yes"]).error();
    assert_eq!(held.code, "LEGAL_HOLD", "{held:?}");
    assert!(held.what.contains(hold["name"].as_str().unwrap()), "it names the hold: {held:?}");
    let listed = installation.ann(&["admin", "hold", "list"]).exits(0).json();
    assert_eq!((&listed[0]["reason"], &listed[0]["about"]), (&json!("case 4711"), &json!(task)));
    let lifted = hold["name"].as_str().unwrap();
    installation.ann(&["admin", "hold", "remove", lifted, "--reason", "closed", "--yes"]).exits(0);

    let erased = installation.erase(&task);
    assert_eq!(erased["payloads"], dry["payloads"], "{erased:#}");
    assert_ne!(erased["done_at"], "", "{erased:#}");
    let told = installation.everything(&task, &approval, &decisions);
    assert_eq!(told.matches(MARKER).count(), 0, "{told}");
    assert_eq!(installation.task(&task)["erased"], json!(["goal"]));
    assert_eq!(installation.task(&task)["status"], "COMPLETED");
    for decision in &decisions {
        let explained = installation.ann(&["policy", "explain", decision]).exits(0).json();
        assert_eq!(explained["ruling"], "ERASED", "{explained:#}");
    }
    for asked in [["task", "result", &task], ["approval", "show", &approval]] {
        assert_eq!(installation.ann(&asked).error().code, "PAYLOAD_ERASED");
    }
    assert!(installation.ann(&["task", "result", &other]).exits(0).stdout.contains("something else"));
    installation.verify_audit();
    until("the keys are wrapped anew", PATIENCE, || {
        installation.actions().iter().any(|action| action == "privacy.keys_rewrapped").then_some(())
    });
    assert!(installation.ann(&["task", "result", &other]).exits(0).stdout.contains("something else"));
    let retention = installation.ann(&["admin", "retention", "show"]).exits(0).json();
    assert_eq!(retention["retired_keys"].as_array().unwrap().len(), 1, "it opens backups still: {retention:#}");
    for action in ["privacy.erase_task", "privacy.erased", "privacy.hold", "privacy.lift", "privacy.key_rotated"] {
        assert!(installation.actions().iter().any(|done| done == action), "{action}");
    }

    // Killed, so that the write-ahead log is left as it is.
    daemon.kill();
    let mut looked_at = files(&installation.root.join("data"));
    looked_at.push(installation.log());
    assert!(search(&looked_at, &[("the marker", MARKER.to_owned())]) > 10_000);
    let _daemon = installation.start();
    assert!(installation.ann(&["task", "result", &other]).exits(0).stdout.contains("something else"), "by the new key");
    installation.verify_audit();
}

#[test]
fn sem_7_4_what_was_erased_since_a_backup_is_not_back_when_it_is_restored() {
    let installation = installation();
    let daemon = installation.start();
    let (task, approval) = installation.told(MARKER);
    let (other, _) = installation.told("something else");
    let backup = backup(&installation, "before");
    installation.erase(&task);
    // Killed: the order is remembered without a clean end.
    daemon.kill();
    let from = ["restore", "--from", backup.to_str().unwrap(), "--dry-run"];
    let plan = admin(&installation, &from).exits(0).json();
    assert_eq!(plan["erased_again"], 1, "{plan:#}");
    let done = restore(&installation, &backup);
    assert_eq!(done["erased_again"], 1, "{done:#}");
    let daemon = installation.start();
    installation.ann(&["login"]).exits(0);
    let told = installation.everything(&task, &approval, &installation.decisions(&task));
    assert_eq!(told.matches(MARKER).count(), 0, "{told}");
    for asked in [["task", "result", &task], ["approval", "show", &approval]] {
        assert_eq!(installation.ann(&asked).error().code, "PAYLOAD_ERASED");
    }
    assert!(installation.ann(&["task", "result", &other]).exits(0).stdout.contains("something else"));
    assert!(installation.actions().iter().any(|action| action == "privacy.erase_repeated"));
    installation.verify_audit();
    daemon.kill();
    // The same backup once more, and nobody remembers: it is said, and it is back until somebody orders it again.
    std::fs::remove_file(installation.root.join("keys").join("standings")).unwrap();
    let words = ["restore", "--from", backup.to_str().unwrap(), "--yes", "--keep", "ann"];
    let done = admin(&installation, &words).exits(0).json();
    assert_eq!(done["erased_again"], Value::Null, "{done:#}");
    let _daemon = installation.start();
    installation.ann(&["login"]).exits(0);
    assert!(installation.ann(&["task", "result", &task]).exits(0).stdout.contains(MARKER), "the backup opens still");
    installation.erase(&task);
    assert_eq!(installation.ann(&["task", "result", &task]).error().code, "PAYLOAD_ERASED");
}

#[test]
fn a_human_is_erased_once_they_are_gone() {
    let installation = installation();
    let _daemon = installation.start();
    let (task, approval) = installation.told(MARKER);
    let erase = ["admin", "erase", "--human", "bob", "--reason", "he left", "--yes"];
    let refused = installation.ann(&erase).error();
    assert_eq!(refused.code, "HUMAN_ACTIVE", "{refused:?}");
    installation.ann(&["human", "offboard", "bob", "--yes"]).exits(0);
    installation.ann(&["admin", "erase", "--human", "nobody", "--reason", "x", "--yes"]).exits(10);
    assert_eq!(installation.bob(&erase).error().code, "PRINCIPAL_SUSPENDED");
    let erased = installation.ann(&erase).exits(0).json();
    assert!(erased["payloads"].as_u64().unwrap() >= 2, "{erased:#}");
    let shown = installation.task(&task);
    assert!(shown["goal"].as_str().unwrap().contains(MARKER), "Ann's task is hers: {shown:#}");
    installation.ann(&["approval", "show", &approval]).exits(0);
    let out = installation.path("bob.evidence");
    installation.ann(&["audit", "export", "--task", &task, "--out", out.to_str().unwrap()]).exits(0);
    let bundle = std::fs::read_to_string(&out).unwrap();
    assert!(!bundle.contains("\"withheld\":[]"), "what Bob said is gone: {bundle}");
    installation.verify_audit();
}

#[test]
fn who_may_not_erase_does_not() {
    let installation = installation();
    let _daemon = installation.start();
    let (task, _) = installation.told("hers");
    for asked in [
        &["admin", "erase", "--task", task.as_str(), "--reason", "x", "--yes"] as &[&str],
        &["admin", "erase", "--human", "ann", "--reason", "x", "--yes"],
        &["admin", "retention", "accept-clock", "--yes"],
    ] {
        assert_eq!(installation.bob(asked).exits(5).error().code, "POLICY_DENIED", "{asked:?}");
    }
    // An auditor says that something must be kept, and does not say that it need not be any more.
    let hold = installation.bob(&["admin", "hold", "add", "--everything", "--reason", "an audit"]).exits(0).json();
    let lift = ["admin", "hold", "remove", hold["name"].as_str().unwrap(), "--reason", "x", "--yes"];
    assert_eq!(installation.bob(&lift).exits(5).error().code, "POLICY_DENIED");
    let held = installation.ann(&["admin", "erase", "--task", &task, "--reason", "x", "--yes"]);
    assert_eq!(held.error().code, "LEGAL_HOLD");
    installation.ann(&lift).exits(0);
    assert!(installation.ann(&["task", "result", &task]).exits(0).stdout.contains("hers"));
}

/// Dies at a failpoint while it erases, wraps keys anew or writes the keystore; the next start finishes.
#[track_caller]
fn killed_at(point: &str) {
    let installation = installation();
    let daemon = installation.start();
    let (task, approval) = installation.told(MARKER);
    let (other, _) = installation.told("something else");
    daemon.kill();
    let mut daemon = installation.start_mortal(point, 1);
    assert!(daemon.is_ready(), "{}", installation.log_text());
    // It may be gone before it answers.
    installation.ann(&["admin", "erase", "--task", &task, "--reason", "asked for", "--yes"]);
    daemon.wait();
    let _daemon = installation.start();
    until("the erasure is finished", PATIENCE, || {
        let actions = installation.actions();
        let is_done = ["privacy.erased", "privacy.keys_rewrapped"].iter().all(|wanted| actions.iter().any(|done| done == wanted));
        is_done.then_some(())
    });
    assert_eq!(installation.actions().iter().filter(|action| *action == "privacy.erased").count(), 1, "{point}");
    let told = installation.everything(&task, &approval, &[]);
    assert_eq!(told.matches(MARKER).count(), 0, "{told}");
    assert!(installation.ann(&["task", "result", &other]).exits(0).stdout.contains("something else"));
    installation.verify_audit();
}

#[test]
fn killed_before_payloads_go() {
    killed_at("erase.before");
}

#[test]
fn killed_when_payloads_are_gone() {
    killed_at("erase.after");
}

#[test]
fn killed_before_the_key_is_replaced() {
    killed_at("keys.before");
}

#[test]
fn killed_when_the_key_is_replaced() {
    killed_at("keys.after");
}

#[test]
fn killed_before_keys_are_wrapped_anew() {
    killed_at("rewrap.before");
}

#[test]
fn killed_when_keys_are_wrapped_anew() {
    killed_at("rewrap.after");
}

/// By the wall clock and the configuration alone: a minute after the task's end each class that is kept for a minute goes, and no other; what
/// somebody holds stays.
#[test]
fn each_class_goes_by_itself_when_its_time_is_over() {
    let installation = installation();
    let settings = std::fs::read_to_string(installation.config()).unwrap();
    let keep = |classes: &str| std::fs::write(installation.config(), format!("{settings}\n[retention]\n{classes}\n")).unwrap();
    keep("goals = \"59s\"");
    let refused = Answer::of(installation.serve(&shipped()).arg("--check-config"));
    assert!(refused.code != 0 && refused.stderr.contains("shorter than 1m"), "{refused:#?}");
    keep("goals = \"1m\"\nreasons = \"1m\"\nresults = \"1d\"");
    let daemon = installation.start();
    let (task, approval) = installation.told(MARKER);
    let (held, held_approval) = installation.told("what a court wants");
    installation.ann(&["admin", "hold", "add", "--task", &held, "--reason", "a court"]).exits(0);
    let decisions = installation.decisions(&task);
    assert!(installation.everything(&task, &approval, &decisions).matches(MARKER).count() >= 6);
    let long = PATIENCE * 6;
    until("goals go after a minute", long, || (installation.task(&task)["erased"] == json!(["goal"])).then_some(()));
    let (trust, mut tries) = (installation.root.join("trust.json"), 0);
    let mut report = || {
        tries += 1;
        let bundle = crate::evidence::export(&installation, &task, &format!("aged-{tries}"), &[]);
        let report = crate::evidence::verify(&bundle, &trust, &["--json"]).exits(0).json();
        (String::from_utf8_lossy(&bundle).matches(MARKER).count(), report)
    };
    until("reasons go too", long, || crate::evidence::step(&report().1, "approvals", "not_checked").map(drop));
    let (told, report) = report();
    assert!(told > 0, "arguments are kept until somebody erases them");
    let openings = crate::evidence::step(&report, "openings", "not_checked").unwrap()["why"].to_string();
    assert!(openings.contains("erased, as the exporter says"), "{report:#}");
    assert!(crate::evidence::step(&report, "calls", "not_checked").is_none(), "{report:#}");
    assert!(installation.ann(&["task", "result", &task]).exits(0).stdout.contains(MARKER), "results are kept for a day");
    assert!(daemon.stop().0.success());

    // Their time was shortened meanwhile, and is over at once.
    keep("goals = \"1m\"\nreasons = \"1m\"\nresults = \"1m\"");
    let daemon = installation.start();
    until("results go", PATIENCE, || (installation.ann(&["task", "result", &task]).code != 0).then_some(()));
    assert_eq!(installation.ann(&["task", "result", &task]).error().code, "PAYLOAD_ERASED");
    assert!(daemon.stop().0.success());
    keep("goals = \"1m\"\nreasons = \"1m\"\nresults = \"1m\"\narguments = \"1m\"");
    let daemon = installation.start();
    until("arguments and the decisions about them go", PATIENCE, || {
        (installation.everything(&task, &approval, &decisions).matches(MARKER).count() == 0).then_some(())
    });
    // What is held is whole, and the log verifies and says what was done.
    assert!(installation.task(&held)["goal"].as_str().unwrap().contains("what a court wants"));
    assert!(installation.ann(&["task", "result", &held]).exits(0).stdout.contains("what a court wants"));
    installation.ann(&["approval", "show", &held_approval]).exits(0);
    assert!(installation.actions().iter().any(|action| action == "privacy.aged"), "{:?}", installation.actions());
    installation.verify_audit();
    daemon.kill();
    let mut looked_at = files(&installation.root.join("data"));
    looked_at.push(installation.log());
    assert!(search(&looked_at, &[("the marker", MARKER.to_owned())]) > 10_000);
}
