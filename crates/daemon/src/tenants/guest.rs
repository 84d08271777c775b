//! What the desired state of a tenant may not say that does not operate the installation: the host and its networks are another's.
//!
//! **Invariant:** whoever writes the repository of such a tenant gets no more of the host than the folder of its own files, unless an operator
//! has said that they are trusted with it (docs/decisions/0060-who-operates-an-installation.md).

use scalbotics_core::desired::{Finding, FindingKind, Snapshot};
use scalbotics_core::tool::Kind;

/// How an operator lets a tenant have it all the same.
const NEXT: &str = "take it out; an operator who trusts the tenant with the host adds it with `tenant add --host-access`";

/// Everything in a snapshot that is the host's: none of it may be in force for a guest without access to the host.
pub(crate) fn of_host(snapshot: &Snapshot) -> Vec<Finding> {
    let tools = snapshot.tools.values().filter_map(|tool| match &tool.kind {
        Kind::Process(_) => Some((format!("tools/{}.yaml", tool.id), "a program")),
        Kind::Http(destination) if destination.private => {
            Some((format!("destinations/{}.yaml", destination.id), "a private destination"))
        }
        // A worker runs it, on a machine that is not the host.
        Kind::Worker(_) | Kind::Http(_) | Kind::Builtin(_) | Kind::Model => None,
    });
    let programs = snapshot.agents.iter().filter(|(_, agent)| !agent.programs.is_empty());
    let programs = programs.map(|(name, _)| (format!("agents/{name}.yaml"), "`programs`"));
    let models = snapshot.models.iter().filter(|(_, model)| model.base_url.is_local());
    let models = models.map(|(id, _)| (format!("models/{id}.yaml"), "a model on the daemon's host"));
    tools.chain(programs).chain(models).map(|(file, what)| refused(file, what)).collect()
}

/// Workloads of a snapshot: a process of the host would have to believe a tenant that it does not know.
pub(crate) fn workloads(snapshot: &Snapshot) -> Vec<Finding> {
    let workloads = snapshot.agents.iter().filter(|(_, agent)| agent.workload.is_some());
    let finding = |(name, _)| Finding {
        next: "have the agent work where its tenant is at home: `scalbotics agent enroll --help`".to_owned(),
        ..refused(format!("agents/{name}.yaml"), "`workload`")
    };
    workloads.map(finding).collect()
}

fn refused(file: String, what: &str) -> Finding {
    Finding {
        file,
        line: None,
        kind: FindingKind::Value,
        what: format!("{what} is refused: the daemon's host is not the tenant's"),
        why: "it is that of the tenant which operates the installation".to_owned(),
        next: NEXT.to_owned(),
    }
}
