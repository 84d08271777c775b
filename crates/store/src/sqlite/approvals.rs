//! Reading approvals.

use async_trait::async_trait;
use rusqlite::{OptionalExtension as _, params};
use scalbotics_core::approval::Request;
use scalbotics_core::ids::ApprovalId;
use scalbotics_core::ports::{ApprovalFilter, ApprovalStore, StoreError};
use scalbotics_core::tenant::TenantId;

use super::SqliteStore;
use super::column::{blob, page, parsed};
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
            let before = filter.before.map(|id| blob(id.as_u128()));
            let status = filter.status.map(|status| status.as_str());
            let mut select = conn
                .prepare_cached(
                    "SELECT request FROM approval WHERE tenant = ?1 AND (?2 IS NULL OR id < ?2) AND (?3 IS NULL OR status = ?3) \
                     ORDER BY id DESC LIMIT ?4",
                )
                .map_err(failed("list approvals"))?;
            let rows = select
                .query_map(params![tenant.as_str(), before, status, page(filter.limit)], |row| row.get::<_, Vec<u8>>(0))
                .map_err(failed("list approvals"))?;
            rows.map(|row| parsed("approval", &row.map_err(failed("list approvals"))?)).collect()
        })
        .await
    }
}
