//! What is answered, and what is answered with an error.

use scalbotics_core::policy::{Answer, Request, Resource, Verdict};
use scalbotics_core::ports::PolicyEngine;
use scalbotics_core::principal::Uid;
use serde_json::{Value, json};

use super::super::Engine;
use super::super::schema::RPC_ACTIONS;
use crate::policy::fixture::{agent, call, file, human, name, principal, resource, rpc, tainted, tools};

fn engine(text: &str) -> Engine {
    Engine::compile(&[file("policies/a.cedar", text)], &tools()).unwrap()
}

fn permissive() -> Engine {
    engine("permit (principal, action, resource);")
}

#[test]
fn s3_3_rules_read_the_arguments_by_their_types() {
    let allow =
        |condition: &str| format!("permit (principal, action == Action::\"tool/shapes\", resource) when {{ {condition} }};");
    let rows = [
        ("context.args has text && context.args.text == \"a\"", json!({"text": "a"}), true),
        ("context.args has text && context.args.text == \"a\"", json!({"text": "\"a\""}), false),
        ("context.args has text && context.args.text like \"src/*\"", json!({"text": "src/\u{0}\n\"*"}), true),
        ("context.args has flag && context.args.flag", json!({"flag": true}), true),
        ("context.args has flag && context.args.flag", json!({}), false),
        ("context.args has count && context.args.count <= 100", json!({"count": 100}), true),
        ("context.args has count && context.args.count <= 100", json!({"count": 101}), false),
        ("context.args has count && context.args.count < 0", json!({"count": -9_007_199_254_740_991_i64}), true),
        ("context.args has tags && context.args.tags.contains(\"x\")", json!({"tags": ["y", "x", "x"]}), true),
        ("context.args has tags && context.args.tags.isEmpty()", json!({"tags": []}), true),
        ("context.args has tags && [\"x\", \"y\"].containsAll(context.args.tags)", json!({"tags": ["x", "z"]}), false),
        ("context.args has rows && !context.args.rows.isEmpty()", json!({"rows": [{"n": 1, "s": "a"}]}), true),
        (
            "context.args has inner && context.args.inner.deep has \"a-b\" && context.args.inner.deep[\"a-b\"]",
            json!({"inner": {"deep": {"a-b": true}}}),
            true,
        ),
        ("context.args has \"__extn\" && context.args[\"__extn\"] == \"x\"", json!({"__extn": "x"}), true),
        (
            "context.args has \"__entity\" && context.args[\"__entity\"] has id",
            json!({"__entity": {"type": "Human", "id": "x"}}),
            true,
        ),
        ("context.task.workflow == \"refund\" && context.task.team == \"ops\"", json!({}), true),
        ("context.task.agent == principal.name", json!({}), true),
        ("resource.tier == 1 && resource.name == \"shapes\" && resource.effect == \"opaque\"", json!({}), true),
    ];
    for (condition, args, allowed) in rows {
        let answer = engine(&allow(condition)).answer(&call(agent(1, "clerk", &[]), "shapes", args));
        assert!(answer.errors.is_empty(), "{condition}: {:?}", answer.errors);
        assert_eq!(answer.verdict == Verdict::Allow, allowed, "{condition}");
    }
}

#[test]
fn what_was_answered_before_is_answered_again_to_that_request_only() {
    let text = "permit (principal in Group::\"ops\", action in [Action::\"task.read\", Action::\"tool/shapes\"], resource)
        unless { resource has status && resource.status == \"FAILED\" };";
    let task = |id: &str, status: &str| resource("Task", id, json!({ "status": status }));
    let with = |context: Value| Request { context, ..rpc(human(1, &["ops"]), "task.read", task("t0", "WORKING")) };
    let mut requests = vec![
        rpc(human(1, &["ops"]), "task.read", task("t0", "WORKING")),
        rpc(human(1, &[]), "task.read", task("t0", "WORKING")),
        rpc(human(2, &["ops"]), "task.read", task("t0", "WORKING")),
        rpc(human(1, &["ops"]), "task.read", task("t0", "FAILED")),
        rpc(human(1, &["ops"]), "task.cancel", task("t0", "WORKING")),
        with(json!({ "more": 1 })),
        with(json!([])),
        call(human(1, &["ops"]), "shapes", json!({ "count": 1 })),
        call(human(1, &["ops"]), "shapes", json!({ "count": "one" })),
    ];
    // What an engine says that was asked nothing else.
    let mut wanted: Vec<Answer> = requests.iter().map(|request| engine(text).answer(request)).collect();
    let other = rpc(human(1, &["ops"]), "task.read", task("t1", "WORKING"));
    wanted.push(engine(text).answer(&other));
    requests.push(other);
    let asked = engine(text);
    for round in 0..3 {
        for (request, wanted) in requests.iter().zip(&wanted) {
            assert_eq!(asked.answer(request), *wanted, "{request:?}");
        }
        // So many that they push the others out.
        for n in 0..100 {
            let passing = rpc(human(1, &["ops"]), "task.read", task(&format!("x{round}.{n}"), "WORKING"));
            assert_eq!(asked.answer(&passing).verdict, Verdict::Allow);
        }
    }
    let allowed = wanted.iter().filter(|answer| answer.verdict == Verdict::Allow).count();
    assert_eq!((allowed, wanted.len()), (4, 10));
}

/// The answer that was kept for one call is not given to another that policies see another way, or that none may see.
#[test]
fn a_kept_answer_is_for_what_policies_read() {
    let texts = [
        "permit (principal, action in Action::\"tool.call\", resource) unless { context.taint.contains(\"web\") };",
        "permit (principal, action in Action::\"tool.call\", resource) when { context.task.workflow == \"refund\" };",
        "permit (principal, action == Action::\"tool/shapes\", resource) when { context.args has count };",
        "permit (principal, action, resource);",
    ];
    let clerk = || agent(1, "clerk", &[]);
    let mut requests = vec![
        call(clerk(), "shapes", json!({})),
        call(clerk(), "shapes", json!({ "count": 1 })),
        call(clerk(), "shapes", json!({ "count": 1.0 })),
        call(clerk(), "shapes", json!({ "count": "one" })),
        call(clerk(), "shapes", json!({ "more": 1 })),
        call(clerk(), "http.fetch", json!({ "url": "https://example.com/" })),
        call(clerk(), "http.fetch", json!({ "url": "https://0x7f.1/" })),
    ];
    for taint in [&["file"][..], &["web"], &["file", "web"], &["agent"], &["model"], &["tool"]] {
        requests.push(tainted(clerk(), "shapes", json!({}), taint));
    }
    for (part, value) in [("taint", json!("web")), ("task", json!({})), ("more", json!(1)), ("args", json!([]))] {
        let mut request = call(clerk(), "shapes", json!({}));
        request.context[part] = value;
        requests.push(request);
    }
    let mut other = call(clerk(), "shapes", json!({}));
    other.context["task"]["workflow"] = json!("other");
    requests.push(other);
    for text in texts {
        let asked = engine(text);
        for request in requests.iter().chain(requests.iter().rev()) {
            assert_eq!(asked.answer(request), engine(text).answer(request), "{text}: {request:?}");
        }
    }
}

fn refused(engine: &Engine, request: &Request, part: &str) {
    let Answer { verdict, errors, deciding, .. } = engine.answer(request);
    assert_eq!(verdict, Verdict::Deny, "{part}");
    assert!(deciding.is_empty());
    assert!(errors.len() == 1 && errors[0].contains(part), "{part}: {errors:?}");
    assert!(errors[0].len() < 512, "an error repeats what it refuses");
}

#[test]
fn s3_3_an_argument_that_does_not_convert_exactly_denies() {
    let engine = permissive();
    let long = "x".repeat(1_000_000);
    let rows: [Value; 17] = [
        json!({}),
        json!(null),
        json!([]),
        json!("eur"),
        json!({"eur": "1"}),
        json!({"eur": 1.0}),
        json!({"eur": 1.5}),
        json!({"eur": true}),
        json!({"eur": null}),
        json!({"eur": 9_007_199_254_740_992_i64}),
        json!({"eur": u64::MAX}),
        json!({"eur": i64::MIN}),
        json!({"eur": 1e300}),
        json!({"eur": 1, "to": "mallory"}),
        json!({"eur": 1, "cc": "bob"}),
        json!({"eur": {"__extn": {"fn": "decimal", "arg": "1.0"}}}),
        json!({"eur": 1, long: 1}),
    ];
    for args in rows {
        refused(&engine, &call(agent(1, "clerk", &[]), "pay", args), "arguments do not fit");
    }
    let shapes =
        [json!({"tags": ["a", 1]}), json!({"rows": [{"s": "a"}]}), json!({"inner": {}}), json!({"__extn": {"fn": "ip"}})];
    for args in shapes {
        refused(&engine, &call(agent(1, "clerk", &[]), "shapes", args), "arguments do not fit");
    }
}

#[test]
fn a_context_of_another_shape_denies() {
    let engine = permissive();
    let task = json!({"agent": "clerk", "team": "ops", "workflow": "w"});
    let rows = [
        (json!({}), "not `args`, `task` and `taint`"),
        (json!([]), "not an object"),
        (json!({"args": {"eur": 1}, "task": task}), "not `args`, `task` and `taint`"),
        (json!({"args": {"eur": 1}, "task": task, "taint": [], "more": 1}), "not what the schema says"),
        (json!({"args": {"eur": 1}, "task": task, "taint": [], "url": {}}), "not what the schema says"),
        (json!({"args": {"eur": 1}, "task": task, "taint": "web"}), "not a list of texts"),
        (json!({"args": {"eur": 1}, "task": task, "taint": ["web", 1]}), "not a list of texts"),
        (json!({"args": {"eur": 1}, "task": {"agent": "clerk", "team": "ops"}, "taint": []}), "not the texts"),
        (json!({"args": {"eur": 1}, "task": {"agent": "clerk", "team": "ops", "workflow": 1}, "taint": []}), "not the texts"),
        (json!({"args": {"eur": 1}, "task": "clerk", "taint": []}), "not the texts"),
    ];
    for (context, part) in rows {
        let mut request = call(agent(1, "clerk", &[]), "pay", json!({"eur": 1}));
        request.context = context;
        refused(&engine, &request, part);
    }
    let good = call(agent(1, "clerk", &[]), "http.fetch", json!({"url": "https://example.com/"}));
    assert_eq!(engine.answer(&good).errors, Vec::<String>::new());
    let broken = call(agent(1, "clerk", &[]), "http.fetch", json!({"url": "https://0x7f.1/"}));
    refused(&engine, &broken, "not the parts of a target");
    for (part, value) in [("port", json!("443")), ("host", json!(1)), ("more", json!("x"))] {
        let mut request = good.clone();
        request.context["url"][part] = value;
        refused(&engine, &request, "not the parts of a target");
    }
    let mut request = rpc(human(1, &[]), "task.list", Resource::absent("Tenant", "acme"));
    request.context = json!({"args": {}});
    refused(&engine, &request, "not empty");
}

#[test]
fn s9_a_tool_is_bound_to_the_digest_that_was_validated() {
    let engine = permissive();
    let set = |name: &str, value: Value| {
        let mut request = call(agent(1, "clerk", &[]), "pay", json!({"eur": 1}));
        request.resource.attributes[name] = value;
        request
    };
    let mut named = call(agent(1, "clerk", &[]), "pay", json!({"eur": 1}));
    named.resource.id = "fs.read".to_owned();
    let mut kind = call(agent(1, "clerk", &[]), "pay", json!({"eur": 1}));
    kind.resource = resource("Agent", "pay", json!({}));
    let mut lacking = call(agent(1, "clerk", &[]), "pay", json!({"eur": 1}));
    lacking.resource.attributes.as_object_mut().unwrap().remove("digest");
    let mut swapped = call(agent(1, "clerk", &[]), "pay", json!({"eur": 1}));
    swapped.resource = Resource::tool(&tools()[&name("fs.read")]);
    let other = tools()[&name("fs.read")].digest.to_string();
    let rows = [
        (set("tier", 0.into()), "not the one"),
        (set("digest", other.into()), "not the one"),
        (set("effect", "pure".into()), "not the one"),
        (set("name", "fs.read".into()), "not the one"),
        (named, "not the one"),
        (kind, "not the one"),
        (swapped, "not the one"),
        (lacking, "`digest`"),
        (set("extra", 1.into()), "lacks for Tool"),
    ];
    for (request, part) in rows {
        refused(&engine, &request, part);
    }
}

#[test]
fn s9_unknown_actions_and_look_alikes_are_denied() {
    let engine = permissive();
    let long = "tool/".repeat(200_000);
    let ids = [
        "",
        "tool/",
        "tool/Pay",
        "tool/pay ",
        "tool/pаy",
        "tool/pay\0",
        "TOOL/pay",
        "task.any",
        "tool.call",
        "task.run",
        "\"};",
        &long,
    ];
    for action in ids {
        let mut request = call(agent(1, "clerk", &[]), "pay", json!({"eur": 1}));
        request.action = action.to_owned();
        refused(&engine, &request, "action is unknown");
    }
}

#[test]
fn hostile_ids_and_attributes_are_values() {
    let rule = "permit (principal, action == Action::\"task.read\", resource == Task::\"task_1\");";
    let engine = engine(rule);
    let long = "\"".repeat(1 << 20);
    let ids = ["", "task_1\"", "\"task_1", "\0", "task_1\0", "Task::\"task_1\"", "\u{202e}1_ksat", "🦀", "\\\"", &long];
    for id in ids {
        let answer = engine.answer(&rpc(human(1, &[]), "task.read", resource("Task", id, json!({"owner": id, "agent": id}))));
        assert_eq!(answer.verdict, Verdict::Deny);
        assert!(answer.errors.is_empty(), "{:?}", answer.errors);
    }
    assert_eq!(engine.answer(&rpc(human(1, &[]), "task.read", Resource::absent("Task", "task_1"))).verdict, Verdict::Allow);
}

#[test]
fn resources_of_another_shape_deny() {
    let engine = permissive();
    let with = |kind: &str, attributes: Value| Resource { kind: kind.to_owned(), id: "x".to_owned(), attributes };
    let rows = [
        (with("Task", json!({})), "`agent`"),
        (with("Task", json!(null)), "not an object"),
        (with("Task", json!({"agent": 1, "owner": "", "status": "", "submitter": ""})), "`agent`"),
        (with("Task", json!({"agent": "", "owner": "", "status": "", "submitter": "", "groups": []})), "lacks for Task"),
        (with("Task", json!({"agent": "", "owner": "", "status": "", "submitter": "", "tenant": 1})), "`tenant`"),
        (with("Approval", json!({})), "`agent`"),
        (with("Tenant", json!({"tenant": "acme"})), "no attributes"),
        (with("Human", json!({})), "type that the schema lacks"),
        (with("Group", json!({})), "type that the schema lacks"),
        (with("Action", json!({})), "type that the schema lacks"),
        (with("task", json!({})), "type that the schema lacks"),
        (with("Repository", json!({})), "takes other types"),
        (with("Agent", json!({"uid": "", "name": "", "groups": "ops"})), "`groups`"),
        (with("Agent", json!({"uid": "", "name": "", "groups": [1]})), "`groups`"),
        (with("Agent", json!({"uid": "", "name": "", "groups": ["admins"], "tenant": "other"})), "another tenant"),
    ];
    for (resource, part) in rows {
        refused(&engine, &rpc(human(1, &[]), "task.read", resource), part);
    }
    let daemon = principal(Uid::Daemon, "daemon", &[]);
    refused(&engine, &rpc(daemon, "task.read", Resource::absent("Task", "x")), "no principal of policy");
}

#[test]
fn every_rpc_action_can_be_asked_about_an_absent_object() {
    let engine = permissive();
    for (action, kind) in RPC_ACTIONS {
        let answer = engine.answer(&rpc(human(1, &[]), action, Resource::absent(kind, "acme")));
        assert_eq!((answer.verdict, answer.errors.as_slice()), (Verdict::Allow, &[][..]), "{action}");
    }
}

#[test]
fn nothing_is_permitted_without_a_rule() {
    let none = Engine::compile(&[], &tools()).unwrap();
    let answer = none.answer(&call(agent(1, "clerk", &[]), "fs.read", json!({"path": "a"})));
    assert_eq!(answer.verdict, Verdict::Deny);
    assert!(answer.deciding.is_empty() && answer.errors.is_empty());
}

#[test]
fn the_port_answers_as_the_engine_does() {
    let engine = permissive();
    let request = call(agent(1, "clerk", &["ops"]), "pay", json!({"eur": 1}));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    assert_eq!(runtime.block_on(engine.evaluate(&request)), engine.answer(&request));
}
