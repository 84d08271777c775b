//! The audit log: appends that no task's commit makes, and all reads.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension as _, params};
use scalbotics_core::audit::checkpoint::Checkpoint;
use scalbotics_core::audit::merkle::Frontier;
use scalbotics_core::audit::{Kind, Record};
use scalbotics_core::digest::Digest;
use scalbotics_core::ports::{AuditEntry, AuditLog, AuditQuery, LogHead, SealedDecision, StoreError};
use scalbotics_core::tenant::TenantId;

use super::SqliteStore;
use super::column::{PAGE_MAX, blob, count, integer, page};
use super::failure::{corrupt, failed, refused};
use super::job::{Class, Tx};
use super::journal::{check_decisions, write_decisions};
use super::leaves::leaves;
use super::logs::{self, entry, index_of};

/// Leaf hashes that one step towards a tree reads.
const HASHES_PAGE: i64 = 4_096;

/// Entries that one statement looks through, so that a rare kind in a long log holds no snapshot (semantics §1.4).
const WINDOW: i64 = 16_384;

#[async_trait]
impl AuditLog for SqliteStore {
    async fn append(&self, records: Vec<Record>, decisions: Vec<SealedDecision>) -> Result<u64, StoreError> {
        let tenant = records.first().map(|record| record.tenant.clone());
        let tenant = tenant.ok_or_else(|| refused("append to the audit log", "there is no record"))?;
        let leaves = leaves(&tenant, records)?;
        check_decisions(&tenant, &decisions)?;
        let sealed = decisions.iter().map(|decision| decision.sealed.ciphertext.len());
        let weight = sealed.fold(leaves.weight(), usize::saturating_add);
        let apply = move |tx: &mut Tx<'_>| {
            write_decisions(tx.conn, &decisions)?;
            tx.logs.append(tx.conn, &tenant, &leaves)
        };
        self.write(Class::new(weight, false), apply, |first| first).await
    }

    async fn read(&self, tenant: &TenantId, query: &AuditQuery) -> Result<Vec<AuditEntry>, StoreError> {
        let (tenant, query) = (tenant.clone(), query.clone());
        SqliteStore::read(self, move |conn| read(conn, &tenant, &query)).await
    }

    async fn head(&self, tenant: &TenantId) -> Result<LogHead, StoreError> {
        let tenant = tenant.clone();
        SqliteStore::read(self, move |conn| {
            let Some(log) = logs::load(conn, &tenant)? else {
                return Ok(LogHead { size: 0, root: Frontier::new().root(), checkpoint: None });
            };
            let checkpoint = conn
                .prepare_cached("SELECT note FROM audit_checkpoint WHERE log = ?1 ORDER BY size DESC LIMIT 1")
                .and_then(|mut select| select.query_row([log.key], |row| row.get(0)).optional())
                .map_err(failed("read a checkpoint"))?;
            Ok(LogHead { size: log.frontier.size(), root: log.frontier.root(), checkpoint })
        })
        .await
    }

    async fn put_checkpoint(&self, tenant: &TenantId, size: u64, root: Digest, note: &str) -> Result<(), StoreError> {
        let said = Checkpoint::of_note(note).map_err(|error| refused("keep a checkpoint", error))?;
        if (said.size, said.root) != (size, root) {
            return Err(refused("keep a checkpoint", "the note is about another size or root"));
        }
        // The writer would stand still for as long as reading leaves takes, so that is done before.
        let (for_read, for_write, note) = (tenant.clone(), tenant.clone(), note.to_owned());
        let reached = SqliteStore::read(self, move |conn| tree_at(conn, &for_read, size)).await?;
        let tree = reached.filter(|tree| tree.root() == root);
        let tree =
            tree.ok_or_else(|| refused("keep a checkpoint", format!("the log never had size {size} and root `{root}`")))?;
        let class = Class::new(note.len(), false);
        let apply = move |tx: &mut Tx<'_>| put_checkpoint(tx.conn, &for_write, &tree, &note);
        self.write(class, apply, |()| ()).await
    }

    async fn checkpoints(&self, tenant: &TenantId) -> Result<Vec<String>, StoreError> {
        let tenant = tenant.clone();
        SqliteStore::read(self, move |conn| {
            let mut select = conn
                .prepare_cached(
                    "SELECT note FROM audit_checkpoint JOIN audit_head USING (log) WHERE tenant = ?1 ORDER BY audit_checkpoint.size",
                )
                .map_err(failed("read checkpoints"))?;
            let rows = select.query_map([tenant.as_str()], |row| row.get(0)).map_err(failed("read checkpoints"))?;
            rows.collect::<rusqlite::Result<_>>().map_err(failed("read checkpoints"))
        })
        .await
    }

    async fn grown(&self, tenant: &TenantId, size: u64) -> Result<(), StoreError> {
        let mut sizes = self.growth().watch(tenant);
        // Looked at after the watch began: whatever is committed from here on is heard of.
        if AuditLog::head(self, tenant).await?.size > size {
            return Ok(());
        }
        sizes.wait_for(|reached| *reached > size).await.map(|_| ()).map_err(|_| StoreError::Closing)
    }
}

fn read(conn: &Connection, tenant: &TenantId, query: &AuditQuery) -> Result<Vec<AuditEntry>, StoreError> {
    let Some(log) = logs::load(conn, tenant)? else { return Ok(Vec::new()) };
    if query.from >= log.frontier.size() {
        return Ok(Vec::new());
    }
    let end = entry(log.key, log.frontier.size())?;
    let mut from = entry(log.key, query.from)?;
    let limit = query.limit.clamp(1, PAGE_MAX);
    // The records of one task are found by their index.
    let step = if query.task.is_some() { i64::MAX } else { WINDOW };
    let mut found = Vec::new();
    while from < end && found.len() < limit {
        let until = end.min(from.saturating_add(step));
        found.extend(window(conn, query, (from, until), limit - found.len())?);
        from = until;
    }
    Ok(found)
}

/// The entries that are asked for, of those in the range.
fn window(conn: &Connection, query: &AuditQuery, (from, until): (i64, i64), limit: usize) -> Result<Vec<AuditEntry>, StoreError> {
    let kind = query.kind.map(Kind::as_str);
    let since = query.since.map(|since| since.unix_ms());
    let limit = page(limit);
    let columns = |row: &rusqlite::Row<'_>| Ok(AuditEntry { index: index_of(row.get(0)?), leaf: row.get(1)? });
    let rows = match query.task {
        Some(task) => conn
            .prepare_cached(
                "SELECT entry, leaf FROM audit_leaf WHERE task = ?6 AND entry >= ?1 AND entry < ?2 AND (?3 IS NULL OR kind = ?3) \
                 AND (?4 IS NULL OR at >= ?4) ORDER BY entry LIMIT ?5",
            )
            .and_then(|mut select| {
                select.query_map(params![from, until, kind, since, limit, blob(task.as_u128())], columns)?.collect()
            }),
        None => conn
            .prepare_cached(
                "SELECT entry, leaf FROM audit_leaf WHERE entry >= ?1 AND entry < ?2 AND (?3 IS NULL OR kind = ?3) \
                 AND (?4 IS NULL OR at >= ?4) ORDER BY entry LIMIT ?5",
            )
            .and_then(|mut select| select.query_map(params![from, until, kind, since, limit], columns)?.collect()),
    };
    rows.map_err(failed("read the audit log"))
}

/// Hands the first `size` leaves to `each`, page by page, until it says `false`.
pub(super) fn each_leaf(
    conn: &Connection,
    tenant: &TenantId,
    size: u64,
    mut each: impl FnMut(&[u8]) -> bool,
) -> Result<(), StoreError> {
    let log = logs::load(conn, tenant)?.ok_or_else(|| refused("read the audit log", "there is none"))?;
    let mut select = conn
        .prepare_cached("SELECT leaf FROM audit_leaf WHERE entry >= ?1 AND entry < ?2 ORDER BY entry")
        .map_err(failed("read the audit log"))?;
    let mut from = 0;
    while from < size {
        let until = size.min(from.saturating_add(HASHES_PAGE.unsigned_abs()));
        let mut rows = select.query((entry(log.key, from)?, entry(log.key, until)?)).map_err(failed("read the audit log"))?;
        let mut reached = from;
        while let Some(row) = rows.next().map_err(failed("read the audit log"))? {
            let leaf: Vec<u8> = row.get(0).map_err(failed("read the audit log"))?;
            reached += 1;
            if !each(&leaf) {
                return Ok(());
            }
        }
        if reached != until {
            return Err(corrupt(format!("the audit log of `{tenant}` lacks a leaf between {from} and {until}")));
        }
        from = until;
    }
    Ok(())
}

/// The tree that the tenant's log was at `size`; `None` when it never had that size.
pub(super) fn tree_at(conn: &Connection, tenant: &TenantId, size: u64) -> Result<Option<Frontier>, StoreError> {
    let Some(log) = logs::load(conn, tenant)? else { return Ok(None) };
    if size == 0 || size > log.frontier.size() {
        return Ok(None);
    }
    if size == log.frontier.size() {
        return Ok(Some(log.frontier));
    }
    let mut tree = last_checkpoint(conn, log.key, size)?;
    let end = entry(log.key, size)?;
    let mut select = conn
        .prepare_cached("SELECT leaf_hash FROM audit_leaf WHERE entry >= ?1 AND entry < ?2 ORDER BY entry LIMIT ?3")
        .map_err(failed("read leaf hashes"))?;
    while tree.size() < size {
        let before = tree.size();
        let from = entry(log.key, before)?;
        let hashes = select.query_map((from, end, HASHES_PAGE), |row| row.get(0)).map_err(failed("read leaf hashes"))?;
        for hash in hashes {
            tree.push(Digest::from_bytes(hash.map_err(failed("read leaf hashes"))?));
        }
        if tree.size() == before {
            return Err(corrupt(format!("the audit log of `{tenant}` lacks leaf {before}")));
        }
    }
    Ok(Some(tree))
}

/// The tree of the newest checkpoint up to `size`; the empty one when there is none.
fn last_checkpoint(conn: &Connection, log: i64, size: u64) -> Result<Frontier, StoreError> {
    let row: Option<(i64, Vec<u8>)> = conn
        .prepare_cached("SELECT size, frontier FROM audit_checkpoint WHERE log = ?1 AND size <= ?2 ORDER BY size DESC LIMIT 1")
        .and_then(|mut select| {
            select.query_row((log, integer(size).unwrap_or(0)), |row| Ok((row.get(0)?, row.get(1)?))).optional()
        })
        .map_err(failed("read a checkpoint"))?;
    let Some((size, frontier)) = row else { return Ok(Frontier::new()) };
    Frontier::from_bytes(count(size)?, &frontier).map_err(|error| corrupt(error.to_string()))
}

fn put_checkpoint(conn: &Connection, tenant: &TenantId, tree: &Frontier, note: &str) -> Result<(), StoreError> {
    let (size, root) = (integer(tree.size())?, tree.root());
    // The same size may be signed again, with more signatures under it.
    let written = conn
        .prepare_cached(
            "INSERT INTO audit_checkpoint (log, size, root, frontier, note) SELECT log, ?2, ?3, ?4, ?5 FROM audit_head \
             WHERE tenant = ?1 ON CONFLICT (log, size) DO UPDATE SET note = excluded.note WHERE root = excluded.root",
        )
        .and_then(|mut insert| insert.execute(params![tenant.as_str(), size, root.as_bytes(), tree.to_bytes(), note]))
        .map_err(failed("keep a checkpoint"))?;
    if written == 1 { Ok(()) } else { Err(corrupt(format!("a checkpoint of another root at size {size}"))) }
}
