//! Agents.

use scalbotics_core::agent::Agent as Registered;
use scalbotics_core::desired::{Agent, Skill};
use scalbotics_core::digest::Digest;
use scalbotics_proto::v1;

use super::human::standing;
use crate::rpc::names;

/// An agent as desired state and the registry have it; `attended` says whether its worker is there.
pub(in crate::rpc) fn agent(registered: &Registered, wanted: Option<&Agent>, attended: bool) -> v1::Agent {
    let mut agent = v1::Agent {
        name: names::name(&registered.tenant, "agents", &registered.name),
        uid: registered.uid.to_string(),
        standing: standing(registered.standing).to_owned(),
        worker_attends: attended,
        ..v1::Agent::default()
    };
    if let Some(wanted) = wanted {
        agent.team = wanted.team.to_string();
        wanted.description.as_ref().clone_into(&mut agent.description);
        agent.tools = wanted.tools.iter().map(ToString::to_string).collect();
        agent.workflows = wanted.workflows.iter().map(ToString::to_string).collect();
        let access = |write: bool| if write { "write" } else { "read" };
        agent.mounts = wanted.mounts.iter().map(|mount| format!("{} ({})", mount.name, access(mount.write))).collect();
        agent.skills = wanted.skills.iter().map(|(name, told)| skill(name, told)).collect();
        let file = |(path, digest): (String, Digest)| v1::BootstrapFile { path, digest: digest.to_string() };
        agent.bootstrap = wanted.bootstrap_digests().into_iter().map(file).collect();
    }
    agent
}

fn skill(name: &str, skill: &Skill) -> v1::Skill {
    v1::Skill {
        name: name.to_owned(),
        description: skill.description.clone(),
        tools: skill.tools.iter().flatten().map(ToString::to_string).collect(),
    }
}
