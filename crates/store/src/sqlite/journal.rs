//! A prepared batch inside the transaction: compare, check the right to act, insert.

use rusqlite::{Connection, OptionalExtension as _, params};
use scalbotics_core::payload::Sealed;
use scalbotics_core::ports::{SealedDecision, StoreError, StoredAnswer};
use scalbotics_core::tenant::TenantId;

use super::column::{blob, integer};
use super::failure::{corrupt, failed};
use super::job::Tx;
use super::prepared::{Authority, Prepared, TaskRow};

/// How long an answer is kept, in milliseconds (semantics §9.1).
pub(super) const ANSWER_LIFE_MS: i64 = 24 * 3_600_000;

/// Most lapsed answers that one commit removes, so that none of them takes long.
const PURGE_MAX: i64 = 100;

/// Applies the batch; answers the index of its first audit record.
pub(super) fn apply(tx: &mut Tx<'_>, batch: &Prepared) -> Result<u64, StoreError> {
    compare(tx.conn, batch)?;
    if let Some(authority) = &batch.authority {
        check_authority(tx.conn, batch, authority)?;
    }
    write_task(tx.conn, batch)?;
    write_events(tx.conn, batch)?;
    write_payloads(tx.conn, &batch.payloads)?;
    write_approvals(tx.conn, batch)?;
    write_decisions(tx.conn, &batch.decisions)?;
    write_answer(tx.conn, batch.answer.as_ref())?;
    tx.logs.append(tx.conn, &batch.tenant, &batch.leaves)
}

/// Refuses a batch that was decided on another version than the stored one.
fn compare(conn: &Connection, batch: &Prepared) -> Result<(), StoreError> {
    let stored = conn
        .prepare_cached("SELECT version, tenant FROM task WHERE id = ?1")
        .and_then(|mut select| {
            select.query_row([&batch.row.id], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?))).optional()
        })
        .map_err(failed("read the version of a task"))?;
    let conflict = || StoreError::Conflict { task: batch.task };
    match stored {
        None if batch.row.base_version == 0 => Ok(()),
        None => Err(conflict()),
        Some((version, _)) if version != batch.row.base_version => Err(conflict()),
        Some((_, tenant)) if tenant != batch.tenant.as_str() => Err(corrupt(format!("task `{}` of another tenant", batch.task))),
        Some(_) => Ok(()),
    }
}

fn check_authority(conn: &Connection, batch: &Prepared, authority: &Authority) -> Result<(), StoreError> {
    let may_act = conn
        .prepare_cached("SELECT 1 FROM agent WHERE uid = ?1 AND tenant = ?2 AND standing = ?3 AND epoch = ?4")
        .and_then(|mut select| {
            select.exists(params![authority.agent, batch.tenant.as_str(), authority.standing, authority.epoch])
        })
        .map_err(failed("read the standing of an agent"))?;
    if may_act { Ok(()) } else { Err(StoreError::Revoked { task: batch.task }) }
}

fn write_task(conn: &Connection, batch: &Prepared) -> Result<(), StoreError> {
    let TaskRow { id, status, ended, agent, workflow, base_version, version, snapshot, submitted_at, updated_at } = &batch.row;
    let tenant = batch.tenant.as_str();
    let write = || -> rusqlite::Result<()> {
        if *base_version == 0 {
            conn.prepare_cached(
                "INSERT INTO task (id, tenant, status, ended, agent, workflow, version, submitted_at, updated_at) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            )?
            .execute(params![id, tenant, status, ended, agent, workflow, version, submitted_at, updated_at])?;
        } else if *ended {
            conn.prepare_cached("UPDATE task SET status = ?2, ended = 1, version = ?3, updated_at = ?4 WHERE id = ?1")?
                .execute(params![id, status, version, updated_at])?;
        } else {
            // Naming `ended` would write the index of unfinished tasks anew.
            conn.prepare_cached("UPDATE task SET status = ?2, version = ?3, updated_at = ?4 WHERE id = ?1")?
                .execute(params![id, status, version, updated_at])?;
        }
        if let Some(state) = snapshot {
            conn.prepare_cached(
                "INSERT INTO task_state (task, version, state) VALUES (?1, ?2, ?3) \
                 ON CONFLICT (task) DO UPDATE SET version = excluded.version, state = excluded.state",
            )?
            .execute(params![id, version, state])?;
        }
        Ok(())
    };
    write().map_err(failed("write a task"))
}

fn write_events(conn: &Connection, batch: &Prepared) -> Result<(), StoreError> {
    let mut insert = conn
        .prepare_cached("INSERT INTO task_event (task, sequence, at, event) VALUES (?1, ?2, ?3, ?4)")
        .map_err(failed("write the events of a task"))?;
    for (sequence, event) in (batch.row.base_version..).zip(&batch.events) {
        insert.execute(params![batch.row.id, sequence, batch.at, event]).map_err(failed("write the events of a task"))?;
    }
    Ok(())
}

pub(super) fn write_payloads<'a>(conn: &Connection, payloads: impl IntoIterator<Item = &'a Sealed>) -> Result<(), StoreError> {
    for sealed in payloads {
        let reference = &sealed.reference;
        let len = integer(reference.len)?;
        conn.prepare_cached(
            "INSERT INTO payload (id, tenant, commitment, len, wrapped_key, ciphertext) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )
        .and_then(|mut insert| {
            let id = blob(reference.id.as_u128());
            let commitment = reference.commitment.as_bytes();
            insert.execute(params![id, sealed.tenant.as_str(), commitment, len, sealed.wrapped_key, sealed.ciphertext])
        })
        .map_err(failed("write a payload"))?;
    }
    Ok(())
}

fn write_approvals(conn: &Connection, batch: &Prepared) -> Result<(), StoreError> {
    for row in &batch.approvals {
        let written = conn
            .prepare_cached(
                "INSERT INTO approval (id, tenant, status, request) VALUES (?1, ?2, ?3, ?4) \
                 ON CONFLICT (id) DO UPDATE SET status = excluded.status, request = excluded.request \
                 WHERE tenant = excluded.tenant",
            )
            .and_then(|mut upsert| upsert.execute(params![row.id, batch.tenant.as_str(), row.status, row.request]))
            .map_err(failed("write an approval"))?;
        if written != 1 {
            return Err(corrupt("an approval of another tenant"));
        }
    }
    Ok(())
}

/// Refuses decisions of another tenant, and those that would not be found by their id.
pub(super) fn check_decisions(tenant: &TenantId, decisions: &[SealedDecision]) -> Result<(), StoreError> {
    let foreign = |decision: &SealedDecision| {
        decision.sealed.tenant != *tenant || decision.sealed.reference.id.as_u128() != decision.id.as_u128()
    };
    if decisions.iter().any(foreign) {
        Err(corrupt(format!("a decision of another tenant than `{tenant}`, or under another id")))
    } else {
        Ok(())
    }
}

/// Writes decisions, each once.
pub(super) fn write_decisions(conn: &Connection, decisions: &[SealedDecision]) -> Result<(), StoreError> {
    write_payloads(conn, decisions.iter().map(|decision| &decision.sealed))
}

/// Keeps the first answer; a second under the same key fails its batch while the first one lives.
pub(super) fn write_answer(conn: &Connection, answer: Option<&(String, StoredAnswer)>) -> Result<(), StoreError> {
    let Some((key, answer)) = answer else { return Ok(()) };
    let at = answer.at.unix_ms();
    let lapsed = at.saturating_sub(ANSWER_LIFE_MS);
    let write = || -> rusqlite::Result<usize> {
        conn.prepare_cached("DELETE FROM answer WHERE key IN (SELECT key FROM answer WHERE at <= ?1 ORDER BY at LIMIT ?2)")?
            .execute((lapsed, PURGE_MAX))?;
        conn.prepare_cached(
            "INSERT INTO answer (key, body, answer, at) VALUES (?1, ?2, ?3, ?4) \
             ON CONFLICT (key) DO UPDATE SET body = excluded.body, answer = excluded.answer, at = excluded.at \
             WHERE answer.at <= ?5",
        )?
        .execute(params![key, answer.body.as_bytes(), answer.answer, at, lapsed])
    };
    match write().map_err(failed("write an answer"))? {
        1 => Ok(()),
        _ => Err(StoreError::Taken { name: key.clone() }),
    }
}
