//! What makes a copy safe: the entry in every log, tasks that do nothing more, principals who may act no more than before.

use std::collections::BTreeSet;
use std::sync::Arc;

use scalbotics_core::agent::Standing;
use scalbotics_core::audit::checkpoint::system_origin;
use scalbotics_core::audit::{Kind, LostNote, OutcomeNote, Record, RestoreNote};
use scalbotics_core::ids::HoldId;
use scalbotics_core::in_words;
use scalbotics_core::ports::{Note, PUT_AGENTS_MAX, PrivacyChange, PrivacyStore as _, StoreError, all_agents};
use scalbotics_core::principal::Uid;
use scalbotics_core::privacy::Erasure;
use scalbotics_core::tenant::{Name, TenantId};
use scalbotics_core::time::Timestamp;
use scalbotics_identity::holder::signed_note::Verifier;
use scalbotics_runtime::audit::{Checkpointer, Quota};
use scalbotics_runtime::metrics::Metrics;
use scalbotics_runtime::task::{PutBack, put_back};
use scalbotics_runtime::{Ports, Supervisor, privacy};
use scalbotics_store::SqliteStore;
use serde_json::Value;

use super::error::Error;
use super::{plan, principals};
use crate::anchor::{self, Anchor, Standings};
use crate::clock::Guarded;
use crate::config::Config;
use crate::wiring;

/// What is remembered of the database that is lost.
#[derive(Debug)]
pub(super) struct Remembered {
    pub(super) anchor: Option<Anchor>,
    pub(super) standings: Standings,
    /// Whether the standings were found.
    pub(super) is_known: bool,
}

impl Remembered {
    /// How many orders to erase may have been done behind this moment; `None` where nobody remembers them.
    pub(super) fn erased_since(&self, at: Timestamp) -> Option<usize> {
        let later = |order: &&Erasure| order.done_at.is_none_or(|done_at| done_at >= at);
        self.is_known.then(|| self.standings.erasures.iter().filter(later).count())
    }

    /// In words.
    pub(super) const fn words(&self) -> &'static str {
        match (&self.anchor, self.is_known) {
            (Some(_), true) => "anchor and standings",
            (Some(_), false) => {
                "the anchor; the standings are lost, so whoever is not kept by name is suspended, and what was erased comes back"
            }
            (None, true) => "the standings; the anchor is lost, so nobody knows how long the logs were",
            (None, false) => "nothing: whoever is not kept by name is suspended, and what was erased comes back",
        }
    }
}

/// What was done.
#[derive(Debug)]
pub(super) struct Done {
    pub(super) lost: Vec<Value>,
    pub(super) tasks: PutBack,
    pub(super) agents: u64,
    pub(super) humans: Vec<String>,
    pub(super) services: Vec<String>,
    /// Legal holds that the backup did not know.
    pub(super) holds: u64,
    /// Orders to erase that were carried out again; `None` where nobody remembers them.
    pub(super) erased: Option<u64>,
    /// The key under which witnesses know the installation log from now on.
    pub(super) log_key: String,
}

/// A copy that is safe, and what is to be remembered of it.
#[derive(Debug)]
pub(super) struct Rewritten {
    pub(super) anchor: Anchor,
    pub(super) standings: Standings,
    pub(super) done: Done,
}

/// Makes the copy safe, and signs the heads of its logs.
///
/// # Errors
/// [`Error`]; the copy is of no use then.
pub(super) async fn all(
    config: &Config,
    (store, clock): (&SqliteStore, &Arc<Guarded>),
    (remembered, keep): (&Remembered, &BTreeSet<Name>),
    note: RestoreNote,
) -> Result<Rewritten, Error> {
    let (ports, ground, states) = wiring::offline(config, (store, clock), note.incarnation).await?;
    let (tenant, incarnation) = (&config.tenant, note.incarnation);
    tell(&ports, tenant, &note).await?;
    let holds = place_holds((&ports, store), tenant, &remembered.standings).await?;
    let tasks = put_back(ports.clone(), states, tenant).await?;
    let erased = erase_again(config, (&ports, ground), store, &remembered.standings).await?;
    let agents = suspend_agents(&ports, tenant, &remembered.standings).await?;
    let humans = suspend_humans(&ports, tenant, (&remembered.standings, keep)).await?;
    let services = suspend_services(&ports, tenant, &remembered.standings).await?;
    let domain = config.trust_domain.as_str();
    let (system, tenants) = (TenantId::system(), vec![tenant.clone()]);
    let checkpointer = Checkpointer::new(ports.clone(), domain.to_owned(), system, tenants, Arc::new(Metrics::default()));
    checkpointer.in_incarnation(incarnation).sign_all().await;
    let key: Verifier = ports.signer.verifier_key().parse().map_err(Error::step("name the log key"))?;
    let log_key = key.renamed(&system_origin(domain, incarnation)).map_err(Error::step("name the log key"))?.to_string();
    let before = remembered.anchor.clone().unwrap_or_else(|| Anchor::empty(config.installation, note.backup_at));
    let fresh = Anchor { incarnation, writer_epoch: store.writer_epoch(), restoring: false, ..before };
    let keeper = anchor::Keeper::new((ports, store), &config.keystore, fresh);
    let (anchor, standings) =
        keeper.now().await.map_err(|error| Error::Step { attempt: "read the new anchor", source: in_words(&error).into() })?;
    let done = Done {
        lost: plan::shown(&note),
        tasks,
        agents,
        humans,
        services,
        holds,
        erased: remembered.is_known.then_some(erased),
        log_key,
    };
    Ok(Rewritten { anchor, standings, done })
}

/// Writes the restore into every log: all of it into the installation's, its own part into the tenant's.
async fn tell(ports: &Ports, tenant: &TenantId, note: &RestoreNote) -> Result<(), StoreError> {
    let at = ports.clock.now();
    let own: Vec<LostNote> = note.lost.iter().filter(|lost| lost.tenant == *tenant).cloned().collect();
    let own = Record::of_restore(at, tenant.clone(), RestoreNote { lost: own, ..note.clone() });
    ports.audit_log.append(vec![Record::of_restore(at, TenantId::system(), note.clone())], Vec::new()).await?;
    ports.audit_log.append(vec![own], Vec::new()).await?;
    Ok(())
}

/// The record of what a restore made of a principal.
fn record(ports: &Ports, tenant: &TenantId, (action, uid): (&str, String), standing: Standing) -> Note {
    let mut record = Record::new(Kind::Installation, ports.clock.now(), tenant.clone(), Uid::Daemon, action);
    record.target = Some(uid);
    let word = match standing {
        Standing::Active => "active",
        Standing::Suspended => "suspended",
        Standing::Offboarded => "offboarded",
    };
    record.outcome = Some(OutcomeNote { word: word.to_owned(), attempt: None, commitment: None });
    record.into()
}

/// Erases again what was erased since the backup: whoever serves the copy has nothing of it back. The keys that open it turn at the next start.
async fn erase_again(
    config: &Config,
    (ports, ground): (&Ports, privacy::Ground),
    store: &SqliteStore,
    standings: &Standings,
) -> Result<u64, Error> {
    let failed =
        |error: privacy::Error| Error::Step { attempt: "erase again what was erased since the backup", source: error.into() };
    let supervisor = Supervisor::new(Arc::new(Metrics::default()));
    let whose = (config.tenant.clone(), store.last_commit_at());
    let terms = (ground, config.settings.retention.terms());
    let opened = privacy::Service::open(ports.clone(), terms, whose, supervisor, Arc::new(Quota::default())).await;
    opened.map_err(failed)?.repeat(&standings.erasures).await.map_err(failed)
}

/// Places the holds that the backup does not know; one that was lifted since stays until it is lifted again.
async fn place_holds(
    (ports, store): (&Ports, &SqliteStore),
    tenant: &TenantId,
    standings: &Standings,
) -> Result<u64, StoreError> {
    let known: BTreeSet<HoldId> = store.holds(tenant).await?.iter().map(|hold| hold.id).collect();
    let mut placed = 0;
    for hold in standings.holds.iter().filter(|hold| hold.tenant == *tenant && !known.contains(&hold.id)) {
        let mut record = Record::new(Kind::Installation, ports.clock.now(), tenant.clone(), Uid::Daemon, "privacy.hold_restored");
        record.target = Some(format!("{} on {}", hold.id, hold.scope));
        let change = PrivacyChange { hold: Some(hold.clone()), record: Some(record), ..PrivacyChange::of(tenant.clone()) };
        store.change(change).await?;
        placed += 1;
    }
    Ok(placed)
}

async fn suspend_agents(ports: &Ports, tenant: &TenantId, standings: &Standings) -> Result<u64, StoreError> {
    let known = all_agents(ports.roster.as_ref(), tenant).await?;
    let agents = principals::agents(&known, standings, tenant);
    let suspended = agents.iter().filter(|agent| agent.standing == Standing::Suspended).count();
    let mut changes = agents.into_iter().map(|agent| {
        let note = record(ports, tenant, ("agent.restore", agent.uid.to_string()), agent.standing);
        (agent, note)
    });
    loop {
        let some: Vec<_> = changes.by_ref().take(PUT_AGENTS_MAX).collect();
        if some.is_empty() {
            return Ok(suspended as u64);
        }
        ports.roster.put_agents(some).await?;
    }
}

async fn suspend_humans(
    ports: &Ports,
    tenant: &TenantId,
    (standings, keep): (&Standings, &BTreeSet<Name>),
) -> Result<Vec<String>, StoreError> {
    let mut suspended = Vec::new();
    let known = ports.roster.humans(tenant).await?;
    for gone in principals::unknown_people(&known, standings, tenant) {
        let note = record(ports, tenant, ("human.restore", gone.uid.to_string()), gone.standing);
        ports.registry.put_human(gone, note).await?;
    }
    for old in known {
        let human = principals::human(&old, standings, keep);
        if old.standing == Standing::Active && human.standing != Standing::Active {
            suspended.push(human.name.to_string());
        }
        let note = record(ports, tenant, ("human.restore", human.uid.to_string()), human.standing);
        ports.registry.put_human(human, note).await?;
    }
    Ok(suspended)
}

async fn suspend_services(ports: &Ports, tenant: &TenantId, standings: &Standings) -> Result<Vec<String>, StoreError> {
    let mut suspended = Vec::new();
    for old in ports.services.services(tenant).await? {
        let service = principals::service(&old, standings);
        if old.standing == Standing::Active && service.standing != Standing::Active {
            suspended.push(service.name.to_string());
        }
        let note = record(ports, tenant, ("service.restore", service.uid.to_string()), service.standing);
        ports.services.put_service(service, note).await?;
    }
    Ok(suspended)
}
