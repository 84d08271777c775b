//! Whose turn it is: one change of people, services or agents at a time, and what must stand in the log before the next one.
//!
//! **Invariant:** who was suspended changes nobody any more, also by a call that was let in before that.

use std::sync::Arc;

use scalbotics_core::agent::Standing;
use scalbotics_core::principal::Uid;
use tokio::sync::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock};

use super::Error;
use crate::change::ChangeError;
use crate::{Caller, Ports};

/// The turns. Cloning shares them.
#[derive(Debug, Clone, Default)]
pub(super) struct Turns(Arc<RwLock<()>>);

/// A change's own turn.
pub(super) type Turn = OwnedRwLockWriteGuard<()>;

/// While it is held nobody's standing changes: what is granted and recorded meanwhile stands in the log before the suspension that waits for it.
/// It is held for one commit, for that is what a suspension waits.
#[derive(Debug)]
#[must_use]
pub struct Still {
    _turn: OwnedRwLockReadGuard<()>,
}

impl Turns {
    /// The turn of a change that somebody asks for, who may act in this moment.
    ///
    /// # Errors
    /// [`Error::Stopped`].
    pub(super) async fn of(&self, caller: &Caller, ports: &Ports) -> Result<Turn, Error> {
        let turn = self.alone().await;
        let Uid::Human(uid) = caller.principal.uid else { return Ok(turn) };
        let human = ports.registry.human_by_uid(uid).await.map_err(ChangeError::from)?;
        if human.is_some_and(|human| human.standing != Standing::Active) {
            return Err(Error::Stopped);
        }
        Ok(turn)
    }

    /// The turn of a change that nobody asks for.
    pub(super) async fn alone(&self) -> Turn {
        Arc::clone(&self.0).write_owned().await
    }

    pub(super) async fn still(&self) -> Still {
        Still { _turn: Arc::clone(&self.0).read_owned().await }
    }
}
