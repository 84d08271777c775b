//! Which team an agent is in: exactly one, and a lead stays in the team that it leads.

use scalbotics_core::tenant::Name;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::git::Branch;
use crate::codes;
use crate::failure::{Exit, Failure};

/// A move of an agent into a team.
#[derive(Debug)]
pub(crate) struct Move {
    /// The agent.
    pub(crate) agent: Name,
    /// The team that it must be in now, where the caller says so.
    pub(crate) from: Option<Name>,
    /// The team that it goes to.
    pub(crate) to: Name,
}

/// What an agent's file says about its team.
#[derive(Debug, Deserialize)]
struct Member {
    team: Name,
}

/// What a team's file says about its lead.
#[derive(Debug, Deserialize)]
struct Team {
    #[serde(default)]
    lead: Option<Name>,
}

/// The agent's file as it stands in `parent`, where the agent may move.
pub(super) fn file(branch: &Branch, parent: &str, wanted: &Move) -> Result<(String, String), Failure> {
    let Move { agent, from, to } = wanted;
    let path = format!("agents/{agent}.yaml");
    if !branch.has(parent, &path)? {
        return Err(absent("agent", agent, parent).next("scalbotics agent list"));
    }
    let text = branch.text(parent, &path)?;
    let now = read::<Member>(&path, &text)?.team;
    if let Some(from) = from.as_ref().filter(|from| **from != now) {
        return Err(Failure::new(Exit::Conflict, codes::REPOSITORY, format!("agent {agent} is not in team {from}"))
            .why(format!("{path} of commit {parent} says that it is in team {now}"))
            .next(format!("scalbotics agent show {agent}")));
    }
    let beside = format!("teams/{to}.yaml");
    if !branch.has(parent, &beside)? {
        return Err(absent("team", to, parent).next("scalbotics team list"));
    }
    let own = format!("teams/{now}.yaml");
    if *to != now && branch.has(parent, &own)? && read::<Team>(&own, &branch.text(parent, &own)?)?.lead.as_ref() == Some(agent) {
        return Err(Failure::new(Exit::Conflict, codes::REPOSITORY, format!("agent {agent} leads team {now}"))
            .why("a lead is in its team; `team set-lead` names another one")
            .next(format!("scalbotics team show {now}")));
    }
    Ok((path, text))
}

fn absent(kind: &str, name: &Name, parent: &str) -> Failure {
    Failure::new(Exit::NotFound, codes::NOT_FOUND, format!("there is no {kind} {name}"))
        .why(format!("commit {parent} does not have {kind}s/{name}.yaml"))
}

fn read<T: DeserializeOwned>(path: &str, text: &str) -> Result<T, Failure> {
    serde_saphyr::from_str(text).map_err(|error| {
        Failure::new(Exit::Failed, codes::REPOSITORY, format!("{path} cannot be read"))
            .why(error.to_string().trim().replace('\n', " "))
            .next("scalbotics repo status")
    })
}
