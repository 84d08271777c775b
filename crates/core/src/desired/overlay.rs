//! `env/<name>.yaml`: narrows what the other files say, for one environment (semantics §9.4).
//!
//! The rules of merging: what an overlay does not name stays as it is; a list keeps those that it names, in the order of the
//! file that it narrows; a number replaces one that is not smaller; a tier of a tool replaces one that is not higher. Whatever
//! else it says is a finding. Every overlay of a commit is checked, and at most one is applied: the daemon's configuration says
//! which.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::finding::{Finding, line_of};
use super::read::{Files, Source};
use super::{AgentFile, BudgetFile, FindingKind, Mount};
use crate::model::{self, RouteFile};
use crate::tenant::Name;
use crate::tool::{Manifest, Tier};

/// `env/<name>.yaml`
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "Overlay")]
pub struct OverlayFile {
    /// Agents that have less here, by id.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub agents: BTreeMap<Name, AgentOverlay>,
    /// Models that answer more briefly here, by id.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub models: BTreeMap<Name, ModelOverlay>,
    /// Tools that are riskier here, by id; the built-in tools are not among them.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tools: BTreeMap<Name, ToolOverlay>,
}

/// What an agent keeps; what is left out stays as `agents/<id>.yaml` says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AgentOverlay {
    /// The tools that it keeps, of those that it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tools: Option<Vec<Name>>,
    /// The workflows that it keeps, of those that it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workflows: Option<Vec<Name>>,
    /// The mounts that it keeps, of those that it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mounts: Option<Vec<MountOverlay>>,
    /// The programs that it keeps, of those that it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub programs: Option<Vec<String>>,
    /// Limits of one task, none above what the agent has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub budget: Option<BudgetFile>,
    /// The models that drive it here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<RouteOverlay>,
    /// The highest tier of its tools, not above what the agent has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tier_max: Option<Tier>,
}

/// A mount that an agent keeps; its path stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MountOverlay {
    /// The mount's name.
    pub name: Name,
    /// Whether the agent's tools may still write there.
    #[serde(default)]
    pub write: bool,
}

/// What is less about the models that drive an agent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RouteOverlay {
    /// The models that it keeps, of those that it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub route: Option<Vec<Name>>,
    /// Most tokens of one answer, not above what the agent has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_tokens_max: Option<u64>,
    /// Most turns of one task, not above what the agent has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub turns_max: Option<u64>,
}

/// What is less about a model.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ModelOverlay {
    /// Most tokens of one answer, not above what `models/<id>.yaml` says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_tokens_max: Option<u64>,
}

/// What is riskier about a tool.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ToolOverlay {
    /// Its tier, not below what `tools/<id>.yaml` says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tier: Option<Tier>,
}

/// Checks every overlay, and applies the chosen one.
pub(super) fn apply(files: &mut Files, chosen: Option<&Name>, findings: &mut Vec<Finding>) {
    let overlays = std::mem::take(&mut files.overlays);
    if let Some(name) = chosen.filter(|name| !overlays.contains_key(name)) {
        let path = format!("env/{name}.yaml");
        let why = "the daemon's configuration chooses it in repository.overlay, and it is not in the commit";
        let next = "add the file, or choose another overlay";
        findings.push(Finding::new(&path, FindingKind::Reference, format!("overlay `{name}` does not exist"), why, next));
    }
    let mut narrowed = Vec::new();
    for (name, overlay) in overlays {
        let Some(overlay) = overlay else { continue };
        let before = findings.len();
        let mut narrowing = Narrowing { overlay: &overlay, findings };
        let agents: Vec<_> = overlay.value.agents.iter().map(|(id, less)| (id, narrowing.agent(id, less, files))).collect();
        let models: Vec<_> = overlay.value.models.iter().map(|(id, less)| (id, narrowing.model(id, less, files))).collect();
        let tools: Vec<_> = overlay.value.tools.iter().map(|(id, more)| (id, narrowing.tool(id, more, files))).collect();
        // A refused one is not applied: what it would break is no second finding.
        if Some(&name) == chosen && findings.len() == before {
            let agents: Vec<_> = agents.into_iter().filter_map(|(id, agent)| Some((id.clone(), agent?))).collect();
            let tools: Vec<_> = tools.into_iter().filter_map(|(id, tool)| Some((id.clone(), tool?))).collect();
            let models: Vec<_> = models.into_iter().filter_map(|(id, model)| Some((id.clone(), model?))).collect();
            narrowed.push((overlay.path.clone(), agents, models, tools));
        }
    }
    for (path, agents, models, tools) in narrowed {
        agents.into_iter().for_each(|(id, value)| replace(&mut files.agents, &id, value, &path));
        models.into_iter().for_each(|(id, value)| replace(&mut files.models, &id, value, &path));
        tools.into_iter().for_each(|(id, value)| replace(&mut files.tools, &id, value, &path));
    }
}

fn replace<T>(files: &mut BTreeMap<Name, Option<Source<T>>>, id: &Name, value: T, overlay: &str) {
    if let Some(Some(source)) = files.get_mut(id) {
        source.value = value;
        source.narrowed_by = Some(overlay.to_owned());
    }
}

/// The work on one overlay.
struct Narrowing<'a> {
    overlay: &'a Source<OverlayFile>,
    findings: &'a mut Vec<Finding>,
}

impl Narrowing<'_> {
    /// The agent with less; `None` when there is none of that id, or its own file was refused.
    fn agent(&mut self, id: &Name, less: &AgentOverlay, files: &Files) -> Option<AgentFile> {
        let Some(source) = files.agents.get(id) else {
            let why = format!("there is no agents/{id}.yaml");
            self.refuse(id, FindingKind::Reference, format!("agent `{id}` does not exist"), why);
            return None;
        };
        let mut agent = source.as_ref()?.value.clone();
        let all = (std::mem::take(&mut agent.tools), std::mem::take(&mut agent.workflows));
        agent.programs = self.programs(id, std::mem::take(&mut agent.programs), less.programs.as_deref());
        agent.tools = self.kept(id, "tool", all.0, less.tools.as_deref());
        agent.workflows = self.kept(id, "workflow", all.1, less.workflows.as_deref());
        if let Some(mounts) = &less.mounts {
            agent.mounts = self.mounts(id, &agent.mounts, mounts);
        }
        if let Some(budget) = less.budget {
            agent.budget = Some(self.budget(id, agent.budget.unwrap_or_default(), budget));
        }
        if let Some(route) = &less.model {
            agent.model = self.route(id, agent.model.take(), route, files);
        }
        if let Some(tier) = less.tier_max {
            let had = agent.tier_max.unwrap_or(Tier::Risky);
            if tier > had {
                let why = format!("the agent's tier_max is {}", had.number());
                self.refuse(id, FindingKind::Value, format!("tier_max {} of agent `{id}` is refused", tier.number()), why);
            }
            agent.tier_max = Some(tier.min(had));
        }
        Some(agent)
    }

    /// The route with less of it.
    fn route(&mut self, id: &Name, had: Option<RouteFile>, less: &RouteOverlay, files: &Files) -> Option<RouteFile> {
        let Some(had) = had else {
            self.refuse(id, FindingKind::Value, format!("model of agent `{id}` is refused"), "the agent has none".to_owned());
            return None;
        };
        // One out of range, or of models that are not there, has a finding of its own.
        let models = had.route.iter().filter_map(|model| files.models.get(model)?.as_ref());
        let cap = models.map(|model| model.value.output_tokens_max).min().unwrap_or(model::OUTPUT_TOKENS_MAX);
        let Ok(base) = had.resolve(cap) else { return Some(had) };
        Some(RouteFile {
            route: self.kept(id, "model", had.route, less.route.as_deref()),
            output_tokens_max: match less.output_tokens_max {
                // What is not said follows the models that are left.
                None => had.output_tokens_max,
                Some(wanted) => {
                    Some(self.at_most(id, &format!("output_tokens_max {wanted} of agent"), wanted, base.output_tokens_max))
                }
            },
            turns_max: match less.turns_max {
                None => had.turns_max,
                Some(wanted) => Some(self.at_most(id, &format!("turns_max {wanted} of agent"), wanted, base.turns_max)),
            },
            tool_choice: had.tool_choice,
        })
    }

    /// The model with a smaller cap; `None` as above.
    fn model(&mut self, id: &Name, less: &ModelOverlay, files: &Files) -> Option<model::File> {
        let Some(source) = files.models.get(id) else {
            let why = format!("there is no models/{id}.yaml");
            self.refuse(id, FindingKind::Reference, format!("model `{id}` does not exist"), why);
            return None;
        };
        let mut model = source.as_ref()?.value.clone();
        if let Some(wanted) = less.output_tokens_max {
            let what = format!("output_tokens_max {wanted} of model");
            model.output_tokens_max = self.at_most(id, &what, wanted, model.output_tokens_max);
        }
        Some(model)
    }

    /// A cap of 1 to what was there before.
    fn at_most(&mut self, id: &Name, what: &str, wanted: u64, had: u64) -> u64 {
        if !(1..=had).contains(&wanted) {
            self.refuse(id, FindingKind::Value, format!("{what} `{id}` is refused"), format!("it is 1 to {had} there"));
            return had;
        }
        wanted
    }

    /// The tool at its tier here; `None` as above.
    fn tool(&mut self, id: &Name, more: &ToolOverlay, files: &Files) -> Option<Manifest> {
        let Some(source) = files.tools.get(id) else {
            let why = format!("there is no tools/{id}.yaml");
            self.refuse(id, FindingKind::Reference, format!("tool `{id}` does not exist"), why);
            return None;
        };
        let mut tool = source.as_ref()?.value.clone();
        let tier = more.tier.unwrap_or(tool.tier);
        if tier < tool.tier {
            let why = format!("the tool's tier is {}", tool.tier.number());
            self.refuse(id, FindingKind::Value, format!("tier {} of tool `{id}` is refused", tier.number()), why);
        }
        tool.tier = tier.max(tool.tier);
        Some(tool)
    }

    /// Those of `had` that `wanted` names, or all where it says nothing.
    fn kept(&mut self, id: &Name, kind: &str, had: Vec<Name>, wanted: Option<&[Name]>) -> Vec<Name> {
        let Some(wanted) = wanted else { return had };
        for name in wanted.iter().filter(|name| !had.contains(name)) {
            let why = "it is not in the agent's file".to_owned();
            self.refuse(name, FindingKind::Value, format!("{kind} `{name}` of agent `{id}` is refused"), why);
        }
        had.into_iter().filter(|name| wanted.contains(name)).collect()
    }

    /// Those of `had` that `wanted` names, or all where it says nothing.
    fn programs(&mut self, id: &Name, had: Vec<String>, wanted: Option<&[String]>) -> Vec<String> {
        let Some(wanted) = wanted else { return had };
        for program in wanted.iter().filter(|program| !had.contains(program)) {
            let why = "it is not in the agent's file".to_owned();
            self.refuse(id, FindingKind::Value, format!("program `{program}` of agent `{id}` is refused"), why);
        }
        had.into_iter().filter(|program| wanted.contains(program)).collect()
    }

    fn mounts(&mut self, id: &Name, had: &[Mount], wanted: &[MountOverlay]) -> Vec<Mount> {
        for mount in wanted {
            let base = had.iter().find(|base| base.name == mount.name);
            let why = match base {
                None => "it is not in the agent's file",
                Some(base) if mount.write && !base.write => "the agent may not write there",
                Some(_) => continue,
            };
            let what = format!("mount `{}` of agent `{id}` is refused", mount.name);
            self.refuse(&mount.name, FindingKind::Value, what, why.to_owned());
        }
        let kept = |base: &Mount| {
            let mount = wanted.iter().find(|mount| mount.name == base.name)?;
            Some(Mount { write: base.write && mount.write, ..base.clone() })
        };
        had.iter().filter_map(kept).collect()
    }

    fn budget(&mut self, id: &Name, had: BudgetFile, wanted: BudgetFile) -> BudgetFile {
        // A budget out of range has a finding of its own.
        let Ok(base) = had.budget() else { return had };
        let mut less = |field: &str, wanted: Option<u64>, base: u64| {
            if let Some(wanted) = wanted.filter(|wanted| *wanted > base) {
                let what = format!("budget.{field} {wanted} of agent `{id}` is refused");
                self.refuse(id, FindingKind::Value, what, format!("the agent has {base}"));
            }
            Some(wanted.unwrap_or(base).min(base))
        };
        let budget = BudgetFile {
            calls: less("calls", wanted.calls, base.calls),
            tokens: less("tokens", wanted.tokens, base.tokens),
            seconds: less("seconds", wanted.seconds, base.seconds),
        };
        if let Err(field) = budget.budget() {
            self.refuse(
                id,
                FindingKind::Value,
                format!("budget.{field} of agent `{id}` is refused"),
                "it is out of range".to_owned(),
            );
            return had;
        }
        budget
    }

    fn refuse(&mut self, word: &Name, kind: FindingKind, what: String, why: String) {
        let next = "an overlay only narrows what the other files say; widen those, or correct the overlay";
        let finding = Finding::new(&self.overlay.path, kind, what, why, next);
        self.findings.push(finding.at(line_of(&self.overlay.text, word.as_str())));
    }
}
