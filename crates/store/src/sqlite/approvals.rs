//! Reading approvals.

use async_trait::async_trait;
use rusqlite::OptionalExtension as _;
use scalbotics_core::approval::Request;
use scalbotics_core::ids::ApprovalId;
use scalbotics_core::ports::{ApprovalFilter, ApprovalStore, StoreError};
use scalbotics_core::tenant::TenantId;

use super::SqliteStore;
use super::column::{BEYOND, blob, page, parsed};
use super::failure::failed;

#[async_trait]
impl ApprovalStore for SqliteStore {
    async fn get(&self, tenant: &TenantId, id: ApprovalId) -> Result<Option<Request>, StoreError> {
        let tenant = tenant.clone();
        self.read(move |conn| {
            let row: Option<Vec<u8>> = conn
                .prepare_cached("SELECT request FROM approval WHERE id = ?1 AND tenant = ?2")
                .and_then(|mut select| select.query_row((blob(id.as_u128()), tenant.as_str()), |row| row.get(0)).optional())
                .map_err(failed("read an approval"))?;
            row.map(|bytes| parsed("approval", &bytes)).transpose()
        })
        .await
    }

    async fn list(&self, tenant: &TenantId, filter: &ApprovalFilter) -> Result<Vec<Request>, StoreError> {
        let (tenant, filter) = (tenant.clone(), filter.clone());
        self.read(move |conn| {
            let before = filter.before.map_or_else(|| BEYOND.to_vec(), |id| blob(id.as_u128()).to_vec());
            let limit = page(filter.limit);
            // Each with an index of its own: a rare status among many costs no long read (semantics §1.4).
            let rows: rusqlite::Result<Vec<Vec<u8>>> = match filter.status {
                Some(status) => conn
                    .prepare_cached(
                        "SELECT request FROM approval WHERE tenant = ?1 AND status = ?2 AND id < ?3 ORDER BY id DESC LIMIT ?4",
                    )
                    .and_then(|mut select| {
                        select.query_map((tenant.as_str(), status.as_str(), before, limit), |row| row.get(0))?.collect()
                    }),
                None => conn
                    .prepare_cached("SELECT request FROM approval WHERE tenant = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3")
                    .and_then(|mut select| select.query_map((tenant.as_str(), before, limit), |row| row.get(0))?.collect()),
            };
            let rows = rows.map_err(failed("list approvals"))?;
            rows.iter().map(|row| parsed("approval", row)).collect()
        })
        .await
    }
}
