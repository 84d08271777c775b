//! Which directories an agent has: those of the state in force at the moment of the call.

use std::sync::OnceLock;

use scalbotics_adapters::tool::Workspaces;
use scalbotics_core::desired::Mount;
use scalbotics_core::tool::Call;
use scalbotics_runtime::reconcile::States;

/// Workspaces of the state in force. The reconciler is made after the tools, so it is told late.
#[derive(Debug, Default)]
pub(crate) struct InForceWorkspaces(OnceLock<States>);

impl InForceWorkspaces {
    /// Tells where the state in force is; the first word counts.
    pub(crate) fn follow(&self, states: States) {
        let _already = self.0.set(states);
    }
}

impl Workspaces for InForceWorkspaces {
    fn mounts(&self, call: &Call) -> Option<Vec<Mount>> {
        let state = self.0.get()?.current()?;
        if state.snapshot.tenant != call.tenant {
            return None;
        }
        state.snapshot.agents.get(&call.agent_name).map(|agent| agent.mounts.clone())
    }
}
