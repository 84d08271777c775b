//! Whose processes may be an agent at all, so that everybody else of the host takes no place from them.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use scalbotics_core::workload::Selectors;
use scalbotics_runtime::reconcile::Board;
use tokio::sync::watch;

/// Users and groups that selectors of the states in force name, where `None` is any.
#[derive(Debug)]
pub(super) struct Expected(Mutex<Known>);

#[derive(Debug)]
struct Known {
    board: Board,
    changes: watch::Receiver<u64>,
    owners: BTreeSet<(Option<u32>, Option<u32>)>,
}

impl Expected {
    /// By the states that are in force when it is asked.
    pub(super) fn new(board: Board) -> Self {
        let mut changes = board.changes();
        changes.mark_changed();
        Self(Mutex::new(Known { board, changes, owners: BTreeSet::new() }))
    }

    /// Whether a process of this user and group may be an agent.
    pub(super) fn includes(&self, uid: u32, gid: u32) -> bool {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Agents are read once a commit, not once a connection: whoever connects could have them read for ever.
        if known.changes.has_changed().unwrap_or_default() {
            known.changes.mark_unchanged();
            let in_force = known.board.all();
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
