//! Checking a whole audit log: every leaf, the head, and every stored checkpoint.
//!
//! **Boundary:** signatures are not checked here, since their keys are not in the database; the report is about hashes.
//! Reads page by page, so that a long check holds no snapshot.

use rusqlite::{Connection, Row};
use scalbotics_core::audit::checkpoint::Checkpoint;
use scalbotics_core::audit::merkle::{Frontier, leaf_hash};
use scalbotics_core::audit::{RECORD_LEN_MAX, Record};
use scalbotics_core::digest::Digest;
use scalbotics_core::tenant::TenantId;

use super::column::{blob, word};
use super::logs::{self, entry, index_of};

/// Leaves of one page: a few MiB, read in milliseconds.
const PAGE: i64 = 4_096;

/// A log that was checked from end to end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Whose log.
    pub tenant: TenantId,
    /// Leaves checked.
    pub size: u64,
    /// Root over them.
    pub root: Digest,
    /// Stored checkpoints that agree with the leaves; their signatures were not checked.
    pub checkpoints: u64,
    /// Leaves that the newest of them covers; nobody has signed the later ones.
    pub covered: u64,
}

/// The first thing that does not fit, from the start of the log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// There is no log, or it is empty: nothing can be said about it.
    #[error("tenant `{tenant}` has no audit log")]
    Absent {
        /// The tenant.
        tenant: TenantId,
    },
    /// The bytes of a leaf are not those that were hashed, or are no record of this log.
    #[error("leaf {index} was edited: {what}")]
    Edited {
        /// Its index.
        index: u64,
        /// What does not fit.
        what: &'static str,
    },
    /// A leaf is not there.
    #[error("leaf {index} is missing")]
    Missing {
        /// Its index.
        index: u64,
    },
    /// There are leaves behind the end that the head names.
    #[error("leaf {index} stands behind the end of the log")]
    Beyond {
        /// Its index.
        index: u64,
    },
    /// All leaves fit their hashes, and their root is not that of the head.
    #[error("head at size {size} does not have the root of its leaves")]
    Head {
        /// The head's size.
        size: u64,
    },
    /// A stored checkpoint is of another log: its leaves, up to this size, are not those that were signed.
    #[error("checkpoint at size {size} does not agree with the leaves")]
    Checkpoint {
        /// The checkpoint's size.
        size: u64,
    },
    /// The log is shorter than a checkpoint that was kept elsewhere: its end was cut off, or an older database was put back.
    #[error("log ends at size {size}, and a checkpoint kept elsewhere was signed at size {kept}")]
    Short {
        /// Size of the log.
        size: u64,
        /// Size of the checkpoint.
        kept: u64,
    },
    /// The log does not have the root that a checkpoint kept elsewhere says.
    #[error("checkpoint kept elsewhere, at size {size}, does not agree with the leaves")]
    Kept {
        /// Size of the checkpoint.
        size: u64,
    },
    /// The database cannot be read.
    #[error("audit log cannot be read: {what}")]
    Unreadable {
        /// What the engine said.
        what: String,
    },
}

fn unreadable(error: impl std::fmt::Display) -> Fault {
    Fault::Unreadable { what: error.to_string() }
}

/// A stored checkpoint.
#[derive(Debug)]
struct Marked {
    size: u64,
    root: Digest,
    frontier: Vec<u8>,
    note: String,
}

/// What is to be checked, as it stood when the check began.
#[derive(Debug)]
struct Target {
    log: logs::Log,
    root: Digest,
    marks: Vec<Marked>,
}

/// Checks the whole log of a tenant.
pub(super) fn run(
    conn: &Connection,
    tenant: &TenantId,
    kept: &[Checkpoint],
    mut progress: impl FnMut(u64, u64),
) -> Result<Report, Fault> {
    let Target { log, root, marks } = target(conn, tenant)?.ok_or_else(|| Fault::Absent { tenant: tenant.clone() })?;
    if let Some(kept) = kept.iter().find(|kept| kept.size > log.frontier.size()) {
        return Err(Fault::Short { size: log.frontier.size(), kept: kept.size });
    }
    let size = log.frontier.size();
    if size == 0 {
        return Err(Fault::Absent { tenant: tenant.clone() });
    }
    let mut tree = Frontier::new();
    let mut waiting = marks.iter().peekable();
    while tree.size() < size {
        page(conn, tenant, log.key, size, &mut tree, |tree| {
            while let Some(mark) = waiting.next_if(|mark| mark.size == tree.size()) {
                mark.check(tree)?;
            }
            match kept.iter().find(|kept| kept.size == tree.size() && kept.root != tree.root()) {
                Some(kept) => Err(Fault::Kept { size: kept.size }),
                None => Ok(()),
            }
        })?;
        progress(tree.size(), size);
    }
    if tree.root() != root || log.frontier != tree {
        return Err(Fault::Head { size });
    }
    if let Some(mark) = waiting.next() {
        return Err(Fault::Checkpoint { size: mark.size });
    }
    let covered = marks.last().map_or(0, |mark| mark.size);
    Ok(Report { tenant: tenant.clone(), size, root, checkpoints: marks.len() as u64, covered })
}

impl Marked {
    fn check(&self, tree: &Frontier) -> Result<(), Fault> {
        let said = Checkpoint::of_note(&self.note);
        let fits = self.root == tree.root()
            && self.frontier == tree.to_bytes()
            && said.is_ok_and(|said| said.size == self.size && said.root == self.root);
        if fits { Ok(()) } else { Err(Fault::Checkpoint { size: self.size }) }
    }
}

fn target(conn: &Connection, tenant: &TenantId) -> Result<Option<Target>, Fault> {
    // One snapshot for head and checkpoints; the leaves below never change.
    let tx = conn.unchecked_transaction().map_err(unreadable)?;
    let Some(log) = logs::load(&tx, tenant).map_err(unreadable)? else { return Ok(None) };
    let root: [u8; 32] =
        tx.query_row("SELECT root FROM audit_head WHERE log = ?1", [log.key], |row| row.get(0)).map_err(unreadable)?;
    let mut select =
        tx.prepare("SELECT size, root, frontier, note FROM audit_checkpoint WHERE log = ?1 ORDER BY size").map_err(unreadable)?;
    let mark = |row: &Row<'_>| {
        let size: i64 = row.get(0)?;
        let root = Digest::from_bytes(row.get(1)?);
        Ok(Marked { size: u64::try_from(size).unwrap_or(0), root, frontier: row.get(2)?, note: row.get(3)? })
    };
    let marks = select.query_map([log.key], mark).and_then(Iterator::collect).map_err(unreadable)?;
    beyond(&tx, &log)?;
    Ok(Some(Target { root: Digest::from_bytes(root), marks, log }))
}

fn beyond(conn: &Connection, log: &logs::Log) -> Result<(), Fault> {
    let end = entry(log.key, log.frontier.size()).map_err(unreadable)?;
    let next = entry(log.key, (1 << 40) - 1).map_err(unreadable)?;
    let first: Option<i64> = conn
        .query_row("SELECT min(entry) FROM audit_leaf WHERE entry >= ?1 AND entry <= ?2", (end, next), |row| row.get(0))
        .map_err(unreadable)?;
    first.map_or(Ok(()), |first| Err(Fault::Beyond { index: index_of(first) }))
}

/// Checks the next page of leaves and pushes their hashes; `reached` sees the tree before the first and after each of them.
fn page(
    conn: &Connection,
    tenant: &TenantId,
    key: i64,
    size: u64,
    tree: &mut Frontier,
    mut reached: impl FnMut(&Frontier) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let from = entry(key, tree.size()).map_err(unreadable)?;
    let end = entry(key, size).map_err(unreadable)?;
    let mut select = conn
        .prepare_cached(
            "SELECT entry, at, kind, task, leaf, leaf_hash FROM audit_leaf WHERE entry >= ?1 AND entry < ?2 ORDER BY entry LIMIT ?3",
        )
        .map_err(unreadable)?;
    let mut rows = select.query((from, end, PAGE)).map_err(unreadable)?;
    let before = tree.size();
    while let Some(row) = rows.next().map_err(unreadable)? {
        let index = tree.size();
        if index_of(row.get(0).map_err(unreadable)?) != index {
            return Err(Fault::Missing { index });
        }
        let hash = leaf(row, tenant).map_err(|what| Fault::Edited { index, what })?;
        tree.push(hash);
        reached(tree)?;
    }
    if tree.size() == before { Err(Fault::Missing { index: before }) } else { Ok(()) }
}

/// Checks one row against itself; answers its leaf's hash.
fn leaf(row: &Row<'_>, tenant: &TenantId) -> Result<Digest, &'static str> {
    let column = |_: rusqlite::Error| "a column is not of its type";
    let bytes = row.get_ref(4).map_err(column)?.as_blob().map_err(|_| "a column is not of its type")?;
    let stored: [u8; 32] = row.get(5).map_err(column)?;
    let hash = leaf_hash(bytes);
    if *hash.as_bytes() != stored {
        return Err("its bytes are not those that were hashed");
    }
    if bytes.len() > RECORD_LEN_MAX {
        return Err("it is longer than a record may be");
    }
    let record: Record = serde_json::from_slice(bytes).map_err(|_| "it is not a record")?;
    if record.tenant != *tenant {
        return Err("it is a record of another tenant");
    }
    let (at, kind): (i64, String) = (row.get(1).map_err(column)?, row.get(2).map_err(column)?);
    let task: Option<Vec<u8>> = row.get(3).map_err(column)?;
    let kind_fits = word(&record.kind).is_ok_and(|word| word == kind);
    let task_fits = task == record.task.map(|task| blob(task.as_u128()).to_vec());
    if at == record.at.unix_ms() && kind_fits && task_fits { Ok(hash) } else { Err("its columns do not say what it says") }
}
