//! The task log: the only write of a task, and the reads of its journal.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension as _};
use scalbotics_core::digest::Digest;
use scalbotics_core::ids::TaskId;
use scalbotics_core::policy::{Commit, seal_warrants};
use scalbotics_core::ports::{Batch, Committed, StoreError, StoredAnswer, StoredEvent, Summary, TaskFilter, TaskLog};
use scalbotics_core::task::{State, Status};
use scalbotics_core::tenant::{Name, TenantId};
use scalbotics_core::time::Timestamp;

use super::SqliteStore;
use super::column::{BEYOND, PAGE_MAX, blob, count, integer, page, parsed};
use super::failure::{corrupt, failed};
use super::journal::{self, ANSWER_LIFE_MS};
use super::prepared::{Intents, prepare};
use super::snapshot;

#[async_trait]
impl TaskLog for SqliteStore {
    async fn commit(&self, batch: Batch) -> Result<Committed, StoreError> {
        let (prepared, intents) = prepare(batch)?;
        let class = prepared.class();
        let writer_epoch = self.writer_epoch();
        self.write(class, move |tx| journal::apply(tx, &prepared), move |first| committed(intents, first, writer_epoch)).await
    }

    async fn state(&self, tenant: &TenantId, task: TaskId) -> Result<Option<State>, StoreError> {
        let tenant = tenant.clone();
        self.read(move |conn| {
            let stored = conn
                .prepare_cached(&format!("{} WHERE task.id = ?1 AND task.tenant = ?2", snapshot::SELECT))
                .and_then(|mut select| select.query_row((blob(task.as_u128()), tenant.as_str()), snapshot::read).optional())
                .map_err(failed("read a task"))?;
            stored.map(|stored| snapshot::restore(conn, &stored)).transpose()
        })
        .await
    }

    async fn events(&self, tenant: &TenantId, task: TaskId, from: u64, limit: usize) -> Result<Vec<StoredEvent>, StoreError> {
        let (tenant, from, limit) = (tenant.clone(), integer(from)?, page(limit));
        self.read(move |conn| events(conn, &tenant, task, from, limit)).await
    }

    async fn list(&self, tenant: &TenantId, filter: &TaskFilter) -> Result<Vec<Summary>, StoreError> {
        let (tenant, filter) = (tenant.clone(), filter.clone());
        self.read(move |conn| list(conn, &tenant, &filter)).await
    }

    async fn unfinished(&self, after: Option<TaskId>, limit: usize) -> Result<Vec<State>, StoreError> {
        let (after, limit) = (after.map(|task| blob(task.as_u128())), page(limit));
        self.read(move |conn| {
            // An empty blob sorts before every id.
            let after: &[u8] = after.as_ref().map_or(&[], |id| id.as_slice());
            let mut select = conn
                .prepare_cached(&format!("{} WHERE task.ended = 0 AND task.id > ?1 ORDER BY task.id LIMIT ?2", snapshot::SELECT))
                .map_err(failed("read unfinished tasks"))?;
            let rows = select.query_map((after, limit), snapshot::read).map_err(failed("read unfinished tasks"))?;
            rows.map(|row| snapshot::restore(conn, &row.map_err(failed("read unfinished tasks"))?)).collect()
        })
        .await
    }

    async fn answer(&self, key: &str, now: Timestamp) -> Result<Option<StoredAnswer>, StoreError> {
        let key = key.to_owned();
        let lapsed = now.unix_ms().saturating_sub(ANSWER_LIFE_MS);
        self.look_up(move |conn| {
            conn.prepare_cached("SELECT body, answer, at FROM answer WHERE key = ?1 AND at > ?2")
                .and_then(|mut select| {
                    select
                        .query_row((key.as_str(), lapsed), |row| {
                            Ok(StoredAnswer {
                                body: Digest::from_bytes(row.get(0)?),
                                answer: row.get(1)?,
                                at: Timestamp::from_unix_ms(row.get(2)?),
                            })
                        })
                        .optional()
                })
                .map_err(failed("read an answer"))
        })
        .await
    }
}

/// Turns the permits of a durable batch into warrants.
fn committed(intents: Intents, first: u64, writer_epoch: u64) -> Committed {
    let Intents { permits, epoch } = intents;
    let seal = |(intent, place): (scalbotics_core::ports::IntentPermit, u64)| {
        let commit = Commit { writer_epoch, revocation_epoch: epoch, audit_leaf: first.saturating_add(place) };
        seal_warrants(intent.permit, intent.attempt, intent.send_deadline, commit)
    };
    Committed { warrants: permits.into_iter().map(seal).collect(), audit_first: first }
}

fn events(conn: &Connection, tenant: &TenantId, task: TaskId, from: i64, limit: i64) -> Result<Vec<StoredEvent>, StoreError> {
    let mut select = conn
        .prepare_cached(
            "SELECT sequence, at, event FROM task_event WHERE task = ?1 AND sequence >= ?2 \
             AND EXISTS (SELECT 1 FROM task WHERE id = ?1 AND tenant = ?4) ORDER BY sequence LIMIT ?3",
        )
        .map_err(failed("read the events of a task"))?;
    let rows = select
        .query_map((blob(task.as_u128()), from, limit, tenant.as_str()), |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, Vec<u8>>(2)?))
        })
        .map_err(failed("read the events of a task"))?;
    rows.map(|row| {
        let (sequence, at, event) = row.map_err(failed("read the events of a task"))?;
        Ok(StoredEvent { sequence: count(sequence)?, at: Timestamp::from_unix_ms(at), event: parsed("event of a task", &event)? })
    })
    .collect()
}

/// Rows that one statement looks through for a list, so that a rare status among many tasks holds no snapshot (semantics §1.4).
const WINDOW: usize = PAGE_MAX;

fn list(conn: &Connection, tenant: &TenantId, filter: &TaskFilter) -> Result<Vec<Summary>, StoreError> {
    let wanted = |row: &Summary| {
        filter.agent.as_ref().is_none_or(|agent| row.agent == *agent)
            && (filter.statuses.is_empty() || filter.statuses.contains(&row.status))
    };
    let limit = filter.limit.clamp(1, PAGE_MAX);
    let window = if filter.agent.is_none() && filter.statuses.is_empty() { limit } else { WINDOW };
    let live = !filter.statuses.is_empty() && filter.statuses.iter().all(|status| !status.is_final());
    let mut found = Vec::new();
    let mut before = filter.before;
    loop {
        let rows = rows(conn, tenant, (before, live), window)?;
        before = rows.last().map(|row| row.id);
        let is_last = rows.len() < window;
        found.extend(rows.into_iter().filter(wanted));
        if found.len() >= limit || is_last {
            found.truncate(limit);
            return Ok(found);
        }
    }
}

/// The next tasks, newest first; of those that have not ended if only they are `live`.
fn rows(
    conn: &Connection,
    tenant: &TenantId,
    (before, live): (Option<TaskId>, bool),
    limit: usize,
) -> Result<Vec<Summary>, StoreError> {
    let text = if live {
        "SELECT id, agent, workflow, status, submitted_at, updated_at FROM task INDEXED BY task_unfinished \
         WHERE tenant = ?1 AND id < ?2 AND ended = 0 ORDER BY id DESC LIMIT ?3"
    } else {
        "SELECT id, agent, workflow, status, submitted_at, updated_at FROM task WHERE tenant = ?1 AND id < ?2 \
         ORDER BY id DESC LIMIT ?3"
    };
    let before = before.map_or_else(|| BEYOND.to_vec(), |id| blob(id.as_u128()).to_vec());
    let mut select = conn.prepare_cached(text).map_err(failed("list tasks"))?;
    let rows = select
        .query_map((tenant.as_str(), before, page(limit)), |row| {
            Ok((
                row.get::<_, [u8; 16]>(0)?,
                row.get::<_, String>(1)?,
                row.get::<_, String>(2)?,
                row.get::<_, String>(3)?,
                row.get(4)?,
                row.get(5)?,
            ))
        })
        .map_err(failed("list tasks"))?;
    rows.map(|row| {
        let (id, agent, workflow, status, submitted_at, updated_at) = row.map_err(failed("list tasks"))?;
        Ok(Summary {
            id: TaskId::from_u128(u128::from_be_bytes(id)),
            agent: name(&agent)?,
            workflow: if workflow.is_empty() { None } else { Some(name(&workflow)?) },
            status: parsed::<Status>("status of a task", format!("\"{status}\"").as_bytes())?,
            submitted_at: Timestamp::from_unix_ms(submitted_at),
            updated_at: Timestamp::from_unix_ms(updated_at),
        })
    })
    .collect()
}

fn name(text: &str) -> Result<Name, StoreError> {
    Name::parse(text).map_err(|error| corrupt(error.to_string()))
}
