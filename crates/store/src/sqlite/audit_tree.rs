//! Hashes of the trees of the audit logs, for proofs. Nothing is stored for them: a subtree to the left of a checkpoint stands among the
//! peaks of that checkpoint, and any other is made from its leaves' hashes, page by page.

use std::ops::Range;

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension as _};
use scalbotics_core::audit::merkle::Frontier;
use scalbotics_core::digest::Digest;
use scalbotics_core::ports::{AuditTree, StoreError};
use scalbotics_core::tenant::TenantId;

use super::SqliteStore;
use super::column::{count, integer};
use super::failure::{corrupt, failed, refused};
use super::logs::{self, entry};

/// Leaf hashes that one statement reads.
const PAGE: u64 = 4_096;

#[async_trait]
impl AuditTree for SqliteStore {
    async fn roots(&self, tenant: &TenantId, ranges: Vec<Range<u64>>) -> Result<Vec<Digest>, StoreError> {
        let tenant = tenant.clone();
        SqliteStore::read(self, move |conn| roots(conn, &tenant, &ranges)).await
    }

    async fn inclusion(&self, tenant: &TenantId, size: u64, indexes: &[u64]) -> Result<Vec<Vec<Digest>>, StoreError> {
        self.inclusion_proofs(tenant, size, indexes).await
    }

    async fn checkpoint_from(&self, tenant: &TenantId, size: u64) -> Result<Option<String>, StoreError> {
        let tenant = tenant.clone();
        SqliteStore::read(self, move |conn| checkpoint_from(conn, &tenant, size)).await
    }
}

/// The stored checkpoint of the smallest size from `size` on.
pub(super) fn checkpoint_from(conn: &Connection, tenant: &TenantId, size: u64) -> Result<Option<String>, StoreError> {
    let Ok(size) = integer(size) else { return Ok(None) };
    conn.prepare_cached(
        "SELECT note FROM audit_checkpoint JOIN audit_head USING (log) WHERE tenant = ?1 AND audit_checkpoint.size >= ?2 \
         ORDER BY audit_checkpoint.size LIMIT 1",
    )
    .and_then(|mut select| select.query_row((tenant.as_str(), size), |row| row.get(0)).optional())
    .map_err(failed("read a checkpoint"))
}

/// The root over each range of a tenant's leaves.
pub(super) fn roots(conn: &Connection, tenant: &TenantId, ranges: &[Range<u64>]) -> Result<Vec<Digest>, StoreError> {
    let log = logs::load(conn, tenant)?.ok_or_else(|| refused("prove", format!("there is no audit log of `{tenant}`")))?;
    let size = log.frontier.size();
    if let Some(bad) = ranges.iter().find(|range| range.start >= range.end || range.end > size) {
        return Err(refused("prove", format!("the log has {size} leaves, and not those from {} to {}", bad.start, bad.end)));
    }
    ranges.iter().map(|range| root(conn, log.key, range)).collect()
}

fn root(conn: &Connection, log: i64, range: &Range<u64>) -> Result<Digest, StoreError> {
    if let Some(peak) = peak(conn, log, range)? {
        return Ok(peak);
    }
    let mut tree = Frontier::new();
    let mut select = conn
        .prepare_cached("SELECT leaf_hash FROM audit_leaf WHERE entry >= ?1 AND entry < ?2 ORDER BY entry")
        .map_err(failed("read leaf hashes"))?;
    let mut from = range.start;
    while from < range.end {
        let until = range.end.min(from.saturating_add(PAGE));
        let hashes =
            select.query_map((entry(log, from)?, entry(log, until)?), |row| row.get(0)).map_err(failed("read leaf hashes"))?;
        for hash in hashes {
            tree.push(Digest::from_bytes(hash.map_err(failed("read leaf hashes"))?));
        }
        if tree.size() != until - range.start {
            return Err(corrupt(format!("an audit log lacks a leaf between {from} and {until}")));
        }
        from = until;
    }
    Ok(tree.root())
}

/// The root over the range, where it is a peak of a tree that has a checkpoint.
fn peak(conn: &Connection, log: i64, range: &Range<u64>) -> Result<Option<Digest>, StoreError> {
    let len = range.end - range.start;
    let is_left = len.is_power_of_two() && range.start.is_multiple_of(len.saturating_mul(2));
    if !is_left {
        return Ok(None);
    }
    // While the tree holds less than the subtree's right sibling, the subtree is a peak of it.
    let row: Option<(i64, Vec<u8>)> = conn
        .prepare_cached(
            "SELECT size, frontier FROM audit_checkpoint WHERE log = ?1 AND size >= ?2 AND size < ?3 ORDER BY size LIMIT 1",
        )
        .and_then(|mut select| {
            let (from, until) = (integer(range.end).unwrap_or(i64::MAX), integer(range.end + len).unwrap_or(i64::MAX));
            select.query_row((log, from, until), |row| Ok((row.get(0)?, row.get(1)?))).optional()
        })
        .map_err(failed("read a checkpoint"))?;
    let Some((size, frontier)) = row else { return Ok(None) };
    let tree = Frontier::from_bytes(count(size)?, &frontier).map_err(|error| corrupt(error.to_string()))?;
    let before = usize::try_from(range.start.count_ones()).unwrap_or(usize::MAX);
    Ok(tree.peaks().get(before).copied())
}
