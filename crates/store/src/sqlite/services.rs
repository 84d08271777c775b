//! The registry of services.

use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension as _, params};
use scalbotics_core::ids::ServiceUid;
use scalbotics_core::ports::{Note, ServiceRegistry, StoreError};
use scalbotics_core::service::Service;
use scalbotics_core::tenant::{Name, TenantId};

use super::SqliteStore;
use super::column::{blob, document, parsed};
use super::failure::failed;
use super::job::Tx;
use super::notes::Noted;
use super::registry::{Fixed, WRITE, check_change, check_name, class};

#[async_trait]
impl ServiceRegistry for SqliteStore {
    async fn service(&self, tenant: &TenantId, name: &Name) -> Result<Option<Service>, StoreError> {
        let (tenant, name) = (tenant.clone(), name.clone());
        self.read(move |conn| {
            let row = conn
                .prepare_cached("SELECT service FROM service WHERE tenant = ?1 AND name = ?2")
                .and_then(|mut select| select.query_row((tenant.as_str(), name.as_str()), |row| row.get(0)).optional());
            service(row)
        })
        .await
    }

    async fn service_by_uid(&self, uid: ServiceUid) -> Result<Option<Service>, StoreError> {
        self.callers().services.get(uid, self.look_up(move |conn| service(service_row(conn, uid)))).await
    }

    async fn services(&self, tenant: &TenantId) -> Result<Vec<Service>, StoreError> {
        let tenant = tenant.clone();
        self.read(move |conn| {
            let rows: rusqlite::Result<Vec<Vec<u8>>> = conn
                .prepare_cached("SELECT service FROM service WHERE tenant = ?1 ORDER BY name")
                .and_then(|mut select| select.query_map([tenant.as_str()], |row| row.get(0))?.collect());
            rows.map_err(failed("list services"))?.iter().map(|row| parsed("service", row)).collect()
        })
        .await
    }

    async fn put_service(&self, service: Service, note: Note) -> Result<(), StoreError> {
        let noted = Noted::prepare(&service.tenant, note)?;
        let row = document(&service)?;
        let class = class(service.standing, row.len().saturating_add(noted.weight()));
        let apply = move |tx: &mut Tx<'_>| {
            put_service(tx.conn, &service, &row)?;
            noted.write(tx)
        };
        let callers = Arc::clone(self.callers());
        let forget = move |()| {
            callers.services.forget();
            callers.tell();
        };
        self.write(class, apply, forget).await
    }
}

fn service(row: rusqlite::Result<Option<Vec<u8>>>) -> Result<Option<Service>, StoreError> {
    row.map_err(failed("read a service"))?.map(|bytes| parsed("service", &bytes)).transpose()
}

fn service_row(conn: &Connection, uid: ServiceUid) -> rusqlite::Result<Option<Vec<u8>>> {
    conn.prepare_cached("SELECT service FROM service WHERE uid = ?1")?
        .query_row([blob(uid.as_u128())], |row| row.get(0))
        .optional()
}

fn put_service(conn: &Connection, new: &Service, row: &[u8]) -> Result<(), StoreError> {
    if let Some(old) = service(service_row(conn, new.uid))? {
        check_change(
            &Fixed { tenant: &old.tenant, name: &old.name, standing: old.standing, epoch: old.epoch },
            &Fixed { tenant: &new.tenant, name: &new.name, standing: new.standing, epoch: new.epoch },
        )?;
    }
    let (uid, tenant, name) = (blob(new.uid.as_u128()), new.tenant.as_str(), new.name.as_str());
    check_name(conn, "SELECT 1 FROM service WHERE tenant = ?1 AND name = ?2 AND uid <> ?3", (tenant, name, uid))?;
    conn.prepare_cached(
        "INSERT INTO service (uid, tenant, name, service) VALUES (?1, ?2, ?3, ?4) \
         ON CONFLICT (uid) DO UPDATE SET service = excluded.service",
    )
    .and_then(|mut upsert| upsert.execute(params![uid, tenant, name, row]))
    .map(|_| ())
    .map_err(failed(WRITE))
}
