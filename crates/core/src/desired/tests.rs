mod egress;
mod overlay;
mod shared;
mod skill;
mod workload;

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::*;
use crate::egress::Destination;
use crate::model;
use crate::ports::RawFiles;
use crate::tenant::{Name, TenantId};
use crate::tool::Manifest;
use crate::workflow;

/// JSON instead of YAML, which core does not know.
#[derive(Debug)]
struct Json;

fn read<T: DeserializeOwned>(text: &str) -> Result<T, Syntax> {
    serde_json::from_str(text).map_err(|error| Syntax { line: Some(error.line() as u64), reason: error.to_string() })
}

impl Format for Json {
    fn team(&self, text: &str) -> Result<TeamFile, Syntax> {
        read(text)
    }

    fn agent(&self, text: &str) -> Result<AgentFile, Syntax> {
        read(text)
    }

    fn model(&self, text: &str) -> Result<model::File, Syntax> {
        read(text)
    }

    fn destination(&self, text: &str) -> Result<Destination, Syntax> {
        read(text)
    }

    fn tool(&self, text: &str) -> Result<Manifest, Syntax> {
        read(text)
    }

    fn workflow(&self, text: &str) -> Result<workflow::File, Syntax> {
        read(text)
    }

    fn overlay(&self, text: &str) -> Result<OverlayFile, Syntax> {
        read(text)
    }

    fn skill(&self, text: &str) -> Result<SkillFile, Syntax> {
        read(text)
    }
}

type Texts = BTreeMap<String, Vec<u8>>;

/// In the order of keys: whether `serde_json` keeps the order of insertion depends on what else the build links.
fn pretty(value: &Value) -> Vec<u8> {
    let mut sorted = value.clone();
    sorted.sort_all_objects();
    serde_json::to_vec_pretty(&sorted).unwrap()
}

fn agent(change: &Value) -> Vec<u8> {
    let mut agent = json!({
        "id": "clerk", "team": "ops", "description": "Scans.", "tools": ["fs.read", "fs.list", "scan"], "workflows": ["walk"],
        "mounts": [{"name": "repo", "path": "/srv/repo"}], "budget": {"calls": 5}, "model": {"route": ["small", "large"]},
    });
    agent.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    pretty(&agent)
}

fn model(id: &str, change: &Value) -> Vec<u8> {
    let mut model = json!({
        "id": id, "base_url": "http://127.0.0.1:8080/v1", "model": "some-model", "api_key": "secret://acme/models.key-1",
        "context_tokens": 16_384, "output_tokens_max": 1_024,
    });
    model.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    pretty(&model)
}

fn good() -> Texts {
    let tool = json!({
        "id": "scan", "description": "Scans.", "argv": ["/usr/bin/scan", "{{args.path}}"], "tier": 1, "effect": "pure",
        "input": {"type": "object", "required": ["path"], "properties": {"path": {"type": "string"}}},
    });
    let walk = json!({
        "id": "walk", "description": "Walks.", "match": {"goal": "walk*"},
        "input": {"type": "object", "required": ["dir"], "properties": {"dir": {"type": "string"}}},
        "steps": [{"id": "list", "tool": "fs.list", "args": {"path": "repo/${input.dir}"}},
            {"id": "scan", "tool": "scan", "for_each": "${steps.list.output.entries}", "as": "entry", "limit": 1000, "args": {"path": "${entry.name}"}}],
    });
    Texts::from([
        ("teams/ops.yaml".to_owned(), pretty(&json!({"id": "ops", "description": "Operations.", "lead": "clerk"}))),
        ("teams/.gitkeep".to_owned(), Vec::new()),
        ("agents/clerk.yaml".to_owned(), agent(&json!({}))),
        ("models/small.yaml".to_owned(), model("small", &json!({}))),
        ("models/large.yaml".to_owned(), model("large", &json!({"output_tokens_max": 8_192}))),
        ("tools/scan.yaml".to_owned(), pretty(&tool)),
        ("workflows/walk.yaml".to_owned(), pretty(&walk)),
        ("policies/base.cedar".to_owned(), b"permit(principal, action, resource);\n".to_vec()),
        ("env/prod.yaml".to_owned(), b"# nothing yet\n".to_vec()),
        ("workspaces/clerk/SOUL.md".to_owned(), b"Careful.\n".to_vec()),
        ("workspaces/clerk/MEMORY/notes.md".to_owned(), b"Notes.\n".to_vec()),
    ])
}

fn assemble(files: Texts) -> Result<Snapshot, Vec<Finding>> {
    assemble_under(None, files)
}

fn assemble_under(overlay: Option<&str>, files: Texts) -> Result<Snapshot, Vec<Finding>> {
    let raw = RawFiles { commit: "c0ffee".to_owned(), files };
    Snapshot::assemble(TenantId::parse("acme").unwrap(), raw, &Json, overlay.map(name).as_ref())
}

fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

#[test]
fn a_good_commit_becomes_a_snapshot() {
    let snapshot = assemble(good()).unwrap();
    let clerk = &snapshot.agents[&name("clerk")];
    assert_eq!((clerk.budget.calls, clerk.budget.seconds), (5, crate::task::Budget::default().seconds));
    assert_eq!(clerk.tier_max, crate::tool::Tier::Risky);
    let digests = clerk.bootstrap_digests();
    assert_eq!(digests.iter().map(|(file, _)| file.as_str()).collect::<Vec<_>>(), ["MEMORY/notes.md", "SOUL.md"]);
    assert_eq!(digests[1].1, crate::digest::Digest::of_bytes(b"Careful.\n"));
    assert_eq!(snapshot.tools.len(), 1);
    assert_eq!(snapshot.tools_with_builtins().len(), 1 + builtins().len());
    assert_eq!(snapshot.commit, "c0ffee");
    for (tool, there) in [("fs.write", true), ("scan", true), ("fs.delete", false)] {
        assert_eq!(snapshot.tool(&name(tool)).is_some(), there, "{tool}");
    }
    assert!(snapshot.workflow_for(&name("clerk"), "walk the tree", &json!({"dir": "src"})).is_some());
    assert!(snapshot.workflow_for(&name("clerk"), "walk the tree", &json!({})).is_none());
    assert!(snapshot.workflow_for(&name("ghost"), "walk the tree", &json!({"dir": "src"})).is_none());
    assert!(snapshot.workflow_of(&name("clerk"), &name("walk")).is_some());
    assert!(snapshot.workflow_of(&name("clerk"), &name("run")).is_none());
}

#[test]
fn an_empty_commit_is_an_empty_snapshot() {
    assert!(assemble(Texts::new()).unwrap().agents.is_empty());
}

#[test]
fn bundle_digest_follows_every_policy() {
    let digest = |path: &str, text: &str| {
        let mut files = good();
        files.insert(path.to_owned(), text.as_bytes().to_vec());
        assemble(files).unwrap().bundle_digest
    };
    let all = [
        digest("policies/base.cedar", "a"),
        digest("policies/base.cedar", "b"),
        digest("policies/more.cedar", "a"),
        digest("teams/README.md", "a"),
    ];
    let different: std::collections::BTreeSet<_> = all.iter().collect();
    assert_eq!(different.len(), all.len());
    assert_eq!(all[3], assemble(good()).unwrap().bundle_digest);
}

/// One changed file, the one finding that it must give: file, line, kind, and a part of its text.
#[track_caller]
fn check(path: &str, bytes: Vec<u8>, (line, kind, part): (Option<u64>, FindingKind, &str)) {
    let mut files = good();
    files.insert(path.to_owned(), bytes);
    let findings = assemble(files).unwrap_err();
    let text: String = findings.iter().map(|finding| format!("{finding}\n")).collect();
    assert_eq!(findings.len(), 1, "{text}");
    assert!(text.contains(part), "{text}");
    assert_eq!((findings[0].line, findings[0].kind), (line, kind), "{text}");
    assert!(!findings[0].next.is_empty());
}

#[test]
fn bad_files_and_places() {
    use FindingKind as K;
    check("agents/Clerk.yaml", agent(&json!({})), (None, K::Layout, "lower case"));
    check("agents/clerk2.yml", agent(&json!({})), (None, K::Layout, "<id>.yaml"));
    check("workspaces/clerk/id_rsa", b"x".to_vec(), (None, K::Layout, "SOUL.md"));
    check("workspaces/ghost/SOUL.md", b"x".to_vec(), (None, K::Reference, "agents/ghost.yaml"));
    check("policies/x.cedar", b"\xff".to_vec(), (None, K::Syntax, "UTF-8"));
    check("policies/x.cedar", b"a\0b".to_vec(), (None, K::Syntax, "NUL"));
    check("policies/x.cedar", vec![b' '; FILE_LEN_MAX + 1], (None, K::Size, "262145 bytes"));
    check("workspaces/clerk/SOUL.md", vec![b'a'; BOOTSTRAP_LEN_MAX + 1], (None, K::Size, "every prompt"));
    check("teams/dev.yaml", b"{\n\"id\": \"dev\",\n\"colour\": 1}".to_vec(), (Some(3), K::Syntax, "colour"));
    check("teams/dev.yaml", pretty(&json!({"id": "ops", "description": ""})), (Some(3), K::Value, "named after its id"));
    let mut many = good();
    many.extend((0..20).map(|n| (format!("workspaces/clerk/MEMORY/{n}.md"), vec![b'a'; BOOTSTRAP_LEN_MAX])));
    assert_eq!(assemble(many).unwrap_err()[0].kind, K::Size);
    let too_many: Texts = (0..=FILES_MAX).map(|n| (format!("policies/p{n}.cedar"), Vec::new())).collect();
    assert_eq!(assemble(too_many).unwrap_err().len(), 1);
}

#[test]
fn bad_agents() {
    use FindingKind as K;
    let mut files = good();
    files.insert("agents/clerk.yaml".to_owned(), agent(&json!({"team": "sales"})));
    let findings = assemble(files).unwrap_err();
    let places: Vec<_> = findings.iter().map(|finding| (finding.file.as_str(), finding.line, finding.kind)).collect();
    assert_eq!(
        places,
        [("agents/clerk.yaml", Some(19), K::Reference), ("teams/ops.yaml", Some(4), K::Reference)],
        "{findings:?}"
    );
    for (change, kind, part) in [
        (json!({"tools": ["fs.list", "scan", "fs.delete"]}), K::Reference, "no tools/fs.delete.yaml"),
        (json!({"tools": ["fs.list"]}), K::Reference, "calls `scan`"),
        (json!({"tools": ["fs.list", "scan", "scan"]}), K::Value, "stands twice"),
        (json!({"workflows": ["walk", "run"]}), K::Reference, "workflows/run.yaml"),
        (json!({"tier_max": 0}), K::Reference, "above the agent's tier_max 0"),
        (json!({"mounts": [{"name": "repo", "path": "srv"}]}), K::Value, "not absolute"),
        (json!({"mounts": [{"name": "repo", "path": "/srv/../etc"}]}), K::Value, "`..`"),
        (json!({"mounts": [{"name": "repo", "path": "/"}]}), K::Value, "no workspace"),
        (json!({"mounts": [{"name": "repo", "path": "/proc/self/root"}]}), K::Value, "no workspace"),
        (json!({"mounts": [{"name": "repo", "path": "/srv\n"}]}), K::Value, "control character"),
        (json!({"mounts": [{"name": "repo", "path": "/a"}, {"name": "repo", "path": "/b"}]}), K::Value, "stands twice"),
        (json!({"budget": {"calls": 0}}), K::Value, "budget.calls"),
        (json!({"budget": {"seconds": 2_592_001}}), K::Value, "budget.seconds"),
    ] {
        let mut files = good();
        files.insert("agents/clerk.yaml".to_owned(), agent(&change));
        let findings = assemble(files).unwrap_err();
        let text: String = findings.iter().map(|finding| format!("{finding}\n")).collect();
        assert!(findings.len() == 1 && findings[0].kind == kind && text.contains(part), "{change}\n{text}");
        assert!(findings[0].line.is_some(), "{text}");
    }
    for unknown in [
        json!({"superuser": true}),
        json!({"tier_max": 3}),
        json!({"budget": {"dollars": 1}}),
        json!({"mounts": [{"name": "A", "path": "/a"}]}),
    ] {
        let mut files = good();
        files.insert("agents/clerk.yaml".to_owned(), agent(&unknown));
        let findings = assemble(files).unwrap_err();
        assert!(findings.len() == 1 && findings[0].kind == K::Syntax, "{findings:?}");
    }
}

#[test]
fn models_and_routes() {
    use FindingKind as K;
    let snapshot = assemble(good()).unwrap();
    let route = snapshot.agents[&name("clerk")].model.clone().unwrap();
    assert_eq!((route.output_tokens_max, route.turns_max), (1_024, 30), "the smallest of the route's models is its cap");
    let ids: Vec<&str> = snapshot.models.values().map(|model| model.id.as_str()).collect();
    assert_eq!(ids, ["large", "small"]);
    let route: Vec<String> = snapshot.route_of(&name("clerk")).iter().map(|model| model.id.to_string()).collect();
    assert_eq!(route, ["small", "large"]);
    assert_ne!(snapshot.models[&name("small")].digest, snapshot.models[&name("large")].digest);

    for (change, kind, part) in [
        (json!({"base_url": "http://models.example.com/v1"}), K::Syntax, "http:// is for localhost"),
        (json!({"base_url": "https://me:key@example.com"}), K::Syntax, "no user"),
        (json!({"api_key": "the key itself"}), K::Syntax, "secret://<tenant>/<name>"),
        (json!({"api_key": "secret://other/key"}), K::Value, "tenant `other`"),
        (json!({"output_tokens_max": 16_384}), K::Value, "less than context_tokens"),
        (json!({"temperature": 1}), K::Syntax, "temperature"),
    ] {
        let mut files = good();
        files.insert("models/small.yaml".to_owned(), model("small", &change));
        let findings = assemble(files).unwrap_err();
        let text: String = findings.iter().map(|finding| format!("{finding}\n")).collect();
        assert!(findings.len() == 1 && findings[0].kind == kind && text.contains(part), "{change}\n{text}");
        assert!(findings[0].line.is_some() && !text.contains("the key itself") && !text.contains("me:key"), "{text}");
    }
    for (change, kind, part) in [
        (json!({"route": ["small", "gone"]}), K::Reference, "no models/gone.yaml"),
        (json!({"route": []}), K::Value, "1 to 8 models"),
        (json!({"route": ["large"], "output_tokens_max": 8_193}), K::Value, "1 to 8192 tokens"),
        (json!({"route": ["small"], "turns_max": 201}), K::Value, "model.turns_max"),
    ] {
        let mut files = good();
        files.insert("agents/clerk.yaml".to_owned(), agent(&json!({ "model": change })));
        let findings = assemble(files).unwrap_err();
        let text: String = findings.iter().map(|finding| format!("{finding}\n")).collect();
        assert!(findings.len() == 1 && findings[0].kind == kind && text.contains(part), "{change}\n{text}");
    }
    for (change, fits) in [
        (json!({"tool_choice": "required"}), true),
        (json!({"tool_choice": "fs.read"}), true),
        (json!({"tool_choice": "workflow.walk"}), true),
        (json!({"tool_choice": "fs.write"}), false),
        (json!({"tool_choice": "walk"}), false),
        (json!({"tool_choice": "model.call"}), false),
        (json!({"tool_choice": "workflow.gone"}), false),
        (json!({"tool_choice": {"type": "function"}}), false),
    ] {
        let mut route = json!({"route": ["small"]});
        route.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let mut files = good();
        files.insert("agents/clerk.yaml".to_owned(), agent(&json!({ "model": route })));
        match assemble(files) {
            Ok(snapshot) => {
                assert!(fits && snapshot.agents[&name("clerk")].model.as_ref().unwrap().tool_choice.is_some(), "{change}");
            }
            Err(findings) => {
                let text = findings[0].to_string();
                assert!(!fits && findings.len() == 1, "{change}\n{findings:?}");
                assert!(text.contains("tool_choice") || text.contains("expected a string"), "{change}\n{text}");
            }
        }
    }
    let none = json!({"tools": [], "workflows": [], "model": {"route": ["small"], "tool_choice": "required"}});
    check("agents/clerk.yaml", agent(&none), (Some(11), K::Reference, "it wants a tool, which the agent's model is not offered"));
    let literal = format!("\"api_key\": \"{}\"", ["s", "k-Zk3vQ9xLm2Rt7Yp4Bn8Wc1Hd"].concat());
    check("models/small.yaml", literal.into_bytes(), (Some(1), K::Secret, "of the kind `secret`"));
}

#[test]
fn bad_tools_and_workflows() {
    use FindingKind as K;
    let tool = |change: Value| {
        let mut tool: Value = serde_json::from_slice(&good()["tools/scan.yaml"]).unwrap();
        tool.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        pretty(&tool)
    };
    check("tools/scan.yaml", tool(json!({"argv": ["scan"]})), (None, K::Value, "absolute path"));
    check("tools/scan.yaml", tool(json!({"effect": "keyed"})), (None, K::Value, "idempotency key"));
    check("tools/scan.yaml", tool(json!({"input": {"type": "object", "oneOf": []}})), (None, K::Value, "oneOf"));
    check("tools/scan.yaml", tool(json!({"shell": "sh"})), (Some(20), K::Syntax, "shell"));
    check("tools/fs.read.yaml", tool(json!({"id": "fs.read"})), (None, K::Value, "built-in"));
    check("tools/fs.reаd.yaml", tool(json!({})), (None, K::Layout, "lower case"));
    let workflow = |steps: &str| {
        let head = r#"{"id": "walk", "description": "", "input": {"type": "object"},"#;
        format!("{head}\n\"steps\": [\n{steps}\n]}}").into_bytes()
    };
    let gone = "{\"id\": \"one\",\n\"tool\": \"gone\"}";
    check("workflows/walk.yaml", workflow(gone), (Some(4), K::Reference, "does not exist"));
    let cycle = r#"{"id": "one", "tool": "scan", "args": {
        "path": "${steps.two.output.text}"}},
        {"id": "two", "tool": "scan", "args": {"path": "x"}}"#;
    check("workflows/walk.yaml", workflow(cycle), (Some(4), K::Value, "cycle"));
    let typed = "{\"id\": \"one\", \"tool\": \"scan\",\n\"args\": {\n\"path\": 1}}";
    check("workflows/walk.yaml", workflow(typed), (Some(5), K::Value, "type string"));
}

#[test]
fn written_paths_of_a_workflow_lead_to_mounts_of_the_agent() {
    for (tool, path, part) in [
        ("fs.read", "nomount/x", "the agent's mounts are: repo"),
        ("fs.list", "nomount/${input.dir}", "names the mount `nomount`"),
        ("fs.read", "/srv/repo/x", "absolute"),
        ("fs.read", "repo/../etc", "`..`"),
        ("fs.write", "repo/x", "read only"),
    ] {
        let mut files = good();
        let mut walk: Value = serde_json::from_slice(&files["workflows/walk.yaml"]).unwrap();
        walk["steps"] = json!([{"id": "one", "tool": tool, "args": {"path": path}}]);
        if tool == "fs.write" {
            walk["steps"][0]["args"]["content"] = json!("");
        }
        files.insert("workflows/walk.yaml".to_owned(), pretty(&walk));
        files.insert("agents/clerk.yaml".to_owned(), agent(&json!({"tools": [tool]})));
        let findings = assemble(files).unwrap_err();
        assert_eq!(findings.len(), 1, "{path}: {findings:?}");
        assert_eq!(findings[0].kind, FindingKind::Reference, "{path}");
        assert!(findings[0].why.contains(part), "{path}: {}", findings[0]);
    }
}

#[test]
fn all_findings_are_collected_and_none_cascades() {
    let mut files = good();
    files.insert("teams/ops.yaml".to_owned(), b"{".to_vec());
    files.insert("tools/scan.yaml".to_owned(), b"{".to_vec());
    files.insert("policies/x.rego".to_owned(), Vec::new());
    let findings = assemble(files).unwrap_err();
    let places: Vec<&str> = findings.iter().map(|finding| finding.file.as_str()).collect();
    assert_eq!(places, ["policies/x.rego", "teams/ops.yaml", "tools/scan.yaml"], "{findings:?}");
}

#[test]
fn secrets_are_refused_and_never_shown() {
    let secret = ["AK", "IAQ3EGB7XK2LMNOP4R"].concat();
    for path in ["workspaces/clerk/TOOLS.md", "agents/clerk.yaml", "env/prod.yaml", "teams/README.md", "policies/base.cedar"] {
        let mut files = good();
        files.insert(path.to_owned(), format!("one\ntwo {secret}\n").into_bytes());
        let findings = assemble(files).unwrap_err();
        assert_eq!(findings.len(), 1, "{findings:?}");
        assert_eq!((findings[0].kind, findings[0].line, findings[0].file.as_str()), (FindingKind::Secret, Some(2), path));
        assert!(!format!("{} {:?}", findings[0], findings[0]).contains("Q3EGB"));
    }
}

#[test]
fn findings_show_no_control_or_direction_marks() {
    let mut files = good();
    files.insert("teams/dev.yaml".to_owned(), "{\"\u{202e}\\u001b[31m\": 1}".as_bytes().to_vec());
    files.insert("policies/x\u{1b}.cedar".to_owned(), Vec::new());
    let findings = assemble(files).unwrap_err();
    assert_eq!(findings.len(), 2);
    for finding in findings {
        assert!(!finding.to_string().chars().any(|c| c.is_control() || c == '\u{202e}'), "{finding:?}");
    }
}

#[test]
fn findings_are_bounded() {
    let files: Texts = (0..FINDINGS_MAX + 5).map(|n| (format!("policies/{n}"), Vec::new())).collect();
    assert_eq!(assemble(files).unwrap_err().len(), FINDINGS_MAX);
}

#[test]
fn schemas_forbid_unknown_keys() {
    let schemas = schemas();
    assert_eq!(
        schemas.keys().copied().collect::<Vec<_>>(),
        ["agent", "destination", "model", "overlay", "skill", "team", "tool", "workflow"]
    );
    for (kind, schema) in schemas {
        assert_eq!(schema["additionalProperties"], json!(false), "{kind}");
        let named = match kind {
            "overlay" => "agents",
            "skill" => "name",
            _ => "id",
        };
        assert!(schema["properties"][named].is_object(), "{kind}");
    }
}
