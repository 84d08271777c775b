//! Selectors of workloads in agents' files.

use serde_json::json;

use super::*;

#[test]
fn selectors_are_the_agents_and_bad_ones_are_findings_at_their_line() {
    assert_eq!(assemble(good()).unwrap().agents[&name("clerk")].workload, None);
    let mut files = good();
    let selectors = json!({ "unix": { "uid": 1000, "path": "/usr/bin/worker" }, "systemd": { "unit": "worker.service" } });
    files.insert("agents/clerk.yaml".to_owned(), agent(&json!({ "workload": selectors })));
    let found = assemble(files.clone()).unwrap().agents[&name("clerk")].workload.clone().unwrap();
    assert_eq!((found.unix.unwrap().uid, found.systemd.unwrap().unit.as_str()), (Some(1_000), "worker.service"));
    for (selectors, kind, why) in [
        (json!({}), FindingKind::Value, "every process would be the agent"),
        (json!({ "unix": { "path": "worker" } }), FindingKind::Value, "not absolute"),
        (json!({ "systemd": { "unit": "worker" } }), FindingKind::Value, ".service or .scope"),
        (json!({ "unix": { "user": "ann" } }), FindingKind::Syntax, "unknown field"),
        (json!({ "unix": { "sha256": "AB" } }), FindingKind::Syntax, "64 lower-case hexadecimal digits"),
    ] {
        files.insert("agents/clerk.yaml".to_owned(), agent(&json!({ "workload": selectors })));
        let findings = assemble(files.clone()).unwrap_err();
        let finding = findings.iter().find(|finding| finding.file == "agents/clerk.yaml").unwrap();
        assert!(finding.kind == kind && finding.why.contains(why) && finding.line.is_some(), "{selectors} {finding:?}");
    }
}
