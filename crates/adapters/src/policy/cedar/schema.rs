//! The policy schema: the fixed part, and one action for each tool (semantics §3.3).

use std::collections::BTreeMap;
use std::sync::Arc;

use cedar_policy::{Schema, SchemaFragment};
use scalbotics_core::desired::Finding;
use scalbotics_core::egress::Reach;
use scalbotics_core::policy::{SELF_APPROVAL, tool_action};
use scalbotics_core::tenant::Name;
use scalbotics_core::tool::Definition;
use scalbotics_core::tool::schema::{Kind, Object, Schema as Shape};
use serde_json::{Map, Value, json};

use super::compile::finding;

/// The fixed part, as `scalbotics.cedarschema` says it for people: a test here writes it (with `UPDATE_SNAPSHOTS=1`) and compares. Cedar's
/// own language has a parser of some 350 KB, which every start would run.
const FIXED: &str = include_str!("scalbotics.cedarschema.json");

/// How far rules may reach from the request: `principal.tenant` is one step, and what is there has no attributes.
pub(super) const LEVEL: u32 = 1;

/// The parts of `context.url` that are texts; its port is a number.
pub(super) const URL_TEXTS: [&str; 5] = ["host", "method", "path", "query", "scheme"];

/// The action group of all tools.
const TOOL_GROUP: &str = "tool.call";

/// Every action of an RPC with the entity type of its resource, in order of name.
///
/// The daemon's method table must name these and no others; a test here holds them equal to the schema.
pub const RPC_ACTIONS: [(&str, &str); 74] = [
    ("agent.join_token", "Agent"),
    ("agent.list", "Tenant"),
    ("agent.offboard", "Agent"),
    ("agent.read", "Agent"),
    ("agent.resume", "Agent"),
    ("agent.rotate_keys", "Agent"),
    ("agent.suspend", "Agent"),
    ("approval.decide", "Approval"),
    ("approval.list", "Tenant"),
    ("approval.read", "Approval"),
    ("audit.export", "AuditLog"),
    ("audit.head", "AuditLog"),
    ("audit.prove", "AuditLog"),
    ("audit.read", "AuditLog"),
    ("audit.tail", "AuditLog"),
    ("audit.verify", "AuditLog"),
    ("human.add", "Tenant"),
    ("human.bind", "Account"),
    ("human.enroll", "Account"),
    ("human.list", "Tenant"),
    ("human.offboard", "Account"),
    ("human.read", "Account"),
    ("human.resume", "Account"),
    ("human.suspend", "Account"),
    ("identity.activate", "Installation"),
    ("identity.authorities", "Installation"),
    ("identity.bundle", "Installation"),
    ("identity.prepare", "Installation"),
    ("identity.renew", "Session"),
    ("identity.revoke", "Installation"),
    ("identity.svids", "Tenant"),
    ("identity.taint", "Installation"),
    ("installation.status", "Installation"),
    ("model.list", "Tenant"),
    ("policy.check", "Tenant"),
    ("policy.explain", "Decision"),
    ("privacy.accept_clock", "Tenant"),
    ("privacy.erase_human", "Account"),
    ("privacy.erase_task", "Task"),
    ("privacy.hold", "Tenant"),
    ("privacy.lift", "Tenant"),
    ("privacy.list_holds", "Tenant"),
    ("privacy.retention", "Tenant"),
    ("repository.read", "Repository"),
    ("repository.reload", "Repository"),
    ("secret.list", "Tenant"),
    ("secret.put", "Tenant"),
    ("secret.remove", "Secret"),
    ("secret.rotate", "Secret"),
    ("service.add", "Tenant"),
    ("service.list", "Tenant"),
    ("service.offboard", "Account"),
    ("service.read", "Account"),
    ("service.renew", "Account"),
    ("service.resume", "Account"),
    ("service.suspend", "Account"),
    ("session.whoami", "Session"),
    ("task.cancel", "Task"),
    ("task.list", "Tenant"),
    ("task.read", "Task"),
    ("task.retry", "Task"),
    ("task.settle", "Task"),
    ("task.submit", "Agent"),
    ("task.watch", "Task"),
    ("team.list", "Tenant"),
    ("team.read", "Team"),
    ("tenant.add", "Installation"),
    ("tenant.list", "Installation"),
    ("tenant.read", "Installation"),
    ("tenant.resume", "Installation"),
    ("tenant.suspend", "Installation"),
    ("tool.list", "Tenant"),
    ("tool.read", "Tool"),
    ("worker.attend", "Session"),
];

/// Actions that the daemon asks about while it carries out an RPC, with the entity type of their resource.
pub const INNER_ACTIONS: [(&str, &str); 1] = [(SELF_APPROVAL, "Approval")];

/// Kind of an attribute that a resource of a request carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Attribute {
    /// A text.
    Text,
    /// A whole number.
    Long,
}

/// The attributes that [`scalbotics_core::policy::Resource::attributes`] must hold for an entity type, all of them and
/// no others; `None` for a type that the schema lacks.
///
/// Beside these, any type but `Tenant` may carry `tenant` (text; absent, the principal's) and `Agent` may carry
/// `groups` (list of texts: its team).
pub(super) fn attributes(kind: &str) -> Option<&'static [(&'static str, Attribute)]> {
    use Attribute::{Long, Text};
    match kind {
        "Team" => Some(&[("name", Text)]),
        "Account" | "Agent" | "Secret" => Some(&[("name", Text), ("uid", Text)]),
        "Tool" => Some(&[("digest", Text), ("effect", Text), ("egress", Text), ("name", Text), ("tier", Long)]),
        "Task" => Some(&[("agent", Text), ("owner", Text), ("status", Text), ("submitter", Text)]),
        "Approval" => Some(&[("agent", Text), ("requester", Text), ("tier", Long), ("tool", Text)]),
        "Decision" => Some(&[("owner", Text)]),
        "Tenant" | "AuditLog" | "Repository" | "Session" | "Installation" => Some(&[]),
        _ => None,
    }
}

/// Builds the schema for these tools.
pub(super) fn build(tools: &BTreeMap<Name, Arc<Definition>>) -> Result<Schema, Finding> {
    let broken = |what: &str, source: &dyn std::fmt::Display| {
        let (why, next) =
            ("policies are only in force when they were validated", "remove the tool that was added last and report this");
        finding(None, format!("{what} cannot be read: {source}"), why, next)
    };
    let fixed = serde_json::from_str(FIXED).map_err(|error| broken("fixed policy schema", &error))?;
    let fixed = SchemaFragment::from_json_value(fixed).map_err(|error| broken("fixed policy schema", &error))?;
    let tools = tool_fragment(tools);
    let tools = SchemaFragment::from_json_value(tools).map_err(|error| broken("policy schema of the tools", &error))?;
    Schema::from_schema_fragments([fixed, tools]).map_err(|error| broken("policy schema", &error))
}

fn tool_fragment(tools: &BTreeMap<Name, Arc<Definition>>) -> Value {
    let text = || json!({"type": "String"});
    let task = json!({
        "type": "Record",
        "attributes": {"agent": text(), "workflow": text(), "team": text()},
    });
    let actions: Map<String, Value> = tools
        .iter()
        .map(|(id, tool)| {
            let taint = json!({"type": "Set", "element": text()});
            let mut context = Map::from_iter([
                ("args".to_owned(), shape(&tool.input)),
                ("task".to_owned(), task.clone()),
                ("taint".to_owned(), taint),
            ]);
            if Reach::of(tool).is_some() {
                context.insert("url".to_owned(), url());
            }
            let context = json!({"type": "Record", "attributes": context});
            let action = json!({
                "memberOf": [{"id": TOOL_GROUP}],
                "appliesTo": {
                    "principalTypes": ["Human", "Service", "Agent"],
                    "resourceTypes": ["Tool"],
                    "context": context,
                },
            });
            (tool_action(id), action)
        })
        .collect();
    json!({"": {"entityTypes": {}, "actions": actions}})
}

/// The parts of a target.
fn url() -> Value {
    let texts = URL_TEXTS.iter().map(|part| ((*part).to_owned(), json!({"type": "String"})));
    let attributes: Map<String, Value> = texts.chain([("port".to_owned(), json!({"type": "Long"}))]).collect();
    json!({"type": "Record", "attributes": attributes})
}

/// The Cedar type of a schema. A list becomes a set: rules see which items are there, not their order or number.
fn shape(schema: &Shape) -> Value {
    match schema.kind() {
        Kind::Object(object) => record(object),
        Kind::Array(array) => json!({"type": "Set", "element": shape(&array.items)}),
        // Numbers that need not be whole are refused in arguments when the tool is read; a text keeps this total, and
        // no such value converts.
        Kind::Text(_) | Kind::Number => json!({"type": "String"}),
        Kind::Integer(_) => json!({"type": "Long"}),
        Kind::Boolean => json!({"type": "Boolean"}),
    }
}

fn record(object: &Object) -> Value {
    let attributes: Map<String, Value> = object
        .properties
        .iter()
        .map(|(name, schema)| {
            let mut attribute = shape(schema);
            if let Value::Object(map) = &mut attribute {
                map.insert("required".to_owned(), Value::Bool(object.required.contains(name)));
            }
            (name.clone(), attribute)
        })
        .collect();
    json!({"type": "Record", "attributes": attributes})
}
