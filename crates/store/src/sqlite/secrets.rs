//! Secrets; their values stay sealed here.

use async_trait::async_trait;
use rusqlite::{OptionalExtension as _, Row, params};
use scalbotics_core::audit::Record;
use scalbotics_core::digest::Digest;
use scalbotics_core::ids::{PayloadId, SecretId};
use scalbotics_core::payload::{Ref, Sealed};
use scalbotics_core::ports::{Note, SealedSecret, SecretStore, StoreError};
use scalbotics_core::secret::{Facts, SECRETS_MAX};
use scalbotics_core::tenant::{Name, TenantId};
use scalbotics_core::time::Timestamp;

use super::SqliteStore;
use super::column::{blob, count, document, integer, parsed};
use super::failure::{corrupt, failed, refused};
use super::job::{Class, Tx};
use super::notes::Noted;

/// What was attempted, for errors.
const WRITE: &str = "write a secret";

/// The columns that [`columns`] reads.
const COLUMNS: &str = "facts, used_at, payload, commitment, len, wrapped_key, ciphertext";

#[async_trait]
impl SecretStore for SqliteStore {
    async fn put(&self, secret: SealedSecret, note: Note) -> Result<(), StoreError> {
        let change = Change::prepare(secret, note)?;
        self.write(change.class(), move |tx: &mut Tx<'_>| change.insert(tx), |()| ()).await
    }

    async fn rotate(&self, secret: SealedSecret, note: Note) -> Result<(), StoreError> {
        let change = Change::prepare(secret, note)?;
        self.write(change.class(), move |tx: &mut Tx<'_>| change.replace(tx), |()| ()).await
    }

    async fn remove(&self, tenant: &TenantId, id: SecretId, note: Note) -> Result<(), StoreError> {
        let (tenant, noted) = (tenant.clone(), Noted::prepare(tenant, note)?);
        let apply = move |tx: &mut Tx<'_>| {
            let removed = tx
                .conn
                .prepare_cached("DELETE FROM secret WHERE id = ?1 AND tenant = ?2")
                .and_then(|mut delete| delete.execute(params![blob(id.as_u128()), tenant.as_str()]))
                .map_err(failed(WRITE))?;
            expect_one(removed, &id)?;
            noted.write(tx)
        };
        // It only takes away, so it may use the room that is kept.
        self.write(Class::new(0, true), apply, |()| ()).await
    }

    async fn get(&self, tenant: &TenantId, name: &Name) -> Result<Option<SealedSecret>, StoreError> {
        let (tenant, name) = (tenant.clone(), name.clone());
        self.read(move |conn| {
            let row = conn
                .prepare_cached(&format!("SELECT {COLUMNS} FROM secret WHERE tenant = ?1 AND name = ?2"))
                .and_then(|mut select| select.query_row((tenant.as_str(), name.as_str()), columns).optional())
                .map_err(failed("read a secret"))?;
            row.map(|row| secret(&tenant, row)).transpose()
        })
        .await
    }

    async fn list(&self, tenant: &TenantId) -> Result<Vec<SealedSecret>, StoreError> {
        let tenant = tenant.clone();
        self.read(move |conn| {
            let most = i64::try_from(SECRETS_MAX).unwrap_or(i64::MAX);
            let mut select = conn
                .prepare_cached(&format!("SELECT {COLUMNS} FROM secret WHERE tenant = ?1 ORDER BY name LIMIT ?2"))
                .map_err(failed("list secrets"))?;
            let rows = select.query_map((tenant.as_str(), most), columns).map_err(failed("list secrets"))?;
            rows.map(|row| secret(&tenant, row.map_err(failed("list secrets"))?)).collect()
        })
        .await
    }

    async fn note_use(&self, (id, version): (SecretId, u64), at: Timestamp, record: Record) -> Result<(), StoreError> {
        let tenant = record.tenant.clone();
        let noted = Noted::prepare(&tenant, record.into())?;
        let version = integer(version)?;
        let class = Class::new(noted.weight(), false);
        let apply = move |tx: &mut Tx<'_>| {
            let used = tx
                .conn
                .prepare_cached("UPDATE secret SET used_at = ?4 WHERE id = ?1 AND tenant = ?2 AND version = ?3")
                .and_then(|mut update| update.execute(params![blob(id.as_u128()), tenant.as_str(), version, at.unix_ms()]))
                .map_err(failed(WRITE))?;
            expect_one(used, &id)?;
            noted.write(tx)
        };
        self.write(class, apply, |()| ()).await
    }
}

/// Whether what was changed was there.
fn expect_one(changed: usize, id: &SecretId) -> Result<(), StoreError> {
    if changed == 1 { Ok(()) } else { Err(StoreError::Taken { name: id.to_string() }) }
}

/// A secret that is put or replaced, encoded on the caller's thread.
struct Change {
    secret: SealedSecret,
    facts: Vec<u8>,
    version: i64,
    len: i64,
    noted: Noted,
}

impl Change {
    fn prepare(secret: SealedSecret, note: Note) -> Result<Self, StoreError> {
        let tenant = &secret.facts.tenant;
        if secret.sealed.tenant != *tenant {
            return Err(corrupt(format!("a secret of another tenant than `{tenant}`")));
        }
        let (facts, noted) = (document(&secret.facts)?, Noted::prepare(tenant, note)?);
        let (version, len) = (integer(secret.facts.version)?, integer(secret.sealed.reference.len)?);
        Ok(Self { facts, version, len, noted, secret })
    }

    fn class(&self) -> Class {
        let sealed = &self.secret.sealed;
        let row = [self.facts.len(), sealed.ciphertext.len(), sealed.wrapped_key.len()];
        Class::new(row.into_iter().sum::<usize>().saturating_add(self.noted.weight()), false)
    }

    fn insert(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        let SealedSecret { facts, sealed } = &self.secret;
        let taken = || StoreError::Taken { name: facts.name.to_string() };
        let is_there = tx
            .conn
            .prepare_cached("SELECT 1 FROM secret WHERE tenant = ?1 AND name = ?2")
            .and_then(|mut select| select.exists((facts.tenant.as_str(), facts.name.as_str())))
            .map_err(failed("read a secret"))?;
        if is_there {
            return Err(taken());
        }
        let number: i64 = tx
            .conn
            .prepare_cached("SELECT count(*) FROM secret WHERE tenant = ?1")
            .and_then(|mut select| select.query_row([facts.tenant.as_str()], |row| row.get(0)))
            .map_err(failed("count secrets"))?;
        if usize::try_from(number).is_ok_and(|number| number >= SECRETS_MAX) {
            return Err(refused(WRITE, "the tenant has as many as it may have"));
        }
        tx.conn
            .prepare_cached(
                "INSERT INTO secret (id, tenant, name, version, facts, payload, commitment, len, wrapped_key, ciphertext) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            )
            .and_then(|mut insert| {
                insert.execute(params![
                    blob(facts.id.as_u128()),
                    facts.tenant.as_str(),
                    facts.name.as_str(),
                    self.version,
                    self.facts,
                    blob(sealed.reference.id.as_u128()),
                    sealed.reference.commitment.as_bytes(),
                    self.len,
                    sealed.wrapped_key,
                    sealed.ciphertext,
                ])
            })
            .map_err(failed(WRITE))?;
        self.noted.write(tx)
    }

    fn replace(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        let SealedSecret { facts, sealed } = &self.secret;
        let replaced = tx
            .conn
            .prepare_cached(
                "UPDATE secret SET version = ?3, facts = ?4, payload = ?5, commitment = ?6, len = ?7, wrapped_key = ?8, \
                 ciphertext = ?9 WHERE id = ?1 AND tenant = ?2 AND name = ?10 AND version = ?3 - 1",
            )
            .and_then(|mut update| {
                update.execute(params![
                    blob(facts.id.as_u128()),
                    facts.tenant.as_str(),
                    self.version,
                    self.facts,
                    blob(sealed.reference.id.as_u128()),
                    sealed.reference.commitment.as_bytes(),
                    self.len,
                    sealed.wrapped_key,
                    sealed.ciphertext,
                    facts.name.as_str(),
                ])
            })
            .map_err(failed(WRITE))?;
        expect_one(replaced, &facts.id)?;
        self.noted.write(tx)
    }
}

/// A row as it is read.
struct Columns {
    facts: Vec<u8>,
    used_at: Option<i64>,
    payload: [u8; 16],
    commitment: [u8; 32],
    len: i64,
    wrapped_key: Vec<u8>,
    ciphertext: Vec<u8>,
}

fn columns(row: &Row<'_>) -> rusqlite::Result<Columns> {
    Ok(Columns {
        facts: row.get(0)?,
        used_at: row.get(1)?,
        payload: row.get(2)?,
        commitment: row.get(3)?,
        len: row.get(4)?,
        wrapped_key: row.get(5)?,
        ciphertext: row.get(6)?,
    })
}

fn secret(tenant: &TenantId, row: Columns) -> Result<SealedSecret, StoreError> {
    let mut facts: Facts = parsed("secret", &row.facts)?;
    if facts.tenant != *tenant {
        return Err(corrupt("a secret stands in another tenant's row"));
    }
    facts.used_at = row.used_at.map(Timestamp::from_unix_ms);
    let id = PayloadId::from_u128(u128::from_be_bytes(row.payload));
    let reference = Ref { id, commitment: Digest::from_bytes(row.commitment), len: count(row.len)? };
    let sealed = Sealed { reference, tenant: tenant.clone(), wrapped_key: row.wrapped_key, ciphertext: row.ciphertext };
    Ok(SealedSecret { facts, sealed })
}
