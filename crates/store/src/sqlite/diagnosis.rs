//! What was done to a log that does not verify: told by the hashes of leaves that survive, or by the number of leaves.

use rusqlite::{Connection, OptionalExtension as _};
use scalbotics_core::audit::merkle::leaf_hash;
use scalbotics_core::digest::Digest;

use super::fault::{Damage, Fault, unreadable};
use super::logs::{self, entry, index_of};
use super::verify::beyond;

/// What is wrong at a leaf whose bytes are not those of its hash: its bytes, or those of another leaf of a log whose hashes survive.
pub(super) fn edited(conn: &Connection, key: i64, (index, size): (u64, u64), what: &'static str) -> Fault {
    let plain = Fault::Edited { index, what };
    moved(conn, key, (index, size)).unwrap_or(None).unwrap_or(plain)
}

/// A leaf as it stands: the hash of its bytes, and the hash that is stored for it.
type Stands = (Digest, Digest);

fn moved(conn: &Connection, key: i64, (index, size): (u64, u64)) -> Result<Option<Fault>, Fault> {
    let Some((bytes, stored)) = stands(conn, key, index)? else { return Ok(None) };
    let end = entry(key, size).map_err(unreadable)?;
    let from = entry(key, index).map_err(unreadable)?;
    let other: Option<i64> = conn
        .query_row(
            "SELECT entry FROM audit_leaf WHERE entry > ?1 AND entry < ?2 AND leaf_hash = ?3 LIMIT 1",
            (from, end, bytes.as_bytes()),
            |row| row.get(0),
        )
        .optional()
        .map_err(unreadable)?;
    if let Some(other) = other.map(index_of) {
        let back = stands(conn, key, other)?.is_some_and(|(bytes, _)| bytes == stored);
        if back {
            return Ok(Some(Fault::Swapped { index, other }));
        }
        return Ok((other == index + 1 && moved_up(conn, key, other)?).then_some(Fault::Missing { index }));
    }
    let next = stands(conn, key, index + 1)?;
    Ok(next.filter(|(bytes, _)| *bytes == stored).map(|_| Fault::Inserted { index }))
}

/// Whether the bytes at `index` are those of the hash behind it, or gone: an edit may look like one leaf that moved, not like two.
fn moved_up(conn: &Connection, key: i64, index: u64) -> Result<bool, Fault> {
    let Some((bytes, _)) = stands(conn, key, index)? else { return Ok(true) };
    Ok(stands(conn, key, index + 1)?.is_some_and(|(_, stored)| stored == bytes))
}

fn stands(conn: &Connection, key: i64, index: u64) -> Result<Option<Stands>, Fault> {
    let entry = entry(key, index).map_err(unreadable)?;
    let row: Option<(Vec<u8>, [u8; 32])> = conn
        .query_row("SELECT leaf, leaf_hash FROM audit_leaf WHERE entry = ?1", [entry], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()
        .map_err(unreadable)?;
    Ok(row.map(|(leaf, stored)| (leaf_hash(&leaf), Digest::from_bytes(stored))))
}

/// What was done where leaves and their hashes agree, and what was signed does not: with more leaves than the head names one was put in,
/// with fewer one was taken out.
pub(super) fn cause_of(conn: &Connection, log: &logs::Log, fault: Fault) -> Fault {
    let (Fault::Checkpoint { after, size, .. } | Fault::Head { after, size }) = fault else { return fault };
    match count(conn, log) {
        Ok(Some(damage)) => Fault::Checkpoint { after, size, damage },
        Ok(None) => fault,
        Err(unreadable) => unreadable,
    }
}

fn count(conn: &Connection, log: &logs::Log) -> Result<Option<Damage>, Fault> {
    if beyond(conn, log)?.is_some() {
        return Ok(Some(Damage::Insert));
    }
    let size = log.frontier.size();
    let last = size.checked_sub(1).map(|last| entry(log.key, last)).transpose().map_err(unreadable)?;
    let there = conn.query_row("SELECT 1 FROM audit_leaf WHERE entry = ?1", [last], |_| Ok(())).optional().map_err(unreadable)?;
    Ok(there.is_none().then_some(Damage::Delete))
}
