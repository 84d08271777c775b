//! The frontiers of all audit logs, in memory beside their rows.
//!
//! **Invariant:** after a job's rollback its logs are what they were before the job; after a group's they are read anew.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use rusqlite::{Connection, OptionalExtension as _, Statement, ToSql, params};
use scalbotics_core::audit::merkle::Frontier;
use scalbotics_core::ports::StoreError;
use scalbotics_core::tenant::TenantId;

use super::column::{count, integer};
use super::failure::{corrupt, failed};
use super::leaves::{Leaf, Leaves};

/// Bits of an entry that are the index in its log; room for 2^40 leaves a log.
const INDEX_BITS: u32 = 40;

/// Where a leaf stands in the one table of all logs.
pub(super) fn entry(log: i64, index: u64) -> Result<i64, StoreError> {
    let index = integer(index)?;
    let beyond = index >> INDEX_BITS != 0 || log <= 0 || log >> (62 - INDEX_BITS) != 0;
    if beyond { Err(corrupt(format!("log {log} or index {index} is beyond the table"))) } else { Ok((log << INDEX_BITS) | index) }
}

/// The index in its log of a leaf of the one table.
pub(super) const fn index_of(entry: i64) -> u64 {
    entry.unsigned_abs() & ((1 << INDEX_BITS) - 1)
}

/// One log's end.
#[derive(Debug, Clone)]
pub(super) struct Log {
    /// Key in the table of heads.
    pub(super) key: i64,
    /// The tree so far.
    pub(super) frontier: Frontier,
    last_at: i64,
    dirty: bool,
}

/// Rows of one statement where many are written: what a statement costs beside its rows is a third of a row.
const ROWS: usize = 16;

/// Statements that write leaves.
static ONE: LazyLock<String> = LazyLock::new(|| insert(1));
static MANY: LazyLock<String> = LazyLock::new(|| insert(ROWS));

fn insert(rows: usize) -> String {
    let values = vec!["(?, ?, ?, ?, ?, ?)"; rows].join(", ");
    format!("INSERT INTO audit_leaf (entry, at, kind, task, leaf, leaf_hash) VALUES {values}")
}

/// Writes leaves, the first of them as this entry.
fn write(insert: &mut Statement<'_>, first: i64, leaves: &[Leaf]) -> rusqlite::Result<()> {
    let mut place = 0;
    for (entry, leaf) in (first..).zip(leaves) {
        let values: [&dyn ToSql; 6] = [&entry, &leaf.at, &leaf.kind, &leaf.task, &leaf.bytes, leaf.hash.as_bytes()];
        for value in values {
            place += 1;
            insert.raw_bind_parameter(place, value)?;
        }
    }
    insert.raw_execute().map(drop)
}

/// Leaves that a group appended.
#[derive(Debug)]
pub(super) struct Appended {
    /// Key of the log.
    pub(super) log: i64,
    /// Index of the first of them.
    pub(super) first: u64,
    pub(super) leaves: Arc<Leaves>,
}

/// All logs that were written since the start.
#[derive(Debug, Default)]
pub(super) struct Logs {
    live: BTreeMap<TenantId, Log>,
    before: BTreeMap<TenantId, Option<Log>>,
    /// What the group appended so far, and how much of it before the job.
    appended: Vec<Appended>,
    appended_before: usize,
}

impl Logs {
    /// Begins a job: what it does to the logs can be undone.
    pub(super) fn begin_job(&mut self) {
        self.before.clear();
        self.appended_before = self.appended.len();
    }

    /// Undoes what the job did.
    pub(super) fn undo_job(&mut self) {
        self.appended.truncate(self.appended_before);
        for (tenant, before) in std::mem::take(&mut self.before) {
            match before {
                Some(log) => self.live.insert(tenant, log),
                None => self.live.remove(&tenant),
            };
        }
    }

    /// Forgets everything: the group was rolled back.
    pub(super) fn forget(&mut self) {
        self.live.clear();
        self.before.clear();
        self.appended.clear();
    }

    /// What the group appended, once it is durable.
    pub(super) fn take_appended(&mut self) -> Vec<Appended> {
        std::mem::take(&mut self.appended)
    }

    /// Appends leaves; answers the index of the first.
    pub(super) fn append(&mut self, conn: &Connection, tenant: &TenantId, leaves: &Arc<Leaves>) -> Result<u64, StoreError> {
        let log = self.open(conn, tenant)?;
        let (key, first) = (log.key, log.frontier.size());
        let (rows, rest) = leaves.rows.as_chunks::<ROWS>();
        for (statement, leaves) in
            rows.iter().map(|rows| (&*MANY, rows.as_slice())).chain(rest.iter().map(|leaf| (&*ONE, std::slice::from_ref(leaf))))
        {
            let next = entry(log.key, log.frontier.size())?;
            entry(log.key, log.frontier.size() + leaves.len() as u64)?;
            conn.prepare_cached(statement)
                .and_then(|mut insert| write(&mut insert, next, leaves))
                .map_err(failed("append to the audit log"))?;
            for leaf in leaves {
                log.frontier.push(leaf.hash);
                log.last_at = log.last_at.max(leaf.at);
                log.dirty = true;
            }
        }
        self.appended.push(Appended { log: key, first, leaves: Arc::clone(leaves) });
        Ok(first)
    }

    fn open(&mut self, conn: &Connection, tenant: &TenantId) -> Result<&mut Log, StoreError> {
        let live = self.live.get(tenant);
        if !self.before.contains_key(tenant) {
            self.before.insert(tenant.clone(), live.cloned());
        }
        if live.is_none() {
            let log = match load(conn, tenant)? {
                Some(log) => log,
                None => create(conn, tenant)?,
            };
            self.live.insert(tenant.clone(), log);
        }
        self.live.get_mut(tenant).ok_or_else(|| corrupt("a log vanished while it was opened"))
    }

    /// Writes the heads of all logs that grew; answers their sizes.
    pub(super) fn write_heads(&mut self, conn: &Connection) -> Result<Vec<(TenantId, u64)>, StoreError> {
        let mut grown = Vec::new();
        for (tenant, log) in self.live.iter_mut().filter(|(_, log)| log.dirty) {
            let size = integer(log.frontier.size())?;
            conn.prepare_cached("UPDATE audit_head SET size = ?2, frontier = ?3, root = ?4, last_at = ?5 WHERE log = ?1")
                .and_then(|mut update| {
                    let root = log.frontier.root();
                    update.execute(params![log.key, size, log.frontier.to_bytes(), root.as_bytes(), log.last_at])
                })
                .map_err(failed("write the head of the audit log"))?;
            log.dirty = false;
            grown.push((tenant.clone(), log.frontier.size()));
        }
        Ok(grown)
    }
}

/// Reads the end of a tenant's log.
pub(super) fn load(conn: &Connection, tenant: &TenantId) -> Result<Option<Log>, StoreError> {
    let row = conn
        .prepare_cached("SELECT log, size, frontier, last_at FROM audit_head WHERE tenant = ?1")
        .and_then(|mut select| {
            select
                .query_row([tenant.as_str()], |row| {
                    Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, Vec<u8>>(2)?, row.get::<_, i64>(3)?))
                })
                .optional()
        })
        .map_err(failed("read the head of the audit log"))?;
    let Some((key, size, frontier, last_at)) = row else { return Ok(None) };
    let frontier = Frontier::from_bytes(count(size)?, &frontier)
        .map_err(|error| corrupt(format!("head of the audit log of `{tenant}`: {error}")))?;
    Ok(Some(Log { key, frontier, last_at, dirty: false }))
}

fn create(conn: &Connection, tenant: &TenantId) -> Result<Log, StoreError> {
    let frontier = Frontier::new();
    let key = conn
        .prepare_cached("INSERT INTO audit_head (tenant, size, frontier, root, last_at) VALUES (?1, 0, x'', ?2, 0)")
        .and_then(|mut insert| insert.insert(params![tenant.as_str(), frontier.root().as_bytes()]))
        .map_err(failed("begin an audit log"))?;
    Ok(Log { key, frontier, last_at: 0, dirty: false })
}
