//! The audit log by itself: what appends cost beside bare SQLite, one at a time and many at once,
//! and what checking all of it costs, in a store that no daemon serves.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use scalbotics_core::audit::{DecisionNote, Filter, Kind, Order, OutcomeNote, Record};
use scalbotics_core::digest::Digest;
use scalbotics_core::ids::{AgentUid, DecisionId, EffectId, GrantId, HumanUid, InstallationId, TaskId};
use scalbotics_core::ports::{AuditLog, AuditSearch, Search};
use scalbotics_core::principal::Uid;
use scalbotics_core::tenant::TenantId;
use scalbotics_core::time::Timestamp;
use scalbotics_core::tool::Tier;
use scalbotics_store::{Options as StoreOptions, SqliteStore, open_mapped};
use serde::Serialize;
use tokio::time::Instant;

use crate::bare::Bare;
use crate::spent::{computed, computed_since, micros};

/// Records of one append where many are appended at once: what a busy second of a daemon hands over.
const BATCH: u64 = 512;

/// Agents, and as many humans behind them.
const AGENTS: u64 = 40;

/// Actions.
const ACTIONS: u64 = 60;

/// One record in so many is a denial of an action that nothing else has.
const RARE: u64 = 50_000;

/// Records of a task.
const OF_TASK: u64 = 12;

/// Milliseconds between two records: a busy tenant, and a million in a day.
const APART_MS: u64 = 80;

/// When the first record was, in milliseconds since 1970: a daemon does not believe a clock that is behind its log.
const BEGINS_MS: i64 = 1_750_000_000_000;

/// Checks of the whole log.
const CHECKS: usize = 3;

/// Searches of each kind.
const SEARCHES: usize = 50;

/// How long the index of a million records may take to be made, and the time between two looks.
const INDEX_WITHIN: Duration = Duration::from_secs(120);
const TICK: Duration = Duration::from_millis(200);

/// Where the log is, and how long it becomes.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The data directory of a daemon that does not run
    #[arg(long)]
    data: PathBuf,
    /// The tenant whose log grows
    #[arg(long)]
    tenant: String,
    /// Folder of the bare database
    #[arg(long)]
    beside: PathBuf,
    /// Appends of one record, each in turn with a bare commit
    #[arg(long, default_value_t = 1_000)]
    single: u64,
    /// Records that are appended many at once
    #[arg(long, default_value_t = 1_000_000)]
    events: u64,
}

/// What was measured.
#[derive(Debug, Serialize)]
pub(crate) struct Samples {
    /// Appends of one record, acknowledged, in microseconds.
    single_us: Vec<u64>,
    /// Bare commits of as many bytes.
    bare_us: Vec<u64>,
    /// Records that were appended many at once.
    events: u64,
    /// Processor time of that, of all threads, in microseconds.
    computed_us: u64,
    /// Time of that.
    wall_us: u64,
    /// Bytes of a leaf, on average.
    leaf_bytes: u64,
    /// Records of the log that is checked.
    records: u64,
    /// Processor time of each check of the whole log from its files, which is one thread's, in microseconds.
    checks_us: Vec<u64>,
    /// Searches of the store by itself, without a daemon around it, and their times in microseconds.
    searches: Vec<(String, Vec<u64>)>,
}

/// Appends and measures.
///
/// # Errors
/// When there is no store, or it is served.
pub(crate) async fn measure(options: &Options) -> Result<Samples> {
    let tenant = TenantId::parse(&options.tenant).context("the tenant is none")?;
    let store = SqliteStore::open(&options.data, &StoreOptions::new(InstallationId::from_u128(1))).context("no store")?;
    let head = store.head(&tenant).await?;
    let leaf = record(&tenant, 0).canonical()?.len();
    let bare = Bare::create(&options.beside.join("appends.db"), u32::try_from(leaf)?)?;
    let (mut single_us, mut bare_us) = (Vec::new(), Vec::new());
    for n in 0..options.single {
        let one = vec![record(&tenant, n)];
        let begun = Instant::now();
        store.append(one, Vec::new()).await?;
        single_us.push(micros(begun.elapsed()));
        let begun = Instant::now();
        bare.commit()?;
        bare_us.push(micros(begun.elapsed()));
    }
    let (mut spent, mut wall, mut bytes) = (Duration::ZERO, Duration::ZERO, 0);
    let mut n = options.single;
    while n < options.single + options.events {
        // Made before: what a record says is not the log's work.
        let records: Vec<Record> = (n..n + BATCH).map(|n| record(&tenant, n)).collect();
        // An intent and its outcome.
        for record in records.iter().take(2) {
            bytes += record.canonical_len()? as u64;
        }
        let (begun, before) = (Instant::now(), computed());
        store.append(records, Vec::new()).await?;
        spent += computed_since(before);
        wall += begun.elapsed();
        n += BATCH;
    }
    let events = n - options.single;
    ensure!(store.head(&tenant).await?.size == head.size + n, "the log has not grown by what was appended");
    let leaf_bytes = bytes / (2 * events / BATCH).max(1);
    let searches = searches(&store, &tenant, options.single + options.events / 2).await?;
    drop(store);
    let mut checks_us = Vec::new();
    for _ in 0..CHECKS {
        let before = computed();
        let report = open_mapped(&options.data)?.verify_audit(&tenant, |_, _| {}).context("the log does not verify")?;
        checks_us.push(micros(computed_since(before)));
        ensure!(report.size == head.size + n, "the check was of another log");
    }
    let (computed_us, wall_us) = (micros(spent), micros(wall));
    Ok(Samples { single_us, bare_us, events, computed_us, wall_us, leaf_bytes, records: head.size + n, checks_us, searches })
}

/// Searches once the index is made: what is rare, what is frequent, what never meets, and an hour.
async fn searches(store: &SqliteStore, tenant: &TenantId, middle: u64) -> Result<Vec<(String, Vec<u64>)>> {
    let some = record(tenant, middle);
    let actor = Some(some.actor);
    let any = Filter::default();
    let filters = [
        ("actor", Filter { actor, ..any.clone() }),
        ("denials", Filter { allowed: Some(false), ..any.clone() }),
        ("rare action", Filter { action: Some("tool/rare.action".to_owned()), ..any.clone() }),
        ("what never meets", Filter { actor: Some(Uid::Daemon), kind: Some(Kind::Intent), ..any.clone() }),
        ("an hour", Filter { since: Some(some.at), until: Some(some.at.plus_ms(3_600_000)), ..any.clone() }),
        ("an hour of an actor", Filter { actor, since: Some(some.at), until: Some(some.at.plus_ms(3_600_000)), ..any }),
    ];
    let begun = Instant::now();
    let mut measured = Vec::new();
    for (name, filter) in filters {
        let search = Search { filter, order: Order::NewestFirst, start: None, limit: 50 };
        let mut times = Vec::new();
        while times.len() < SEARCHES {
            let asked = Instant::now();
            let page = store.search(tenant, &search).await?;
            let took = asked.elapsed();
            // A page that was cut off means that the index is not made yet.
            if page.next.is_none() || page.entries.len() == search.limit {
                times.push(micros(took));
            } else {
                ensure!(begun.elapsed() < INDEX_WITHIN, "the index is not made");
                tokio::time::sleep(TICK).await;
            }
        }
        measured.push((name.to_owned(), times));
    }
    Ok(measured)
}

/// An id without a time, by which nothing is ordered.
fn id(n: u64) -> u128 {
    u128::from(n).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)
}

/// An id that was made beside the record `n`: the daemon's rise with time (UUIDv7), and so stand together in every index.
fn rising(n: u64) -> u128 {
    let ms = BEGINS_MS.unsigned_abs() + n * APART_MS;
    (u128::from(ms) << 80) | (id(n) >> 48)
}

fn digest(n: u64) -> Digest {
    Digest::of_bytes(&n.to_be_bytes())
}

/// The rules that let an agent's call pass, as decisions name them.
const POLICIES: [&str; 3] = ["policies/admins.cedar:7", "policies/agents.cedar:5", "policies/operators.cedar:10"];

/// A record with the fields and lengths that tasks leave: intents and outcomes of an agent's calls for a human.
fn record(tenant: &TenantId, n: u64) -> Record {
    let agent = n / OF_TASK % AGENTS;
    let (of_task, of_call) = (n - n % OF_TASK, n - n % 2);
    let (human, uid) = (Uid::Human(HumanUid::from_u128(id(agent + 1_000))), Uid::Agent(AgentUid::from_u128(id(agent + 1))));
    let kind = if n == of_call { Kind::Intent } else { Kind::Outcome };
    let rare = n % RARE == 7;
    let action = if rare { "tool/rare.action".to_owned() } else { format!("tool/ledger.entry-{}", n % ACTIONS) };
    let mut record = Record::new(kind, Timestamp::from_unix_ms(BEGINS_MS).plus_ms(n * APART_MS), tenant.clone(), uid, &action);
    record.chain = vec![human, uid];
    record.grants = vec![GrantId::from_u128(rising(of_task))];
    record.task = Some(TaskId::from_u128(rising(of_task)));
    record.trace = Some(format!("{:032x}", id(of_task)));
    record.seq = Some(n % OF_TASK);
    record.effect = Some(EffectId::from_u128(rising(of_call)));
    record.tier = Some(Tier::Read);
    record.call = Some(digest(of_call));
    record.args = Some(digest(of_call + 1));
    let (word, commitment) = if kind == Kind::Intent { ("intended", None) } else { ("landed", Some(digest(n + 3))) };
    record.outcome = Some(OutcomeNote { word: word.to_owned(), attempt: Some(1), commitment });
    if kind == Kind::Intent || rare {
        record.decision = Some(DecisionNote {
            id: DecisionId::from_u128(rising(n)),
            allow: !rare,
            denial: None,
            policies: POLICIES.map(str::to_owned).to_vec(),
            bundles: vec![digest(1)],
            slices: vec![digest(agent), digest(n + 2)],
            commitment: Some(digest(n + 4)),
        });
    }
    record
}
