//! The repository's state.

use scalbotics_core::desired::Finding;
use scalbotics_core::tenant::TenantId;
use scalbotics_proto::v1;
use scalbotics_runtime::reconcile::{InForce, Status};

use super::timestamp;

/// What is in force, and what is wrong with what is not.
pub(in crate::rpc) fn repository(tenant: &TenantId, status: &Status, in_force: Option<&InForce>) -> v1::Repository {
    let unreadable = status.unreadable.as_ref().map(|why| v1::Finding {
        file: String::new(),
        line: 0,
        what: "the repository could not be brought into force at the last look".to_owned(),
        why: why.clone(),
        next: "scalbotics doctor".to_owned(),
    });
    let count = |len: usize| u32::try_from(len).unwrap_or(u32::MAX);
    let snapshot = in_force.map(|state| &state.snapshot);
    v1::Repository {
        name: format!("tenants/{tenant}/repository"),
        commit: status.in_force.clone().unwrap_or_default(),
        head: status.head.clone().unwrap_or_default(),
        findings: unreadable.into_iter().chain(status.findings.iter().map(finding)).collect(),
        in_force_time: status.since.map(timestamp),
        agents: count(snapshot.map_or(0, |snapshot| snapshot.agents.len())),
        tools: count(in_force.map_or(0, |state| state.tools.len())),
        workflows: count(snapshot.map_or(0, |snapshot| snapshot.workflows.len())),
        policies: count(snapshot.map_or(0, |snapshot| snapshot.policies.len())),
        remote: String::new(),
        directory: String::new(),
        notes: Vec::new(),
    }
}

/// What is wrong with a file.
pub(in crate::rpc) fn finding(finding: &Finding) -> v1::Finding {
    v1::Finding {
        file: finding.file.clone(),
        line: finding.line.and_then(|line| u32::try_from(line).ok()).unwrap_or(0),
        what: finding.what.clone(),
        why: finding.why.clone(),
        next: finding.next.clone(),
    }
}
