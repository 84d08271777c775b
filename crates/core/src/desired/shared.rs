//! What many files of a commit say alike, kept once while they are read.

use std::borrow::Borrow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Agent, AgentFile, Bootstrap, Mount, Skill};
use crate::model::Route;
use crate::task::Budget;
use crate::tenant::Name;
use crate::tool::Tier;

/// Names that stand in many files.
#[derive(Debug, Default)]
pub(super) struct Names(BTreeSet<Name>);

impl Names {
    /// Lets the names in an agent's file share their texts with those that were read before it; `id` is the agent's.
    pub(super) fn share(&mut self, id: &Name, file: &mut AgentFile) {
        file.id = id.clone();
        for name in file.tools.iter_mut().chain(&mut file.workflows).chain([&mut file.team]) {
            match self.0.get(name) {
                Some(known) => *name = known.clone(),
                None => drop(self.0.insert(name.clone())),
            }
        }
    }
}

/// Values of one kind.
#[derive(Debug)]
struct Values<T: ?Sized>(BTreeSet<Arc<T>>);

impl<T: ?Sized> Default for Values<T> {
    fn default() -> Self {
        Self(BTreeSet::new())
    }
}

impl<T: Ord + ?Sized> Values<T> {
    /// The value that is equal and was there before, or this one.
    fn share<V: Borrow<T> + Into<Arc<T>>>(&mut self, value: V) -> Arc<T> {
        if let Some(known) = self.0.get(value.borrow()) {
            return Arc::clone(known);
        }
        let new = value.into();
        self.0.insert(Arc::clone(&new));
        new
    }
}

/// What of an agent is not in its file as it stands there.
#[derive(Debug)]
pub(super) struct Checked {
    pub(super) budget: Budget,
    pub(super) model: Option<Route>,
    pub(super) bootstrap: BTreeMap<String, Bootstrap>,
    pub(super) skills: BTreeMap<String, Skill>,
}

/// The agents of a commit.
#[derive(Debug, Default)]
pub(super) struct Agents {
    descriptions: Values<str>,
    tools: Values<BTreeSet<Name>>,
    workflows: Values<[Name]>,
    mounts: Values<[Mount]>,
    programs: Values<BTreeSet<String>>,
    models: Values<Route>,
    bootstraps: Values<BTreeMap<String, Bootstrap>>,
    skills: Values<BTreeMap<String, Skill>>,
    all: Vec<(Name, Arc<Agent>)>,
}

impl Agents {
    /// Adds an agent, with what it has like another one from there.
    pub(super) fn add(&mut self, name: &Name, file: &AgentFile, checked: Checked) {
        let Checked { budget, model, bootstrap, skills } = checked;
        let called = model.iter().filter_map(|_| Some(&crate::model::call::definition()?.id));
        let tools: BTreeSet<Name> = file.tools.iter().chain(called).cloned().collect();
        let agent = Agent {
            name: name.clone(),
            team: file.team.clone(),
            description: self.descriptions.share(file.description.clone()),
            tools: self.tools.share(tools),
            workflows: self.workflows.share(file.workflows.clone()),
            mounts: self.mounts.share(file.mounts.clone()),
            programs: self.programs.share(file.programs.iter().cloned().collect::<BTreeSet<_>>()),
            budget,
            model: model.map(|model| self.models.share(model)),
            tier_max: file.tier_max.unwrap_or(Tier::Risky),
            workload: file.workload.clone().map(Box::new),
            bootstrap: self.bootstraps.share(bootstrap),
            skills: self.skills.share(skills),
        };
        self.all.push((name.clone(), Arc::new(agent)));
    }

    /// The agents by id. A map that is made at once is half as large as one that grew in order.
    pub(super) fn finish(self) -> BTreeMap<Name, Arc<Agent>> {
        self.all.into_iter().collect()
    }
}
