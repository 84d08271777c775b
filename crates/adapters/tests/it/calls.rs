//! The port: calls with real warrants, and the outcome of each.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use scalbotics_adapters::tool::{LocalRunner, Workspaces};
use scalbotics_core::desired::{Mount, builtins};
use scalbotics_core::digest::Digest;
use scalbotics_core::ids::{AgentUid, DecisionId, EffectId, HumanUid, TaskId};
use scalbotics_core::json::canonical;
use scalbotics_core::policy::{Answer, Authorization, Commit, Request, Resource, Verdict, Warrant, authorize, seal_warrants};
use scalbotics_core::ports::{Clock, Stop, ToolRunner};
use scalbotics_core::principal::{Chain, Principal, Uid};
use scalbotics_core::tenant::{Name, TenantId};
use scalbotics_core::time::Timestamp;
use scalbotics_core::tool::{Call, Definition, NotDone, Outcome, Verification};
use serde_json::{Value, json};

use crate::fixture::{Fixture, Test, runtime, text};

pub(crate) const TESTS: &[Test] = &[
    ("file_tools_answer_through_the_port", file_tools),
    ("a_void_warrant_runs_nothing", void_warrants),
    ("an_own_tool_gets_its_call_and_nothing_else", own_tool),
    ("own_tools_end_in_the_right_outcome", own_outcomes),
    ("mounts_are_given_as_far_as_both_sides_allow", own_mounts),
    ("verify_answers_by_exit_code", verify),
    ("stopping_kills_by_effect_class", stopping),
    ("a_running_attempt_is_proven_dead", proven_dead),
];

/// The moment of every test; deadlines are a minute later.
const NOW: Timestamp = Timestamp::from_unix_ms(1_000_000);

#[derive(Debug)]
struct Fixed;

impl Clock for Fixed {
    fn now(&self) -> Timestamp {
        NOW
    }
}

#[derive(Debug)]
struct Agents(Option<Vec<Mount>>);

impl Workspaces for Agents {
    fn mounts(&self, _: &Call) -> Option<Vec<Mount>> {
        self.0.clone()
    }
}

/// Stops after a time.
struct After(Duration);

#[async_trait]
impl Stop for After {
    async fn stopped(&self) {
        tokio::time::sleep(self.0).await;
    }
}

const NEVER: After = After(Duration::from_secs(3600));

struct World {
    f: Fixture,
    runner: LocalRunner,
}

impl World {
    fn new() -> Self {
        let f = Fixture::new();
        let mount = |name: &str, write| {
            std::fs::create_dir(f.path(name)).unwrap();
            std::fs::write(f.path(name).join("file"), "text\n").unwrap();
            Mount { name: Name::parse(name).unwrap(), path: f.path(name).to_str().unwrap().to_owned(), write }
        };
        let mounts = vec![mount("src", false), mount("out", true)];
        let runner = f.runner(Agents(Some(mounts)));
        Self { f, runner }
    }

    fn run(&self, tool: &Definition, args: Value) -> Outcome {
        runtime().block_on(self.runner.run(tool, warrant(call(tool, &args)), &NEVER))
    }
}

impl Fixture {
    fn runner(&self, agents: Agents) -> LocalRunner {
        let sandbox =
            scalbotics_adapters::tool::process::Sandbox::open("/proc/self/exe".into(), &self.dir.path().join("run")).unwrap();
        LocalRunner::new(sandbox, Arc::new(agents), Arc::new(Fixed))
    }
}

fn builtin(id: &str) -> Arc<Definition> {
    builtins()[&Name::parse(id).unwrap()].clone()
}

/// An own tool: a shell script with what the test adds.
fn own(effect: &str, script: &str, more: Value) -> Definition {
    let mut manifest = json!({
        "id": "own", "description": "A test.", "argv": ["/bin/sh", "-c", script, "own"], "tier": 1, "effect": effect,
        "input": { "type": "object", "properties": { "text": { "type": "string", "maxLength": 100 } } },
        "timeout": "20s",
    });
    if effect == "keyed" {
        manifest["idempotency_key"] = json!({ "env": "KEY" });
    }
    if effect == "verifiable" {
        manifest["verify"] = json!(["/bin/true"]);
    }
    manifest.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    Definition::from_manifest(serde_json::from_value(manifest).unwrap()).unwrap()
}

fn call(tool: &Definition, args: &Value) -> Call {
    Call {
        task: TaskId::from_u128(1),
        effect: EffectId::from_u128(7),
        tenant: TenantId::parse("acme").unwrap(),
        agent: AgentUid::from_u128(2),
        agent_name: Name::parse("clerk").unwrap(),
        tool: tool.id.clone(),
        tool_digest: tool.digest,
        tier: tool.tier,
        class: tool.effect,
        args: canonical(args).unwrap().into(),
        inputs: Vec::new(),
        digest: Digest::of_bytes(b"call"),
    }
}

/// A warrant as the task log would make it, for a human who may do everything.
fn warrant(call: Call) -> Warrant<Call> {
    warrant_until(call, NOW.plus_ms(60_000))
}

fn warrant_until(call: Call, deadline: Timestamp) -> Warrant<Call> {
    let principal = Principal {
        uid: Uid::Human(HumanUid::from_u128(3)),
        tenant: call.tenant.clone(),
        name: Name::parse("alice").unwrap(),
        groups: Vec::new(),
    };
    let request = Request {
        principal: principal.clone(),
        action: "tool/own".into(),
        resource: Resource { kind: "Tool".into(), id: "own".into(), attributes: json!({}) },
        context: json!({}),
    };
    let answer = Answer {
        engine: "test".into(),
        bundle: Digest::of_bytes(b""),
        slice: Digest::of_bytes(b""),
        verdict: Verdict::Allow,
        deciding: Vec::new(),
        errors: Vec::new(),
    };
    let asked = Authorization {
        id: DecisionId::from_u128(4),
        at: NOW,
        chain: &Chain { principals: vec![principal], grants: Vec::new() },
        tool: None,
        requests: vec![request],
        answers: vec![vec![answer]],
    };
    let (_, permit) = authorize(call, asked);
    seal_warrants(permit.unwrap(), 1, deadline, Commit { writer_epoch: 1, revocation_epoch: 1, audit_leaf: 1 })
}

#[track_caller]
fn landed(outcome: Outcome) -> String {
    let Outcome::Landed { output, truncated: false } = outcome else { panic!("{outcome:?}: {}", reason(&outcome)) };
    String::from_utf8(output).unwrap()
}

fn reason(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Failed { reason } | Outcome::Unknown { reason } => reason.clone(),
        Outcome::NeverLeft { reason } => reason.to_string(),
        Outcome::Landed { .. } => String::new(),
    }
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
        assert!(w.runner.prove_dead(&call, 1).await);
        let prove = async {
            while !w.f.path("out/runs").try_exists().unwrap() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            w.runner.prove_dead(&call, 1).await
        };
        let (outcome, proven) = tokio::join!(w.runner.run(&tool, warrant(call.clone()), &NEVER), prove);
        assert!(proven);
        assert!(matches!(outcome, Outcome::Unknown { .. }), "{outcome:?}");
    });
    assert!(w.f.is_clean());
}
