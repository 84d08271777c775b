//! Reading decisions.

use async_trait::async_trait;
use rusqlite::OptionalExtension as _;
use scalbotics_core::ids::DecisionId;
use scalbotics_core::policy::Decision;
use scalbotics_core::ports::{DecisionStore, StoreError};
use scalbotics_core::tenant::TenantId;

use super::SqliteStore;
use super::column::{blob, parsed};
use super::failure::failed;

#[async_trait]
impl DecisionStore for SqliteStore {
    async fn get(&self, tenant: &TenantId, id: DecisionId) -> Result<Option<Decision>, StoreError> {
        let tenant = tenant.clone();
        self.read(move |conn| {
            let row: Option<Vec<u8>> = conn
                .prepare_cached("SELECT decision FROM decision WHERE id = ?1 AND tenant = ?2")
                .and_then(|mut select| select.query_row((blob(id.as_u128()), tenant.as_str()), |row| row.get(0)).optional())
                .map_err(failed("read a decision"))?;
            row.map(|bytes| parsed("decision", &bytes)).transpose()
        })
        .await
    }
}
