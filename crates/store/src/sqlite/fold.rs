//! Checking that the stored state of every task is the fold of its events (semantics §1.1).
//!
//! Reads page by page, so that a long check holds no snapshot: events never change once they are stored, and what is read of
//! a task first says how many of them belong to it.

use rusqlite::{Connection, OptionalExtension as _, Row};
use scalbotics_core::ids::TaskId;
use scalbotics_core::task::{Event, State, evolve};
use scalbotics_core::tenant::TenantId;
use scalbotics_core::time::Timestamp;

use super::column::count;

/// Events of one page.
const PAGE: i64 = 1_024;

/// Tasks whose stored state was compared with the fold of their events.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Folded {
    /// Tasks.
    pub tasks: u64,
    /// Their events.
    pub events: u64,
}

/// The first task, in order of id, whose stored state is not the fold of its events.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FoldFault {
    /// State and events do not agree.
    #[error("state of task `{task}` is not the fold of its events: {what}")]
    Differs {
        /// The task.
        task: TaskId,
        /// What does not agree.
        what: String,
    },
    /// The database cannot be read.
    #[error("journal cannot be read: {what}")]
    Unreadable {
        /// What the engine said.
        what: String,
    },
}

fn unreadable(error: impl std::fmt::Display) -> FoldFault {
    FoldFault::Unreadable { what: error.to_string() }
}

/// A task's row, as it was when its check began.
#[derive(Debug)]
struct Stored {
    id: [u8; 16],
    tenant: String,
    status: String,
    ended: bool,
    version: i64,
    whole: Option<(i64, Vec<u8>)>,
}

/// Checks every task of a tenant, or of all.
pub(super) fn run(conn: &Connection, tenant: Option<&TenantId>) -> Result<Folded, FoldFault> {
    let mut folded = Folded::default();
    // An empty blob sorts before every id.
    let mut after: Vec<u8> = Vec::new();
    while let Some(stored) = next(conn, tenant, &after).map_err(unreadable)? {
        let task = TaskId::from_u128(u128::from_be_bytes(stored.id));
        check(conn, &stored).map_err(|what| FoldFault::Differs { task, what })?;
        folded.tasks += 1;
        folded.events += count(stored.version).unwrap_or_default();
        after = stored.id.to_vec();
    }
    Ok(folded)
}

fn next(conn: &Connection, tenant: Option<&TenantId>, after: &[u8]) -> rusqlite::Result<Option<Stored>> {
    let mut select = conn.prepare_cached(
        "SELECT task.id, tenant, status, ended, task.version, task_state.version, state FROM task \
         LEFT JOIN task_state ON task_state.task = task.id WHERE task.id > ?1 AND (?2 IS NULL OR tenant = ?2) \
         ORDER BY task.id LIMIT 1",
    )?;
    let stored = |row: &Row<'_>| {
        Ok(Stored {
            id: row.get(0)?,
            tenant: row.get(1)?,
            status: row.get(2)?,
            ended: row.get(3)?,
            version: row.get(4)?,
            whole: row.get::<_, Option<i64>>(5)?.zip(row.get(6)?),
        })
    };
    select.query_row((after, tenant.map(TenantId::as_str)), stored).optional()
}

/// Folds the events of a task from the first one on, and compares.
fn check(conn: &Connection, stored: &Stored) -> Result<(), String> {
    let kept = |bytes: &Vec<u8>| serde_json::from_slice(bytes).map_err(|error| format!("it does not parse: {error}"));
    let whole = stored.whole.as_ref().map(|(version, bytes)| Ok::<_, String>((*version, kept(bytes)?))).transpose()?;
    let whole: Option<(i64, State)> = whole;
    let mut state: Option<State> = None;
    let mut sequence = 0;
    while sequence < stored.version {
        let page = events(conn, stored, sequence)?;
        if page.is_empty() {
            return Err(format!("event {sequence} is missing"));
        }
        for (stands, at, event) in page {
            if stands != sequence {
                return Err(format!("event {sequence} is missing"));
            }
            state = Some(evolve(state, &event, at).map_err(|error| format!("event {sequence} does not fit: {error}"))?);
            sequence += 1;
            if whole.as_ref().is_some_and(|(version, kept)| *version == sequence && state.as_ref() != Some(kept)) {
                return Err(format!("it differs at version {sequence}"));
            }
        }
    }
    let Some(state) = state else { return Err("it has no event".to_owned()) };
    if let Some((version, _)) = whole.filter(|(version, _)| *version > stored.version || *version < 1) {
        return Err(format!("it is of version {version}, beyond the last event"));
    }
    let fits = state.version == count(stored.version).unwrap_or_default()
        && state.envelope.id.as_u128().to_be_bytes() == stored.id
        && state.envelope.tenant.as_str() == stored.tenant
        && state.status.as_str() == stored.status
        && state.status.is_final() == stored.ended;
    if fits { Ok(()) } else { Err("its columns do not say what its events say".to_owned()) }
}

fn events(conn: &Connection, stored: &Stored, from: i64) -> Result<Vec<(i64, Timestamp, Event)>, String> {
    let rows = || -> rusqlite::Result<Vec<(i64, i64, Vec<u8>)>> {
        let mut select = conn.prepare_cached(
            "SELECT sequence, at, event FROM task_event WHERE task = ?1 AND sequence >= ?2 AND sequence < ?3 \
             ORDER BY sequence LIMIT ?4",
        )?;
        let row = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
        select.query_map((&stored.id, from, stored.version, PAGE), row)?.collect()
    };
    let parse = |(sequence, at, event): (i64, i64, Vec<u8>)| {
        let event: Event = serde_json::from_slice(&event).map_err(|error| format!("event {sequence} does not parse: {error}"))?;
        Ok((sequence, Timestamp::from_unix_ms(at), event))
    };
    rows().map_err(|error| error.to_string())?.into_iter().map(parse).collect()
}
