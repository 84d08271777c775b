//! A commit of desired state: sections are files. Either a snapshot, or findings that a person can use; the same each time.
#![no_main]

use std::collections::BTreeMap;

use libfuzzer_sys::fuzz_target;
use scalbotics_core::desired::{FINDINGS_MAX, Snapshot};
use scalbotics_core::ports::RawFiles;
use scalbotics_core::tenant::TenantId;
use scalbotics_fuzz::sections;
use scalbotics_fuzz::yaml::Yaml;

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let files: BTreeMap<String, Vec<u8>> =
        sections::of(&text).into_iter().map(|(path, body)| (path.to_owned(), body.as_bytes().to_vec())).collect();
    let raw = RawFiles { commit: "c".repeat(40), files };
    let tenant = TenantId::parse("acme").expect("a tenant");
    match Snapshot::assemble(tenant, raw, &Yaml, None) {
        Ok(snapshot) => {
            for agent in snapshot.agents.values() {
                assert!(snapshot.teams.contains_key(&agent.team), "an agent without its team passed");
                for workflow in agent.workflows.iter() {
                    assert!(snapshot.workflow_of(&agent.name, workflow).is_some(), "an agent without its workflow passed");
                }
            }
        }
        Err(findings) => {
            assert!(!findings.is_empty() && findings.len() <= FINDINGS_MAX);
            assert!(findings.is_sorted());
            for finding in findings {
                assert!(!finding.what.is_empty() && !finding.next.is_empty(), "{finding:?}");
            }
        }
    }
});
