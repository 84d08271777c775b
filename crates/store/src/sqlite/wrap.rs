//! The wrapped keys of payloads, decisions and secrets, for a rotation.

use async_trait::async_trait;
use rusqlite::{Connection, params};
use scalbotics_core::digest::Digest;
use scalbotics_core::ids::PayloadId;
use scalbotics_core::payload::{Ref, Sealed};
use scalbotics_core::ports::{Rewrapped, StoreError, WrapStore};
use scalbotics_core::privacy::Marks;
use scalbotics_core::tenant::TenantId;

use super::SqliteStore;
use super::column::{blob, count, document, page};
use super::failure::failed;
use super::job::{Class, Tx};
use super::privacy::write_marks;

/// What was attempted, for errors.
const WRITE: &str = "wrap keys anew";

/// About how many bytes a key that is wrapped anew writes: the page that it stands in.
const KEY_WEIGHT: usize = 2 << 10;

#[async_trait]
impl WrapStore for SqliteStore {
    async fn wrapped(&self, tenant: &TenantId, after: Option<PayloadId>, limit: usize) -> Result<Vec<Sealed>, StoreError> {
        let (tenant, after) = (tenant.clone(), after.map(|id| blob(id.as_u128())));
        self.read(move |conn| {
            // An empty blob sorts before every id.
            let after: &[u8] = after.as_ref().map_or(&[], |id| id.as_slice());
            read(conn, &tenant, after, page(limit))
        })
        .await
    }

    async fn rewrap(&self, tenant: &TenantId, keys: Vec<Rewrapped>, marks: Marks) -> Result<(), StoreError> {
        let (tenant, marks) = (tenant.clone(), document(&marks)?);
        let weight = keys.len().saturating_mul(KEY_WEIGHT).saturating_add(marks.len());
        let apply = move |tx: &mut Tx<'_>| {
            keys.iter().try_for_each(|key| replace(tx.conn, &tenant, key))?;
            write_marks(tx.conn, &tenant, &marks)
        };
        self.write(Class::new(weight, false), apply, |()| ()).await
    }
}

fn read(conn: &Connection, tenant: &TenantId, after: &[u8], limit: i64) -> Result<Vec<Sealed>, StoreError> {
    let query = "SELECT id, commitment, len, wrapped_key FROM payload WHERE id > ?1 AND tenant = ?2 AND wrapped_key <> x'' \
                 ORDER BY id LIMIT ?3";
    let mut select = conn.prepare_cached(query).map_err(failed("read wrapped keys"))?;
    let rows = select
        .query_map(params![after, tenant.as_str(), limit], |row| {
            Ok((row.get::<_, [u8; 16]>(0)?, row.get::<_, [u8; 32]>(1)?, row.get::<_, i64>(2)?, row.get::<_, Vec<u8>>(3)?))
        })
        .map_err(failed("read wrapped keys"))?;
    rows.map(|row| {
        let (id, commitment, len, wrapped_key) = row.map_err(failed("read wrapped keys"))?;
        let id = PayloadId::from_u128(u128::from_be_bytes(id));
        let reference = Ref { id, commitment: Digest::from_bytes(commitment), len: count(len)? };
        Ok(Sealed { reference, tenant: tenant.clone(), wrapped_key, ciphertext: Vec::new() })
    })
    .collect()
}

/// Replaces a key where it is still wrapped as it was, in payloads or else in secrets.
fn replace(conn: &Connection, tenant: &TenantId, key: &Rewrapped) -> Result<(), StoreError> {
    let values = params![blob(key.id.as_u128()), tenant.as_str(), key.old, key.new];
    let replaced = conn
        .prepare_cached("UPDATE payload SET wrapped_key = ?4 WHERE id = ?1 AND tenant = ?2 AND wrapped_key = ?3")
        .and_then(|mut update| update.execute(values))
        .map_err(failed(WRITE))?;
    if replaced == 0 {
        conn.prepare_cached("UPDATE secret SET wrapped_key = ?4 WHERE payload = ?1 AND tenant = ?2 AND wrapped_key = ?3")
            .and_then(|mut update| update.execute(values))
            .map_err(failed(WRITE))?;
    }
    Ok(())
}
