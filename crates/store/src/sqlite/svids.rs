//! The book of certificates.

use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use scalbotics_core::agent::Standing;
use scalbotics_core::digest::Digest;
use scalbotics_core::identity::{AuthorityId, Joined, Svid};
use scalbotics_core::ids::{AgentUid, GrantId, HumanUid};
use scalbotics_core::ports::{Note, RevokedSvid, StoreError, SvidBook, SvidFilter};
use scalbotics_core::tenant::TenantId;
use scalbotics_core::time::Timestamp;

use super::SqliteStore;
use super::column::{blob, count, integer, page};
use super::failure::{corrupt, failed, refused};
use super::job::{Class, Tx};
use super::notes::Noted;
use super::registry::stored_agent;

/// What was attempted, for errors.
pub(super) const WRITE: &str = "write the book of certificates";
const READ: &str = "read the book of certificates";

/// About how many bytes a row takes.
pub(super) const ROW_WEIGHT: usize = 512;

/// Most certificates of one list of revoked ones: ten for each of ten thousand agents within a day, and 4 MB of a list.
const REVOKED_MAX: usize = 100_000;

/// How long after its end a row may be of use, in milliseconds: a day, in which somebody may ask what became of a certificate.
pub(super) const KEPT_MS: u64 = 24 * 3_600_000;

/// The columns that [`columns`] reads.
const COLUMNS: &str = "serial, tenant, agent, epoch, authority, key, sponsor, grant_id, issued_at, not_after, void_at";

#[async_trait]
impl SvidBook for SqliteStore {
    async fn svid(&self, serial: &str) -> Result<Option<Svid>, StoreError> {
        let key = serial.to_owned();
        let read = self.look_up(move |conn| {
            let row = conn
                .prepare_cached(&format!("SELECT {COLUMNS} FROM svid WHERE serial = ?1"))
                .and_then(|mut select| select.query_row([key.as_str()], columns).optional())
                .map_err(failed(READ))?;
            row.map(svid).transpose()
        });
        self.callers().svids.get(serial.to_owned(), read).await
    }

    async fn svids(&self, filter: &SvidFilter) -> Result<Vec<Svid>, StoreError> {
        let filter = filter.clone();
        self.read(move |conn| {
            let (after, serial) =
                filter.after.map_or((filter.from.unix_ms(), String::new()), |(at, serial)| (at.unix_ms(), serial));
            let agent = filter.agent.map(|agent| blob(agent.as_u128()));
            let whose = if agent.is_some() { "agent = ?2" } else { "?2 IS NULL" };
            let list = format!(
                "SELECT {COLUMNS} FROM svid WHERE tenant = ?1 AND {whose} AND not_after >= ?3 AND (not_after, serial) > (?4, ?5) \
                 ORDER BY not_after, serial LIMIT ?6"
            );
            let mut select = conn.prepare_cached(&list).map_err(failed(READ))?;
            let from = filter.from.unix_ms();
            let bound = params![filter.tenant.as_str(), agent, from, after, serial, page(filter.limit)];
            let rows = select.query_map(bound, columns).map_err(failed(READ))?;
            rows.map(|row| svid(row.map_err(failed(READ))?)).collect()
        })
        .await
    }

    async fn enter(&self, svid: Svid, note: Note) -> Result<bool, StoreError> {
        let noted = Noted::prepare(&svid.tenant, note)?;
        let class = Class::new(ROW_WEIGHT.saturating_add(noted.weight()), false);
        let apply = move |tx: &mut Tx<'_>| {
            if !may_have(tx.conn, svid.agent, svid.epoch)? {
                return Ok(false);
            }
            insert(tx.conn, &svid)?;
            noted.write(tx)?;
            Ok(true)
        };
        self.write(class, apply, |entered| entered).await
    }

    async fn cut_short(&self, agent: AgentUid, void_at: Timestamp, note: Note) -> Result<u64, StoreError> {
        let noted = Noted::prepare(&note.record.tenant.clone(), note)?;
        let apply = move |tx: &mut Tx<'_>| {
            let cut = cut_short(tx.conn, agent, void_at)?;
            noted.write(tx)?;
            Ok(cut)
        };
        let callers = Arc::clone(self.callers());
        let answer = move |cut| {
            callers.svids.forget();
            callers.tell();
            cut
        };
        // It only takes away, so it may use the room that is kept.
        self.write(Class::new(ROW_WEIGHT, true), apply, answer).await
    }

    async fn nearest_end(&self, now: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        let now = now.unix_ms();
        self.read(move |conn| {
            let longest = "SELECT max(void_at) AS end FROM svid WHERE not_after > ?1 AND void_at > ?1 GROUP BY agent";
            let end: Option<i64> = conn
                .prepare_cached(&format!("SELECT min(end) FROM ({longest})"))
                .and_then(|mut select| select.query_row([now], |row| row.get(0)))
                .map_err(failed(READ))?;
            Ok(end.map(Timestamp::from_unix_ms))
        })
        .await
    }

    async fn revoked(&self, authority: &AuthorityId, now: Timestamp) -> Result<Vec<RevokedSvid>, StoreError> {
        let (authority, now) = (authority.to_string(), now.unix_ms());
        self.read(move |conn| {
            let list = "SELECT serial, void_at FROM svid \
                        WHERE not_after >= ?2 AND authority = ?1 AND void_at <= ?2 AND void_at < not_after \
                        ORDER BY not_after, serial LIMIT ?3";
            let mut select = conn.prepare_cached(list).map_err(failed(READ))?;
            let revoked =
                |row: &Row<'_>| Ok(RevokedSvid { serial: row.get(0)?, revoked_at: Timestamp::from_unix_ms(row.get(1)?) });
            let most = i64::try_from(REVOKED_MAX).unwrap_or(i64::MAX).saturating_add(1);
            let rows = select.query_map(params![authority, now, most], revoked).map_err(failed(READ))?;
            let all: Vec<_> = rows.collect::<rusqlite::Result<_>>().map_err(failed(READ))?;
            // A list that lacks somebody who was revoked says that they are not.
            if all.len() > REVOKED_MAX {
                return Err(refused(READ, format!("more than {REVOKED_MAX} certificates of one authority are revoked")));
            }
            Ok(all)
        })
        .await
    }
}

/// Whether the agent may have a certificate of this epoch now.
pub(super) fn may_have(conn: &Connection, agent: AgentUid, epoch: u64) -> Result<bool, StoreError> {
    let stored = stored_agent(conn, agent)?;
    Ok(stored.is_some_and(|agent| agent.standing == Standing::Active && agent.epoch == epoch))
}

/// Enters a certificate, and forgets two whose end is long past: so the book stays as large as what lives.
pub(super) fn insert(conn: &Connection, svid: &Svid) -> Result<(), StoreError> {
    let bound = svid.issued_at.unix_ms().saturating_sub(i64::try_from(KEPT_MS).unwrap_or(i64::MAX));
    conn.prepare_cached("DELETE FROM svid WHERE serial IN (SELECT serial FROM svid WHERE not_after < ?1 LIMIT 2)")
        .and_then(|mut delete| delete.execute([bound]))
        .map_err(failed(WRITE))?;
    let (sponsor, grant) = svid.joined.map(|joined| (blob(joined.sponsor.as_u128()), blob(joined.grant.as_u128()))).unzip();
    conn.prepare_cached(
        "INSERT INTO svid (serial, tenant, agent, epoch, authority, key, sponsor, grant_id, issued_at, not_after, void_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
    )
    .and_then(|mut insert| {
        insert.execute(params![
            svid.serial,
            svid.tenant.as_str(),
            blob(svid.agent.as_u128()),
            integer(svid.epoch).unwrap_or(i64::MAX),
            svid.authority.as_str(),
            svid.key.as_bytes(),
            sponsor,
            grant,
            svid.issued_at.unix_ms(),
            svid.not_after.unix_ms(),
            svid.void_at.unix_ms(),
        ])
    })
    .map(|_| ())
    .map_err(failed(WRITE))
}

/// Cuts short what an agent has; answers how much that was to live longer.
pub(super) fn cut_short(conn: &Connection, agent: AgentUid, void_at: Timestamp) -> Result<u64, StoreError> {
    let cut = conn
        .prepare_cached("UPDATE svid SET void_at = ?2 WHERE agent = ?1 AND not_after >= ?2 AND void_at > ?2")
        .and_then(|mut update| update.execute(params![blob(agent.as_u128()), void_at.unix_ms()]))
        .map_err(failed(WRITE))?;
    Ok(cut as u64)
}

type SvidRow =
    (String, String, [u8; 16], i64, String, ([u8; 32], Option<[u8; 16]>, Option<[u8; 16]>), (Timestamp, Timestamp, Timestamp));

fn columns(row: &Row<'_>) -> rusqlite::Result<SvidRow> {
    let at = |column: usize| row.get(column).map(Timestamp::from_unix_ms);
    let joined = (row.get(5)?, row.get(6)?, row.get(7)?);
    Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?, joined, (at(8)?, at(9)?, at(10)?)))
}

fn svid(row: SvidRow) -> Result<Svid, StoreError> {
    let (serial, tenant, agent, epoch, authority, (key, sponsor, grant), (issued_at, not_after, void_at)) = row;
    Ok(Svid {
        serial,
        tenant: TenantId::parse(&tenant).map_err(|error| corrupt(error.to_string()))?,
        agent: AgentUid::from_u128(u128::from_be_bytes(agent)),
        epoch: count(epoch)?,
        authority: AuthorityId::parse(&authority).map_err(|error| corrupt(error.to_string()))?,
        key: Digest::from_bytes(key),
        joined: sponsor.zip(grant).map(|(sponsor, grant)| joined(sponsor, grant)),
        issued_at,
        not_after,
        void_at,
    })
}

/// Who stands for an agent, from two columns.
pub(super) fn joined(sponsor: [u8; 16], grant: [u8; 16]) -> Joined {
    let number = u128::from_be_bytes;
    Joined { sponsor: HumanUid::from_u128(number(sponsor)), grant: GrantId::from_u128(number(grant)) }
}
