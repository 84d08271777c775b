//! Desired state of the tests: one agent, a ledger tool of every effect class, and a workflow for each.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::ledger::{self, Class};

/// Time that the ledger's tools get, in milliseconds; `verify` counts "not landed" only after it.
const TOOL_TIMEOUT_MS: u64 = 4_000;

/// Files by path; YAML is written as JSON, which it includes.
#[derive(Debug, Clone)]
pub(crate) struct Desired {
    pub(crate) files: BTreeMap<String, String>,
    pub(crate) ledger: PathBuf,
    tools: Vec<String>,
    workflows: Vec<String>,
}

impl Desired {
    /// The default policies, one agent with the folder `work` as its mount, and the ledger's tools.
    pub(crate) fn new(ledger: &Path, work: &Path) -> Self {
        let mut desired = Self { files: BTreeMap::new(), ledger: ledger.to_owned(), tools: vec![], workflows: vec![] };
        for name in ["fs.list", "fs.read", "fs.search", "fs.write"] {
            desired.tools.push(name.to_owned());
        }
        for (path, text) in policies() {
            desired.files.insert(path, text);
        }
        desired.put("teams/ops.yaml", json!({ "id": "ops", "description": "Tests.", "lead": "clerk" }));
        for file in ["SOUL.md", "AGENT.md", "TOOLS.md", "MEMORY/notes.md"] {
            desired.files.insert(format!("workspaces/clerk/{file}"), "A clerk that keeps a ledger.\n".to_owned());
        }
        for class in Class::ALL {
            desired.add_ledger_tool(class);
        }
        desired.put_agent(work);
        desired
    }

    /// Writes a file of YAML.
    pub(crate) fn put(&mut self, path: &str, value: Value) {
        self.files.insert(path.to_owned(), format!("{value:#}\n"));
    }

    fn put_agent(&mut self, work: &Path) {
        let agent = json!({
            "id": "clerk", "team": "ops", "description": "Keeps a ledger.", "tools": self.tools, "workflows": self.workflows,
            "mounts": [{ "name": "work", "path": work, "write": true }],
            "budget": { "calls": 50, "seconds": 600 },
        });
        self.put("agents/clerk.yaml", agent);
    }

    /// Adds a tool, a workflow of the same name that calls it with its input, and both to the agent.
    pub(crate) fn add_tool(&mut self, id: &str, manifest: Value) {
        let input = manifest["input"].clone();
        let args: serde_json::Map<String, Value> = input["properties"]
            .as_object()
            .map(|properties| properties.keys().map(|name| (name.clone(), json!(format!("${{input.{name}}}")))).collect())
            .unwrap_or_default();
        self.put(&format!("tools/{id}.yaml"), manifest);
        self.add_workflow(
            id,
            &json!({ "id": id, "description": "Calls one tool.", "input": input,
            "steps": [{ "id": "act", "tool": id, "args": args }] }),
        );
        self.tools.push(id.to_owned());
        self.update_agent();
    }

    /// Takes the ledger's tools away: their program is this one, whose folder not every user may read.
    pub(crate) fn remove_ledger(&mut self) {
        self.files.retain(|path, _| !path.starts_with("tools/ledger.") && !path.starts_with("workflows/"));
        self.tools.retain(|tool| !tool.starts_with("ledger."));
        self.workflows.clear();
        self.update_agent();
    }

    /// Gives the agent a built-in tool, or one of a destination.
    pub(crate) fn grant(&mut self, tool: &str) {
        self.tools.push(tool.to_owned());
        self.update_agent();
    }

    /// Adds a destination, and its tool to the agent.
    pub(crate) fn add_destination(&mut self, id: &str, value: Value) {
        self.put(&format!("destinations/{id}.yaml"), value);
        self.grant(&format!("http.fetch.{id}"));
    }

    /// Sets a field of the agent's file.
    pub(crate) fn set_agent(&mut self, field: &str, value: Value) {
        let mut agent: Value = serde_json::from_str(&self.files["agents/clerk.yaml"]).unwrap();
        agent[field] = value;
        self.put("agents/clerk.yaml", agent);
    }

    /// Adds a workflow, also to the agent.
    pub(crate) fn add_workflow(&mut self, id: &str, workflow: &Value) {
        self.put(&format!("workflows/{id}.yaml"), workflow.clone());
        self.workflows.push(id.to_owned());
        self.update_agent();
    }

    /// Has models drive the agent.
    pub(crate) fn drive(&mut self, route: &[&str]) {
        let mut agent: Value = serde_json::from_str(&self.files["agents/clerk.yaml"]).unwrap();
        agent["model"] = json!({ "route": route, "turns_max": 10 });
        self.put("agents/clerk.yaml", agent);
    }

    /// Has the first answer of each task call this, or `required` for anything.
    pub(crate) fn has_to_call(&mut self, tool: &str) {
        let mut agent: Value = serde_json::from_str(&self.files["agents/clerk.yaml"]).unwrap();
        agent["model"]["tool_choice"] = json!(tool);
        self.put("agents/clerk.yaml", agent);
    }

    fn update_agent(&mut self) {
        let Some(text) = self.files.get("agents/clerk.yaml") else { return };
        let mut agent: Value = serde_json::from_str(text).unwrap();
        agent["tools"] = json!(self.tools);
        agent["workflows"] = json!(self.workflows);
        self.put("agents/clerk.yaml", agent);
    }

    /// The tool `ledger.<class>`, and the workflow `<class>`: one entry by it, and a pure one with its answer.
    fn add_ledger_tool(&mut self, class: Class) {
        let id = format!("ledger.{}", class.word());
        self.put(&format!("tools/{id}.yaml"), self.ledger_manifest(class));
        self.tools.push(id.clone());
        self.add_workflow(class.word(), &json!({
            "id": class.word(), "description": "Makes an entry and notes it.", "input": input(),
            "steps": [
                { "id": "act", "tool": id,
                  "args": { "entry": "${input.entry}", "before_ms": "${input.before_ms}", "after_ms": "${input.after_ms}" } },
                { "id": "note", "tool": "ledger.pure", "args": { "entry": "${steps.act.output.entry}-note", "before_ms": 0, "after_ms": 0 } },
            ],
            "output": { "entry": "${steps.act.output.entry}", "note": "${steps.note.output.entry}" },
        }));
    }

    pub(crate) fn ledger_manifest(&self, class: Class) -> Value {
        let mut manifest = json!({
            "id": format!("ledger.{}", class.word()), "description": "Makes an entry in the ledger.",
            "argv": ledger::argv(&self.ledger, false), "input": input(),
            "output": { "type": "object", "required": ["entry", "existed"],
                        "properties": { "entry": { "type": "string" }, "existed": { "type": "boolean" } } },
            "tier": class.tier(), "effect": class.word(),
            "timeout": format!("{TOOL_TIMEOUT_MS}ms"), "settle_after": "200ms",
            "env": { ledger::CLASS: class.word(), ledger::FOLDER: self.ledger },
            "read_paths": [std::env::current_exe().unwrap()], "write_paths": [self.ledger],
        });
        if class == Class::Keyed {
            manifest["idempotency_key"] = json!({ "env": ledger::KEY });
        }
        if class == Class::Verifiable {
            manifest["verify"] = json!(ledger::argv(&self.ledger, true));
        }
        manifest
    }

    /// Writes all files below a folder.
    pub(crate) fn write(&self, folder: &Path) {
        for (path, text) in &self.files {
            let path = folder.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
    }
}

fn input() -> Value {
    json!({ "type": "object", "required": ["entry", "before_ms", "after_ms"], "properties": {
        "entry": { "type": "string", "minLength": 1, "maxLength": 100 },
        "before_ms": { "type": "integer", "minimum": 0, "maximum": 60_000 },
        "after_ms": { "type": "integer", "minimum": 0, "maximum": 60_000 },
    } })
}

/// The policies that a new installation starts with.
fn policies() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../adapters/src/policy/defaults");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let policies = files.filter(|path| path.extension().is_some_and(|ending| ending == "cedar"));
    let policies: Vec<_> = policies
        .map(|path| (format!("policies/{}", path.file_name().unwrap().to_str().unwrap()), std::fs::read_to_string(path).unwrap()))
        .collect();
    assert!(!policies.is_empty());
    policies
}
