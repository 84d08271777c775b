//! Destinations and programs: what they become, and what is refused at load.

use serde_json::{Value, json};

use super::{Texts, agent, assemble, assemble_under, check, good, name, pretty};
use crate::desired::FindingKind;
use crate::tool::{EffectClass, Tier};

fn destination(id: &str, change: &Value) -> Vec<u8> {
    let mut value = json!({ "id": id, "description": "A service.", "host": "api.example.com" });
    value.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    pretty(&value)
}

fn with(changes: &[(&str, Vec<u8>)]) -> Texts {
    let mut files = good();
    files.extend(changes.iter().map(|(path, bytes)| ((*path).to_owned(), bytes.clone())));
    files
}

fn tools(more: &[&str]) -> Value {
    let tools = [&["fs.list", "scan"], more].concat();
    json!({ "tools": tools })
}

#[test]
fn a_destination_becomes_a_tool_that_agents_and_workflows_name() {
    let post = json!({ "methods": ["POST"], "idempotency_header": "Idempotency-Key" });
    let walk = json!({
        "id": "walk", "description": "Sends.", "input": { "type": "object", "properties": {} },
        "steps": [{ "id": "send", "tool": "http.fetch.pay", "args": { "url": "https://api.example.com/", "body": "x" } }],
    });
    let files = with(&[
        ("destinations/api.yaml", destination("api", &json!({}))),
        ("destinations/pay.yaml", destination("pay", &post)),
        ("workflows/walk.yaml", pretty(&walk)),
        ("agents/clerk.yaml", agent(&tools(&["http.fetch", "http.fetch.api", "http.fetch.pay"]))),
    ]);
    let snapshot = assemble(files).unwrap();
    let tool = |id: &str| snapshot.tool(&name(id)).unwrap();
    assert_eq!((tool("http.fetch.api").tier, tool("http.fetch.api").effect), (Tier::Change, EffectClass::Pure));
    assert_eq!((tool("http.fetch.pay").tier, tool("http.fetch.pay").effect), (Tier::Risky, EffectClass::Keyed));
    assert_eq!((tool("http.fetch").tier, tool("http.fetch").effect), (Tier::Risky, EffectClass::Pure));
    assert!(tool("http.fetch.api").input.property("body").is_none(), "what only reads sends nothing");
}

#[test]
fn bad_destinations_are_refused_at_load() {
    use FindingKind as K;
    for (change, line, kind, part) in [
        (json!({ "scheme": "http" }), Some(5), K::Value, "private destinations only"),
        (json!({ "host": "127.0.0.1" }), Some(3), K::Value, "an address of this machine"),
        (json!({ "host": "169.254.169.254" }), Some(3), K::Value, "`private: true`"),
        (json!({ "host": "224.0.0.1", "private": true }), Some(3), K::Value, "no address of a single host"),
        (json!({ "path_prefix": "/a/../b" }), Some(5), K::Value, "path_prefix"),
        (json!({ "tier": 0 }), Some(5), K::Value, "tier 1 or 2"),
        (json!({ "methods": [] }), Some(5), K::Value, "at least one"),
    ] {
        check("destinations/api.yaml", destination("api", &change), (line, kind, part));
    }
    for (change, part) in [
        (json!({ "host": "*.co.uk" }), "anybody may have a name"),
        (json!({ "host": "*.com" }), "anybody may have a name"),
        (json!({ "host": "0x7f.1" }), "four plain numbers"),
        (json!({ "host": "http://api.example.com" }), "a host is a name"),
        (json!({ "methods": ["CONNECT"] }), "CONNECT"),
        (json!({ "proxy": "x" }), "proxy"),
    ] {
        let findings = assemble(with(&[("destinations/api.yaml", destination("api", &change))])).unwrap_err();
        let text: String = findings.iter().map(|finding| format!("{finding}\n")).collect();
        assert!(findings.len() == 1 && findings[0].kind == K::Syntax && text.contains(part), "{change}\n{text}");
    }
    let secret = json!({ "secret": { "name": "secret://other/t", "header": "Authorization" } });
    let findings = assemble(with(&[("destinations/api.yaml", destination("api", &secret))])).unwrap_err();
    assert!(findings.len() == 1 && findings[0].kind == K::Reference, "{findings:?}");
    check("destinations/b.yaml", destination("a", &json!({})), (Some(4), K::Value, "named after its id"));
}

#[test]
fn names_lead_to_destinations_and_reserved_ones_to_nothing_else() {
    use FindingKind as K;
    check("agents/clerk.yaml", agent(&tools(&["http.fetch.gone"])), (Some(23), K::Reference, "no destinations/gone.yaml"));
    for id in ["http.fetch.api", "http.other", "process.run", "http", "fs.delete"] {
        let tool = json!({
            "id": id, "description": "x", "argv": ["/bin/true"], "tier": 1, "effect": "pure",
            "input": { "type": "object", "properties": {} },
        });
        check(&format!("tools/{id}.yaml"), pretty(&tool), (None, K::Value, "belong to the built-in tools"));
    }
    // A refused one is no missing one beside.
    let files = with(&[
        ("destinations/api.yaml", destination("api", &json!({ "tier": 0 }))),
        ("agents/clerk.yaml", agent(&tools(&["http.fetch.api"]))),
    ]);
    assert_eq!(assemble(files).unwrap_err().len(), 1);
}

#[test]
fn programs_are_absolute_and_go_with_process_run() {
    let with_programs = |tools: Value, programs: Value| {
        let mut change = tools;
        change["programs"] = programs;
        agent(&change)
    };
    let snapshot =
        assemble(with(&[("agents/clerk.yaml", with_programs(tools(&["process.run"]), json!(["/usr/bin/git", "/bin/cat"])))]));
    assert_eq!(
        snapshot.unwrap().agents[&name("clerk")].programs.as_ref(),
        &["/bin/cat", "/usr/bin/git"].map(str::to_owned).into()
    );
    let narrow = |less: Value| {
        let less = json!({ "agents": { "clerk": less } });
        let clerk = with_programs(tools(&["process.run"]), json!(["/usr/bin/git", "/bin/cat"]));
        assemble_under(Some("prod"), with(&[("agents/clerk.yaml", clerk), ("env/prod.yaml", pretty(&less))]))
    };
    let kept = |less: Value| narrow(less).unwrap().agents[&name("clerk")].programs.len();
    assert_eq!(kept(json!({ "programs": ["/bin/cat"] })), 1);
    assert_eq!(kept(json!({ "programs": [] })), 0);
    assert_eq!(kept(tools(&[])), 2, "without the tool nothing starts them");
    assert!(narrow(json!({ "programs": ["/bin/sh"] })).is_err(), "an overlay does not widen");
    let many: Vec<String> = (0..65).map(|n| format!("/bin/p{n}")).collect();
    for (more, programs, part) in [
        (vec!["process.run"], json!([]), "starts only what `programs` lists"),
        (vec![], json!(["/bin/cat"]), "only process.run starts them"),
        (vec!["process.run"], json!(["cat"]), "not absolute"),
        (vec!["process.run"], json!(["/bin/../sbin/x"]), "`..`"),
        (vec!["process.run"], json!(["/bin/"]), "a directory"),
        (vec!["process.run"], json!(["/bin/cat", "/bin/cat"]), "stands twice"),
        (vec!["process.run"], json!(many), "at most 64"),
    ] {
        let files = with(&[("agents/clerk.yaml", with_programs(tools(&more), programs.clone()))]);
        let findings = assemble(files).unwrap_err();
        let text: String = findings.iter().map(|finding| format!("{finding}\n")).collect();
        assert!(findings.len() == 1 && text.contains(part), "{programs}\n{text}");
    }
}
