//! What a model may ask for: the agent's tools, and its workflows.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::desired::{Agent, Snapshot};
use crate::model::{CALL, TOOLS_MAX, ToolSpec};
use crate::tenant::Name;
use crate::tool::Definition;
use crate::workflow::Workflow;

/// First word of the names under which workflows are offered: `workflow.refund`.
pub const WORKFLOW: &str = "workflow";

/// One thing that a model may ask for.
#[derive(Debug, Clone)]
pub(super) enum Offer {
    /// A tool.
    Tool(Arc<Definition>),
    /// A workflow, which runs as if it were one.
    Workflow(Arc<Workflow>),
}

impl Offer {
    /// As the model sees it.
    pub(super) fn spec(&self, name: &Name) -> ToolSpec {
        let (description, parameters) = match self {
            Self::Tool(tool) => (tool.description.clone(), tool.input.to_value()),
            Self::Workflow(workflow) => (workflow.description.clone(), workflow.input.to_value()),
        };
        ToolSpec { name: name.clone(), description, parameters }
    }
}

/// What the agent's model is offered, by the name that it calls it by; no more than servers take, workflows first.
pub(super) fn of(snapshot: &Snapshot, agent: &Agent) -> BTreeMap<Name, Offer> {
    let workflows = agent.workflows.iter().filter_map(|id| {
        let workflow = snapshot.workflows.get(id)?;
        // A name that becomes too long by the word before it is not offered.
        Some((Name::parse(&format!("{WORKFLOW}.{id}")).ok()?, Offer::Workflow(Arc::clone(workflow))))
    });
    let tools = agent.tools.iter().filter(|id| id.as_str() != CALL);
    let tools = tools.filter_map(|id| Some((id.clone(), Offer::Tool(Arc::clone(snapshot.tool(id)?)))));
    workflows.chain(tools).take(TOOLS_MAX).collect()
}
