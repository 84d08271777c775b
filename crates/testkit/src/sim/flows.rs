//! Random tools of every class and tier, and random workflows over them.

use std::collections::BTreeMap;
use std::sync::Arc;

use scalbotics_core::tenant::Name;
use scalbotics_core::tool::Definition;
use scalbotics_core::workflow::Workflow;
use serde_json::{Value, json};

use super::chance::Chance;

/// Workflows of a run.
const WORKFLOWS: u64 = 5;

/// Most steps of a workflow.
const STEPS_MAX: u64 = 6;

/// Class and tier of each tool; `fields` have a result with a schema, the others a text.
const TOOLS: &[(&str, &str, u8)] = &[
    ("look", "pure", 0),
    ("fields", "pure", 1),
    ("put", "keyed", 1),
    ("order", "keyed", 2),
    ("move", "verifiable", 1),
    ("deploy", "verifiable", 2),
    ("mail", "opaque", 1),
    ("pay", "opaque", 2),
];

/// The tools, with random times.
pub(super) fn tools(chance: &Chance) -> BTreeMap<Name, Arc<Definition>> {
    let span = |from: u64, to: u64| format!("{}ms", chance.between(from, to));
    let all = TOOLS.iter().map(|(id, effect, tier)| {
        let mut manifest = json!({
            "id": id, "description": "A tool.", "argv": ["/bin/true", "{{args.to}}"], "tier": tier, "effect": effect,
            "input": {"type": "object", "required": ["to"], "properties": {"to": {"type": "string"}}},
            "idempotency_key": {"env": "KEY"}, "verify": ["/bin/true"],
            "key_ttl": span(5_000, 120_000), "settle_after": span(0, if chance.in_thousand(500) { 5_000 } else { 30_000 }), "timeout": span(1_000, if chance.in_thousand(500) { 5_000 } else { 30_000 }),
        });
        if let (true, Some(fields)) = (*id == "fields", manifest.as_object_mut()) {
            let output = json!({"type": "object", "required": ["word"], "properties": {"word": {"type": "string"}}});
            fields.insert("output".to_owned(), output);
        }
        let tool = Definition::from_manifest(serde_json::from_value(manifest).unwrap()).unwrap();
        (tool.id.clone(), Arc::new(tool))
    });
    all.collect()
}

/// Random workflows.
pub(super) fn workflows(chance: &Chance, tools: &BTreeMap<Name, Arc<Definition>>) -> BTreeMap<Name, Arc<Workflow>> {
    let all = (0..WORKFLOWS).map(|number| {
        let count = chance.between(1, STEPS_MAX);
        let mut steps: Vec<Value> = Vec::new();
        let mut earlier: Vec<String> = vec!["${input.to}".to_owned()];
        for place in 0..count {
            let (tool, _, _) = chance.pick(TOOLS).unwrap();
            steps.push(step(chance, place, tool, &mut earlier));
        }
        let file = json!({
            "id": format!("flow-{number}"), "description": "A way.",
            "input": {"type": "object", "required": ["to"], "properties": {"to": {"type": "string"}}},
            "steps": steps, "output": {"count": count},
        });
        let workflow = Workflow::parse(&serde_json::from_value(file).unwrap(), tools).unwrap();
        (workflow.id.clone(), Arc::new(workflow))
    });
    all.collect()
}

fn step(chance: &Chance, place: u64, tool: &str, earlier: &mut Vec<String>) -> Value {
    let id = format!("s{place}");
    let to = chance.pick(earlier).cloned().unwrap();
    match chance.below(10) {
        0 => json!({
            "id": id, "tool": tool, "args": {"to": "${item}"}, "for_each": ["a", to, "c"], "as": "item", "limit": 3,
        }),
        1 => json!({"id": id, "tool": tool, "args": {"to": to}, "if": {"equals": ["${input.to}", "world"]}}),
        _ => {
            let field = if tool == "fields" { "word" } else { "text" };
            earlier.push(format!("${{steps.{id}.output.{field}}}"));
            json!({"id": id, "tool": tool, "args": {"to": to}})
        }
    }
}
