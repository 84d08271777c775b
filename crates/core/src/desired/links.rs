//! Names that lead from one file to another.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::finding::{Finding, line_of};
use super::read::{Files, Source};
use super::{AgentFile, FindingKind, TeamFile, with_builtins};
use crate::egress::TOOL_PREFIX;
use crate::tenant::Name;
use crate::tool::{Builtin, Definition, Manifest, Tier};
use crate::workflow::{Workflow, WrittenPlace};

/// What names may lead to.
struct Links<'a> {
    files: &'a Files,
    tools: BTreeMap<Name, Arc<Definition>>,
    workflows: &'a BTreeMap<Name, Arc<Workflow>>,
}

/// Checks every name; a file that is there but was refused counts as there.
pub(super) fn check(
    files: &Files,
    tools: &BTreeMap<Name, Arc<Definition>>,
    workflows: &BTreeMap<Name, Arc<Workflow>>,
    findings: &mut Vec<Finding>,
) {
    let links = Links { files, tools: with_builtins(tools), workflows };
    for team in files.teams.values().flatten() {
        findings.extend(links.lead(team));
    }
    for tool in files.tools.values().flatten() {
        findings.extend(links.worker(tool));
    }
    for agent in files.agents.values().flatten() {
        findings.extend(links.team(agent));
        findings.extend(agent.value.tools.iter().filter_map(|tool| links.tool(agent, tool)));
        for workflow in &agent.value.workflows {
            links.workflow(agent, workflow, findings);
        }
        let route = agent.value.model.iter().flat_map(|model| &model.route);
        findings.extend(route.filter_map(|model| links.model(agent, model)));
    }
}

fn finding<T>(source: &Source<T>, word: &Name, what: String, why: String, next: String) -> Finding {
    let why = match &source.narrowed_by {
        Some(overlay) => format!("{why}; {overlay} narrows this file"),
        None => why,
    };
    Finding::new(&source.path, FindingKind::Reference, what, why, next).at(line_of(&source.text, word.as_str()))
}

/// A place that no run could reach: better refused here than after the steps before it.
fn unreachable(agent: &Source<AgentFile>, id: &Name, place: &WrittenPlace<'_>) -> Option<Finding> {
    let WrittenPlace { step, tool, .. } = place;
    let (why, next) = match place.mount {
        None => {
            let why = format!("the path of step `{step}` is absolute or has `..`");
            (why, "write the path as mount/relative/path".to_owned())
        }
        Some(name) => match agent.value.mounts.iter().find(|mount| mount.name.as_str() == name) {
            None => {
                let names: Vec<&str> = agent.value.mounts.iter().map(|mount| mount.name.as_str()).collect();
                let has = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
                let why = format!("step `{step}` names the mount `{name}`, but the agent's mounts are: {has}");
                (why, format!("add the mount `{name}` to the agent, or begin the path with one that it has"))
            }
            Some(mount) if place.writes && !mount.write => {
                let why = format!("step `{step}` writes to the mount `{name}`, which is read only");
                (why, format!("set `write: true` for the mount `{name}`, or write elsewhere"))
            }
            Some(_) => return None,
        },
    };
    Some(finding(agent, id, format!("workflow `{id}` is refused: `{tool}` cannot reach its path"), why, next))
}

impl Links<'_> {
    fn lead(&self, team: &Source<TeamFile>) -> Option<Finding> {
        let lead = team.value.lead.as_ref()?;
        let what = format!("lead `{lead}` is refused");
        let next = format!("name an agent whose file says `team: {}`", team.value.id);
        match self.files.agents.get(lead) {
            None => Some(finding(team, lead, what, format!("there is no agents/{lead}.yaml"), next)),
            Some(Some(agent)) if agent.value.team != team.value.id => {
                Some(finding(team, lead, what, format!("agent `{lead}` is in team `{}`", agent.value.team), next))
            }
            Some(_) => None,
        }
    }

    fn team(&self, agent: &Source<AgentFile>) -> Option<Finding> {
        let team = &agent.value.team;
        if self.files.teams.contains_key(team) {
            return None;
        }
        let why = format!("there is no teams/{team}.yaml");
        Some(finding(agent, team, format!("team `{team}` does not exist"), why, "add the team, or name another".to_owned()))
    }

    fn tool(&self, agent: &Source<AgentFile>, tool: &Name) -> Option<Finding> {
        if tool.as_str() == crate::model::CALL {
            let why = "it comes with `model`, and is not listed".to_owned();
            let next = "remove it, and give the agent a `model` with a `route`".to_owned();
            return Some(finding(agent, tool, format!("tool `{tool}` is refused"), why, next));
        }
        let Some(definition) = self.tools.get(tool) else {
            if self.files.tools.contains_key(tool) {
                return None;
            }
            if let Some(id) = tool.as_str().strip_prefix(TOOL_PREFIX) {
                return self.destination(agent, tool, id);
            }
            let why = format!("there is no tools/{tool}.yaml and no built-in tool of that name");
            let known = Builtin::ALL.map(Builtin::id).join(", ");
            let next = format!("add the tool, or name one of {known}");
            return Some(finding(agent, tool, format!("tool `{tool}` does not exist"), why, next));
        };
        let tier_max = agent.value.tier_max.unwrap_or(Tier::Risky);
        if definition.tier <= tier_max {
            return None;
        }
        let why = format!("its tier is {}, above the agent's tier_max {}", definition.tier.number(), tier_max.number());
        Some(finding(agent, tool, format!("tool `{tool}` is refused"), why, "remove the tool, or raise tier_max".to_owned()))
    }

    fn worker(&self, tool: &Source<Manifest>) -> Option<Finding> {
        let worker = tool.value.worker.as_ref().filter(|worker| !self.files.agents.contains_key(*worker))?;
        let why = format!("there is no agents/{worker}.yaml");
        let next = "add the agent whose worker runs the tool, or name another".to_owned();
        Some(finding(tool, worker, format!("worker `{worker}` does not exist"), why, next))
    }

    /// A tool that a destination would make, if its file is not only refused.
    fn destination(&self, agent: &Source<AgentFile>, tool: &Name, id: &str) -> Option<Finding> {
        if self.files.destinations.keys().any(|known| known.as_str() == id) {
            return None;
        }
        let why = format!("there is no destinations/{id}.yaml");
        let next = "add the destination, or name another".to_owned();
        Some(finding(agent, tool, format!("destination `{id}` does not exist"), why, next))
    }

    fn model(&self, agent: &Source<AgentFile>, model: &Name) -> Option<Finding> {
        if self.files.models.contains_key(model) {
            return None;
        }
        let why = format!("there is no models/{model}.yaml");
        Some(finding(agent, model, format!("model `{model}` does not exist"), why, "add the model, or name another".to_owned()))
    }

    fn workflow(&self, agent: &Source<AgentFile>, id: &Name, findings: &mut Vec<Finding>) {
        let Some(workflow) = self.workflows.get(id) else {
            if !self.files.workflows.contains_key(id) {
                let why = format!("there is no workflows/{id}.yaml");
                let what = format!("workflow `{id}` does not exist");
                findings.push(finding(agent, id, what, why, "add the workflow, or remove its name".to_owned()));
            }
            return;
        };
        if workflow.asks() && agent.value.model.is_none() {
            let what = format!("workflow `{id}` is refused");
            let why = "a step of it asks a model, and no model drives the agent".to_owned();
            findings.push(finding(agent, id, what, why, "give the agent a `model` with a `route`".to_owned()));
        }
        let listed = |tool: &&Name| agent.value.tools.contains(tool) || tool.as_str() == crate::model::CALL;
        for tool in workflow.tools().into_iter().filter(|tool| !listed(tool)) {
            let what = format!("workflow `{id}` is refused");
            let why = format!("it calls `{tool}`, which is not among the agent's tools");
            findings.push(finding(agent, id, what, why, format!("add `{tool}` to the agent's tools")));
        }
        for place in workflow.written_places() {
            findings.extend(unreachable(agent, id, &place));
        }
    }
}
