//! Overlays: what they may say, and what becomes of the files that they narrow.

use serde_json::{Value, json};

use super::{Texts, agent, assemble, assemble_under, good, name, pretty};
use crate::desired::FindingKind;
use crate::tool::Tier;

fn with(overlay: &Value) -> Texts {
    let mut files = good();
    files.insert("agents/clerk.yaml".to_owned(), agent(&json!({"mounts": mounts(true)})));
    files.insert("env/prod.yaml".to_owned(), pretty(overlay));
    files
}

fn mounts(write: bool) -> Value {
    json!([{"name": "repo", "path": "/srv/repo", "write": write}, {"name": "docs", "path": "/srv/docs"}])
}

#[test]
fn sem_9_4_an_overlay_narrows_where_it_is_chosen() {
    let less = json!({
        "agents": {"clerk": {
            "tools": ["scan", "fs.list"], "workflows": [], "mounts": [{"name": "repo"}], "budget": {"calls": 2, "seconds": 60}, "tier_max": 2,
            "model": {"route": ["large"], "output_tokens_max": 500, "turns_max": 3},
        }},
        "models": {"large": {"output_tokens_max": 600}},
        "tools": {"scan": {"tier": 2}},
    });
    let base = assemble(with(&json!({}))).unwrap();
    assert_eq!(assemble(with(&less)).unwrap(), base, "one that is not chosen changes nothing");
    assert_eq!(assemble_under(Some("prod"), with(&json!({}))).unwrap(), base);
    assert_eq!(assemble_under(Some("prod"), good()).unwrap(), assemble(good()).unwrap(), "one of comments says nothing");

    let narrow = assemble_under(Some("prod"), with(&less)).unwrap();
    let (before, clerk) = (&base.agents[&name("clerk")], &narrow.agents[&name("clerk")]);
    assert_eq!(clerk.tools.as_ref(), &["fs.list", "model.call", "scan"].map(name).into());
    assert!(clerk.workflows.is_empty() && before.workflows.len() == 1);
    let [repo] = clerk.mounts.as_ref() else { panic!("{:?}", clerk.mounts) };
    assert_eq!((repo.name.as_str(), repo.path.as_str(), repo.write), ("repo", "/srv/repo", false));
    assert_eq!((clerk.budget.calls, clerk.budget.seconds), (2, 60));
    assert_eq!(clerk.budget.tokens, before.budget.tokens);
    assert_eq!((base.tools[&name("scan")].tier, narrow.tools[&name("scan")].tier), (Tier::Change, Tier::Risky));
    assert_ne!(base.tools[&name("scan")].digest, narrow.tools[&name("scan")].digest, "another tier is another tool");
    assert_eq!(narrow.workflows.len(), 1);
    let route = clerk.model.as_ref().unwrap();
    assert_eq!((route.models.as_slice(), route.output_tokens_max, route.turns_max), ([name("large")].as_slice(), 500, 3));
    assert_eq!(narrow.models[&name("large")].output_tokens_max, 600);
    assert_ne!(narrow.models[&name("large")].digest, base.models[&name("large")].digest, "another cap is another model");
}

#[test]
fn sem_9_4_an_overlay_never_widens() {
    use FindingKind as K;
    for (overlay, kind, part) in [
        (json!({"agents": {"clerk": {"tools": ["fs.read", "fs.write"]}}}), K::Value, "tool `fs.write`"),
        (json!({"agents": {"clerk": {"workflows": ["walk", "run"]}}}), K::Value, "workflow `run`"),
        (json!({"agents": {"clerk": {"mounts": [{"name": "etc"}]}}}), K::Value, "mount `etc`"),
        (json!({"agents": {"clerk": {"mounts": [{"name": "docs", "write": true}]}}}), K::Value, "may not write"),
        (json!({"agents": {"clerk": {"budget": {"calls": 6}}}}), K::Value, "the agent has 5"),
        (json!({"agents": {"clerk": {"budget": {"tokens": 1_000_000_000}}}}), K::Value, "budget.tokens"),
        (json!({"agents": {"clerk": {"budget": {"seconds": 0}}}}), K::Value, "out of range"),
        (json!({"agents": {"clerk": {"model": {"route": ["small", "huge"]}}}}), K::Value, "model `huge`"),
        (json!({"agents": {"clerk": {"model": {"output_tokens_max": 1_025}}}}), K::Value, "1 to 1024"),
        (json!({"agents": {"clerk": {"model": {"turns_max": 31}}}}), K::Value, "1 to 30"),
        (json!({"agents": {"clerk": {"model": {"turns_max": 0}}}}), K::Value, "1 to 30"),
        (json!({"models": {"small": {"output_tokens_max": 1_025}}}), K::Value, "1 to 1024"),
        (json!({"models": {"small": {"base_url": "https://evil.example"}}}), K::Syntax, "base_url"),
        (json!({"models": {"gone": {}}}), K::Reference, "models/gone.yaml"),
        (json!({"agents": {"ghost": {}}}), K::Reference, "agents/ghost.yaml"),
        (json!({"tools": {"scan": {"tier": 0}}}), K::Value, "the tool's tier is 1"),
        (json!({"tools": {"fs.read": {"tier": 2}}}), K::Reference, "tools/fs.read.yaml"),
        (json!({"agents": {"clerk": {"mounts": [{"name": "repo", "path": "/etc"}]}}}), K::Syntax, "path"),
        (json!({"policies": {}}), K::Syntax, "policies"),
    ] {
        // Chosen or not: a commit is good everywhere or nowhere.
        for chosen in [None, Some("prod")] {
            let findings = assemble_under(chosen, with(&overlay)).unwrap_err();
            let text: String = findings.iter().map(|finding| format!("{finding}\n")).collect();
            assert!(findings.len() == 1 && findings[0].kind == kind && text.contains(part), "{overlay}\n{text}");
            assert_eq!(findings[0].file, "env/prod.yaml");
            assert!(findings[0].line.is_some(), "{text}");
        }
    }
    let mut capped = with(&json!({"agents": {"clerk": {"tier_max": 2}}}));
    capped.insert("agents/clerk.yaml".to_owned(), agent(&json!({"tier_max": 1})));
    assert!(assemble(capped).unwrap_err()[0].why.contains("tier_max is 1"));
}

#[test]
fn a_chosen_overlay_is_there_and_leaves_what_is_whole() {
    let findings = assemble_under(Some("test"), good()).unwrap_err();
    assert_eq!((findings.len(), findings[0].file.as_str(), findings[0].kind), (1, "env/test.yaml", FindingKind::Reference));
    for overlay in [
        json!({"agents": {"clerk": {"tools": ["fs.list"]}}}),
        json!({"agents": {"clerk": {"tier_max": 1}}, "tools": {"scan": {"tier": 2}}}),
    ] {
        let findings = assemble_under(Some("prod"), with(&overlay)).unwrap_err();
        assert!(findings.len() == 1 && findings[0].why.ends_with("env/prod.yaml narrows this file"), "{findings:?}");
        assert!(assemble(with(&overlay)).is_ok(), "{overlay}");
    }
}
