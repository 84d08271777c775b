//! Evidence of a task: taken out by the command line, verified in an empty directory by a program that shares no code with ours.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::command::Answer;
use crate::installation::{ANN, Installation, Times, id, shipped};
use crate::ledger::Class;
use crate::process::until;

const TIMES: Times = Times { before_ms: 0, after_ms: 0 };

/// Set to have the bundle that the verifier's own tests use made anew.
const UPDATE: &str = "UPDATE_EVIDENCE";

/// The verifier, which stands beside the daemon.
fn verifier() -> PathBuf {
    let path = shipped().with_file_name("scalbotics-verify");
    assert!(path.is_file(), "{} is not built: run `cargo xtask test process`, which builds everything first", path.display());
    path
}

/// Verifies bytes in a directory that holds nothing but them and the trust file.
pub(crate) fn verify(bundle: &[u8], trust: &Path, flags: &[&str]) -> Answer {
    let empty = tempfile::tempdir().unwrap();
    std::fs::write(empty.path().join("task.evidence"), bundle).unwrap();
    std::fs::copy(trust, empty.path().join("trust.json")).unwrap();
    let mut command = Command::new(verifier());
    command.env_clear().current_dir(empty.path()).args(["task.evidence", "--trust", "trust.json"]).args(flags);
    Answer::of(&mut command)
}

/// What a verification says of a step.
pub(crate) fn step<'r>(report: &'r Value, name: &str, outcome: &str) -> Option<&'r Value> {
    report["steps"].as_array().unwrap().iter().find(|step| step["step"] == name && step["outcome"] == outcome)
}

pub(crate) fn export(installation: &Installation, task: &str, name: &str, flags: &[&str]) -> Vec<u8> {
    let out = installation.path(name);
    let arguments = ["audit", "export", "--task", task, "--out", out.to_str().unwrap()];
    installation.ann(&[&arguments[..], flags].concat()).exits(0);
    assert_eq!(std::fs::metadata(&out).unwrap().permissions().mode() & 0o7777, 0o600);
    std::fs::read(&out).unwrap()
}

/// A task that was approved and ran.
pub(crate) fn approved(installation: &Installation, entry: &str) -> String {
    let task = id(&installation.submit(Class::Keyed, entry, TIMES));
    installation.approve(&installation.approval_of(&task));
    assert_eq!(installation.rest(&task)["status"], "COMPLETED");
    task
}

#[test]
fn a_task_is_proven_to_a_stranger() {
    let installation = Installation::new();
    let _daemon = installation.start();
    let trust = installation.root.join("trust.json");
    let task = approved(&installation, "paid");
    let bundle = export(&installation, &task, "with-token", &["--with-live-token"]);
    let verified = verify(&bundle, &trust, &[]).exits(0);
    assert!(verified.stdout.ends_with("verified\n"), "{verified:#?}");
    let report = verify(&bundle, &trust, &["--json"]).exits(0).json();
    assert_eq!(report["verified"], true, "{report:#}");
    for name in ["form", "schema", "trust", "checkpoint", "inclusion", "openings", "submission", "story", "calls", "token"] {
        assert!(step(&report, name, "ok").is_some(), "{name}: {report:#}");
    }
    for name in ["decisions", "policies", "approvals", "outcome"] {
        assert!(step(&report, name, "ok").is_some(), "{name}: {report:#}");
        assert!(step(&report, name, "not_checked").is_none(), "{name}: {report:#}");
    }
    // A file is never overwritten, and the trust file of another installation proves nothing.
    let out = installation.path("with-token");
    std::fs::write(&out, b"mine").unwrap();
    let arguments = ["audit", "export", "--task", &task, "--out", out.to_str().unwrap()];
    assert_eq!(installation.ann(&arguments).exits(7).error().code, "CLI_EVIDENCE");
    assert_eq!(std::fs::read(&out).unwrap(), b"mine");
    let other = Installation::new();
    let refused = verify(&bundle, &other.root.join("trust.json"), &["--json"]).exits(1).json();
    assert_eq!(step(&refused, "checkpoint", "refused").unwrap()["reason"], "signer", "{refused:#}");

    // Nothing, and a bundle cut anywhere, is refused; what is no file is no verdict.
    for cut in [0, 1, bundle.len() / 2, bundle.len() - 1] {
        verify(&bundle[..cut], &trust, &[]).exits(1);
    }
    let mut command = Command::new(verifier());
    command.args(["/nonexistent", "--trust"]).arg(&trust);
    Answer::of(&mut command).exits(2);
    installation.verify_audit();
}

/// An installation with a tool of unknown effect that gets a secret.
fn with_a_board() -> Installation {
    Installation::with(|desired| {
        let text = json!({ "type": "string" });
        desired.add_tool(
            "notice.post",
            json!({
                "id": "notice.post", "description": "Posts a notice.", "argv": ["/bin/cat"], "tier": 2, "effect": "opaque",
                "input": { "type": "object", "required": ["text"], "properties": { "text": text } },
                "secrets": [{ "name": "secret://acme/board-pin", "env": "BOARD_PIN" }],
            }),
        );
    })
}

/// The daemon died when the tool had its secret; what became of the call nobody knows, and how many secrets went out with it the log says.
#[test]
fn a_use_of_a_secret_that_is_left_out_of_a_call_in_doubt_is_noticed() {
    let installation = with_a_board();
    let daemon = installation.start();
    installation.secret(ANN, &["put", "board-pin"], b"4711-never-in-evidence").exits(0);
    assert!(daemon.stop().0.success());
    let mut daemon = installation.start_mortal("effect.reply.before", 1);
    assert!(daemon.is_ready());
    let task = installation.run("notice.post", &json!({ "text": "Closed" }));
    installation.approve(&installation.approval_of(&task));
    until("the daemon dies", Duration::from_secs(60), || daemon.ended());
    daemon.kill();
    let _daemon = installation.start();
    let call = until("the call is in doubt", Duration::from_secs(60), || {
        installation.task(&task)["calls"].as_array()?.iter().find(|call| call["phase"] == "in_doubt").cloned()
    });
    let effect = call["name"].as_str().unwrap();
    installation.ann(&["task", "settle", &task, effect, "--landed", "--reason", "seen"]).exits(0);
    assert_eq!(installation.rest(&task)["status"], "COMPLETED");
    let (trust, bundle) = (installation.root.join("trust.json"), export(&installation, &task, "doubt", &[]));
    let report = verify(&bundle, &trust, &["--json"]).exits(0).json();
    assert_eq!(step(&report, "secrets", "ok").unwrap()["said"], "1 uses: secret://acme/board-pin version 1", "{report:#}");
    assert!(step(&report, "secrets", "not_checked").is_none(), "{report:#}");
    let mut value: Value = serde_json::from_slice(&bundle).unwrap();
    value["log"]["records"].as_array_mut().unwrap().retain(|entry| entry["record"]["kind"] != "secret");
    let refused = verify(&scalbotics_core::json::canonical(&value).unwrap(), &trust, &["--json"]).exits(1).json();
    assert_eq!(step(&refused, "secrets", "refused").unwrap()["reason"], "secret", "{refused:#}");
}

/// The bundle of the verifier's own tests: with nothing in it that is of this machine.
#[test]
fn the_bundle_of_the_verifiers_tests_is_like_this() {
    let installation = with_a_board();
    let _daemon = installation.start();
    let trust = installation.root.join("trust.json");
    installation.secret(ANN, &["put", "board-pin"], b"4711-never-in-evidence").exits(0);
    let task = installation.run("notice.post", &json!({ "text": "Closed on Monday \u{2014} \"really\"\n\u{1F600}\u{1}" }));
    installation.approve(&installation.approval_of(&task));
    assert_eq!(installation.rest(&task)["status"], "COMPLETED");
    let bundle = export(&installation, &task, "notice", &["--with-live-token"]);
    let report = verify(&bundle, &trust, &["--json"]).exits(0).json();
    let said = |name: &str| step(&report, name, "ok").unwrap_or_else(|| panic!("{name}: {report:#}"))["said"].clone();
    assert_eq!(said("secrets"), "1 uses: secret://acme/board-pin version 1");
    assert_eq!(said("tools"), "1 definitions of tools hash to the digests that were called or submitted");
    assert_eq!(said("certificates"), "spiffe://acme.example/system/daemon/main, under a root of the trust file");
    assert!(!String::from_utf8_lossy(&bundle).contains("4711"), "a value is in no evidence");
    assert!(!String::from_utf8_lossy(&bundle).contains(installation.path(".").parent().unwrap().to_str().unwrap()));
    if std::env::var_os(UPDATE).is_some() {
        let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../verify/tests/data");
        std::fs::create_dir_all(&data).unwrap();
        std::fs::write(data.join("task.evidence"), &bundle).unwrap();
        std::fs::copy(&trust, data.join("trust.json")).unwrap();
    }
}

#[test]
fn what_is_withheld_is_said_to_be_and_no_live_token_goes_out_by_itself() {
    let installation = Installation::new();
    let _daemon = installation.start();
    let trust = installation.root.join("trust.json");
    let task = approved(&installation, "canary-entry");
    let whole = export(&installation, &task, "whole", &[]);
    assert!(String::from_utf8_lossy(&whole).contains("canary-entry"));
    let report = verify(&whole, &trust, &["--json"]).exits(0).json();
    assert!(step(&report, "token", "not_checked").is_some(), "it is not over: {report:#}");
    let bare = export(&installation, &task, "bare", &["--without", "payloads"]);
    assert!(!String::from_utf8_lossy(&bare).contains("canary-entry"));
    let report = verify(&bare, &trust, &["--json"]).exits(0).json();
    for name in ["calls", "token", "decisions", "approvals"] {
        assert!(step(&report, name, "not_checked").is_some(), "{name}: {report:#}");
    }
    // Bob, who may read the log, does not get Ann's token while it lets somebody in.
    let out = installation.path("bobs");
    let arguments = ["audit", "export", "--task", &task, "--with-live-token", "--out", out.to_str().unwrap()];
    installation.bob(&arguments).exits(0);
    let report = verify(&std::fs::read(&out).unwrap(), &trust, &["--json"]).exits(0).json();
    assert!(step(&report, "token", "not_checked").is_some() && step(&report, "token", "ok").is_none(), "{report:#}");
}

#[test]
fn an_open_task_says_so_and_a_killed_one_is_whole() {
    let installation = Installation::new();
    let daemon = installation.start();
    let trust = installation.root.join("trust.json");
    let task = id(&installation.submit(Class::Opaque, "open", TIMES));
    let approval = installation.approval_of(&task);
    let bundle = export(&installation, &task, "open", &[]);
    let refused = verify(&bundle, &trust, &["--json"]).exits(1).json();
    assert_eq!(step(&refused, "outcome", "refused").unwrap()["reason"], "open", "{refused:#}");
    let report = verify(&bundle, &trust, &["--json", "--open"]).exits(0).json();
    assert!(step(&report, "outcome", "not_checked").is_some(), "{report:#}");
    daemon.kill();
    let _daemon = installation.start();
    installation.bob(&["approval", "deny", &approval, "--reason", "no"]).exits(0);
    assert_eq!(installation.rest(&task)["status"], "FAILED");
    let bundle = export(&installation, &task, "denied", &[]);
    let report = verify(&bundle, &trust, &["--json"]).exits(0).json();
    assert_eq!(step(&report, "outcome", "ok").unwrap()["said"], "APPROVAL_DENIED", "{report:#}");
}
