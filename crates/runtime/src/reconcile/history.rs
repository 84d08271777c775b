//! The states that running tasks of one tenant were submitted under.

use std::sync::{Arc, Mutex, PoisonError};

use super::{Board, Followed, InForce};

/// Most states of earlier commits that are kept for tasks submitted under them; each holds compiled policies.
const EARLIER_MAX: usize = 8;

/// Earlier states of one tenant.
#[derive(Debug)]
pub(super) struct History {
    board: Board,
    followed: Followed,
    earlier: Mutex<Vec<Arc<InForce>>>,
    /// Thousands of tasks may ask for the same commit at start: one loads it for all.
    loading: tokio::sync::Mutex<()>,
}

impl History {
    pub(super) fn new(board: Board, followed: Followed) -> Self {
        Self { board, followed, earlier: Mutex::default(), loading: tokio::sync::Mutex::default() }
    }

    fn current(&self) -> Option<Arc<InForce>> {
        self.board.of(&self.followed.tenant)
    }

    /// The state of a commit: the one in force, a kept one, or the repository's; `None` when it cannot be had any more.
    pub(super) async fn at(&self, commit: &str) -> Option<Arc<InForce>> {
        if let Some(state) = self.kept(commit) {
            return Some(state);
        }
        let _one_at_a_time = self.loading.lock().await;
        if let Some(state) = self.kept(commit) {
            return Some(state);
        }
        let files = match self.followed.source.load(commit).await {
            Ok(files) => files,
            Err(error) => {
                tracing::warn!(commit, %error, "the commit of a running task cannot be loaded");
                return None;
            }
        };
        let compiler = Arc::clone(&self.followed.compiler);
        let compiled = tokio::task::spawn_blocking(move || compiler.compile(files)).await;
        match compiled {
            Ok(Ok(mut state)) => {
                if let Some(current) = self.current() {
                    state.snapshot.share_with(&current.snapshot);
                }
                let state = Arc::new(state);
                self.keep(Arc::clone(&state));
                Some(state)
            }
            Ok(Err(_)) | Err(_) => {
                tracing::warn!(commit, "the commit of a running task does not compile any more");
                None
            }
        }
    }

    /// The state in force and those that are kept, the newest first.
    pub(super) fn recent(&self) -> Vec<Arc<InForce>> {
        let earlier = self.earlier.lock().unwrap_or_else(PoisonError::into_inner);
        self.current().into_iter().chain(earlier.iter().rev().cloned()).collect()
    }

    /// Keeps a state that goes out of force.
    pub(super) fn keep(&self, state: Arc<InForce>) {
        let mut earlier = self.earlier.lock().unwrap_or_else(PoisonError::into_inner);
        earlier.retain(|kept| kept.snapshot.commit != state.snapshot.commit);
        earlier.push(state);
        if earlier.len() > EARLIER_MAX {
            earlier.remove(0);
        }
    }

    fn kept(&self, commit: &str) -> Option<Arc<InForce>> {
        let current = self.current().filter(|state| state.snapshot.commit == commit);
        current.or_else(|| {
            let earlier = self.earlier.lock().unwrap_or_else(PoisonError::into_inner);
            earlier.iter().find(|state| state.snapshot.commit == commit).cloned()
        })
    }
}
