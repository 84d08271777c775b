//! `process.run`: an allowed program on the workspace that was hashed for the approver, or nothing.

use std::sync::Arc;

use scalbotics_core::desired::builtins;
use scalbotics_core::ports::ToolRunner;
use scalbotics_core::tenant::Name;
use scalbotics_core::tool::{Call, Definition, NotDone, Outcome, ResolvedInput};
use serde_json::{Value, json};

use crate::fixture::{Test, runtime};
use crate::port::{NEVER, World, call, reason, warrant};

pub(crate) const TESTS: &[Test] = &[
    ("sem_2_3_process_run_binds_the_program_and_the_workspace", binds),
    ("process_run_answers_what_the_program_said", answers),
    ("process_run_confines_to_the_mounts_and_without_network", confined),
    ("process_run_starts_only_what_the_agent_may", only_allowed),
];

fn tool() -> Arc<Definition> {
    Arc::clone(&builtins()[&Name::parse("process.run").unwrap()])
}

impl World {
    fn resolve_run(&self, args: &Value) -> Result<Vec<ResolvedInput>, NotDone> {
        runtime().block_on(self.runner.resolve(&tool(), &call(&tool(), args)))
    }

    fn asked_run(&self, args: &Value) -> Call {
        Call { inputs: self.resolve_run(args).unwrap(), ..call(&tool(), args) }
    }

    fn run_program(&self, call: Call) -> Outcome {
        runtime().block_on(self.runner.run(&tool(), warrant(call), &NEVER))
    }

    #[track_caller]
    fn said_by(&self, args: &Value) -> Value {
        let outcome = self.run_program(self.asked_run(args));
        let Outcome::Landed { output, .. } = &outcome else { panic!("{outcome:?}: {}", reason(&outcome)) };
        let value = serde_json::from_slice(output).unwrap();
        tool().output.as_ref().unwrap().check(&value).unwrap();
        value
    }
}

fn sh(script: &str) -> Value {
    json!({ "program": "/bin/sh", "args": ["-c", script, "sh"] })
}

fn binds() {
    let w = World::new();
    let args = sh("echo ran >>$SCALBOTICS_MOUNT_OUT/ran");
    let call = w.asked_run(&args);
    let names: Vec<&str> = call.inputs.iter().map(|input| input.name.as_str()).collect();
    assert_eq!(names, ["program /bin/sh", "workspace src", "workspace out"]);
    let changed = |call: Call, input: &str| {
        let outcome = w.run_program(call);
        assert_eq!(outcome, Outcome::NeverLeft { reason: NotDone::Changed { input: input.to_owned() } });
    };
    std::fs::write(w.f.path("src/file"), "other\n").unwrap();
    changed(call.clone(), "workspace src");
    std::fs::write(w.f.path("src/file"), "text\n").unwrap();
    std::fs::write(w.f.path("out/new"), "").unwrap();
    changed(call.clone(), "workspace out");
    std::fs::remove_file(w.f.path("out/new")).unwrap();
    let mut other = call.clone();
    other.inputs[0].digest = other.inputs[1].digest;
    changed(other, "program /bin/sh");
    let mut fewer = call.clone();
    fewer.inputs.clear();
    assert!(matches!(w.run_program(fewer), Outcome::NeverLeft { reason: NotDone::Changed { .. } }));
    assert!(!w.f.path("out/ran").try_exists().unwrap(), "nothing ran so far");
    assert!(matches!(w.run_program(call.clone()), Outcome::Landed { .. }));
    assert_eq!(std::fs::read_to_string(w.f.path("out/ran")).unwrap(), "ran\n");
    // What it wrote itself makes the workspace another one for the next call.
    assert_ne!(w.resolve_run(&args).unwrap(), call.inputs);
}

fn answers() {
    let w = World::new();
    let ran = w.said_by(&sh("echo out; echo err >&2; exit 3"));
    assert_eq!(
        (&ran["exit_code"], &ran["stdout"]["content"], &ran["stderr"]["content"]),
        (&json!(3), &json!("out\n"), &json!("err\n"))
    );
    let ran = w.said_by(&json!({ "program": "/bin/cat", "stdin": "given" }));
    assert_eq!(ran["stdout"], json!({ "encoding": "utf8", "content": "given", "bytes": 5, "truncated": false }));
    let ran = w.said_by(&json!({ "program": "/bin/cat", "args": ["file"], "directory": "src" }));
    assert_eq!(ran["stdout"]["content"], "text\n");
    let ran = w.said_by(&sh("printf '\\377'"));
    assert_eq!((&ran["stdout"]["encoding"], &ran["stdout"]["content"]), (&json!("base64"), &json!("/w==")));
    let ran = w.said_by(&sh("head -c 2000000 /dev/zero"));
    assert_eq!((&ran["stdout"]["truncated"], &ran["stdout"]["bytes"]), (&json!(true), &json!(2_000_000)));
    let outcome = w.run_program(w.asked_run(&sh("kill -9 $$")));
    assert!(matches!(outcome, Outcome::Unknown { .. }) && reason(&outcome).contains("signal 9"), "{}", reason(&outcome));
}

fn confined() {
    let w = World::new();
    let secret = w.f.path("secret");
    std::fs::write(&secret, "hidden").unwrap();
    let ran = w
        .said_by(&sh(&format!("cat {}; echo x >$SCALBOTICS_MOUNT_SRC/new; echo x >$SCALBOTICS_MOUNT_OUT/new", secret.display())));
    assert_eq!((&ran["stdout"]["content"], &ran["exit_code"]), (&json!(""), &json!(0)), "{ran}");
    assert!(!w.f.path("src/new").try_exists().unwrap() && w.f.path("out/new").try_exists().unwrap());
    let ran = w.said_by(&sh("cat /proc/net/dev | grep -c :; env"));
    let said = ran["stdout"]["content"].as_str().unwrap();
    assert!(said.starts_with("1\n") || said.starts_with("0\n"), "more than a loopback that is down: {said}");
    assert!(!said.contains("TOKEN"), "{said}");
}

fn only_allowed() {
    let w = World::new();
    for args in [
        json!({ "program": "/bin/ls" }),
        json!({ "program": "sh" }),
        json!({ "program": "/bin/../bin/sh" }),
        json!({ "program": "/bin/sh ", "args": [] }),
        json!({ "program": "/bin/sh", "args": ["a\0b"] }),
    ] {
        assert!(matches!(w.resolve_run(&args), Err(NotDone::Arguments { .. })), "{args}");
        assert!(
            matches!(w.run_program(call(&tool(), &args)), Outcome::NeverLeft { reason: NotDone::Arguments { .. } }),
            "{args}"
        );
    }
    for directory in ["none", "src/..", "src/../out", "/etc", "src//x", "", "src/a\0b"] {
        let args = json!({ "program": "/bin/cat", "directory": directory });
        let outcome = w.run_program(w.asked_run(&args));
        assert!(matches!(outcome, Outcome::NeverLeft { reason: NotDone::Arguments { .. } }), "{directory:?}: {outcome:?}");
    }
    let outcome = w.run_program(w.asked_run(&json!({ "program": "/bin/cat", "directory": "src/none" })));
    assert!(matches!(outcome, Outcome::NeverLeft { reason: NotDone::Unavailable { .. } }), "{outcome:?}");
}
