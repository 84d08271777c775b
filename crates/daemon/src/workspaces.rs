//! Which directories and programs an agent has: those of the state in force at the moment of the call, as far as they still lead where they may.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use scalbotics_adapters::tool::Workspaces;
use scalbotics_core::desired::Mount;
use scalbotics_core::tool::Call;
use scalbotics_runtime::reconcile::Board;

use crate::places::{Places, PlacesByTenant, Refused};

/// Workspaces of the states in force.
#[derive(Debug)]
pub(crate) struct InForceWorkspaces {
    in_force: Board,
    places: Arc<PlacesByTenant>,
}

impl InForceWorkspaces {
    /// Workspaces in these places.
    #[must_use]
    pub(crate) const fn new(places: Arc<PlacesByTenant>, in_force: Board) -> Self {
        Self { in_force, places }
    }
}

impl Workspaces for InForceWorkspaces {
    fn mounts(&self, call: &Call) -> Option<Vec<Mount>> {
        let state = self.in_force.of(&call.tenant)?;
        let agent = state.snapshot.agents.get(&call.agent_name)?;
        let places = self.places.of(&call.tenant);
        Some(agent.mounts.iter().filter_map(|mount| real(&places, mount)).collect())
    }

    fn programs(&self, call: &Call) -> BTreeSet<String> {
        let state = self.in_force.of(&call.tenant);
        let agent = state.as_ref().and_then(|state| state.snapshot.agents.get(&call.agent_name));
        agent.map(|agent| agent.programs.as_ref().clone()).unwrap_or_default()
    }

    fn given(&self, call: &Call, path: &Path) -> Result<PathBuf, String> {
        self.places.of(&call.tenant).tool(path).map_err(|refused| refused.to_string())
    }
}

/// The mount by the path where it really leads; none when it leads where it may not.
fn real(places: &Places, mount: &Mount) -> Option<Mount> {
    let real = places.mount(Path::new(&mount.path)).and_then(|real| {
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
