//! What makes a copy safe: the entry in every log, tasks that do nothing more, principals who may act no more than before.

use std::collections::BTreeSet;
use std::sync::Arc;

use scalbotics_core::agent::Standing;
use scalbotics_core::audit::checkpoint::system_origin;
use scalbotics_core::audit::{Kind, LostNote, OutcomeNote, Record, RestoreNote};
use scalbotics_core::ids::HoldId;
use scalbotics_core::in_words;
use scalbotics_core::ports::{Note, PrivacyChange, PrivacyStore as _, StoreError, Tenant};
use scalbotics_core::principal::Uid;
use scalbotics_core::privacy::Erasure;
use scalbotics_core::tenant::TenantId;
use scalbotics_core::time::Timestamp;
use scalbotics_identity::holder::signed_note::Verifier;
use scalbotics_runtime::audit::{Checkpointer, Quota};
use scalbotics_runtime::metrics::Metrics;
use scalbotics_runtime::task::{PutBack, put_back};
use scalbotics_runtime::{Ports, Supervisor, privacy};
use scalbotics_store::SqliteStore;
use serde_json::Value;

use super::error::Error;
use super::suspend::Suspended;
use super::vouched::Vouched;
use super::{plan, suspend, tenants};
use crate::anchor::{self, Anchor, Standings};
use crate::clock::Guarded;
use crate::config::Config;
use crate::wiring::{self, Unserved};

/// Most logs of which one record tells what was lost: each takes less than 300 bytes of it.
const LOST_MAX: usize = 200;

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
    /// Tenants that the backup does not know as suspended.
    pub(super) tenants: Vec<String>,
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

/// Makes the copy safe, of every tenant, and signs the heads of its logs.
///
/// # Errors
/// [`Error`]; the copy is of no use then.
pub(super) async fn all(
    config: &Config,
    (store, clock): (&SqliteStore, &Arc<Guarded>),
    (remembered, keep): (&Remembered, &BTreeSet<Vouched>),
    note: RestoreNote,
) -> Result<Rewritten, Error> {
    let Unserved { ports, ground, states, keyring } = wiring::offline(config, (store, clock), note.incarnation).await?;
    let (operating, standings) = (&config.tenant, &remembered.standings);
    let known = ports.tenants.tenants().await?;
    let tenants = tenants::after(&known, remembered, operating);
    let names: Vec<TenantId> = tenants.iter().map(|tenant| tenant.id.clone()).collect();
    tell(&ports, &names, &note).await?;
    let suspended = tenants::suspended(&known, &tenants).into_iter().map(ToString::to_string).collect();
    register(&ports, &known, tenants).await?;
    keyring.begin_all(&names, ports.clock.now()).map_err(Error::step("make the keys of tenants that have none"))?;
    let mut holds = 0;
    for tenant in &names {
        holds += place_holds((&ports, store), tenant, standings).await?;
    }
    let tasks = put_back(ports.clone(), states, &names).await?;
    let mut erased = 0;
    for tenant in &names {
        erased += erase_again(config, (&ports, ground.clone()), (store, tenant), standings).await?;
    }
    let Suspended { agents, humans, services } = suspend::all(&ports, (&names, operating), (standings, keep)).await?;
    let log_key = sign(config, &ports, (names, note.incarnation)).await?;
    let before = remembered.anchor.clone().unwrap_or_else(|| Anchor::empty(config.installation, note.backup_at));
    let fresh = Anchor { incarnation: note.incarnation, writer_epoch: store.writer_epoch(), restoring: false, ..before };
    let keeper = anchor::Keeper::new((ports, store), &config.keystore, fresh);
    let (anchor, standings) =
        keeper.now().await.map_err(|error| Error::Step { attempt: "read the new anchor", source: in_words(&error).into() })?;
    let (lost, erased) = (plan::shown(&note), remembered.is_known.then_some(erased));
    let done = Done { lost, tasks, agents, humans, services, tenants: suspended, holds, erased, log_key };
    Ok(Rewritten { anchor, standings, done })
}

/// Signs the heads of all logs; answers the key of the installation log.
async fn sign(config: &Config, ports: &Ports, (tenants, incarnation): (Vec<TenantId>, u64)) -> Result<String, Error> {
    let domain = config.trust_domain.as_str();
    let (system, metrics) = (TenantId::system(), Arc::new(Metrics::default()));
    let checkpointer = Checkpointer::new(ports.clone(), domain.to_owned(), system, tenants, metrics);
    checkpointer.in_incarnation(incarnation).sign_all().await;
    let key: Verifier = ports.signer.verifier_key().parse().map_err(Error::step("name the log key"))?;
    Ok(key.renamed(&system_origin(domain, incarnation)).map_err(Error::step("name the log key"))?.to_string())
}

/// Writes the restore into every log, as the first that it says: all of it into the installation's, its own part into each tenant's.
async fn tell(ports: &Ports, tenants: &[TenantId], note: &RestoreNote) -> Result<(), StoreError> {
    let at = ports.clock.now();
    let installation = parts(&note.lost).into_iter().map(|lost| {
        let part = RestoreNote { lost, ..note.clone() };
        Record::of_restore(at, TenantId::system(), part)
    });
    ports.audit_log.append(installation.collect(), Vec::new()).await?;
    for tenant in tenants {
        let own: Vec<LostNote> = note.lost.iter().filter(|lost| lost.tenant == *tenant).cloned().collect();
        let own = Record::of_restore(at, tenant.clone(), RestoreNote { lost: own, ..note.clone() });
        ports.audit_log.append(vec![own], Vec::new()).await?;
    }
    Ok(())
}

/// What was lost of all logs, in parts that a record holds; the installation log's own is in the first.
fn parts(lost: &[LostNote]) -> Vec<Vec<LostNote>> {
    let (own, others): (Vec<LostNote>, Vec<LostNote>) = lost.iter().cloned().partition(|lost| lost.tenant.is_system());
    let all: Vec<LostNote> = own.into_iter().chain(others).collect();
    if all.is_empty() { vec![all] } else { all.chunks(LOST_MAX).map(<[LostNote]>::to_vec).collect() }
}

/// Registers the tenants as they are after the restore, where that is not as the backup has them.
async fn register(ports: &Ports, known: &[Tenant], after: Vec<Tenant>) -> Result<(), StoreError> {
    for tenant in after.into_iter().filter(|tenant| !known.contains(tenant)) {
        let note = record(ports, &TenantId::system(), ("tenant.restore", tenant.id.to_string()), tenant.standing);
        ports.tenants.put_tenant(tenant, note.record, None, None).await?;
    }
    Ok(())
}

/// The record of what a restore made of a principal.
pub(super) fn record(ports: &Ports, tenant: &TenantId, (action, uid): (&str, String), standing: Standing) -> Note {
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
    (store, tenant): (&SqliteStore, &TenantId),
    standings: &Standings,
) -> Result<u64, Error> {
    let failed =
        |error: privacy::Error| Error::Step { attempt: "erase again what was erased since the backup", source: error.into() };
    let supervisor = Supervisor::new(Arc::new(Metrics::default()));
    let whose = (tenant.clone(), store.last_commit_at());
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

#[cfg(test)]
mod tests {
    use scalbotics_core::digest::Digest;
    use scalbotics_core::ports::TENANTS_MAX;
    use scalbotics_core::tenant::NAME_LEN_MAX;

    use super::*;

    /// The largest number that a record may hold.
    const INTEGER_MAX: u64 = (1 << 53) - 1;

    #[test]
    fn sem_7_4_what_all_logs_lost_is_told_in_records_that_the_log_takes() {
        let (digest, at) = (Digest::of_bytes(b"x"), Timestamp::from_unix_ms(1));
        let lost = |number: usize| LostNote {
            tenant: TenantId::parse(&format!("t{number:0>width$}", width = NAME_LEN_MAX - 1)).unwrap(),
            kept: INTEGER_MAX,
            size: Some(INTEGER_MAX),
            root: Some(digest),
        };
        let own = LostNote { tenant: TenantId::system(), ..lost(0) };
        let all: Vec<LostNote> = (0..TENANTS_MAX).map(lost).chain([own]).collect();
        let parts = parts(&all);
        assert_eq!((parts.len(), parts.concat().len()), (6, TENANTS_MAX + 1));
        assert!(parts[0][0].tenant.is_system());
        for lost in parts {
            let note = RestoreNote { incarnation: INTEGER_MAX, backup: digest, backup_at: at, checkpoint: None, lost };
            let len = Record::of_restore(at, TenantId::system(), note).canonical().unwrap().len();
            assert!(len < 62_000, "{len} bytes leave too little for the checkpoint");
        }
        assert_eq!(super::parts(&[]), [Vec::new()], "a restore is told of where nothing was lost");
    }
}
