//! The registry of tenants.

use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension as _, params};
use scalbotics_core::audit::Record;
use scalbotics_core::ports::{Human, Note, StoreError, TENANTS_MAX, Tenant, TenantRegistry};
use scalbotics_core::tenant::TenantId;
use scalbotics_core::time::Timestamp;

use super::SqliteStore;
use super::column::{document, parsed};
use super::failure::{failed, refused};
use super::job::Tx;
use super::notes::Noted;
use super::registry::{WRITE, class, put_human};

#[async_trait]
impl TenantRegistry for SqliteStore {
    async fn tenant(&self, id: &TenantId) -> Result<Option<Tenant>, StoreError> {
        let by = id.clone();
        self.callers().tenants.get(id.clone(), self.look_up(move |conn| stored(conn, &by))).await
    }

    async fn tenants(&self) -> Result<Vec<Tenant>, StoreError> {
        self.read(all).await
    }

    async fn put_tenant(
        &self,
        tenant: Tenant,
        record: Record,
        note: Option<Note>,
        first: Option<(Human, Note)>,
    ) -> Result<(), StoreError> {
        let installation = Noted::prepare(&TenantId::system(), record.into())?;
        let own = note.map(|note| Noted::prepare(&note.record.tenant.clone(), note)).transpose()?;
        let first = first.map(FirstHuman::prepare).transpose()?;
        let row = document(&tenant)?;
        let noted = own.as_ref().map_or(0, Noted::weight).saturating_add(installation.weight());
        let class = class(tenant.standing, row.len().saturating_add(noted));
        let apply = move |tx: &mut Tx<'_>| {
            put(tx.conn, &tenant, &row)?;
            installation.write(tx)?;
            own.iter().try_for_each(|own| own.write(tx))?;
            first.iter().try_for_each(|first| first.write(tx))
        };
        let callers = Arc::clone(self.callers());
        let forget = move |()| {
            callers.tenants.forget();
            callers.humans.forget();
            callers.tell();
        };
        self.write(class, apply, forget).await
    }
}

/// A tenant's first human, ready to be written.
#[derive(Debug)]
struct FirstHuman {
    human: Human,
    row: Vec<u8>,
    at: Timestamp,
    noted: Noted,
}

impl FirstHuman {
    fn prepare((human, note): (Human, Note)) -> Result<Self, StoreError> {
        let at = note.record.at;
        let noted = Noted::prepare(&human.tenant, note)?;
        Ok(Self { row: document(&human)?, human, at, noted })
    }

    fn write(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        put_human(tx.conn, (&self.human, self.at), &self.row)?;
        self.noted.write(tx)
    }
}

/// All tenants, by name.
pub(super) fn all(conn: &Connection) -> Result<Vec<Tenant>, StoreError> {
    let rows: rusqlite::Result<Vec<Vec<u8>>> = conn
        .prepare_cached("SELECT tenant FROM tenant ORDER BY id")
        .and_then(|mut select| select.query_map([], |row| row.get(0))?.collect());
    rows.map_err(failed("list tenants"))?.iter().map(|row| parsed("tenant", row)).collect()
}

fn stored(conn: &Connection, id: &TenantId) -> Result<Option<Tenant>, StoreError> {
    let row: Option<Vec<u8>> = conn
        .prepare_cached("SELECT tenant FROM tenant WHERE id = ?1")
        .and_then(|mut select| select.query_row([id.as_str()], |row| row.get(0)).optional())
        .map_err(failed("read a tenant"))?;
    row.map(|bytes| parsed("tenant", &bytes)).transpose()
}

fn put(conn: &Connection, new: &Tenant, row: &[u8]) -> Result<(), StoreError> {
    match stored(conn, &new.id)? {
        Some(old) if old.created_at != new.created_at => return Err(StoreError::Taken { name: new.id.to_string() }),
        Some(_) => {}
        None => {
            let count: i64 = conn
                .prepare_cached("SELECT count(*) FROM tenant")
                .and_then(|mut select| select.query_row([], |row| row.get(0)))
                .map_err(failed("count tenants"))?;
            if usize::try_from(count).unwrap_or(usize::MAX) >= TENANTS_MAX {
                return Err(refused(WRITE, format!("an installation has no more than {TENANTS_MAX} tenants")));
            }
        }
    }
    conn.prepare_cached("INSERT INTO tenant (id, tenant) VALUES (?1, ?2) ON CONFLICT (id) DO UPDATE SET tenant = excluded.tenant")
        .and_then(|mut upsert| upsert.execute(params![new.id.as_str(), row]))
        .map(|_| ())
        .map_err(failed(WRITE))
}
