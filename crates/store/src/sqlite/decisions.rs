//! Reading decisions; they stay sealed here.

use async_trait::async_trait;
use rusqlite::OptionalExtension as _;
use scalbotics_core::ids::DecisionId;
use scalbotics_core::payload::Sealed;
use scalbotics_core::ports::{DecisionStore, StoreError};
use scalbotics_core::tenant::TenantId;

use super::SqliteStore;
use super::column::blob;
use super::failure::failed;
use super::payloads;

#[async_trait]
impl DecisionStore for SqliteStore {
    async fn get(&self, tenant: &TenantId, id: DecisionId) -> Result<Option<Sealed>, StoreError> {
        let tenant = tenant.clone();
        self.read(move |conn| {
            let payload: Option<[u8; 16]> = conn
                .prepare_cached("SELECT payload FROM decision WHERE id = ?1 AND tenant = ?2")
                .and_then(|mut select| select.query_row((blob(id.as_u128()), tenant.as_str()), |row| row.get(0)).optional())
                .map_err(failed("read a decision"))?;
            match payload {
                Some(payload) => payloads::read(conn, &tenant, payload),
                None => Ok(None),
            }
        })
        .await
    }
}
