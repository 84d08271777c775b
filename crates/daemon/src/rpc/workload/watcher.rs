//! When what a stream was told is over: another commit is in force, somebody was suspended, a certificate is at half of its life, an authority is not
//! trusted any more, the process or the daemon has ended.

use std::sync::Arc;
use std::time::Duration;

use scalbotics_adapters::attest::Peer;
use scalbotics_core::agent::Agent;
use scalbotics_core::identity::{AuthorityId, AuthorityState};
use scalbotics_core::time::Timestamp;
use tokio::sync::watch;

use super::identities::Identities;
use crate::rpc::codes;
use crate::rpc::convert::{authority_failure, store_failure};
use crate::rpc::failure::Failure;

/// How often it is looked where nobody's rights change: what time ends is seen within a second.
const LOOK_EVERY: Duration = Duration::from_millis(400);

/// Follows what one process may have.
#[derive(Debug)]
pub(super) struct Watcher {
    pub(super) identities: Arc<Identities>,
    peer: Arc<Peer>,
    in_force: watch::Receiver<u64>,
    rights: watch::Receiver<u64>,
    /// What the stream was told last; `None` before the first time.
    told: Option<Told>,
}

/// What a stream was told.
#[derive(Debug)]
struct Told {
    agents: Vec<Agent>,
    /// `None` for a stream of bundles.
    certificates: Option<Certificates>,
}

/// What was told of certificates, and when they have to be others.
#[derive(Debug)]
pub(super) struct Certificates {
    /// When the first of them is at half of its life.
    pub(super) renew_at: Timestamp,
    /// Who signed them.
    pub(super) authorities: Vec<AuthorityId>,
    /// Their serial numbers.
    pub(super) serials: Vec<String>,
}

impl Watcher {
    pub(super) fn new(identities: Arc<Identities>, peer: Arc<Peer>) -> Self {
        let in_force = identities.context.states.board().changes();
        let rights = identities.context.store.rights();
        Self { identities, peer, in_force, rights, told: None }
    }

    /// Remembers what is told now.
    pub(super) fn tell(&mut self, agents: Vec<Agent>, certificates: Option<Certificates>) {
        self.told = Some(Told { agents, certificates });
    }

    /// Waits until the stream has to be told something, and answers whose identities these are; `None` when the process has ended.
    ///
    /// # Errors
    /// Why the stream ends: WORKLOAD_UNKNOWN when the process is nobody any more, SHUTTING_DOWN, those of the store.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<Agent>>, Failure> {
        loop {
            let Some(told) = &self.told else {
                self.in_force.mark_unchanged();
                return self.identities.of(&self.peer).await.map(Some);
            };
            tokio::select! {
                biased;
                () = self.identities.context.supervisor.draining() => {
                    return Err(Failure::new(codes::SHUTTING_DOWN, "the stream is cut").next("open it again in a minute"));
                }
                // Somebody's rights are others: at once. A store that is closing tells nobody any more.
                Ok(()) = self.rights.changed() => {}
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
            if self.peer.check_alive().is_err() {
                return Ok(None);
            }
            let is_other_commit = self.in_force.has_changed().unwrap_or(false);
            let is_due = self.is_due(told).await?;
            if !is_due && !is_other_commit && self.identities.are_unchanged(&told.agents).await? {
                continue;
            }
            self.in_force.mark_unchanged();
            let agents = self.identities.of(&self.peer).await?;
            // Bundles are the same for everybody who is somebody.
            if is_due || (agents != told.agents && told.certificates.is_some()) {
                return Ok(Some(agents));
            }
            if let Some(told) = &mut self.told {
                told.agents = agents;
            }
        }
    }

    /// Whether certificates have to be renewed, whoever they are for.
    async fn is_due(&self, told: &Told) -> Result<bool, Failure> {
        let context = &self.identities.context;
        let Some(certificates) = &told.certificates else { return Ok(false) };
        if certificates.renew_at <= context.ports.clock.now() {
            return Ok(true);
        }
        // The agent was asked for new keys: what it has goes on for a minute, and is on the list of revoked ones then (semantics §4.8).
        for serial in &certificates.serials {
            let found = context.ports.svids.svid(serial).await.map_err(|error| store_failure(&error))?;
            if found.is_none_or(|svid| svid.void_at < svid.not_after) {
                return Ok(true);
            }
        }
        let all = context.authorities.port().authorities().await.map_err(|error| authority_failure(&error))?;
        let good = |id: &AuthorityId| {
            all.iter().any(|one| one.id == *id && matches!(one.state, AuthorityState::Active | AuthorityState::Retired))
        };
        Ok(!certificates.authorities.iter().all(good))
    }
}
