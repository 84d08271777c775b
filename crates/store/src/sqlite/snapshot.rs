//! How a task's state is kept: whole while it is small, else whole now and then, with the events since then folded onto it.
//!
//! A task of a thousand calls would otherwise write its growing state a thousand times.

use rusqlite::{Connection, Row};
use scalbotics_core::ports::StoreError;
use scalbotics_core::task::{Event, State, evolve};
use scalbotics_core::time::Timestamp;

use super::column::{count, parsed};
use super::failure::{corrupt, failed};

/// Most calls of a state that is written whole at every commit: about 16 KiB.
const SMALL_CALLS: usize = 16;

/// Events between two whole states of a larger task: what a load folds at most.
const EVERY: u64 = 64;

/// Columns that [`read`] takes, in its order.
pub(super) const COLUMNS: &str = "id, version, state, state_version";

/// Whether this commit writes the state whole.
pub(super) fn is_due(state: &State, base_version: u64) -> bool {
    base_version == 0
        || state.calls.len() <= SMALL_CALLS
        || state.status.is_final()
        || base_version / EVERY != state.version / EVERY
}

/// The row of a task, as far as its state is concerned.
#[derive(Debug)]
pub(super) struct Stored {
    id: Vec<u8>,
    version: i64,
    state: Vec<u8>,
    state_version: i64,
}

/// Reads [`COLUMNS`].
pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Stored> {
    Ok(Stored { id: row.get(0)?, version: row.get(1)?, state: row.get(2)?, state_version: row.get(3)? })
}

/// The state after the last event.
pub(super) fn restore(conn: &Connection, stored: &Stored) -> Result<State, StoreError> {
    let mut state: State = parsed("state of a task", &stored.state)?;
    if stored.state_version < stored.version {
        state = fold_tail(conn, stored, state)?;
    }
    let fits = state.version == count(stored.version)? && state.envelope.id.as_u128().to_be_bytes() == *stored.id;
    if fits { Ok(state) } else { Err(corrupt(format!("state of task `{}` is not the fold of its events", state.envelope.id))) }
}

fn fold_tail(conn: &Connection, stored: &Stored, state: State) -> Result<State, StoreError> {
    let mut select = conn
        .prepare_cached("SELECT at, event FROM task_event WHERE task = ?1 AND sequence >= ?2 ORDER BY sequence")
        .map_err(failed("read the events of a task"))?;
    let mut rows = select.query((&stored.id, stored.state_version)).map_err(failed("read the events of a task"))?;
    let mut state = state;
    while let Some(row) = rows.next().map_err(failed("read the events of a task"))? {
        let at = Timestamp::from_unix_ms(row.get(0).map_err(failed("read an event"))?);
        let event: Event = parsed("event of a task", &row.get::<_, Vec<u8>>(1).map_err(failed("read an event"))?)?;
        state = evolve(Some(state), &event, at).map_err(|error| corrupt(error.to_string()))?;
    }
    Ok(state)
}
