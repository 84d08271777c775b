//! Agents.

use scalbotics_core::agent::{Agent as Registered, Standing};
use scalbotics_core::desired::Agent;
use scalbotics_proto::v1;

use crate::rpc::names;

/// An agent as desired state and the registry have it.
pub(in crate::rpc) fn agent(registered: &Registered, wanted: Option<&Agent>) -> v1::Agent {
    let standing = match registered.standing {
        Standing::Active => "active",
        Standing::Suspended => "suspended",
        Standing::Offboarded => "offboarded",
    };
    let mut agent = v1::Agent {
        name: names::name(&registered.tenant, "agents", &registered.name),
        uid: registered.uid.to_string(),
        standing: standing.to_owned(),
        ..v1::Agent::default()
    };
    if let Some(wanted) = wanted {
        agent.team = wanted.team.to_string();
        agent.description.clone_from(&wanted.description);
        agent.tools = wanted.tools.iter().map(ToString::to_string).collect();
        agent.workflows = wanted.workflows.iter().map(ToString::to_string).collect();
        let access = |write: bool| if write { "write" } else { "read" };
        agent.mounts = wanted.mounts.iter().map(|mount| format!("{} ({})", mount.name, access(mount.write))).collect();
    }
    agent
}
