//! What is checked of every audit log when the store opens: head and tail, in a time that does not grow with the log.
//!
//! The whole log is what [`super::verify`] checks.

use rusqlite::Connection;
use scalbotics_core::audit::merkle::{Frontier, leaf_hash};
use scalbotics_core::digest::Digest;
use scalbotics_core::tenant::TenantId;

use super::logs::{self, entry};

/// Leaves that are read again at the end of each log: more than a group ever appends, and read in a millisecond.
const TAIL: u64 = 256;

/// Checks all logs; what does not fit is said in words.
pub(super) fn check(conn: &Connection) -> Result<(), String> {
    let said = |error: &dyn std::error::Error| error.to_string();
    let mut select = conn.prepare("SELECT tenant, root FROM audit_head").map_err(|error| said(&error))?;
    let heads = select
        .query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, [u8; 32]>(1)?)))
        .and_then(Iterator::collect::<rusqlite::Result<Vec<_>>>)
        .map_err(|error| said(&error))?;
    for (tenant, root) in heads {
        let tenant = TenantId::parse(&tenant).map_err(|error| said(&error))?;
        one(conn, &tenant, Digest::from_bytes(root)).map_err(|what| format!("audit log of `{tenant}`: {what}"))?;
    }
    Ok(())
}

fn one(conn: &Connection, tenant: &TenantId, root: Digest) -> Result<(), String> {
    let log = logs::load(conn, tenant).map_err(|error| error.to_string())?.ok_or("its head vanished")?;
    let size = log.frontier.size();
    if log.frontier.root() != root {
        return Err(format!("its frontier is not that of its root at size {size}"));
    }
    let from = size.saturating_sub(TAIL);
    let tail = tail(conn, log.key, from)?;
    if tail.len() as u64 != size - from {
        return Err(format!("it has {} leaves from {from} on and should have {}", tail.len(), size - from));
    }
    // The peaks that stand wholly inside the tail can be built again from it.
    let mut start = 0;
    for (peak, len) in log.frontier.peaks().iter().zip(peak_lens(size)) {
        if start >= from {
            let skip = usize::try_from(start - from).unwrap_or(usize::MAX);
            let take = usize::try_from(len).unwrap_or(usize::MAX);
            let mut part = Frontier::new();
            tail.iter().skip(skip).take(take).for_each(|hash| part.push(*hash));
            if part.root() != *peak {
                return Err(format!("its leaves from {start} on are not those of its head"));
            }
        }
        start += len;
    }
    Ok(())
}

/// How many leaves stand under each peak, the largest first.
fn peak_lens(size: u64) -> impl Iterator<Item = u64> {
    (0..u64::BITS).rev().map(|bit| 1 << bit).filter(move |len| size & len != 0)
}

fn tail(conn: &Connection, key: i64, from: u64) -> Result<Vec<Digest>, String> {
    let said = |error: rusqlite::Error| error.to_string();
    let range = |index| entry(key, index).map_err(|error| error.to_string());
    let (first, end) = (range(from)?, range((1 << 40) - 1)?);
    let mut select =
        conn.prepare("SELECT leaf, leaf_hash FROM audit_leaf WHERE entry >= ?1 AND entry <= ?2 ORDER BY entry").map_err(said)?;
    let mut rows = select.query((first, end)).map_err(said)?;
    let mut hashes = Vec::new();
    while let Some(row) = rows.next().map_err(said)? {
        let (leaf, stored): (Vec<u8>, [u8; 32]) = (row.get(0).map_err(said)?, row.get(1).map_err(said)?);
        let hash = leaf_hash(&leaf);
        if *hash.as_bytes() != stored {
            return Err(format!("leaf {} was edited", from + hashes.len() as u64));
        }
        hashes.push(hash);
    }
    Ok(hashes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peaks_cover_the_tree() {
        for size in [0, 1, 2, 3, 255, 256, 257, 1_000_003] {
            assert_eq!(peak_lens(size).sum::<u64>(), size);
            assert_eq!(peak_lens(size).count() as u32, size.count_ones());
        }
    }
}
