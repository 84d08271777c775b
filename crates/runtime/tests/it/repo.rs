//! A repository in memory and a compiler of its commits.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use scalbotics_core::desired::{Agent, Finding, FindingKind, Snapshot, with_builtins};
use scalbotics_core::digest::Digest;
use scalbotics_core::model::{Model, Route};
use scalbotics_core::ports::{DesiredError, DesiredSource, PolicyEngine, RawFiles};
use scalbotics_core::task::Budget;
use scalbotics_core::tenant::{Name, TenantId};
use scalbotics_core::tool::{Definition, Tier};
use scalbotics_core::workflow::Workflow;
use scalbotics_runtime::reconcile::{Compiler, InForce};
use serde_json::{Value, json};

pub fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

/// Commits by id, and which is the newest.
#[derive(Debug, Default)]
pub struct Repo {
    commits: Mutex<BTreeMap<String, BTreeMap<String, Vec<u8>>>>,
    head: Mutex<Option<String>>,
}

impl Repo {
    pub fn commit(&self, id: &str, files: &[(&str, Value)]) {
        let files = files.iter().map(|(path, value)| ((*path).to_owned(), value.to_string().into_bytes())).collect();
        self.commits.lock().unwrap().insert(id.to_owned(), files);
        *self.head.lock().unwrap() = Some(id.to_owned());
    }

    pub fn forget(&self, id: &str) {
        self.commits.lock().unwrap().remove(id);
    }
}

fn unreadable() -> DesiredError {
    DesiredError::Unreadable { place: "memory".to_owned(), source: "there is no such commit".into() }
}

#[async_trait]
impl DesiredSource for Repo {
    async fn head(&self) -> Result<String, DesiredError> {
        self.head.lock().unwrap().clone().ok_or_else(unreadable)
    }

    async fn load(&self, commit: &str) -> Result<RawFiles, DesiredError> {
        let files = self.commits.lock().unwrap().get(commit).cloned().ok_or_else(unreadable)?;
        Ok(RawFiles { commit: commit.to_owned(), files })
    }
}

/// Who drives an agent, if `models` names somebody.
fn route(value: &Value) -> Option<Route> {
    let models = value.as_array()?.iter().map(|id| name(id.as_str().unwrap())).collect();
    Some(Route { models, output_tokens_max: 100, turns_max: 10, tool_choice: None })
}

fn model(value: Value, tenant: &TenantId) -> Arc<Model> {
    Arc::new(Model::of_file(serde_json::from_value(value).unwrap(), tenant).unwrap())
}

/// Reads `tools/*`, `workflows/*`, `models/*` and `agents/*` as JSON; refuses a commit that has a file `bad`.
#[derive(Debug)]
pub struct JsonCompiler {
    pub tenant: TenantId,
    pub engine: Arc<dyn PolicyEngine>,
}

impl Compiler for JsonCompiler {
    fn compile(&self, files: RawFiles) -> Result<InForce, Vec<Finding>> {
        if files.files.contains_key("bad") {
            return Err(vec![Finding {
                file: "bad".to_owned(),
                line: None,
                kind: FindingKind::Layout,
                what: "it stands there".to_owned(),
                why: "it may not".to_owned(),
                next: "remove it".to_owned(),
            }]);
        }
        let of = |folder: &str| -> Vec<Value> {
            let inside = files.files.iter().filter(|(path, _)| path.starts_with(folder));
            inside.map(|(_, bytes)| serde_json::from_slice(bytes).unwrap()).collect()
        };
        let tools: BTreeMap<Name, Arc<Definition>> = of("tools/")
            .into_iter()
            .map(|value| Definition::from_manifest(serde_json::from_value(value).unwrap()).unwrap())
            .map(|tool| (tool.id.clone(), Arc::new(tool)))
            .collect();
        let all = with_builtins(&tools);
        let workflows: BTreeMap<Name, Arc<Workflow>> = of("workflows/")
            .into_iter()
            .map(|value| Workflow::parse(&serde_json::from_value(value).unwrap(), &all).unwrap())
            .map(|workflow| (workflow.id.clone(), Arc::new(workflow)))
            .collect();
        let agents = of("agents/")
            .into_iter()
            .map(|value| {
                let id = name(value["id"].as_str().unwrap());
                let granted = |tool: &&Name| value["tools"].as_array().is_none_or(|list| list.contains(&json!(tool.as_str())));
                let agent = Agent {
                    name: id.clone(),
                    team: name("ops"),
                    description: "An agent.".into(),
                    tools: all.keys().filter(granted).cloned().collect::<BTreeSet<_>>().into(),
                    workflows: workflows.keys().cloned().collect(),
                    mounts: Arc::default(),
                    programs: Arc::default(),
                    budget: Budget::default(),
                    model: route(&value["model"]).map(Arc::new),
                    tier_max: Tier::Risky,
                    bootstrap: Arc::default(),
                    skills: Arc::default(),
                    workload: None,
                };
                (id, Arc::new(agent))
            })
            .collect();
        let snapshot = Snapshot {
            tenant: self.tenant.clone(),
            commit: files.commit.clone(),
            teams: BTreeMap::new(),
            agents,
            models: of("models/").into_iter().map(|value| model(value, &self.tenant)).map(|m| (m.id.clone(), m)).collect(),
            tools,
            workflows,
            policies: Vec::new(),
            bundle_digest: Digest::of_bytes(b"bundle"),
        };
        Ok(InForce::new(snapshot, vec![Arc::clone(&self.engine)]))
    }
}

/// An own tool of a class and tier, with a text result.
pub fn tool(id: &str, effect: &str, tier: u8) -> Value {
    json!({
        "id": id, "description": "A tool.", "argv": ["/bin/true", "{{args.to}}"], "tier": tier, "effect": effect,
        "input": {"type": "object", "required": ["to"], "properties": {"to": {"type": "string"}}},
        "idempotency_key": {"env": "KEY"}, "verify": ["/bin/true"],
        "key_ttl": "1h", "settle_after": "5s", "timeout": "10s",
    })
}

fn step(id: &str, tool: &str) -> Value {
    json!({"id": id, "tool": tool, "args": {"to": "${input.to}"}})
}

/// Tools of every class at tier 1, `publish` at tier 2; `<class>-flow` runs it between two pure calls,
/// `publish-flow` alone; of `maybe-flow` only the first call is known before its result is.
pub fn standard() -> Vec<(&'static str, Value)> {
    let input = json!({"type": "object", "required": ["to"], "properties": {"to": {"type": "string"}}});
    let flow = |id: &str, steps: Vec<Value>| {
        json!({
            "id": id, "description": "A way.", "match": {"goal": format!("do {id}*")}, "input": input,
            "steps": steps, "output": {"last": "${steps.last.output.text}"},
        })
    };
    let around =
        |class: &str| flow(&format!("{class}-flow"), vec![step("first", "look"), step("middle", class), step("last", "look")]);
    let maybe = |id: &str, tool: &str| {
        let mut step = step(id, tool);
        step["if"] = json!({"not_equals": ["${steps.first.output.text}", "nothing"]});
        step
    };
    let unknown = json!({
        "id": "maybe-flow", "description": "A way.", "input": input,
        "steps": [step("first", "look"), maybe("middle", "keyed"), maybe("last", "look")],
    });
    vec![
        ("agents/clerk", json!({"id": "clerk"})),
        ("tools/look", tool("look", "pure", 0)),
        ("tools/pure", tool("pure", "pure", 1)),
        ("tools/keyed", tool("keyed", "keyed", 1)),
        ("tools/verifiable", tool("verifiable", "verifiable", 1)),
        ("tools/opaque", tool("opaque", "opaque", 1)),
        ("tools/publish", tool("publish", "keyed", 2)),
        ("workflows/pure", around("pure")),
        ("workflows/keyed", around("keyed")),
        ("workflows/verifiable", around("verifiable")),
        ("workflows/opaque", around("opaque")),
        ("workflows/maybe", unknown),
        ("workflows/publish", flow("publish-flow", vec![step("last", "publish")])),
    ]
}
