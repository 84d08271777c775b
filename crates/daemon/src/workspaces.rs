//! Which directories an agent has: those of the state in force at the moment of the call.

use std::sync::{Arc, OnceLock};

use scalbotics_adapters::tool::Workspaces;
use scalbotics_core::desired::Mount;
use scalbotics_core::tool::Call;
use scalbotics_runtime::reconcile::InForce;
use tokio::sync::watch;

/// Workspaces of the state in force. The reconciler is made after the tools, so it is told late.
///
/// It holds the state alone, never the reconciler's [`States`](scalbotics_runtime::reconcile::States): those hold the ports,
/// the ports hold the tools, the tools hold this, and such a circle would keep the store open after the daemon's end.
#[derive(Debug, Default)]
pub(crate) struct InForceWorkspaces(OnceLock<watch::Receiver<Option<Arc<InForce>>>>);

impl InForceWorkspaces {
    /// Tells where the state in force is; the first word counts.
    pub(crate) fn follow(&self, state: watch::Receiver<Option<Arc<InForce>>>) {
        let _already = self.0.set(state);
    }
}

impl Workspaces for InForceWorkspaces {
    fn mounts(&self, call: &Call) -> Option<Vec<Mount>> {
        let state = self.0.get()?.borrow().clone()?;
        if state.snapshot.tenant != call.tenant {
            return None;
        }
        state.snapshot.agents.get(&call.agent_name).map(|agent| agent.mounts.clone())
    }
}
