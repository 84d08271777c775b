//! Restores that a log tells of: what it lost, in its own words (semantics §7.4).

use rusqlite::Connection;
use scalbotics_core::audit::checkpoint::Checkpoint;
use scalbotics_core::audit::{LostNote, Record};
use scalbotics_core::tenant::TenantId;

use super::fault::{Fault, unreadable};
use super::logs::{self, entry, index_of};

/// A restore, as the log tells of it at one record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// The record.
    pub index: u64,
    /// The incarnation that began with it.
    pub incarnation: u64,
    /// What this log lost.
    pub lost: LostNote,
}

/// What is wrong with the log where it is shorter than a kept checkpoint, or another: nothing, if it says itself that it lost that range.
pub(super) fn explains(gaps: &[Gap], kept: &Checkpoint) -> bool {
    gaps.iter().any(|gap| gap.lost.explains(kept.size, kept.root))
}

/// The restores that the log of a tenant tells of, in order. A record that cannot be read tells of nothing: the check of the log names it.
pub(super) fn gaps(conn: &Connection, tenant: &TenantId, log: &logs::Log) -> Result<Vec<Gap>, Fault> {
    let (from, end) = (entry(log.key, 0).map_err(unreadable)?, entry(log.key, log.frontier.size()).map_err(unreadable)?);
    let mut select = conn
        .prepare("SELECT entry, leaf FROM audit_leaf WHERE entry >= ?1 AND entry < ?2 AND kind = 'installation' ORDER BY entry")
        .map_err(unreadable)?;
    let mut rows = select.query((from, end)).map_err(unreadable)?;
    let mut gaps = Vec::new();
    while let Some(row) = rows.next().map_err(unreadable)? {
        let (at, leaf): (i64, Vec<u8>) = (row.get(0).map_err(unreadable)?, row.get(1).map_err(unreadable)?);
        let note = serde_json::from_slice::<Record>(&leaf).ok().and_then(|record| record.restored);
        let own = note.and_then(|note| Some((note.incarnation, note.lost.into_iter().find(|lost| lost.tenant == *tenant)?)));
        gaps.extend(own.map(|(incarnation, lost)| Gap { index: index_of(at), incarnation, lost }));
    }
    Ok(gaps)
}
