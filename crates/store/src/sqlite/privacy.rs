//! Holds, orders to erase, and the destruction of payloads.

use std::collections::BTreeSet;

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension as _, params};
use scalbotics_core::ids::PayloadId;
use scalbotics_core::ports::{Forgotten, Orders, PrivacyChange, PrivacyStore, StoreError};
use scalbotics_core::privacy::{ERASURES_MAX, Erasure, HOLDS_MAX, Hold, Marks, Scope};
use scalbotics_core::tenant::TenantId;

use super::SqliteStore;
use super::column::{PAGE_MAX, blob, document, parsed};
use super::failure::{corrupt, failed, refused};
use super::job::{Class, Tx};
use super::journal::write_payloads;
use super::notes::Noted;

/// What was attempted, for errors.
const WRITE: &str = "write what is about privacy";

/// About how many bytes a destroyed payload writes: its page, and an index's.
const DESTROYED_WEIGHT: usize = 4 << 10;

#[async_trait]
impl PrivacyStore for SqliteStore {
    async fn change(&self, change: PrivacyChange) -> Result<u64, StoreError> {
        let prepared = Prepared::of(change)?;
        self.write(prepared.class(), move |tx: &mut Tx<'_>| prepared.apply(tx), |destroyed| destroyed).await
    }

    async fn holds(&self, tenant: &TenantId) -> Result<Vec<Hold>, StoreError> {
        let tenant = tenant.clone();
        self.read(move |conn| holds(conn, &tenant)).await
    }

    async fn orders(&self, tenant: &TenantId, which: Orders) -> Result<Vec<Erasure>, StoreError> {
        let tenant = tenant.clone();
        let (query, limit) = match which {
            Orders::UnderWay => ("SELECT erasure FROM erasure WHERE tenant = ?1 AND done = 0 ORDER BY id LIMIT ?2", PAGE_MAX),
            Orders::Done => {
                ("SELECT erasure FROM erasure WHERE tenant = ?1 AND done = 1 ORDER BY id DESC LIMIT ?2", ERASURES_MAX)
            }
        };
        self.read(move |conn| {
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let rows: rusqlite::Result<Vec<Vec<u8>>> = conn
                .prepare_cached(query)
                .and_then(|mut select| select.query_map(params![tenant.as_str(), limit], |row| row.get(0))?.collect());
            rows.map_err(failed("list orders to erase"))?.iter().map(|row| parsed("order to erase", row)).collect()
        })
        .await
    }

    async fn marks(&self, tenant: &TenantId) -> Result<Marks, StoreError> {
        let tenant = tenant.clone();
        self.read(move |conn| {
            let row: Option<Vec<u8>> = conn
                .prepare_cached("SELECT marks FROM privacy_marks WHERE tenant = ?1")
                .and_then(|mut select| select.query_row([tenant.as_str()], |row| row.get(0)).optional())
                .map_err(failed("read marks of erasing"))?;
            row.map_or_else(|| Ok(Marks::default()), |row| parsed("marks of erasing", &row))
        })
        .await
    }

    async fn is_destroyed(&self, tenant: &TenantId, id: PayloadId) -> Result<bool, StoreError> {
        let tenant = tenant.clone();
        self.look_up(move |conn| {
            conn.prepare_cached("SELECT 1 FROM payload WHERE id = ?1 AND tenant = ?2 AND wrapped_key = x''")
                .and_then(|mut select| select.exists((blob(id.as_u128()), tenant.as_str())))
                .map_err(failed("read a payload"))
        })
        .await
    }

    async fn scrub(&self) -> Result<(), StoreError> {
        self.empty_log().await
    }
}

fn holds(conn: &Connection, tenant: &TenantId) -> Result<Vec<Hold>, StoreError> {
    let rows: rusqlite::Result<Vec<Vec<u8>>> = conn
        .prepare_cached("SELECT hold FROM legal_hold WHERE tenant = ?1 ORDER BY id")
        .and_then(|mut select| select.query_map([tenant.as_str()], |row| row.get(0))?.collect());
    rows.map_err(failed("list legal holds"))?.iter().map(|row| parsed("legal hold", row)).collect()
}

/// Writes the marks of a tenant.
pub(super) fn write_marks(conn: &Connection, tenant: &TenantId, marks: &[u8]) -> Result<(), StoreError> {
    conn.prepare_cached(
        "INSERT INTO privacy_marks (tenant, marks) VALUES (?1, ?2) ON CONFLICT (tenant) DO UPDATE SET marks = excluded.marks",
    )
    .and_then(|mut upsert| upsert.execute(params![tenant.as_str(), marks]))
    .map(|_| ())
    .map_err(failed(WRITE))
}

/// A change, encoded and checked on the caller's thread.
struct Prepared {
    change: PrivacyChange,
    hold: Option<Vec<u8>>,
    erasure: Option<Vec<u8>>,
    marks: Option<Vec<u8>>,
    noted: Vec<Noted>,
}

impl Prepared {
    fn of(mut change: PrivacyChange) -> Result<Self, StoreError> {
        let tenant = &change.tenant;
        let foreign = change.payloads.iter().any(|sealed| sealed.tenant != *tenant)
            || change.hold.as_ref().is_some_and(|hold| hold.tenant != *tenant)
            || change.erasure.as_ref().is_some_and(|erasure| erasure.tenant != *tenant);
        if foreign {
            return Err(corrupt(format!("a change in tenant `{tenant}` with rows of another")));
        }
        let record = change.record.take().map(Into::into);
        let noted = record.into_iter().chain(change.note.take()).map(|note| Noted::prepare(tenant, note));
        Ok(Self {
            noted: noted.collect::<Result<_, _>>()?,
            hold: change.hold.as_ref().map(document).transpose()?,
            erasure: change.erasure.as_ref().map(document).transpose()?,
            marks: change.marks.as_ref().map(document).transpose()?,
            change,
        })
    }

    fn class(&self) -> Class {
        let documents = [&self.hold, &self.erasure, &self.marks].into_iter().flatten().map(Vec::len);
        let sealed = self.change.payloads.iter().map(|sealed| sealed.ciphertext.len());
        let destroyed = self.change.destroy.len().saturating_mul(DESTROYED_WEIGHT);
        let weight = documents.chain(sealed).chain(self.noted.iter().map(Noted::weight)).fold(destroyed, usize::saturating_add);
        // Overwriting takes room in the log first: it waits on a full disk, and outcomes do not.
        Class::new(weight, false)
    }

    fn apply(&self, tx: &mut Tx<'_>) -> Result<u64, StoreError> {
        let Self { change, hold, erasure, marks, noted } = self;
        let (conn, tenant) = (tx.conn, &change.tenant);
        if let Some(scopes) = &change.unless_held {
            refuse_held(conn, tenant, scopes)?;
        }
        if let Some(id) = change.lift {
            let lifted = conn
                .prepare_cached("DELETE FROM legal_hold WHERE id = ?1 AND tenant = ?2")
                .and_then(|mut delete| delete.execute(params![blob(id.as_u128()), tenant.as_str()]))
                .map_err(failed(WRITE))?;
            if lifted != 1 {
                return Err(StoreError::Taken { name: id.to_string() });
            }
        }
        let destroyed = destroy(conn, tenant, &change.destroy)?;
        forget(conn, &change.forget_answers)?;
        write_payloads(conn, &change.payloads)?;
        if let (Some(new), Some(document)) = (&change.hold, hold) {
            place(conn, new, document)?;
        }
        if let (Some(order), Some(document)) = (&change.erasure, erasure) {
            conn.prepare_cached(
                "INSERT INTO erasure (id, tenant, done, erasure) VALUES (?1, ?2, ?3, ?4) \
                 ON CONFLICT (id) DO UPDATE SET done = excluded.done, erasure = excluded.erasure WHERE tenant = excluded.tenant",
            )
            .and_then(|mut upsert| {
                upsert.execute(params![blob(order.id.as_u128()), tenant.as_str(), order.done_at.is_some(), document])
            })
            .map_err(failed(WRITE))?;
        }
        if let Some(marks) = marks {
            write_marks(conn, tenant, marks)?;
        }
        noted.iter().try_for_each(|noted| noted.write(tx))?;
        Ok(destroyed)
    }
}

fn refuse_held(conn: &Connection, tenant: &TenantId, scopes: &BTreeSet<Scope>) -> Result<(), StoreError> {
    match Hold::find(&holds(conn, tenant)?, scopes) {
        Some(hold) => Err(StoreError::Taken { name: hold.id.to_string() }),
        None => Ok(()),
    }
}

fn place(conn: &Connection, hold: &Hold, document: &[u8]) -> Result<(), StoreError> {
    let number: i64 = conn
        .prepare_cached("SELECT count(*) FROM legal_hold WHERE tenant = ?1")
        .and_then(|mut select| select.query_row([hold.tenant.as_str()], |row| row.get(0)))
        .map_err(failed("count legal holds"))?;
    if usize::try_from(number).is_ok_and(|number| number >= HOLDS_MAX) {
        return Err(refused(WRITE, "the tenant has as many legal holds as it may have"));
    }
    conn.prepare_cached("INSERT INTO legal_hold (id, tenant, hold) VALUES (?1, ?2, ?3)")
        .and_then(|mut insert| insert.execute(params![blob(hold.id.as_u128()), hold.tenant.as_str(), document]))
        .map(|_| ())
        .map_err(failed(WRITE))
}

/// Takes key, salt and bytes out of the rows, and overwrites the pages that they were in.
fn destroy(conn: &Connection, tenant: &TenantId, ids: &[PayloadId]) -> Result<u64, StoreError> {
    if ids.is_empty() {
        return Ok(0);
    }
    conn.pragma_update(None, "secure_delete", "ON").map_err(failed(WRITE))?;
    let all = destroy_each(conn, tenant, ids);
    conn.pragma_update(None, "secure_delete", "FAST").map_err(failed(WRITE))?;
    all
}

fn destroy_each(conn: &Connection, tenant: &TenantId, ids: &[PayloadId]) -> Result<u64, StoreError> {
    let mut update = conn
        .prepare_cached(
            "UPDATE payload SET wrapped_key = x'', ciphertext = x'' WHERE id = ?1 AND tenant = ?2 AND wrapped_key <> x''",
        )
        .map_err(failed(WRITE))?;
    let mut destroyed: u64 = 0;
    for id in ids {
        let rows = update.execute(params![blob(id.as_u128()), tenant.as_str()]).map_err(failed(WRITE))?;
        destroyed = destroyed.saturating_add(u64::try_from(rows).unwrap_or_default());
    }
    Ok(destroyed)
}

fn forget(conn: &Connection, answers: &[Forgotten]) -> Result<(), StoreError> {
    for forgotten in answers {
        let (statement, key) = match forgotten {
            Forgotten::Key(key) => ("DELETE FROM answer WHERE key = ?1", key),
            Forgotten::Beginning(beginning) => ("DELETE FROM answer WHERE key >= ?1 AND key < ?1 || char(1114111)", beginning),
        };
        conn.prepare_cached(statement).and_then(|mut delete| delete.execute([key])).map_err(failed("forget answers"))?;
    }
    Ok(())
}
