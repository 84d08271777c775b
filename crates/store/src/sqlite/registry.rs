//! The registry: humans and agents.

use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use scalbotics_core::agent::{Agent, Standing};
use scalbotics_core::digest::Digest;
use scalbotics_core::ids::{AgentUid, HumanUid};
use scalbotics_core::ports::{Human, Note, ROSTER_PAGE_MAX, Registry, Roster, StoreError};
use scalbotics_core::tenant::{Name, TenantId};
use scalbotics_core::time::Timestamp;

use super::SqliteStore;
use super::column::{blob, count, document, integer, parsed, word};
use super::failure::{corrupt, failed, refused};
use super::handle::Callers;
use super::job::{Class, Tx};
use super::joins::end_those_of;
use super::notes::Noted;
use super::svids::cut_short;

/// What was attempted, for errors.
pub(super) const WRITE: &str = "write the registry";

/// About how many bytes an agent's row takes.
const ROW_WEIGHT: usize = 1 << 10;

/// A change of the registry may not use the room that is kept for outcomes; suspension may, since it only takes away.
pub(super) fn class(standing: Standing, weight: usize) -> Class {
    Class::new(weight, matches!(standing, Standing::Suspended | Standing::Offboarded))
}

#[async_trait]
impl Registry for SqliteStore {
    async fn human(&self, tenant: &TenantId, name: &Name) -> Result<Option<Human>, StoreError> {
        let (tenant, name) = (tenant.clone(), name.clone());
        self.read(move |conn| {
            let row = conn
                .prepare_cached("SELECT human FROM human WHERE tenant = ?1 AND name = ?2")
                .and_then(|mut select| select.query_row((tenant.as_str(), name.as_str()), |row| row.get(0)).optional());
            human(row)
        })
        .await
    }

    async fn human_by_uid(&self, uid: HumanUid) -> Result<Option<Human>, StoreError> {
        self.callers().humans.get(uid, self.look_up(move |conn| human(human_row(conn, uid)))).await
    }

    async fn put_human(&self, human: Human, note: Note) -> Result<(), StoreError> {
        let at = note.record.at;
        let noted = Noted::prepare(&human.tenant, note)?;
        let row = document(&human)?;
        let class = class(human.standing, row.len().saturating_add(noted.weight()));
        let apply = move |tx: &mut Tx<'_>| {
            put_human(tx.conn, (&human, at), &row)?;
            noted.write(tx)
        };
        let callers = Arc::clone(self.callers());
        let forget = move |()| {
            callers.humans.forget();
            callers.tell();
        };
        self.write(class, apply, forget).await
    }

    async fn agent_by_name(&self, tenant: &TenantId, name: &Name) -> Result<Option<Agent>, StoreError> {
        let (by, tenant, name) = ((tenant.clone(), name.clone()), tenant.clone(), name.clone());
        let read = self.look_up(move |conn| {
            let row = conn
                .prepare_cached("SELECT uid, tenant, name, standing, epoch FROM agent WHERE tenant = ?1 AND name = ?2")
                .and_then(|mut select| select.query_row((tenant.as_str(), name.as_str()), columns).optional())
                .map_err(failed("read an agent"))?;
            // The row is kept by these names, whose texts it shares.
            row.map(|row| Ok(Agent { tenant: tenant.clone(), name: name.clone(), ..agent(row)? })).transpose()
        });
        self.callers().named_agents.get(by, read).await
    }

    async fn agent(&self, uid: AgentUid) -> Result<Option<Agent>, StoreError> {
        self.callers().agents.get(uid, self.look_up(move |conn| stored_agent(conn, uid))).await
    }

    async fn put_agent(&self, agent: Agent, note: Note) -> Result<(), StoreError> {
        let change = AgentChange::prepare(agent, note)?;
        let class = class(change.agent.standing, change.weight());
        let callers = Arc::clone(self.callers());
        self.write(class, move |tx: &mut Tx<'_>| change.write(tx), move |()| forget_agents(&callers)).await
    }
}

#[async_trait]
impl Roster for SqliteStore {
    async fn humans(&self, tenant: &TenantId) -> Result<Vec<Human>, StoreError> {
        let tenant = tenant.clone();
        self.read(move |conn| {
            let rows: rusqlite::Result<Vec<Vec<u8>>> = conn
                .prepare_cached("SELECT human FROM human WHERE tenant = ?1 ORDER BY name")
                .and_then(|mut select| select.query_map([tenant.as_str()], |row| row.get(0))?.collect());
            rows.map_err(failed("list humans"))?.iter().map(|row| parsed("human", row)).collect()
        })
        .await
    }

    async fn human_of(&self, tenant: &TenantId, person: Digest) -> Result<Option<Human>, StoreError> {
        let tenant = tenant.clone();
        self.read(move |conn| {
            let row = conn
                .prepare_cached("SELECT human FROM human WHERE tenant = ?1 AND person = ?2")
                .and_then(|mut select| select.query_row((tenant.as_str(), person.as_bytes()), |row| row.get(0)).optional());
            human(row)
        })
        .await
    }

    async fn agents(&self, tenant: &TenantId, after: Option<&Name>, limit: usize) -> Result<Vec<Agent>, StoreError> {
        let (tenant, after, limit) = (tenant.clone(), after.cloned(), i64::try_from(limit.min(ROSTER_PAGE_MAX)).unwrap_or(0));
        self.read(move |conn| {
            let list =
                "SELECT uid, tenant, name, standing, epoch FROM agent WHERE tenant = ?1 AND name > ?2 ORDER BY name LIMIT ?3";
            let mut select = conn.prepare_cached(list).map_err(failed("list agents"))?;
            // No name is empty, so that all of them come after that.
            let after = after.as_ref().map_or("", Name::as_str);
            let rows = select.query_map(params![tenant.as_str(), after, limit], columns).map_err(failed("list agents"))?;
            rows.map(|row| agent(row.map_err(failed("list agents"))?)).collect()
        })
        .await
    }

    async fn put_agents(&self, agents: Vec<(Agent, Note)>) -> Result<(), StoreError> {
        let changes = agents.into_iter().map(|(agent, note)| AgentChange::prepare(agent, note)).collect::<Result<Vec<_>, _>>()?;
        let weight = changes.iter().fold(0, |sum: usize, change| sum.saturating_add(change.weight()));
        let takes_away = changes.iter().all(|change| class(change.agent.standing, 0).essential);
        let callers = Arc::clone(self.callers());
        let apply = move |tx: &mut Tx<'_>| changes.iter().try_for_each(|change| change.write(tx));
        self.write(Class::new(weight, takes_away), apply, move |()| forget_agents(&callers)).await
    }
}

/// An agent's row with its note, ready to be written.
#[derive(Debug)]
struct AgentChange {
    agent: Agent,
    at: Timestamp,
    noted: Noted,
}

impl AgentChange {
    fn prepare(agent: Agent, note: Note) -> Result<Self, StoreError> {
        let at = note.record.at;
        let noted = Noted::prepare(&agent.tenant, note)?;
        Ok(Self { agent, at, noted })
    }

    fn weight(&self) -> usize {
        ROW_WEIGHT.saturating_add(self.noted.weight())
    }

    fn write(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        put_agent(tx.conn, &self.agent, self.at)?;
        self.noted.write(tx)
    }
}

/// Forgets what was kept of agents, and tells whoever keeps more.
fn forget_agents(callers: &Callers) {
    callers.agents.forget();
    callers.named_agents.forget();
    callers.svids.forget();
    callers.tell();
}

fn human(row: rusqlite::Result<Option<Vec<u8>>>) -> Result<Option<Human>, StoreError> {
    row.map_err(failed("read a human"))?.map(|bytes| parsed("human", &bytes)).transpose()
}

fn human_row(conn: &Connection, uid: HumanUid) -> rusqlite::Result<Option<Vec<u8>>> {
    conn.prepare_cached("SELECT human FROM human WHERE uid = ?1")?.query_row([blob(uid.as_u128())], |row| row.get(0)).optional()
}

type AgentRow = ([u8; 16], String, String, String, i64);

fn columns(row: &Row<'_>) -> rusqlite::Result<AgentRow> {
    Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
}

fn agent((uid, tenant, name, standing, epoch): AgentRow) -> Result<Agent, StoreError> {
    Ok(Agent {
        uid: AgentUid::from_u128(u128::from_be_bytes(uid)),
        tenant: TenantId::parse(&tenant).map_err(|error| corrupt(error.to_string()))?,
        name: Name::parse(&name).map_err(|error| corrupt(error.to_string()))?,
        standing: parsed("standing of an agent", format!("\"{standing}\"").as_bytes())?,
        epoch: count(epoch)?,
    })
}

pub(super) fn stored_agent(conn: &Connection, uid: AgentUid) -> Result<Option<Agent>, StoreError> {
    let row = conn
        .prepare_cached("SELECT uid, tenant, name, standing, epoch FROM agent WHERE uid = ?1")
        .and_then(|mut select| select.query_row([blob(uid.as_u128())], columns).optional())
        .map_err(failed("read an agent"))?;
    row.map(agent).transpose()
}

/// What may not change about somebody who is registered.
#[derive(Debug)]
pub(super) struct Fixed<'a> {
    pub(super) tenant: &'a TenantId,
    pub(super) name: &'a Name,
    pub(super) standing: Standing,
    pub(super) epoch: u64,
}

/// Names and tenants stay, epochs never fall, and nobody comes back from being offboarded.
pub(super) fn check_change(stored: &Fixed<'_>, new: &Fixed<'_>) -> Result<(), StoreError> {
    if stored.tenant != new.tenant || stored.name != new.name {
        return Err(StoreError::Taken { name: new.name.to_string() });
    }
    if new.epoch < stored.epoch {
        return Err(refused(WRITE, format!("epoch {} is below {}", new.epoch, stored.epoch)));
    }
    if stored.standing == Standing::Offboarded && new.standing != Standing::Offboarded {
        return Err(refused(WRITE, "who is offboarded does not come back"));
    }
    Ok(())
}

/// Writes a human's row; a higher epoch ends at `at` the join tokens that they made.
pub(super) fn put_human(conn: &Connection, (new, at): (&Human, Timestamp), row: &[u8]) -> Result<(), StoreError> {
    if let Some(old) = human(human_row(conn, new.uid))? {
        if new.epoch > old.epoch {
            end_those_of(conn, new.uid, at)?;
        }
        check_change(
            &Fixed { tenant: &old.tenant, name: &old.name, standing: old.standing, epoch: old.epoch },
            &Fixed { tenant: &new.tenant, name: &new.name, standing: new.standing, epoch: new.epoch },
        )?;
    }
    let (uid, tenant, name) = (blob(new.uid.as_u128()), new.tenant.as_str(), new.name.as_str());
    check_name(conn, "SELECT 1 FROM human WHERE tenant = ?1 AND name = ?2 AND uid <> ?3", (tenant, name, uid))?;
    let person = new.outside.as_ref().map(|outside| outside.person.as_bytes().as_slice());
    check_person(conn, (tenant, person, uid), &new.name)?;
    conn.prepare_cached(
        "INSERT INTO human (uid, tenant, name, human, person) VALUES (?1, ?2, ?3, ?4, ?5) \
         ON CONFLICT (uid) DO UPDATE SET human = excluded.human, person = excluded.person",
    )
    .and_then(|mut upsert| upsert.execute(params![uid, tenant, name, row, person]))
    .map(|_| ())
    .map_err(failed(WRITE))
}

/// One person of an outside issuer is one human of a tenant.
fn check_person(
    conn: &Connection,
    (tenant, person, uid): (&str, Option<&[u8]>, [u8; 16]),
    name: &Name,
) -> Result<(), StoreError> {
    let Some(person) = person else { return Ok(()) };
    let taken = conn
        .prepare_cached("SELECT 1 FROM human WHERE tenant = ?1 AND person = ?2 AND uid <> ?3")
        .and_then(|mut select| select.exists(params![tenant, person, uid]))
        .map_err(failed("read the registry"))?;
    if taken { Err(StoreError::Taken { name: name.to_string() }) } else { Ok(()) }
}

/// Writes an agent's row; a higher epoch cuts short at `at` what it has of certificates.
fn put_agent(conn: &Connection, new: &Agent, at: Timestamp) -> Result<(), StoreError> {
    if let Some(old) = stored_agent(conn, new.uid)? {
        if new.epoch > old.epoch {
            cut_short(conn, new.uid, at)?;
        }
        check_change(
            &Fixed { tenant: &old.tenant, name: &old.name, standing: old.standing, epoch: old.epoch },
            &Fixed { tenant: &new.tenant, name: &new.name, standing: new.standing, epoch: new.epoch },
        )?;
    }
    let (uid, tenant, name) = (blob(new.uid.as_u128()), new.tenant.as_str(), new.name.as_str());
    check_name(conn, "SELECT 1 FROM agent WHERE tenant = ?1 AND name = ?2 AND uid <> ?3", (tenant, name, uid))?;
    let (standing, epoch) = (word(&new.standing)?, integer(new.epoch)?);
    conn.prepare_cached(
        "INSERT INTO agent (uid, tenant, name, standing, epoch) VALUES (?1, ?2, ?3, ?4, ?5) \
         ON CONFLICT (uid) DO UPDATE SET standing = excluded.standing, epoch = excluded.epoch",
    )
    .and_then(|mut upsert| upsert.execute(params![uid, tenant, name, standing, epoch]))
    .map(|_| ())
    .map_err(failed(WRITE))
}

pub(super) fn check_name(conn: &Connection, query: &str, (tenant, name, uid): (&str, &str, [u8; 16])) -> Result<(), StoreError> {
    let taken = conn
        .prepare_cached(query)
        .and_then(|mut select| select.exists(params![tenant, name, uid]))
        .map_err(failed("read the registry"))?;
    if taken { Err(StoreError::Taken { name: name.to_owned() }) } else { Ok(()) }
}
