//! How a task's state is kept: as its events, and whole now and then, so that a load folds few of them.
//!
//! Written whole at every commit it would be most of what a small task writes, and a task of a thousand calls would write its
//! growing state a thousand times.

use rusqlite::{Connection, Row};
use scalbotics_core::ports::StoreError;
use scalbotics_core::task::{Event, State, evolve};
use scalbotics_core::time::Timestamp;

use super::column::{count, parsed};
use super::failure::{corrupt, failed};

/// Events between two whole states of a task: what a load folds at most.
const EVERY: u64 = 64;

/// What [`read`] takes, in its order; add what selects the tasks.
pub(super) const SELECT: &str = "SELECT task.id, task.version, task_state.state, task_state.version FROM task \
     LEFT JOIN task_state ON task_state.task = task.id";

/// Whether this commit writes the state whole.
pub(super) const fn is_due(state: &State, base_version: u64) -> bool {
    base_version / EVERY != state.version / EVERY
}

/// The row of a task, as far as its state is concerned.
#[derive(Debug)]
pub(super) struct Stored {
    id: Vec<u8>,
    version: i64,
    state: Option<Vec<u8>>,
    state_version: Option<i64>,
}

/// Reads the columns of [`SELECT`].
pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Stored> {
    Ok(Stored { id: row.get(0)?, version: row.get(1)?, state: row.get(2)?, state_version: row.get(3)? })
}

/// The state after the last event.
pub(super) fn restore(conn: &Connection, stored: &Stored) -> Result<State, StoreError> {
    let whole: Option<State> = stored.state.as_deref().map(|bytes| parsed("state of a task", bytes)).transpose()?;
    let state = match whole {
        Some(state) if stored.state_version == Some(stored.version) => Some(state),
        older => fold_tail(conn, stored, older)?,
    };
    let state = state.ok_or_else(|| corrupt("a task without events"))?;
    let fits = state.version == count(stored.version)? && state.envelope.id.as_u128().to_be_bytes() == *stored.id;
    if fits { Ok(state) } else { Err(corrupt(format!("state of task `{}` is not the fold of its events", state.envelope.id))) }
}

fn fold_tail(conn: &Connection, stored: &Stored, state: Option<State>) -> Result<Option<State>, StoreError> {
    let mut select = conn
        .prepare_cached("SELECT at, event FROM task_event WHERE task = ?1 AND sequence >= ?2 AND sequence < ?3 ORDER BY sequence")
        .map_err(failed("read the events of a task"))?;
    // A commit may have come between the two reads: what is beyond the version that was read is not this state's.
    let mut rows = select
        .query((&stored.id, stored.state_version.unwrap_or(0), stored.version))
        .map_err(failed("read the events of a task"))?;
    let mut state = state;
    while let Some(row) = rows.next().map_err(failed("read the events of a task"))? {
        let at = Timestamp::from_unix_ms(row.get(0).map_err(failed("read an event"))?);
        let event: Event = parsed("event of a task", &row.get::<_, Vec<u8>>(1).map_err(failed("read an event"))?)?;
        state = Some(evolve(state, &event, at).map_err(|error| corrupt(error.to_string()))?);
    }
    Ok(state)
}
