//! Whose processes may be an agent at all, so that everybody else of the host takes no place from them.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use scalbotics_core::workload::Selectors;
use scalbotics_runtime::reconcile::InForce;
use tokio::sync::watch;

/// Users and groups that selectors of the state in force name, where `None` is any.
#[derive(Debug)]
pub(super) struct Expected(Mutex<Known>);

#[derive(Debug)]
struct Known {
    in_force: watch::Receiver<Option<Arc<InForce>>>,
    owners: BTreeSet<(Option<u32>, Option<u32>)>,
}

impl Expected {
    /// By the state that is in force when it is asked.
    pub(super) fn new(mut in_force: watch::Receiver<Option<Arc<InForce>>>) -> Self {
        in_force.mark_changed();
        Self(Mutex::new(Known { in_force, owners: BTreeSet::new() }))
    }

    /// Whether a process of this user and group may be an agent.
    pub(super) fn includes(&self, uid: u32, gid: u32) -> bool {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Agents are read once a commit, not once a connection: whoever connects could have them read for ever.
        if known.in_force.has_changed().unwrap_or_default() {
            let in_force = known.in_force.borrow_and_update().clone();
            let agents = in_force.iter().flat_map(|state| state.snapshot.agents.values());
            known.owners = agents.filter_map(|agent| agent.workload.as_deref()).map(owner).collect();
        }
        let kinds = [(Some(uid), Some(gid)), (Some(uid), None), (None, Some(gid)), (None, None)];
        kinds.iter().any(|kind| known.owners.contains(kind))
    }
}

/// Whose process it must be, by user and group.
fn owner(workload: &Selectors) -> (Option<u32>, Option<u32>) {
    workload.unix.as_ref().map_or((None, None), |unix| (unix.uid, unix.gid))
}
