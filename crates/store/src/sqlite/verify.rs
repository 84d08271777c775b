//! Checking a whole audit log: every leaf, the head, and every stored checkpoint.
//!
//! **Boundary:** signatures are not checked here, since their keys are not in the database; the report is about hashes.
//! Reads page by page, so that a long check holds no snapshot.

use rusqlite::{Connection, Row};
use scalbotics_core::audit::RECORD_LEN_MAX;
use scalbotics_core::audit::checkpoint::Checkpoint;
use scalbotics_core::audit::merkle::{Frontier, leaf_hash};
use scalbotics_core::digest::Digest;
use scalbotics_core::ids::TaskId;
use scalbotics_core::tenant::TenantId;
use serde::Deserialize;

use super::column::blob;
use super::diagnosis::{cause_of, edited};
use super::fault::{Damage, Fault, unreadable};
use super::gaps::{Gap, explains, gaps};
use super::logs::{self, entry, index_of};

/// Leaves of one page: a few MiB, read in milliseconds.
const PAGE: i64 = 4_096;

/// What is said of a leaf that does not have its hash.
const OTHER_BYTES: &str = "its bytes are not those that were hashed";

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
    /// Restores that the log tells of.
    pub gaps: Vec<Gap>,
    /// Sizes of checkpoints that were kept elsewhere and are of a range that the log says it lost.
    pub lost: Vec<u64>,
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
    let size = log.frontier.size();
    let gaps = gaps(conn, tenant, &log)?;
    if let Some(kept) = kept.iter().find(|kept| kept.size > size && !explains(&gaps, kept)) {
        return Err(short(size, kept.size, &marks));
    }
    let mut lost: Vec<u64> = kept.iter().filter(|kept| kept.size > size).map(|kept| kept.size).collect();
    if size == 0 {
        return Err(Fault::Absent { tenant: tenant.clone() });
    }
    let mut tree = Frontier::new();
    let mut waiting = marks.iter().peekable();
    // Sizes up to which the leaves agree with a checkpoint of the log, and with one that was kept elsewhere.
    let (mut after, mut kept_after) = (0, 0);
    while tree.size() < size {
        page(conn, tenant, log.key, size, &mut tree, |tree| {
            let reached = after;
            while let Some(mark) = waiting.next_if(|mark| mark.size == tree.size()) {
                mark.check(tree, reached)?;
                after = mark.size;
            }
            for kept in kept.iter().filter(|kept| kept.size == tree.size()) {
                if kept.root != tree.root() && explains(&gaps, kept) {
                    lost.push(kept.size);
                    continue;
                }
                if kept.root != tree.root() {
                    return Err(Fault::Kept { after: kept_after, size: kept.size });
                }
                (after, kept_after) = (kept.size.max(after), kept.size);
            }
            Ok(())
        })
        .map_err(|fault| cause_of(conn, &log, fault))?;
        progress(tree.size(), size);
    }
    if tree.root() != root || log.frontier != tree {
        return Err(cause_of(conn, &log, Fault::Head { after, size }));
    }
    if let Some(index) = beyond(conn, &log)? {
        return Err(Fault::Beyond { index });
    }
    if let Some(mark) = waiting.next() {
        return Err(Fault::Checkpoint { after, size: mark.size, damage: Damage::Truncation });
    }
    let covered = marks.last().map_or(0, |mark| mark.size);
    Ok(Report { tenant: tenant.clone(), size, root, checkpoints: marks.len() as u64, covered, gaps, lost })
}

/// A log that is shorter than a checkpoint that was kept elsewhere: where checkpoints of its own survive its end was cut off, else it is
/// as it was once.
fn short(size: u64, kept: u64, marks: &[Marked]) -> Fault {
    let cut = marks.last().is_some_and(|mark| mark.size > size);
    Fault::Short { size, kept, damage: if cut { Damage::Truncation } else { Damage::Rollback } }
}

impl Marked {
    fn check(&self, tree: &Frontier, after: u64) -> Result<(), Fault> {
        let said = Checkpoint::of_note(&self.note);
        let fits = self.root == tree.root()
            && self.frontier == tree.to_bytes()
            && said.is_ok_and(|said| said.size == self.size && said.root == self.root);
        if fits { Ok(()) } else { Err(Fault::Checkpoint { after, size: self.size, damage: Damage::Edit }) }
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
    Ok(Some(Target { root: Digest::from_bytes(root), marks, log }))
}

/// The first leaf behind the end that the head names now: a log may have grown since its check began.
pub(super) fn beyond(conn: &Connection, log: &logs::Log) -> Result<Option<u64>, Fault> {
    let end = entry(log.key, log.frontier.size()).map_err(unreadable)?;
    let next = entry(log.key, (1 << 40) - 1).map_err(unreadable)?;
    let first: Option<i64> = conn
        .query_row(
            "SELECT min(entry) FROM audit_leaf WHERE entry <= ?2 AND entry >= \
             max(?1, coalesce((SELECT (log << 40) | size FROM audit_head WHERE log = ?3), 0))",
            (end, next, log.key),
            |row| row.get(0),
        )
        .map_err(unreadable)?;
    Ok(first.map(index_of))
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
        let hash = match leaf(row, tenant) {
            Ok(hash) => hash,
            Err(OTHER_BYTES) => return Err(edited(conn, key, (index, size), OTHER_BYTES)),
            Err(what) => return Err(Fault::Edited { index, what }),
        };
        tree.push(hash);
        reached(tree)?;
    }
    if tree.size() == before { Err(Fault::Truncated { size: before, head: size }) } else { Ok(()) }
}

/// What a leaf says that the columns beside it say too.
#[derive(Debug, PartialEq, Eq, Deserialize)]
struct Shown<'l> {
    at: i64,
    kind: &'l str,
    #[serde(default)]
    task: Option<&'l str>,
    tenant: &'l str,
}

impl<'l> Shown<'l> {
    /// Finds it in a leaf: its bytes are those that were hashed, and most of a million of them need not be taken apart. Keys of canonical
    /// JSON are in order, so the task stands just before the tenant, both behind the kind, and a quote inside of a text has a
    /// backslash before it. `None` where it is not found so, which says nothing.
    fn found(leaf: &'l str) -> Option<Self> {
        let (before, tenant) = leaf.split_at_checked(last(leaf, TENANT)?)?;
        let tenant = quoted(tenant.get(TENANT.len()..)?.strip_prefix("\":\"")?)?;
        // A task's id has one length.
        let task = before.len().checked_sub(TASK_LEN).and_then(|at| before.get(at..));
        let task = task.and_then(|task| task.strip_prefix(",\"task\":\"")?.strip_suffix('"'));
        let (before, kind) = before.split_at_checked(last(before, KIND)?)?;
        let kind = quoted(kind.get(KIND.len()..)?.strip_prefix('"')?)?;
        let at = before.get(first(before)? + AT.len()..)?.split(',').next()?.parse().ok()?;
        Some(Self { at, kind, task, tenant })
    }
}

/// Keys that are looked for, as many bytes of them as are compared at once.
const TENANT: &[u8; 8] = b",\"tenant";
const KIND: &[u8; 8] = b",\"kind\":";
const AT: &[u8; 6] = b",\"at\":";

/// Places of a text that are compared at once.
const BLOCK_LEN: usize = 32;

/// Where a key stands last. Most blocks of a text do not hold the bytes that begin its name, and that is seen of all places at once.
fn last(text: &str, key: &[u8; 8]) -> Option<usize> {
    let (text, [_, quote, letter, next, ..]) = (text.as_bytes(), *key);
    let block = |from: usize| text.get(from..)?.first_chunk::<BLOCK_LEN>();
    let mut end = text.len().saturating_sub(2);
    while let Some(from) = end.checked_sub(BLOCK_LEN) {
        let same = |((a, b), c): ((&u8, &u8), &u8)| u8::from(*a == quote) & u8::from(*b == letter) & u8::from(*c == next);
        let places = block(from)?.iter().zip(block(from + 1)?).zip(block(from + 2)?);
        if places.fold(0, |found, place| found | same(place)) != 0 {
            // It may be another key that begins so.
            let found = text.get(from..)?.array_windows().take(BLOCK_LEN).rposition(|bytes| bytes == key);
            if let Some(found) = found {
                return Some(from + found);
            }
        }
        // The sign before the first place may belong to a key of which the rest is in this block.
        end = from + 1;
    }
    text.get(..text.len().min(end + key.len()))?.array_windows().rposition(|bytes| bytes == key)
}

/// Where [`AT`] stands first.
fn first(text: &str) -> Option<usize> {
    let text = text.as_bytes();
    let block = |from: usize| text.get(from..)?.first_chunk::<BLOCK_LEN>();
    let mut from = 0;
    // A key that ends behind a block is found at its place in that block.
    while let (Some(letters), Some(nexts)) = (block(from + 2), block(from + 3)) {
        let same = |(a, b): (&u8, &u8)| u8::from(*a == b'a') & u8::from(*b == b't');
        if letters.iter().zip(nexts).fold(0, |found, place| found | same(place)) != 0 {
            let found = text.get(from..)?.array_windows().take(BLOCK_LEN).position(|bytes| bytes == AT);
            if let Some(found) = found {
                return Some(from + found);
            }
        }
        from += BLOCK_LEN;
    }
    text.get(from..)?.array_windows().position(|bytes| bytes == AT).map(|found| from + found)
}

/// What stands before the next quote.
fn quoted(text: &str) -> Option<&str> {
    text.split('"').next()
}

/// Length of `,"task":"task_…"`.
const TASK_LEN: usize = 41;

/// Checks one row against itself; answers its leaf's hash.
fn leaf(row: &Row<'_>, tenant: &TenantId) -> Result<Digest, &'static str> {
    let column = |_: rusqlite::Error| "a column is not of its type";
    let bytes = row.get_ref(4).map_err(column)?.as_blob().map_err(|_| "a column is not of its type")?;
    let stored: [u8; 32] = row.get(5).map_err(column)?;
    let hash = leaf_hash(bytes);
    if *hash.as_bytes() != stored {
        return Err(OTHER_BYTES);
    }
    if bytes.len() > RECORD_LEN_MAX {
        return Err("it is longer than a record may be");
    }
    let found = std::str::from_utf8(bytes).ok().and_then(Shown::found);
    if found.is_some_and(|shown| shown.tenant == tenant.as_str() && fits(row, &shown).is_ok_and(|fits| fits)) {
        return Ok(hash);
    }
    // What is wrong is said by reading it as a whole.
    let shown: Shown<'_> = serde_json::from_slice(bytes).map_err(|_| "it is not a record")?;
    if shown.tenant != tenant.as_str() {
        return Err("it is a record of another tenant");
    }
    if fits(row, &shown)? { Ok(hash) } else { Err("its columns do not say what it says") }
}

/// Whether the columns of a row say what its leaf says.
fn fits(row: &Row<'_>, shown: &Shown<'_>) -> Result<bool, &'static str> {
    let column = |_: rusqlite::Error| "a column is not of its type";
    let task = shown.task.map(str::parse::<TaskId>).transpose().map_err(|_| "it is not a record")?;
    let task = task.map(|task| blob(task.as_u128()));
    let (at, kind) = (row.get::<_, i64>(1).map_err(column)?, row.get_ref(2).map_err(column)?);
    let stored = row.get_ref(3).map_err(column)?;
    let same_task = stored.as_blob_or_null().is_ok_and(|stored| stored == task.as_ref().map(<[u8; 16]>::as_slice));
    Ok(at == shown.at && kind.as_str().is_ok_and(|kind| kind == shown.kind) && same_task)
}

#[cfg(test)]
mod tests;
