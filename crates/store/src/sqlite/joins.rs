//! Join tokens.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use scalbotics_core::digest::Digest;
use scalbotics_core::identity::{JOIN_TOKENS_MAX, JoinToken, Svid};
use scalbotics_core::ids::{AgentUid, HumanUid};
use scalbotics_core::ports::{JoinTokens, Note, Redeemed, StoreError};
use scalbotics_core::tenant::TenantId;
use scalbotics_core::time::Timestamp;

use super::SqliteStore;
use super::column::{blob, count, integer};
use super::failure::{corrupt, failed};
use super::job::{Class, Tx};
use super::notes::Noted;
use super::svids::{KEPT_MS, ROW_WEIGHT, insert, joined, may_have};

/// What was attempted, for errors.
const WRITE: &str = "write a join token";
const READ: &str = "read a join token";

#[async_trait]
impl JoinTokens for SqliteStore {
    async fn join_token(&self, digest: &Digest) -> Result<Option<JoinToken>, StoreError> {
        let digest = *digest;
        self.look_up(move |conn| token(conn, digest)).await
    }

    async fn put_join_token(&self, token: JoinToken, note: Note) -> Result<bool, StoreError> {
        let noted = Noted::prepare(&token.tenant, note)?;
        let class = Class::new(ROW_WEIGHT.saturating_add(noted.weight()), false);
        let apply = move |tx: &mut Tx<'_>| {
            if !may_have(tx.conn, token.agent, token.epoch)? || waiting(tx.conn, &token)? >= JOIN_TOKENS_MAX {
                return Ok(false);
            }
            put(tx.conn, &token)?;
            noted.write(tx)?;
            Ok(true)
        };
        self.write(class, apply, |kept| kept).await
    }

    async fn redeem(&self, digest: &Digest, svid: Svid, note: Note) -> Result<Redeemed, StoreError> {
        let digest = *digest;
        let noted = Noted::prepare(&svid.tenant, note)?;
        let class = Class::new(ROW_WEIGHT.saturating_add(noted.weight()), false);
        let apply = move |tx: &mut Tx<'_>| {
            if !may_have(tx.conn, svid.agent, svid.epoch)? {
                return Ok(Redeemed::Void);
            }
            let used = tx
                .conn
                .prepare_cached(
                    "UPDATE join_token SET used_at = ?2 WHERE digest = ?1 AND agent = ?3 AND used_at IS NULL AND expires_at > ?2",
                )
                .and_then(|mut update| {
                    update.execute(params![digest.as_bytes(), svid.issued_at.unix_ms(), blob(svid.agent.as_u128())])
                })
                .map_err(failed(WRITE))?;
            if used != 1 {
                return Ok(Redeemed::Spent);
            }
            insert(tx.conn, &svid)?;
            noted.write(tx)?;
            Ok(Redeemed::Entered)
        };
        self.write(class, apply, |redeemed| redeemed).await
    }
}

/// How many tokens of the agent wait to be used.
fn waiting(conn: &Connection, token: &JoinToken) -> Result<usize, StoreError> {
    let waiting: i64 = conn
        .prepare_cached("SELECT count(*) FROM join_token WHERE agent = ?1 AND expires_at > ?2 AND used_at IS NULL AND epoch = ?3")
        .and_then(|mut select| {
            let epoch = integer(token.epoch).unwrap_or(i64::MAX);
            select.query_row(params![blob(token.agent.as_u128()), token.issued_at.unix_ms(), epoch], |row| row.get(0))
        })
        .map_err(failed(READ))?;
    Ok(usize::try_from(waiting).unwrap_or(usize::MAX))
}

/// Ends at `at` the tokens that a human made: what they gave while they might act lets nobody join afterwards.
pub(super) fn end_those_of(conn: &Connection, sponsor: HumanUid, at: Timestamp) -> Result<(), StoreError> {
    conn.prepare_cached("UPDATE join_token SET expires_at = ?2 WHERE sponsor = ?1 AND expires_at > ?2")
        .and_then(|mut update| update.execute(params![blob(sponsor.as_u128()), at.unix_ms()]))
        .map(|_| ())
        .map_err(failed(WRITE))
}

/// Keeps a token, and forgets those that ended long ago.
fn put(conn: &Connection, token: &JoinToken) -> Result<(), StoreError> {
    let bound = token.issued_at.unix_ms().saturating_sub(i64::try_from(KEPT_MS).unwrap_or(i64::MAX));
    conn.prepare_cached("DELETE FROM join_token WHERE expires_at < ?1")
        .and_then(|mut delete| delete.execute([bound]))
        .map_err(failed(WRITE))?;
    conn.prepare_cached(
        "INSERT INTO join_token (digest, tenant, agent, epoch, sponsor, grant_id, issued_at, expires_at, used_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )
    .and_then(|mut insert| {
        insert.execute(params![
            token.digest.as_bytes(),
            token.tenant.as_str(),
            blob(token.agent.as_u128()),
            integer(token.epoch).unwrap_or(i64::MAX),
            blob(token.joined.sponsor.as_u128()),
            blob(token.joined.grant.as_u128()),
            token.issued_at.unix_ms(),
            token.expires_at.unix_ms(),
            token.used_at.map(Timestamp::unix_ms),
        ])
    })
    .map(|_| ())
    .map_err(failed(WRITE))
}

type TokenRow = (String, [u8; 16], i64, [u8; 16], [u8; 16], (i64, i64, Option<i64>));

fn token(conn: &Connection, digest: Digest) -> Result<Option<JoinToken>, StoreError> {
    let columns = |row: &Row<'_>| -> rusqlite::Result<TokenRow> {
        let times = (row.get(5)?, row.get(6)?, row.get(7)?);
        Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?, times))
    };
    let row = conn
        .prepare_cached(
            "SELECT tenant, agent, epoch, sponsor, grant_id, issued_at, expires_at, used_at FROM join_token WHERE digest = ?1",
        )
        .and_then(|mut select| select.query_row([digest.as_bytes()], columns).optional())
        .map_err(failed(READ))?;
    let Some((tenant, agent, epoch, sponsor, grant, (issued_at, expires_at, used_at))) = row else { return Ok(None) };
    Ok(Some(JoinToken {
        digest,
        tenant: TenantId::parse(&tenant).map_err(|error| corrupt(error.to_string()))?,
        agent: AgentUid::from_u128(u128::from_be_bytes(agent)),
        epoch: count(epoch)?,
        joined: joined(sponsor, grant),
        issued_at: Timestamp::from_unix_ms(issued_at),
        expires_at: Timestamp::from_unix_ms(expires_at),
        used_at: used_at.map(Timestamp::from_unix_ms),
    }))
}
