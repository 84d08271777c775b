//! New keys for an agent: what it has goes on for a minute, or not at all where a key was stolen (semantics §4.8).

use scalbotics_core::agent::Standing;
use scalbotics_core::identity::svid::ROTATION_OVERLAP_MS;
use scalbotics_core::tenant::Name;
use scalbotics_core::time::Timestamp;

use super::{Error, Event, Issuance};
use crate::Caller;
use crate::change::Changed;

impl Issuance {
    /// Lets the certificates that the agent has count for [`ROTATION_OVERLAP_MS`] more, and answers until when: its workers renew meanwhile,
    /// with new keys.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn rotate_keys(&self, caller: &Caller, name: &Name) -> Result<Changed<Timestamp>, Error> {
        let change = self.changes.begin(caller, "agent.rotate_keys", name.as_str().as_bytes())?;
        if let Some(known) = change.known().await? {
            return Ok(known);
        }
        if !self.time.is_believed() {
            return Err(Error::Clock);
        }
        let agent = self.ports.registry.agent_by_name(&caller.principal.tenant, name).await?.ok_or(Error::NotFound)?;
        if agent.standing != Standing::Active {
            return Err(Error::NotActive { name: name.clone() });
        }
        let void_at = change.at.plus_ms(ROTATION_OVERLAP_MS);
        let note = change.note(&agent.uid.to_string(), &void_at)?;
        let cut = self.ports.svids.cut_short(agent.uid, void_at, note).await?;
        self.metrics.identity.svids_cut_short.add(cut);
        self.metrics.identity.happened(Event::Rotated);
        Ok(Changed { now: void_at, audited: true })
    }
}
