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

/// Longest ciphertext that is read on the caller's thread, in bytes: goals and arguments, which whoever submits a task is shown at once.
const SHORT_LEN_MAX: u32 = 8 << 10;

#[async_trait]
impl PayloadStore for SqliteStore {
    async fn get(&self, tenant: &TenantId, id: PayloadId) -> Result<Option<Sealed>, StoreError> {
        let (own, id) = (tenant.clone(), blob(id.as_u128()));
        match self.look_up(move |conn| short(conn, &own, id)).await? {
            Found::Read(payload) => Ok(payload),
            Found::Long => {
                let tenant = tenant.clone();
                self.read(move |conn| read(conn, &tenant, id)).await
            }
        }
    }
}

/// What a look-up on the caller's thread found.
#[derive(Debug)]
enum Found {
    Read(Option<Sealed>),
    /// There is one, for a reading thread.
    Long,
}

/// The payload of this id unless it is longer than [`SHORT_LEN_MAX`]; the length of a blob is known without reading it.
fn short(conn: &Connection, tenant: &TenantId, id: [u8; 16]) -> Result<Found, StoreError> {
    let is_short: Option<bool> = conn
        .prepare_cached("SELECT length(ciphertext) <= ?3 FROM payload WHERE id = ?1 AND tenant = ?2 AND wrapped_key <> x''")
        .and_then(|mut select| select.query_row((id, tenant.as_str(), SHORT_LEN_MAX), |row| row.get(0)).optional())
        .map_err(failed("read a payload"))?;
    match is_short {
        None => Ok(Found::Read(None)),
        Some(true) => read(conn, tenant, id).map(Found::Read),
        Some(false) => Ok(Found::Long),
    }
}

/// The payload of this id, if the tenant has it and it was not erased.
pub(super) fn read(conn: &Connection, tenant: &TenantId, id: [u8; 16]) -> Result<Option<Sealed>, StoreError> {
    let row = conn
        .prepare_cached(
            "SELECT commitment, len, wrapped_key, ciphertext FROM payload WHERE id = ?1 AND tenant = ?2 AND wrapped_key <> x''",
        )
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
