//! The states in force, and the states that running tasks were submitted under, of every tenant.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use scalbotics_core::tenant::TenantId;

use super::history::History;
use super::{Board, Followed, InForce};

/// The states in force and recent ones, of every tenant whose repository is followed. Cloning shares them.
#[derive(Debug, Clone, Default)]
pub struct States {
    board: Board,
    histories: Arc<RwLock<BTreeMap<TenantId, Arc<History>>>>,
}

impl States {
    /// States that come into force on this board; no repository is followed yet.
    #[must_use]
    pub fn on(board: Board) -> Self {
        Self { board, histories: Arc::default() }
    }

    /// What is in force.
    #[must_use]
    pub const fn board(&self) -> &Board {
        &self.board
    }

    /// The state in force of a tenant, or `None` when no commit of it was ever good.
    #[must_use]
    pub fn current(&self, tenant: &TenantId) -> Option<Arc<InForce>> {
        self.board.of(tenant)
    }

    /// Knows where a tenant's states are from now on, of which none comes into force by it.
    pub fn know(&self, followed: Followed) {
        drop(self.follow(followed));
    }

    /// Follows a tenant's repository from now on; where it was followed already, as it was.
    pub(super) fn follow(&self, followed: Followed) -> Arc<History> {
        let mut histories = self.histories.write().unwrap_or_else(PoisonError::into_inner);
        let new = || Arc::new(History::new(self.board.clone(), followed.clone()));
        Arc::clone(histories.entry(followed.tenant.clone()).or_insert_with(new))
    }

    /// The state of a tenant's commit: the one in force, a kept one, or the repository's; `None` when it cannot be had any more.
    pub(crate) async fn at(&self, tenant: &TenantId, commit: &str) -> Option<Arc<InForce>> {
        self.history(tenant)?.at(commit).await
    }

    /// The state in force of a tenant and those that are kept, the newest first.
    pub(crate) fn recent(&self, tenant: &TenantId) -> Vec<Arc<InForce>> {
        self.history(tenant).map(|history| history.recent()).unwrap_or_default()
    }

    fn history(&self, tenant: &TenantId) -> Option<Arc<History>> {
        self.histories.read().unwrap_or_else(PoisonError::into_inner).get(tenant).cloned()
    }
}
