use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::desired::builtins;
use crate::tenant::Name;
use crate::tool::{Definition, Manifest};

type Tools = std::collections::BTreeMap<Name, Arc<Definition>>;

fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

/// The built-in tools, and some own ones with every type in their schemas.
fn tools() -> Tools {
    let mut tools = builtins();
    for (id, input, output) in [
        (
            "scan",
            json!({"type": "object", "required": ["path"], "properties": {"path": {"type": "string", "maxLength": 20}, "deep": {"type": "boolean"}}}),
            Some(json!({"type": "object", "required": ["hits", "risk", "clean"], "properties": {
                "hits": {"type": "array", "items": {"type": "string"}},
                "risk": {"type": "integer"},
                "clean": {"type": "boolean"},
                "note": {"type": "string"},
                "share": {"type": "number"},
            }})),
        ),
        (
            "publish",
            json!({"type": "object", "required": ["channel", "text"], "properties": {
                "channel": {"type": "string", "enum": ["ops", "dev"]}, "text": {"type": "string"}, "count": {"type": "integer", "minimum": 0},
                "lines": {"type": "array", "items": {"type": "string"}, "maxItems": 3},
            }}),
            None,
        ),
        ("ping", json!({"type": "object"}), None),
    ] {
        let manifest: Manifest = serde_json::from_value(json!({
            "id": id, "description": "x", "argv": ["/bin/true"], "input": input, "output": output, "tier": 0, "effect": "pure",
        }))
        .unwrap();
        tools.insert(name(id), Arc::new(Definition::from_manifest(manifest).unwrap()));
    }
    tools
}

fn file(steps: &Value, output: Value) -> File {
    let input = json!({"type": "object", "required": ["path", "paths", "max"], "properties": {
        "path": {"type": "string"}, "paths": {"type": "array", "items": {"type": "string"}}, "max": {"type": "integer"},
        "label": {"type": "string"}, "where": {"type": "string", "enum": ["ops", "dev"]},
    }});
    serde_json::from_value(json!({
        "id": "w", "description": "x", "match": {"goal": "scan *"}, "input": input, "steps": steps, "output": output,
    }))
    .unwrap()
}

fn parse(steps: &Value) -> Result<Workflow, Error> {
    Workflow::parse(&file(steps, json!({})), &tools())
}

fn input() -> Value {
    json!({"path": "a", "paths": ["a", "b", "c"], "max": 2})
}

/// Runs to the end with results that `answer` gives; returns the calls and the output.
fn run(
    workflow: &Workflow,
    input: &Value,
    answer: impl Fn(&str, &Value) -> Value,
) -> (Vec<(String, Value)>, Result<Value, EvalError>) {
    let (mut results, mut calls) = (Results::new(), Vec::new());
    loop {
        match workflow.next(input, &results) {
            Ok(Next::Call { step, args, .. }) => {
                assert!(calls.len() < 2_000, "endless");
                let result = answer(&step, &args);
                calls.push((step.clone(), args));
                assert!(results.insert(step, result).is_none(), "a step was called twice");
            }
            Ok(Next::Ask { step, .. }) => panic!("{step} asks a model"),
            Ok(Next::Done { output }) => return (calls, Ok(output)),
            Err(error) => return (calls, Err(error)),
        }
    }
}

fn scanned(hits: &[&str], risk: i64) -> Value {
    json!({"hits": hits, "risk": risk, "clean": hits.is_empty()})
}

#[test]
fn steps_run_in_order_and_references_keep_their_types() {
    let steps = json!([
        {"id": "scan", "tool": "scan", "args": {"path": "repo/${input.path}", "deep": true}},
        {"id": "tell", "tool": "publish", "args": {
            "channel": "ops", "text": "$${risk} is ${steps.scan.output.risk}, clean ${steps.scan.output.clean}: ${steps.scan.output.note ?? \"}\"}",
            "count": "${steps.scan.output.risk}", "lines": "${steps.scan.output.hits}",
        }},
    ]);
    let workflow = Workflow::parse(
        &file(&steps, json!({"said": "${steps.tell.output.text}", "n": ["${steps.scan.output.risk}"]})),
        &tools(),
    )
    .unwrap();
    let (calls, output) =
        run(&workflow, &input(), |step, _| if step == "scan" { scanned(&["x", "y"], 7) } else { json!({"text": "ok"}) });
    assert_eq!(calls[0], ("scan".to_owned(), json!({"path": "repo/a", "deep": true})));
    assert_eq!(calls[1].1, json!({"channel": "ops", "text": "${risk} is 7, clean false: }", "count": 7, "lines": ["x", "y"]}));
    assert_eq!(output.unwrap(), json!({"said": "ok", "n": [7]}));
    assert_eq!(workflow.calls_max(), 2);
    assert_eq!(workflow.tools().len(), 2);
}

#[test]
fn conditions_choose_and_for_each_walks() {
    let steps = json!([
        {"id": "scan", "tool": "scan", "for_each": "${input.paths}", "as": "path", "limit": 3, "args": {"path": "${path}"}},
        {"id": "tell", "tool": "publish", "for_each": "${steps.scan.outputs}", "as": "found", "limit": 3,
            "if": {"all": [{"greater": ["${found.risk}", "${input.max}"]}, {"not": {"is_empty": "${found.hits}"}}]},
            "args": {"channel": "${input.where ?? \"dev\"}", "text": "risk ${found.risk}"}},
        {"id": "ping", "tool": "ping", "if": {"is_empty": "${steps.tell.outputs}"}},
    ]);
    let output = json!({"first": "${steps.scan.outputs.0.risk ?? -1}", "told": "${steps.tell.outputs}", "pinged": "${steps.ping.output.text ?? \"no\"}"});
    let workflow = Workflow::parse(&file(&steps, output), &tools()).unwrap();
    let risk = |step: &str| match step {
        "scan[0]" => scanned(&[], 9),
        "scan[1]" => scanned(&["x"], 5),
        _ => scanned(&["x"], 2),
    };
    let answer = |step: &str, _: &Value| if step.starts_with("scan") { risk(step) } else { json!({"text": step}) };
    let (calls, output) = run(&workflow, &input(), answer);
    let keys: Vec<&str> = calls.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(keys, ["scan[0]", "scan[1]", "scan[2]", "tell[1]"]);
    assert_eq!(calls[3].1, json!({"channel": "dev", "text": "risk 5"}));
    assert_eq!(output.unwrap(), json!({"first": 9, "told": [{"text": "tell[1]"}], "pinged": "no"}));

    let (calls, output) = run(&workflow, &json!({"path": "", "paths": [], "max": 0}), answer);
    assert_eq!(calls.iter().map(|(key, _)| key.as_str()).collect::<Vec<_>>(), ["ping"]);
    assert_eq!(output.unwrap(), json!({"first": -1, "told": [], "pinged": "ping"}));
}

#[test]
fn ten_items_keep_their_order() {
    let steps =
        json!([{"id": "scan", "tool": "scan", "for_each": "${input.paths}", "as": "p", "limit": 20, "args": {"path": "${p}"}}]);
    let workflow = Workflow::parse(&file(&steps, json!("${steps.scan.outputs}")), &tools()).unwrap();
    let paths: Vec<String> = (0..15).map(|n| n.to_string()).collect();
    let (_, output) =
        run(&workflow, &json!({"path": "", "paths": paths, "max": 0}), |_, args| scanned(&[args["path"].as_str().unwrap()], 0));
    let hits: Vec<Value> = output.unwrap().as_array().unwrap().iter().map(|found| found["hits"][0].clone()).collect();
    assert_eq!(hits, paths.into_iter().map(Value::from).collect::<Vec<_>>());
}

#[test]
fn a_thousand_items_all_run() {
    let step = step("scan", json!({"for_each": "${input.paths}", "as": "p", "limit": ITEMS_MAX, "args": {"path": "${p}"}}));
    let workflow = Workflow::parse(&file(&json!([step]), json!("${steps.scan.outputs}")), &tools()).unwrap();
    let paths: Vec<String> = (0..ITEMS_MAX).map(|n| n.to_string()).collect();
    let (calls, output) = run(&workflow, &json!({"path": "", "paths": paths, "max": 0}), |_, _| scanned(&[], 0));
    assert_eq!((calls.len(), output.unwrap().as_array().unwrap().len()), (1_000, 1_000));
    assert_eq!(workflow.calls_max(), u64::from(ITEMS_MAX));
}

#[test]
fn matching_needs_goal_and_input() {
    let workflow = parse(&json!([{"id": "ping", "tool": "ping"}])).unwrap();
    for (goal, input, expected) in [
        ("Scan the repo", input(), true),
        ("scan", input(), false),
        ("scan it", json!({}), false),
        ("scan it", json!({"path": 1, "paths": [], "max": 0}), false),
    ] {
        assert_eq!(workflow.matches(goal, &input), expected, "{goal} {input}");
    }
    assert!(matches!(workflow.next(&json!({}), &Results::new()), Err(EvalError::Input(_))));
}

/// Each row: steps, the place of the refusal, a part of its text.
#[track_caller]
fn refused(rows: &[(Value, &str, &str)]) {
    for (steps, at, fault) in rows {
        let error = parse(steps).unwrap_err();
        assert!(error.at == *at && error.fault.to_string().contains(fault), "{steps}\n{} {}", error.at, error.fault);
        assert!(!error.fault.next_step().is_empty());
    }
}

/// One step that calls `tool`, named after it.
fn step(tool: &str, extra: Value) -> Value {
    let mut step = json!({"id": tool, "tool": tool});
    step.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    step
}

fn scan(args: Value) -> Value {
    step("scan", json!({ "args": args }))
}

fn tell(text: &str) -> Value {
    step("publish", json!({"args": {"channel": "ops", "text": text}}))
}

fn ping(extra: Value) -> Value {
    json!([step("ping", extra)])
}

#[test]
fn bad_steps() {
    let good = scan(json!({"path": "a"}));
    refused(&[
        (json!([]), "steps", "0 steps"),
        (Value::Array(vec![good.clone(); STEPS_MAX + 1]), "steps", "101 steps"),
        (json!([good, good]), "steps.1.id", "stands twice"),
        (json!([{"id": "Scan", "tool": "scan"}]), "steps.0.id", "reserved"),
        (json!([{"id": "input", "tool": "ping"}]), "steps.0.id", "reserved"),
        (json!([{"id": "a", "tool": "fs.delete"}]), "steps.a.tool", "does not exist"),
        (ping(json!({"for_each": "${input.paths}"})), "steps.ping.for_each", "go together"),
        (ping(json!({"as": "x"})), "steps.ping.for_each", "go together"),
        (ping(json!({"for_each": "${input.paths}", "as": "x", "limit": 0})), "steps.ping.for_each", "1 to 1000"),
        (ping(json!({"for_each": "${input.paths}", "as": "x", "limit": 1001})), "steps.ping.for_each", "1 to 1000"),
        (ping(json!({"for_each": "${input.paths}", "as": "steps", "limit": 1})), "steps.ping.as", "reserved"),
        (ping(json!({"for_each": "${input.path}", "as": "x", "limit": 1})), "steps.ping.for_each", "a list is wanted"),
        (ping(json!({"for_each": "${steps.ping.outputs}", "as": "x", "limit": 1})), "steps.ping.for_each", "cycle"),
        (ping(json!({"for_each": ["a", 1], "as": "x", "limit": 1})), "steps.ping.for_each", "differ"),
    ]);
}

#[test]
fn bad_arguments() {
    let deep = (0..=TEMPLATE_DEPTH_MAX).fold(json!("x"), |inner, _| json!([inner]));
    let deep_at = format!("steps.ping.args.a{}", ".0".repeat(TEMPLATE_DEPTH_MAX));
    let publish = |args: Value| json!([step("publish", json!({ "args": args }))]);
    refused(&[
        (ping(json!({"args": {"a": deep}})), deep_at.as_str(), "deeper"),
        (json!([scan(json!({}))]), "steps.scan.args", "`path` is missing"),
        (json!([scan(json!({"path": 1}))]), "steps.scan.args.path", "type string"),
        (json!([scan(json!({"path": "a", "x": 1}))]), "steps.scan.args", "there is no `x`"),
        (json!([scan(json!("${input}"))]), "steps.scan.args", "an object with deep, path is wanted"),
        (json!([scan(json!({"path": "${input.max}"}))]), "steps.scan.args.path", "gives an integer, but a text is wanted"),
        (json!([scan(json!({"path": "a", "deep": "${input.path}x"}))]), "steps.scan.args.deep", "references in it"),
        (publish(json!({"channel": "${input.path}", "text": ""})), "steps.publish.args.channel", "one of dev, ops is wanted"),
        (publish(json!({"channel": "x", "text": ""})), "steps.publish.args.channel", "enum"),
        (publish(json!({"channel": "ops", "text": "", "lines": ["a", 1]})), "steps.publish.args.lines.1", "type string"),
        (
            publish(json!({"channel": "ops", "text": "", "lines": ["a", "b", "c", "d"]})),
            "steps.publish.args.lines",
            "out of range",
        ),
    ]);
}

#[test]
fn bad_references() {
    let good = scan(json!({"path": "a"}));
    let perhaps = step("scan", json!({"args": {"path": "a"}, "if": {"equals": ["${input.max}", 1]}}));
    let at = "steps.publish.args.text";
    refused(&[
        (json!([tell("${input.label}")]), at, "no default"),
        (json!([tell("${input.label ?? 1}")]), at, "default"),
        (json!([tell("${input.label ?? oops}")]), at, "not JSON"),
        (json!([tell("${input.nope}")]), at, "there is no `nope`, only"),
        (json!([tell("x ${input.paths}")]), at, "no place inside a text"),
        (json!([tell("${input.paths.0}")]), at, "no default"),
        (json!([tell("${input.path")]), at, "closing brace"),
        (json!([tell("${}")]), at, "starts with none"),
        (json!([tell("${env.HOME}")]), at, "not the name of an item"),
        (json!([tell("${steps.scan}")]), at, ".output"),
        (json!([tell("${steps.scan.output.risk}"), good]), at, "cycle"),
        (json!([tell("${steps.publish.output.text}")]), at, "cycle"),
        (json!([tell("${steps.gone.output.text}")]), at, "no step `gone`"),
        (json!([good, tell("${steps.scan.outputs}")]), at, "has .output"),
        (json!([good, tell("${steps.scan.output.share ?? 1} x")]), at, "no place inside a text"),
        (json!([good, tell("${steps.scan.output.note}")]), at, "no default"),
        (json!([perhaps, tell("${steps.scan.output.risk}")]), at, "no default"),
    ]);
}

#[test]
fn bad_conditions() {
    let given = |condition: Value| ping(json!({ "if": condition }));
    refused(&[
        (given(json!({"equals": [1, 1]})), "steps.ping.if", "refers to nothing"),
        (given(json!({"all": []})), "steps.ping.if", "refers to nothing"),
        (given(json!({"equals": ["${input.max}", "1"]})), "steps.ping.if.equals", "cannot be compared"),
        (given(json!({"greater": ["${input.path}", "a"]})), "steps.ping.if.greater", "cannot be compared"),
        (given(json!({"contains": ["${input.paths}", 1]})), "steps.ping.if.contains", "cannot be compared"),
        (given(json!({"equals": ["${input.paths}", "${input.paths}"]})), "steps.ping.if.equals", "cannot be compared"),
        (given(json!({"less": ["${input.max}", null]})), "steps.ping.if.less.1", "null"),
        (given(json!({"not": {"any": [{"is_empty": "${input.max}"}]}})), "steps.ping.if.not.any.0.is_empty", "list or a text"),
        (given(json!({"equals": ["${steps.ping.output.text}", "x"]})), "steps.ping.if.equals.0", "cycle"),
    ]);
}

#[test]
fn bad_files_are_refused() {
    let good = file(&json!([{"id": "ping", "tool": "ping"}]), json!({}));
    let refused = |change: &dyn Fn(&mut File)| {
        let mut file = good.clone();
        change(&mut file);
        Workflow::parse(&file, &tools()).unwrap_err()
    };
    assert_eq!(refused(&|file| file.input = json!({"type": "string"})).at, "input");
    assert_eq!(refused(&|file| file.input = json!({"type": "object", "properties": {"x": {"type": "number"}}})).at, "input");
    assert_eq!(refused(&|file| file.output = Some(json!({"a": ["${steps.x.output}"]}))).at, "output.a.0");
    assert_eq!(refused(&|file| file.output = Some(json!(9_007_199_254_740_993_i64))).fault, Fault::Number);
    assert!(matches!(refused(&|file| file.description = "x".repeat(FILE_LEN_MAX)).fault, Fault::FileLen { .. }));
    assert!(matches!(refused(&|file| file.matches = Some(Match { goal: " ".to_owned() })).fault, Fault::Goal { .. }));
    for unknown in [
        json!({"id": "w", "description": "", "input": {}, "steps": [], "loop": 1}),
        json!({"id": "W", "description": "", "input": {}, "steps": []}),
    ] {
        assert!(serde_json::from_value::<File>(unknown).is_err());
    }
}

#[test]
fn digest_follows_the_file() {
    let one = parse(&json!([{"id": "ping", "tool": "ping"}])).unwrap();
    let two = parse(&json!([{"id": "pong", "tool": "ping"}])).unwrap();
    assert_ne!(one.digest, two.digest);
    assert_eq!(one.digest, parse(&json!([{"id": "ping", "tool": "ping"}])).unwrap().digest);
}

#[test]
fn what_the_input_alone_shows_is_known_before_the_run() {
    let each = |over: &str| json!({"for_each": over, "as": "p", "limit": 2});
    let with = |mut step: Value, more: Value| {
        step.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        step
    };
    let first = scan(json!({"path": "${input.path}"}));
    let walk = with(tell("${p}"), each("${input.paths}"));
    let later = with(json!({"id": "c", "tool": "ping", "args": {}}), each("${steps.scan.output.hits}"));
    let maybe = json!({"id": "d", "tool": "ping", "args": {}, "if": {"greater": ["${input.max}", 3]}});
    let workflow = parse(&json!([first, walk, later, maybe])).unwrap();
    let given = |paths: &[&str], path: &str| json!({"path": path, "paths": paths, "max": 9});
    // One, two items of the input; items of results and conditions are not known.
    assert_eq!(workflow.calls_min(&given(&["x", "y"], "p")).unwrap(), 3);
    assert_eq!(workflow.calls_min(&given(&[], "p")).unwrap(), 1);
    let long = workflow.calls_min(&given(&["x", "y", "z"], "p")).unwrap_err();
    assert!(matches!(long, EvalError::Items { count: 3, limit: 2, .. }), "{long:?}");
    let refused = workflow.calls_min(&given(&[], &"p".repeat(21))).unwrap_err();
    assert!(matches!(refused, EvalError::Arguments { ref step, .. } if step == "scan"), "{refused:?}");
    assert!(matches!(workflow.calls_min(&json!({})), Err(EvalError::Input(_))));
}

#[test]
fn what_may_go_beside_a_step_needs_the_input_alone() {
    let read = |id: &str, path: &str| json!({"id": id, "tool": "fs.read", "args": {"path": path}});
    let with = |mut step: Value, key: &str, value: Value| {
        step[key] = value;
        step
    };
    let beside = |second: Value, third: Value| -> Vec<String> {
        let workflow = parse(&json!([read("one", "repo/a"), second, third])).unwrap();
        let calls = workflow.beside("one", &input(), |tool| tool.as_str() == "fs.read");
        calls.into_iter().map(|next| if let Next::Call { step, .. } = next { step } else { String::new() }).collect()
    };
    assert_eq!(beside(read("two", "repo/b"), read("three", "repo/c")), ["two", "three"]);
    let waits = [
        read("two", "repo/${steps.one.output.content}"),
        with(read("two", "repo/b"), "if", json!({"greater": ["${input.max}", 1]})),
        json!({"id": "two", "tool": "fs.list", "args": {"path": "repo"}}),
    ];
    for second in waits {
        assert!(beside(second.clone(), read("three", "repo/c")).is_empty(), "{second}");
        assert_eq!(beside(read("three", "repo/c"), second.clone()), ["three"], "{second}");
    }
    let workflow = parse(&json!([read("one", "repo/a"), read("two", "repo/b")])).unwrap();
    assert!(workflow.beside("two", &input(), |_| true).is_empty());
    assert!(workflow.beside("none", &input(), |_| true).is_empty());
}

#[test]
fn limits_at_run_time() {
    let steps =
        json!([{"id": "scan", "tool": "scan", "for_each": "${input.paths}", "as": "p", "limit": 2, "args": {"path": "${p}"}}]);
    let (calls, output) = run(&parse(&steps).unwrap(), &input(), |_, _| scanned(&[], 0));
    assert!(calls.is_empty());
    assert_eq!(output, Err(EvalError::Items { step: "scan".to_owned(), count: 3, limit: 2 }));

    let long = json!({"path": "x".repeat(21), "paths": [], "max": 0});
    let (_, output) = run(
        &parse(&json!([{"id": "scan", "tool": "scan", "args": {"path": "${input.path}"}}])).unwrap(),
        &long,
        |_, _| json!({}),
    );
    assert!(matches!(output, Err(EvalError::Arguments { .. })));

    let text = "${input.path}".repeat(4_000);
    let bomb = json!([{"id": "tell", "tool": "publish", "args": {"channel": "ops", "text": text}}]);
    let big = json!({"path": "x".repeat(1 << 20), "paths": [], "max": 0});
    let (_, output) = run(&parse(&bomb).unwrap(), &big, |_, _| json!({}));
    assert!(matches!(output, Err(EvalError::TooLarge { .. })));
}

#[test]
fn results_are_read_as_promised() {
    let steps = json!([{"id": "scan", "tool": "scan", "for_each": "${input.paths}", "as": "p", "limit": 3, "args": {"path": "${p}"}}, {"id": "ping", "tool": "ping"}]);
    let workflow = parse(&steps).unwrap();
    assert_eq!(workflow.read_output("ping", b"h\xff").unwrap(), json!({"text": "h\u{fffd}"}));
    assert_eq!(workflow.read_output("scan[1]", br#"{"hits":[],"risk":1,"clean":true}"#).unwrap()["risk"], 1);
    for bad in
        [&b"{}"[..], b"text", br#"{"hits":[],"risk":1,"clean":true,"more":1}"#, br#"{"hits":[],"risk":1,"risk":1,"clean":true}"#]
    {
        assert!(matches!(workflow.read_output("scan[1]", bad), Err(EvalError::Output { .. })));
    }
    assert!(matches!(workflow.read_output("gone", b""), Err(EvalError::UnknownStep { .. })));
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[a-z]{0,3}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("hits|risk|clean|text|note", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn property_workflow() -> Workflow {
    let steps = json!([
        {"id": "scan", "tool": "scan", "for_each": "${input.paths}", "as": "p", "limit": 5, "args": {"path": "${p}"}},
        {"id": "one", "tool": "scan", "if": {"contains": ["${input.paths}", "a"]}, "args": {"path": "${steps.scan.outputs.0.note ?? \"n\"}"}},
        {"id": "tell", "tool": "publish", "for_each": "${steps.scan.outputs}", "as": "f", "limit": 5,
            "if": {"any": [{"less": ["${f.risk}", 3]}, {"not_equals": ["${f.clean}", "${steps.one.output.clean ?? true}"]}]},
            "args": {"channel": "ops", "text": "${f.risk} ${f.note ?? \"\"}", "lines": "${f.hits}"}},
    ]);
    Workflow::parse(&file(&steps, json!({"all": "${steps.tell.outputs}"})), &tools()).unwrap()
}

proptest! {
    #[test]
    fn random_results_never_panic_and_calls_are_bounded(
        answers in prop::collection::vec(any_value(), 1..8),
        stray in prop::collection::btree_map("(scan|one|tell|x)(\\[[0-9]{0,2}\\]?)?", any_value(), 0..6),
        paths in prop::collection::vec("[a-c]", 0..7),
    ) {
        let workflow = property_workflow();
        let input = json!({"path": "a", "paths": paths, "max": 1});
        let mut results: Results = stray;
        let mut calls = 0_u64;
        loop {
            let next = workflow.next(&input, &results);
            prop_assert_eq!(&next, &workflow.next(&input, &results));
            match next {
                Ok(Next::Call { step, tool, args }) => {
                    prop_assert!(tools()[&tool].input.check(&args).is_ok());
                    calls += 1;
                    prop_assert!(calls <= workflow.calls_max());
                    let answer = answers[usize::try_from(calls).unwrap() % answers.len()].clone();
                    prop_assert!(results.insert(step, answer).is_none());
                }
                Ok(Next::Ask { .. } | Next::Done { .. }) | Err(_) => break,
            }
        }
    }

    #[test]
    fn random_templates_never_panic(text in "[\\${}.?\" a-z0-9\\\\]{0,40}", start in "|\\$\\{input\\.|\\$\\{steps\\.scan\\.") {
        let steps = json!([{"id": "scan", "tool": "scan", "args": {"path": "a"}}, {"id": "tell", "tool": "publish", "args": {"channel": "ops", "text": format!("{start}{text}")}}]);
        if let Ok(workflow) = parse(&steps) {
            let (_, output) = run(&workflow, &input(), |step, _| if step == "scan" { scanned(&[], 1) } else { json!({"text": ""}) });
            prop_assert!(output.is_ok());
        }
    }
}
