//! What the tests of this module share: a tenant, its people, its tools.

use std::collections::BTreeMap;
use std::sync::Arc;

use scalbotics_core::desired::{PolicyFile, with_builtins};
use scalbotics_core::ids::{AgentUid, HumanUid, ServiceUid};
use scalbotics_core::policy::{Request, Resource, call_context, tool_action};
use scalbotics_core::principal::{Principal, Uid};
use scalbotics_core::tenant::{Name, TenantId};
use scalbotics_core::tool::{Definition, Manifest};
use serde_json::{Value, json};

pub(super) fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

pub(super) fn tool(id: &str, tier: u8, input: Value) -> Arc<Definition> {
    let manifest: Manifest = serde_json::from_value(json!({
        "id": id, "description": "A tool.", "argv": ["/bin/true"], "input": input, "tier": tier, "effect": "opaque",
    }))
    .unwrap();
    Arc::new(Definition::from_manifest(manifest).unwrap())
}

/// The built-in tools, `pay` of tier 2, `shapes` with an argument of every type, `network` that goes anywhere, and the
/// destination `api`.
pub(super) fn tools() -> BTreeMap<Name, Arc<Definition>> {
    let pay = tool(
        "pay",
        2,
        json!({
            "type": "object", "required": ["eur"],
            "properties": {"eur": {"type": "integer"}, "to": {"type": "string", "enum": ["alice", "bob"]}},
        }),
    );
    let shapes = tool(
        "shapes",
        1,
        json!({
            "type": "object",
            "properties": {
                "text": {"type": "string"}, "flag": {"type": "boolean"}, "count": {"type": "integer"},
                "tags": {"type": "array", "items": {"type": "string"}},
                "rows": {"type": "array", "items": {
                    "type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}, "s": {"type": "string"}},
                }},
                "inner": {"type": "object", "required": ["deep"], "properties": {"deep": {
                    "type": "object", "properties": {"a-b": {"type": "boolean"}},
                }}},
                "__entity": {"type": "object", "properties": {"type": {"type": "string"}, "id": {"type": "string"}}},
                "__extn": {"type": "string"},
            },
        }),
    );
    let network = Arc::new(
        Definition::from_manifest(
            serde_json::from_value(json!({
                "id": "network", "description": "A tool.", "argv": ["/bin/true"], "input": {"type": "object", "properties": {}},
                "tier": 1, "effect": "opaque", "network": true,
            }))
            .unwrap(),
        )
        .unwrap(),
    );
    let api = json!({"id": "api", "description": "A destination.", "host": "api.example.com", "methods": ["GET", "POST"]});
    let api = Arc::new(Definition::of_destination(serde_json::from_value(api).unwrap()).unwrap());
    with_builtins(&BTreeMap::from([
        (name("pay"), pay),
        (name("shapes"), shapes),
        (name("network"), network),
        (api.id.clone(), api),
    ]))
}

pub(super) fn principal(uid: Uid, called: &str, groups: &[&str]) -> Principal {
    let groups = groups.iter().map(|group| name(group)).collect();
    Principal { uid, tenant: TenantId::parse("acme").unwrap(), name: name(called), groups }
}

pub(super) fn human(number: u128, groups: &[&str]) -> Principal {
    principal(Uid::Human(HumanUid::from_u128(number)), "alice", groups)
}

pub(super) fn agent(number: u128, called: &str, groups: &[&str]) -> Principal {
    principal(Uid::Agent(AgentUid::from_u128(number)), called, groups)
}

pub(super) fn service(number: u128, groups: &[&str]) -> Principal {
    principal(Uid::Service(ServiceUid::from_u128(number)), "importer", groups)
}

/// A call of one of [`tools`].
pub(super) fn call(principal: Principal, id: &str, args: Value) -> Request {
    tainted(principal, id, args, &[])
}

/// The same in a task with these marks.
pub(super) fn tainted(principal: Principal, id: &str, args: Value, taint: &[&'static str]) -> Request {
    let id = name(id);
    let tool = &tools()[&id];
    let context = call_context(tool, args, ["clerk", "ops", "refund"], &taint.iter().copied().collect());
    Request { principal, action: tool_action(&id), resource: Resource::tool(tool), context }
}

pub(super) fn rpc(principal: Principal, action: &str, resource: Resource) -> Request {
    Request { principal, action: action.to_owned(), resource, context: json!({}) }
}

/// A resource with the attributes of its kind, the given ones set.
pub(super) fn resource(kind: &str, id: &str, set: Value) -> Resource {
    let mut resource = Resource::absent(kind, id);
    let Value::Object(set) = set else { panic!("attributes are an object") };
    resource.attributes.as_object_mut().unwrap().extend(set);
    resource
}

pub(super) fn file(path: &str, text: &str) -> PolicyFile {
    PolicyFile { path: path.to_owned(), text: text.to_owned() }
}
