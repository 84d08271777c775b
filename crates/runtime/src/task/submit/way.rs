//! Which way a submission takes, and what would end it whatever the tools answer.

use std::sync::Arc;

use scalbotics_core::conversation::Move;
use scalbotics_core::desired::Agent;
use scalbotics_core::digest::Digest;
use scalbotics_core::model::Model;
use scalbotics_core::task::{Budget, Path, Way};
use scalbotics_core::tenant::Name;
use scalbotics_core::workflow::Workflow;
use serde_json::Value;

use super::super::SubmitError;
use super::super::run::Driver;
use super::{Goal, Submit};
use crate::reconcile::InForce;

/// What decides the calls of a submission.
pub(super) enum Chosen<'a> {
    Workflow(&'a Arc<Workflow>),
    Model,
}

impl<'a> Chosen<'a> {
    /// The workflow that is named, the first of the agent's that serves the goal and input, or else its model: what is
    /// deterministic comes first.
    pub(super) fn of(pinned: &'a InForce, agent: &Agent, submit: &Submit) -> Result<Self, SubmitError> {
        let (name, known) = (|| submit.agent.clone(), || agent.workflows.to_vec());
        match &submit.goal {
            Goal::Text(text) => match pinned.snapshot.workflow_for(&submit.agent, text, &submit.input) {
                Some(workflow) => Ok(Self::Workflow(workflow)),
                None if agent.model.is_some() => Ok(Self::Model),
                None => Err(SubmitError::NoPath { agent: name(), asked: known() }),
            },
            Goal::Workflow(id) => {
                let found = pinned.snapshot.workflow_of(&submit.agent, id);
                let unknown = || SubmitError::UnknownWorkflow { agent: name(), workflow: id.clone(), known: known() };
                let workflow = found.ok_or_else(unknown)?;
                let checked = workflow.check_input(&submit.input);
                checked.map_err(|source| SubmitError::Input { workflow: id.clone(), source })?;
                Ok(Self::Workflow(workflow))
            }
        }
    }

    /// Refuses a workflow that calls what the agent does not have.
    pub(super) fn check_granted(&self, agent: &Agent) -> Result<(), SubmitError> {
        let Self::Workflow(workflow) = self else { return Ok(()) };
        match workflow.tools().into_iter().find(|tool| !agent.tools.contains(*tool)) {
            None => Ok(()),
            Some(tool) => {
                let (agent, workflow) = (agent.name.clone(), workflow.id.clone());
                Err(SubmitError::ToolNotGranted { agent, workflow, tool: tool.clone() })
            }
        }
    }

    /// The way with the exact versions that it runs under (semantics §9.3).
    pub(super) fn path(&self, pinned: &InForce, agent: &Agent) -> Path {
        let (way, tools, asks): (Way, Vec<&Name>, bool) = match self {
            Self::Workflow(workflow) => {
                let way = Way::Workflow { workflow: workflow.id.clone(), digest: workflow.digest };
                (way, workflow.tools().into_iter().collect(), workflow.asks())
            }
            Self::Model => (Way::Model, agent.tools.iter().collect(), true),
        };
        let tools = tools.into_iter().filter_map(|id| pinned.tools.get(id));
        let models = if asks { pinned.snapshot.route_of(&agent.name) } else { Vec::new() };
        let digest = |model: &Arc<Model>| -> (Name, Digest) { (model.id.clone(), model.digest) };
        Path {
            way,
            commit: pinned.snapshot.commit.clone(),
            bundle: pinned.snapshot.bundle_digest,
            bootstrap: agent.bootstrap_digests(),
            tools: tools.map(|tool| (tool.id.clone(), tool.digest)).collect(),
            models: models.iter().map(digest).collect(),
        }
    }
}

/// Refuses what would end in failure whatever the tools answer, before the first effect.
pub(super) fn foresee(driver: &Driver, input: &Value, agent: &Name, budget: &Budget) -> Result<(), SubmitError> {
    match driver {
        Driver::Workflow { workflow, .. } => {
            let id = || workflow.id.clone();
            let wanted = workflow.calls_min(input).map_err(|source| SubmitError::Foreseen { workflow: id(), source })?;
            let enough = wanted <= budget.calls;
            if enough { Ok(()) } else { Err(SubmitError::TooFewCalls { workflow: id(), wanted, budget: budget.calls }) }
        }
        Driver::Model(conversation) => {
            let next = conversation.next().map_err(|source| SubmitError::Stuck { agent: agent.clone(), source })?;
            let Move::Ask { request, .. } = next else { return Ok(()) };
            let (wanted, budget) = (request.worst_case(), budget.tokens);
            if wanted <= budget { Ok(()) } else { Err(SubmitError::TooFewTokens { agent: agent.clone(), wanted, budget }) }
        }
    }
}
