//! Reading payloads; they stay sealed here.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension as _};
use scalbotics_core::digest::Digest;
use scalbotics_core::ids::PayloadId;
use scalbotics_core::payload::{Ref, Sealed};
use scalbotics_core::ports::{PayloadStore, StoreError};
use scalbotics_core::tenant::TenantId;

use super::SqliteStore;
use super::column::{blob, count};
use super::failure::failed;

#[async_trait]
impl PayloadStore for SqliteStore {
    async fn get(&self, tenant: &TenantId, id: PayloadId) -> Result<Option<Sealed>, StoreError> {
        let tenant = tenant.clone();
        self.read(move |conn| read(conn, &tenant, blob(id.as_u128()))).await
    }
}

/// The payload of this id, if the tenant has it.
pub(super) fn read(conn: &Connection, tenant: &TenantId, id: [u8; 16]) -> Result<Option<Sealed>, StoreError> {
    let row = conn
        .prepare_cached("SELECT commitment, len, wrapped_key, ciphertext FROM payload WHERE id = ?1 AND tenant = ?2")
        .and_then(|mut select| {
            select
                .query_row((id, tenant.as_str()), |row| {
                    Ok((row.get::<_, [u8; 32]>(0)?, row.get::<_, i64>(1)?, row.get(2)?, row.get(3)?))
                })
                .optional()
        })
        .map_err(failed("read a payload"))?;
    let Some((commitment, len, wrapped_key, ciphertext)) = row else { return Ok(None) };
    let id = PayloadId::from_u128(u128::from_be_bytes(id));
    let reference = Ref { id, commitment: Digest::from_bytes(commitment), len: count(len)? };
    Ok(Some(Sealed { reference, tenant: tenant.clone(), wrapped_key, ciphertext }))
}
