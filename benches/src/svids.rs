//! Issuing certificates to agents: signed, and entered into the book with an audit record each, in a store that no daemon serves.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use scalbotics_core::agent::{Agent, Standing};
use scalbotics_core::audit::{Kind, OutcomeNote, Record};
use scalbotics_core::digest::Digest;
use scalbotics_core::identity::{Joined, SpiffeId, Subject, Svid, TrustDomain};
use scalbotics_core::ids::{AgentUid, GrantId, HumanUid, InstallationId, RequestId};
use scalbotics_core::ports::{AuditLog as _, Registry as _, SvidBook as _};
use scalbotics_core::principal::Uid;
use scalbotics_core::tenant::{Name, TenantId};
use scalbotics_core::time::Timestamp;
use scalbotics_identity::authority::ca::{Issuing, Names, Root, SVID_LIFETIME_MS_MAX};
use scalbotics_identity::holder::key::{Algorithm, Pair};
use scalbotics_store::{Options as StoreOptions, SqliteStore};
use serde::Serialize;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::spent::{computed, computed_since, micros};

/// Certificates that are asked for at one time: what a fleet that starts hands over.
const BATCH: u64 = 512;

/// The time of all certificates, in milliseconds since 1970.
const NOW: Timestamp = Timestamp::from_unix_ms(1_750_000_000_000);

/// Where the store is made, and how many certificates are issued.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Folder of the store
    #[arg(long)]
    beside: PathBuf,
    /// Certificates
    #[arg(long, default_value_t = 50_000)]
    count: u64,
}

/// What was measured.
#[derive(Debug, Serialize)]
pub(crate) struct Samples {
    /// Certificates that were issued.
    issued: u64,
    /// Processor time of that, of all threads, in microseconds.
    computed_us: u64,
    /// Time of that.
    wall_us: u64,
}

struct House {
    store: SqliteStore,
    issuing: Issuing,
    key: Pair,
    agent: Agent,
    id: SpiffeId,
}

/// Issues and measures.
///
/// # Errors
/// When there is a store already, or it fails.
pub(crate) async fn measure(options: &Options) -> Result<Samples> {
    let house = Arc::new(house(options).await?);
    let (mut spent, mut wall, mut issued) = (Duration::ZERO, Duration::ZERO, 0);
    while issued < options.count {
        let (begun, before) = (Instant::now(), computed());
        let mut batch = JoinSet::new();
        for n in issued..issued + BATCH {
            batch.spawn(issue(Arc::clone(&house), n));
        }
        while let Some(entered) = batch.join_next().await {
            ensure!(entered??, "a certificate was not entered");
        }
        spent += computed_since(before);
        wall += begun.elapsed();
        issued += BATCH;
    }
    let size = house.store.head(&house.agent.tenant).await?.size;
    ensure!(size == issued + 1, "the log has not grown by a record for each certificate");
    Ok(Samples { issued, computed_us: micros(spent), wall_us: micros(wall) })
}

async fn house(options: &Options) -> Result<House> {
    let trust_domain = TrustDomain::parse("bench.test")?;
    let root = Root::generate(&trust_domain, NOW)?;
    let signer = Pair::generate(Algorithm::P256)?;
    let issuing = Issuing::load(root.sign_issuing(signer.public(), NOW)?, &signer)?;
    let store = SqliteStore::open(&options.beside.join("svids"), &StoreOptions::new(InstallationId::from_u128(2)));
    let store = store.context("no store")?;
    let (tenant, name) = (TenantId::parse("bench")?, Name::parse("clerk")?);
    let id = SpiffeId::new(trust_domain, &Subject::Agent { tenant: tenant.clone(), agent: name.clone() });
    let agent = Agent { uid: AgentUid::from_u128(7), tenant, name, standing: Standing::Active, epoch: 1 };
    let record = Record::new(Kind::Installation, NOW, agent.tenant.clone(), Uid::Daemon, "agent.register");
    store.put_agent(agent.clone(), record.into()).await?;
    Ok(House { store, issuing, key: Pair::generate(Algorithm::P256)?, agent, id })
}

/// One certificate, as the daemon issues it.
async fn issue(house: Arc<House>, n: u64) -> Result<bool> {
    let House { store, issuing, key, agent, id } = &*house;
    let issued = issuing.issue(id, key.public(), &Names::default(), SVID_LIFETIME_MS_MAX, NOW)?;
    let joined = Joined { sponsor: HumanUid::from_u128(3), grant: GrantId::from_u128(4) };
    let svid = Svid {
        serial: issued.serial.to_string(),
        tenant: agent.tenant.clone(),
        agent: agent.uid,
        epoch: agent.epoch,
        authority: issuing.id().clone(),
        key: Digest::of_bytes(&key.public().to_spki_der()),
        joined: Some(joined),
        issued_at: NOW,
        not_after: issued.not_after,
        void_at: issued.not_after,
    };
    let mut record = Record::new(Kind::Rpc, NOW, agent.tenant.clone(), Uid::Agent(agent.uid), "identity.renew");
    record.chain = vec![Uid::Human(joined.sponsor), Uid::Agent(agent.uid)];
    record.grants = vec![joined.grant];
    record.target = Some(format!("{}/{}", agent.uid, svid.serial));
    record.outcome = Some(OutcomeNote { word: "ok".to_owned(), attempt: None, commitment: None });
    record.request = Some(RequestId::from_u128(u128::from(n)));
    Ok(store.enter(svid, record.into()).await?)
}
