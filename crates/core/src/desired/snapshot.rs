//! One commit's desired state, whole and checked.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::builtins::builtin;
use super::{Agent, TeamFile, with_builtins};
use crate::digest::Digest;
use crate::model::Model;
use crate::tenant::{Name, TenantId};
use crate::tool::Definition;
use crate::workflow::Workflow;

/// One commit's desired state; immutable, shared behind an `Arc` and swapped as a whole.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    /// The tenant.
    pub tenant: TenantId,
    /// The commit's id, hexadecimal.
    pub commit: String,
    /// Teams by id.
    pub teams: BTreeMap<Name, TeamFile>,
    /// Agents by id; those that a later commit leaves as they are, it shares.
    pub agents: BTreeMap<Name, Arc<Agent>>,
    /// Models by id, each with its digest.
    pub models: BTreeMap<Name, Arc<Model>>,
    /// The tenant's own tools by id; [`Snapshot::tools_with_builtins`] has all.
    pub tools: BTreeMap<Name, Arc<Definition>>,
    /// Workflows by id.
    pub workflows: BTreeMap<Name, Arc<Workflow>>,
    /// Policies in order of path; an engine has still to read and validate them.
    pub policies: Vec<PolicyFile>,
    /// Digest over the policies' paths and texts.
    pub bundle_digest: Digest,
}

/// A policy as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyFile {
    /// The path, as `policies/base.cedar`.
    pub path: String,
    /// The text.
    pub text: String,
}

/// Domain tag of bundle digests.
const BUNDLE_TAG: &str = "scalbotics/policy-bundle/v1";

impl PolicyFile {
    /// Digest of a bundle, whatever order its files are given in: desired state and every engine name a bundle by it.
    #[must_use]
    pub fn bundle_digest(files: &[Self]) -> Digest {
        let mut sorted: Vec<&Self> = files.iter().collect();
        sorted.sort_by(|a, b| (&a.path, &a.text).cmp(&(&b.path, &b.text)));
        let parts: Vec<&[u8]> = sorted.iter().flat_map(|file| [file.path.as_bytes(), file.text.as_bytes()]).collect();
        Digest::of_parts(BUNDLE_TAG, &parts)
    }
}

impl Snapshot {
    /// Shares with an earlier commit's state the agents that are the same in both, and their names: tasks hold on to earlier commits, and each
    /// of ten thousand agents would be in memory once for each.
    pub fn share_with(&mut self, earlier: &Self) {
        let shared = |(name, agent): (Name, Arc<Agent>)| match earlier.agents.get_key_value(&name) {
            Some((name, same)) if *same == agent => (name.clone(), Arc::clone(same)),
            Some(_) | None => (name, agent),
        };
        self.agents = std::mem::take(&mut self.agents).into_iter().map(shared).collect();
    }

    /// The tenant's own tools and the built-in ones.
    #[must_use]
    pub fn tools_with_builtins(&self) -> BTreeMap<Name, Arc<Definition>> {
        with_builtins(&self.tools)
    }

    /// A tool by its id, built-in or the tenant's own.
    #[must_use]
    pub fn tool(&self, id: &Name) -> Option<&Arc<Definition>> {
        builtin(id).or_else(|| self.tools.get(id))
    }

    /// The models that drive an agent, in order; none where it runs workflows only.
    #[must_use]
    pub fn route_of(&self, agent: &Name) -> Vec<Arc<Model>> {
        let route = self.agents.get(agent).and_then(|agent| agent.model.as_ref());
        let ids = route.map(|route| route.models.as_slice()).unwrap_or_default();
        ids.iter().filter_map(|id| self.models.get(id)).map(Arc::clone).collect()
    }

    /// The workflow that an agent runs for a goal and input: the first of its list that matches.
    #[must_use]
    pub fn workflow_for(&self, agent: &Name, goal: &str, input: &Value) -> Option<&Arc<Workflow>> {
        let workflows = self.agents.get(agent).map(|agent| agent.workflows.as_ref()).unwrap_or_default();
        workflows.iter().filter_map(|id| self.workflows.get(id)).find(|workflow| workflow.matches(goal, input))
    }

    /// A workflow of an agent by its id.
    #[must_use]
    pub fn workflow_of(&self, agent: &Name, workflow: &Name) -> Option<&Arc<Workflow>> {
        let listed = self.agents.get(agent).is_some_and(|agent| agent.workflows.contains(workflow));
        if listed { self.workflows.get(workflow) } else { None }
    }
}
