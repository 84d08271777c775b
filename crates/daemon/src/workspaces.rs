//! Which directories and programs an agent has: those of the state in force at the moment of the call, as far as they still lead where they may.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use scalbotics_adapters::tool::Workspaces;
use scalbotics_core::desired::Mount;
use scalbotics_core::tool::Call;
use scalbotics_runtime::reconcile::InForce;
use tokio::sync::watch;

use crate::places::{Places, Refused};

/// Workspaces of the state in force. The reconciler is made after the tools, so it is told late.
///
/// It holds the state alone, never the reconciler's [`States`](scalbotics_runtime::reconcile::States): those hold the ports,
/// the ports hold the tools, the tools hold this, and such a circle would keep the store open after the daemon's end.
#[derive(Debug)]
pub(crate) struct InForceWorkspaces {
    state: OnceLock<watch::Receiver<Option<Arc<InForce>>>>,
    places: Arc<Places>,
}

impl InForceWorkspaces {
    /// Workspaces in these places.
    #[must_use]
    pub(crate) const fn new(places: Arc<Places>) -> Self {
        Self { state: OnceLock::new(), places }
    }

    /// Tells where the state in force is; the first word counts.
    pub(crate) fn follow(&self, state: watch::Receiver<Option<Arc<InForce>>>) {
        let _already = self.state.set(state);
    }
}

impl Workspaces for InForceWorkspaces {
    fn mounts(&self, call: &Call) -> Option<Vec<Mount>> {
        let state = self.state_for(call)?;
        let agent = state.snapshot.agents.get(&call.agent_name)?;
        Some(agent.mounts.iter().filter_map(|mount| self.real(mount)).collect())
    }

    fn programs(&self, call: &Call) -> BTreeSet<String> {
        let state = self.state_for(call);
        let agent = state.as_ref().and_then(|state| state.snapshot.agents.get(&call.agent_name));
        agent.map(|agent| agent.programs.as_ref().clone()).unwrap_or_default()
    }
}

impl InForceWorkspaces {
    /// The state in force, if it is of the call's tenant.
    fn state_for(&self, call: &Call) -> Option<Arc<InForce>> {
        let state = self.state.get()?.borrow().clone()?;
        (state.snapshot.tenant == call.tenant).then_some(state)
    }

    /// The mount by the path where it really leads; none when it leads where it may not.
    fn real(&self, mount: &Mount) -> Option<Mount> {
        let real = self.places.mount(Path::new(&mount.path)).and_then(|real| {
            let why = "it is not UTF-8".to_owned();
            real.into_os_string().into_string().map_err(|path| Refused::Unknown { path: path.into(), why })
        });
        match real {
            Ok(path) => Some(Mount { path, ..mount.clone() }),
            Err(error) => {
                tracing::warn!(mount = %mount.name, %error, "a mount is left out");
                None
            }
        }
    }
}
