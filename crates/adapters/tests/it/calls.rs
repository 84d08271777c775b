//! The port: calls with real warrants, and the outcome of each.

use std::sync::Arc;
use std::time::{Duration, Instant};

use scalbotics_core::desired::builtins;
use scalbotics_core::digest::Digest;
use scalbotics_core::ids::EffectId;
use scalbotics_core::ports::ToolRunner;
use scalbotics_core::tenant::Name;
use scalbotics_core::tool::{Definition, NotDone, Outcome, Verification};
use serde_json::{Value, json};

use crate::fixture::{Test, runtime, text};
use crate::port::{After, Agents, NEVER, NOW, TOKEN, World, call, landed, own, reason, warrant, warrant_until};

pub(crate) const TESTS: &[Test] = &[
    ("file_tools_answer_through_the_port", file_tools),
    ("a_void_warrant_runs_nothing", void_warrants),
    ("an_own_tool_gets_its_call_and_nothing_else", own_tool),
    ("own_tools_end_in_the_right_outcome", own_outcomes),
    ("a_secret_is_given_to_the_tool_that_names_it_and_masked_in_what_it_says", own_secrets),
    ("mounts_are_given_as_far_as_both_sides_allow", own_mounts),
    ("verify_answers_by_exit_code", verify),
    ("stopping_kills_by_effect_class", stopping),
    ("a_running_attempt_is_proven_dead", proven_dead),
];

fn builtin(id: &str) -> Arc<Definition> {
    builtins()[&Name::parse(id).unwrap()].clone()
}

fn file_tools() {
    let w = World::new();
    let read = landed(w.run(&builtin("fs.read"), json!({ "path": "src/file" })));
    assert_eq!(read, r#"{"content":"text\n","encoding":"utf8","length":5,"offset":0,"path":"src/file","size":5}"#);
    let listed = landed(w.run(&builtin("fs.list"), json!({})));
    assert_eq!(listed, r#"{"entries":[{"kind":"directory","name":"out"},{"kind":"directory","name":"src"}],"path":"."}"#);
    let found = landed(w.run(&builtin("fs.search"), json!({ "pattern": "text" })));
    assert!(found.contains(r#""path":"src/file""#), "{found}");

    let (write, args) = (builtin("fs.write"), json!({ "path": "out/new", "content": "x" }));
    let ask = || runtime().block_on(w.runner.verify(&write, &call(&write, &args))).0;
    assert_eq!(ask(), Verification::NotLanded);
    landed(w.run(&write, args.clone()));
    assert_eq!(ask(), Verification::Landed);
    assert_eq!(text(&w.f.path("out/new")), "x");

    let failed = |args: Value| assert!(matches!(w.run(&write, args.clone()), Outcome::Failed { .. }), "{args}");
    failed(json!({ "path": "src/file", "content": "x" }));
    failed(json!({ "path": "none/file", "content": "x" }));
    failed(json!({ "path": "out/.git/config", "content": "x" }));
    for args in [json!({ "path": "../file", "content": "x" }), json!({ "path": "out/x", "content": "x", "more": 1 })] {
        let outcome = w.run(&write, args);
        assert!(matches!(outcome, Outcome::NeverLeft { reason: NotDone::Arguments { .. } }), "{outcome:?}");
    }
}

fn void_warrants() {
    let w = World::new();
    let tool = own("opaque", "echo ran >$SCALBOTICS_MOUNT_OUT/ran", json!({ "workspace": "write" }));
    let run = |warrant| runtime().block_on(w.runner.run(&tool, warrant, &NEVER));
    let void = |outcome: Outcome| assert!(matches!(outcome, Outcome::NeverLeft { reason: NotDone::Void { .. } }), "{outcome:?}");
    void(run(warrant_until(call(&tool, &json!({})), NOW)));
    let mut other = call(&tool, &json!({}));
    other.tool_digest = Digest::of_bytes(b"another");
    void(run(warrant(other)));
    let gone = w.f.runner(Agents(None));
    let outcome = runtime().block_on(gone.run(&tool, warrant(call(&tool, &json!({}))), &NEVER));
    assert!(matches!(outcome, Outcome::NeverLeft { reason: NotDone::Unavailable { .. } }), "{outcome:?}");
    assert!(!w.f.path("out/ran").try_exists().unwrap());
}

fn own_tool() {
    let w = World::new();
    let script = r#"cat; printf '|%s' "$KEY" "$MODE" "$@""#;
    let argv = json!(["/bin/sh", "-c", script, "own", "--text={{args.text}}", "{{idempotency_key}}"]);
    let tool = own("keyed", "", json!({ "argv": argv, "env": { "MODE": "test" } }));
    let key = EffectId::from_u128(7).to_string();
    let said = landed(w.run(&tool, json!({ "text": "-x; $(y)" })));
    assert_eq!(said, format!("{{\"text\":\"-x; $(y)\"}}|{key}|test|--text=-x; $(y)|{key}"));

    let argv = json!(["/bin/echo", "{{args.text}}"]);
    let refused = w.run(&own("pure", "", json!({ "argv": argv })), json!({ "text": "-n" }));
    assert!(matches!(refused, Outcome::NeverLeft { reason: NotDone::Arguments { .. } }), "{refused:?}");
}

fn own_outcomes() {
    let w = World::new();
    let any = json!({ "output": { "type": "object", "properties": {} } });
    assert_eq!(landed(w.run(&own("opaque", "echo '{}'", any.clone()), json!({}))), "{}\n");
    let failed = w.run(&own("opaque", "echo sorry >&2; exit 3", json!({})), json!({}));
    assert_eq!(reason(&failed), "the tool exited with 3; it said: sorry");
    assert!(matches!(failed, Outcome::Failed { .. }));
    let cut = w.run(&own("pure", "printf 123456", json!({ "limits": { "output_bytes": 3 } })), json!({}));
    assert_eq!(cut, Outcome::Landed { output: b"123".to_vec(), truncated: true });
    let missing = w.run(&own("opaque", "", json!({ "argv": ["/no/such"] })), json!({}));
    assert!(matches!(missing, Outcome::NeverLeft { reason: NotDone::Unavailable { .. } }), "{missing:?}");

    let endless = json!({ "limits": { "output_bytes": 1000 } });
    let json_cut = json!({ "limits": { "output_bytes": 2 }, "output": { "type": "object", "properties": {} } });
    let ended = [
        ("kill -9 $$", json!({}), "signal 9"),
        ("while :; do sleep 1; done", json!({ "timeout": "200ms" }), "time limit"),
        ("while :; do echo pouring; done", endless, "without end"),
        ("echo no JSON", any.clone(), "not the JSON"),
        ("echo '{\"a\":1}'", any, "not the JSON"),
        ("echo '{}'", json_cut, "longer than allowed"),
    ];
    for (script, more, why) in ended {
        for (effect, pure) in [("pure", true), ("keyed", false), ("verifiable", false), ("opaque", false)] {
            let outcome = w.run(&own(effect, script, more.clone()), json!({}));
            let fits = if pure { matches!(outcome, Outcome::Failed { .. }) } else { matches!(outcome, Outcome::Unknown { .. }) };
            assert!(fits && reason(&outcome).contains(why), "{effect} {script}: {outcome:?} {}", reason(&outcome));
        }
    }
    assert!(w.f.is_clean());
}

fn own_secrets() {
    let w = World::new();
    let given = |name: &str| json!({ "secrets": [{ "name": format!("secret://{name}"), "env": "TOKEN" }] });
    let run = |effect: &str, script: &str, more: Value| w.run(&own(effect, script, more), json!({}));
    let long = "printf '%s %s' \"${#TOKEN}\" \"$TOKEN\"";
    assert_eq!(landed(run("pure", long, given("acme/token"))), format!("{} ***", TOKEN.len()));
    assert_eq!(landed(run("pure", long, json!({}))), "0 ", "a tool that names none gets none");
    let failed = reason(&run("pure", "printf '%s' \"$TOKEN\" >&2; exit 3", given("acme/token")));
    assert!(failed.contains("***") && !failed.contains("nightjar"), "{failed}");
    let cut = json!({ "secrets": given("acme/token")["secrets"], "limits": { "output_bytes": 12 } });
    let Outcome::Landed { output, truncated: true } = run("pure", "printf '%s' \"is $TOKEN\"", cut) else { panic!("not cut") };
    assert_eq!(output, b"is ***", "cut in the middle of it");
    for absent in ["acme/other", "other/token"] {
        let outcome = run("opaque", "true", given(absent));
        let Outcome::NeverLeft { reason: NotDone::Unavailable { reason } } = outcome else { panic!("{outcome:?}") };
        assert!(reason.contains("scalbotics secret put"), "{reason}");
    }
    let verifiable = own(
        "verifiable",
        "true",
        json!({
            "secrets": given("acme/token")["secrets"], "verify": ["/bin/sh", "-c", "test -z \"$TOKEN\""],
        }),
    );
    let asked = runtime().block_on(w.runner.verify(&verifiable, &call(&verifiable, &json!({})))).0;
    assert_eq!(asked, Verification::Landed, "verify never gets one");
}

fn own_mounts() {
    let w = World::new();
    let script = "for d in $SCALBOTICS_MOUNT_SRC $SCALBOTICS_MOUNT_OUT; do \
                  cat $d/file 2>/dev/null && echo x 2>/dev/null >$d/new && echo written; done; exit 0";
    let script = &format!("({script}) 2>/dev/null");
    let check = |access: &str, want: &str| {
        assert_eq!(landed(w.run(&own("opaque", script, json!({ "workspace": access })), json!({}))), want, "{access}");
    };
    check("none", "");
    check("read", "text\ntext\n");
    check("write", "text\ntext\nwritten\n");
    assert!(!w.f.path("src/new").try_exists().unwrap());
}

fn verify() {
    let w = World::new();
    let check = |script: &str, want: Verification, result: Option<&str>| {
        let tool = own("verifiable", "", json!({ "verify": ["/bin/sh", "-c", script, "v", "{{args.text}}"] }));
        let got = runtime().block_on(w.runner.verify(&tool, &call(&tool, &json!({ "text": "t" }))));
        assert_eq!(got, (want, result.map(|text| text.as_bytes().to_vec())), "{script}");
    };
    check("echo $1", Verification::Landed, Some("t\n"));
    check("exit 0", Verification::Landed, None);
    check("echo no; exit 1", Verification::NotLanded, None);
    check("exit 2", Verification::Unknown, None);
    check("kill -9 $$", Verification::Unknown, None);
    assert!(w.f.is_clean());
}

fn stopping() {
    let w = World::new();
    let stop = After(Duration::from_millis(100));
    let run = |effect: &str, script: &str| {
        let tool = own(effect, script, json!({}));
        let begun = Instant::now();
        let outcome = runtime().block_on(w.runner.run(&tool, warrant(call(&tool, &json!({}))), &stop));
        (outcome, begun.elapsed())
    };
    let (outcome, time) = run("keyed", "sleep 2; echo late");
    assert!(matches!(outcome, Outcome::Unknown { .. }) && time < Duration::from_secs(2), "{outcome:?} {time:?}");
    // What was sent may still answer.
    let (outcome, _) = run("opaque", "sleep 1; echo late");
    assert_eq!(landed(outcome), "late\n");
}

fn proven_dead() {
    let w = World::new();
    let tool = own("opaque", "echo x >$SCALBOTICS_MOUNT_OUT/runs; while :; do sleep 1; done", json!({ "workspace": "write" }));
    let call = call(&tool, &json!({}));
    runtime().block_on(async {
        assert!(w.runner.prove_dead(&tool, &call, 1).await);
        let prove = async {
            while !w.f.path("out/runs").try_exists().unwrap() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            w.runner.prove_dead(&tool, &call, 1).await
        };
        let (outcome, proven) = tokio::join!(w.runner.run(&tool, warrant(call.clone()), &NEVER), prove);
        assert!(proven);
        assert!(matches!(outcome, Outcome::Unknown { .. }), "{outcome:?}");
    });
    assert!(w.f.is_clean());
}
