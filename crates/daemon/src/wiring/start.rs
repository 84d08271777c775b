//! The order in which a daemon comes to serve: keys, store, time, ports, loops, API.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use scalbotics_core::ports::Clock;
use scalbotics_core::tenant::TenantId;
use scalbotics_core::time::Timestamp;
use scalbotics_runtime::audit::{Auditor, Quota};
use scalbotics_runtime::metrics::Metrics;
use scalbotics_runtime::reconcile::{Board, States};
use scalbotics_runtime::{Decisions, Ports, Supervisor, people, privacy, secret, task, tenants};
use scalbotics_store::SqliteStore;
use tokio::net::TcpListener;
use tonic::service::Routes;
use tonic_health::server::HealthReporter;

use super::loops::{acceptor, anchored, approvals, evidence_of, issuance, learnt, outsiders, sign_logs, used_logins};
use super::parts::{Keys, Outside, open_store, ports, unlock};
use super::trust;
use super::workloads::Workloads;
use crate::admin;
use crate::anchor;
use crate::clock::{Source as _, System};
use crate::clock_mark;
use crate::config::Config;
use crate::keyring::Keyring;
use crate::open_files;
use crate::rpc::{self, Context, Installation, Limits};
use crate::running::Running;
use crate::start_error::StartError;
use crate::tenants::{Premises, Repositories, Seed, Tenants};

/// What a start may be told beside the configuration.
#[derive(Debug, Clone)]
pub struct Start {
    /// The program that the sandbox runs as its helper: the daemon itself.
    pub sandbox_program: PathBuf,
    /// Whether it serves although no witness has confirmed the log: an act of the operator, which is audited.
    pub unwitnessed: bool,
}

impl Default for Start {
    fn default() -> Self {
        Self { sandbox_program: "/proc/self/exe".into(), unwitnessed: false }
    }
}

/// Builds and starts the daemon; when this returns it serves. `None` where `stop` was over before: nothing was served then, and what tasks of
/// before had begun again got the time that a drain gives.
///
/// # Errors
/// [`StartError`]; nothing was served then.
pub async fn start(config: Config, options: Start, stop: impl Future<Output = ()>) -> Result<Option<Running>, StartError> {
    let metrics = Arc::new(Metrics::default());
    let supervisor = Supervisor::new(Arc::clone(&metrics));
    let drain = Duration::from_millis(config.settings.limits.drain.as_ms());
    tokio::select! {
        biased;
        () = stop => {}
        built = Box::pin(build(config, options, (metrics, supervisor.clone()))) => return built.map(Some),
    }
    let drained = supervisor.drain(drain).await;
    tracing::info!(left = drained.left, "ended before anything was served");
    Ok(None)
}

/// The daemon, part by part. Dropping the future leaves nothing behind but the supervisor's tasks: what it writes are whole commits.
async fn build(config: Config, options: Start, (metrics, supervisor): (Arc<Metrics>, Supervisor)) -> Result<Running, StartError> {
    raise_open_files(&config);
    let ((api, admin), bound_at) = (listeners(&config).await?, Timestamp::from_unix_ms(System.wall_ms()));
    let keys = unlock(&config)?;
    let store = open_store(&config)?;
    let remembered = anchor::remembered(&config, &keys.trust, &store).await?;
    let newest = store.last_commit_at().max(Some(remembered.at));
    let clock = Arc::new(clock_mark::begin(&config, newest));
    let board = Board::default();
    let outside = ports(&config, &keys, &store, &clock, (&board, &options), (&metrics, remembered.incarnation))?;
    let Outside { ports, ground, masks, models, workers, keepers, repositories, keyring } = outside;
    let quota = Arc::new(Quota::new(config.settings.limits.audit_bytes_per_day));
    anchor::ask_witnesses(&config, (&ports, &keepers), &quota, options.unwitnessed).await?;
    trust::record(&config, &ports).await?;
    let numbers = (&metrics, &quota);
    let (tenants, states) = served((&ports, ground), (repositories, keyring), board, (&store, &supervisor), numbers).await?;
    let (tasks, recovered) = recovered_tasks(&config, (&ports, &states, &tenants), &supervisor, (&metrics, &quota)).await?;
    let secrets = secret::Service::new(ports.clone(), learnt(masks, &tenants).await, Arc::clone(&quota));
    let auditor = Auditor::start(ports.clone(), TenantId::system(), &supervisor, Arc::clone(&metrics), Arc::clone(&quota));
    let (checkpointer, keepers) =
        sign_logs(&config, (&ports, &tenants), &supervisor, (&metrics, &quota), (keepers, remembered.incarnation));
    let anchor = anchored(&config, (&ports, &store), remembered, (&checkpointer, &supervisor));
    let workloads = Workloads::prepare(&config, &keys, clock.now()).await?;
    let Keys { trust, issuer, authority, own, roots, .. } = keys;
    let (acceptor, authorities) = acceptor(&config, (authority, own), &trust, (clock.clone(), &supervisor)).await?;
    let people = people::Service::new(ports.clone(), tasks.clone(), (Arc::clone(&quota), Arc::clone(&metrics)));
    let tenancy = tenants::Service::new(ports.clone(), tasks.clone(), config.tenant.clone(), Arc::clone(&quota));
    let context = Arc::new(Context {
        outsiders: outsiders(&config, roots, (&clock, &supervisor, &metrics))?,
        approvals: approvals(&config, &ports, &tasks, trust.dev),
        evidence: evidence_of(&config, &ports, states.clone(), (&issuer, authorities.serving()))?,
        store,
        validator: issuer.validator(&[]),
        issuer,
        services: people.services(),
        people,
        tasks,
        models,
        workers,
        identity: issuance(&config, &ports, (authorities.port(), Arc::clone(&clock)), (&quota, &metrics)),
        secrets,
        decisions: Decisions::new(&ports),
        quota,
        states,
        tenancy,
        tenants,
        checkpointer,
        authorities,
        bundle: trust.ca_bundle_pem,
        auditor,
        keepers,
        anchor,
        runtime_metrics: metrics,
        limits: Limits::new(config.settings.limits.clone()),
        supervisor: supervisor.clone(),
        metrics: Arc::default(),
        used_assertions: used_logins(&config, &clock)?,
        used_proofs: rpc::UsedProofs::new(newest.map_or(bound_at, |newest| newest.max(bound_at)).min(clock.now())),
        installation: installation(&config, clock.now()),
        clock,
        ports,
    });
    let (routes, health) = routes(&context, &config)?;
    let (addresses, most) = ((local(&api)?, local(&admin)?), config.settings.limits.connections);
    start_watches(&context, &config);
    supervisor.spawn_essential("api", rpc::Server::new(api, Arc::clone(&context), routes, acceptor, most).serve());
    serve_host(admin, workloads, &context);
    say_serving(addresses, recovered);
    Ok(Running { addresses, context, health, config: ArcSwap::from_pointee(config) })
}

/// Lets the process have as many files open as its connections and those of the Workload API need.
fn raise_open_files(config: &Config) {
    let of_workloads = config.workload_socket.as_ref().map_or(0, |_| rpc::workload::FILES_MAX);
    open_files::raise(config.settings.limits.connections, of_workloads);
}

/// Tasks, with those that were not finished back, and their number.
async fn recovered_tasks(
    config: &Config,
    (ports, states, tenants): (&Ports, &States, &Tenants),
    supervisor: &Supervisor,
    (metrics, quota): (&Arc<Metrics>, &Arc<Quota>),
) -> Result<(task::Service, usize), StartError> {
    let terms = (Arc::clone(quota), (&config.settings.issuer.claims_age).into());
    let tasks = task::Service::start(ports.clone(), states.clone(), supervisor.clone(), Arc::clone(metrics), terms);
    if tenants.names().len() > 1 {
        tasks.share_places();
    }
    let recovered = tasks.recover().await.map_err(|error| StartError::Recover { source: error.into() })?;
    Ok((tasks, recovered))
}

/// Starts what looks after the data and the clock.
fn start_watches(context: &Context, config: &Config) {
    context.tenants.start_erasing();
    clock_mark::watch(config, (&context.clock, &context.ports), &context.quota, &context.supervisor);
}

/// The services of the API, and the reporter of their health.
fn routes(context: &Arc<Context>, config: &Config) -> Result<(Routes, HealthReporter), StartError> {
    let routes = rpc::routes(context, config.settings.limits.message_bytes);
    routes.map_err(|error| StartError::System { attempt: "describe the API", source: error.into() })
}

/// The tenants, with what their repositories say in force.
async fn served(
    (ports, ground): (&Ports, privacy::Ground),
    (repositories, keyring): (Repositories, Arc<Keyring>),
    board: Board,
    (store, supervisor): (&SqliteStore, &Supervisor),
    (metrics, quota): (&Arc<Metrics>, &Arc<Quota>),
) -> Result<(Tenants, States), StartError> {
    let (ports, supervisor, states) = (ports.clone(), supervisor.clone(), States::on(board));
    let (metrics, quota) = (Arc::clone(metrics), Arc::clone(quota));
    let operating = repositories.config.tenant.clone();
    let premises = Premises::new(Arc::clone(&repositories.config), keyring, Arc::clone(&ports.clock), repositories.roots.clone());
    let seed = Seed { premises, ports, repositories, ground, states: states.clone(), metrics, quota, supervisor };
    let tenants = Tenants::open(seed, store.last_commit_at()).await?;
    if tenants.of(&operating).is_none() {
        return Err(StartError::Unregistered { tenant: operating });
    }
    tenants.bring_into_force().await;
    Ok((tenants, states))
}

/// What is served to this host itself: the admin pages, and identities of its processes.
fn serve_host(admin: TcpListener, workloads: Option<Workloads>, context: &Arc<Context>) {
    context.supervisor.spawn_essential("admin", admin::serve(admin, Arc::clone(context)));
    workloads.into_iter().for_each(|workloads| workloads.serve(context));
}

fn say_serving((api, admin): (SocketAddr, SocketAddr), recovered: usize) {
    if cfg!(feature = "null-log") {
        tracing::error!("this program keeps no audit log: it is made to measure beside one that does");
    }
    if cfg!(feature = "probe") {
        tracing::error!("this program knows each caller two thousand times over: it is made to measure what that costs");
    }
    tracing::info!(%api, %admin, recovered, "serving");
}

/// The addresses of the API and of the admin pages, taken before anything else is done.
pub(super) async fn listeners(config: &Config) -> Result<(TcpListener, TcpListener), StartError> {
    let api = listen(config.settings.server.listen, "server.listen").await?;
    Ok((api, listen(config.settings.server.admin_listen, "server.admin_listen").await?))
}

pub(super) fn installation(config: &Config, started_at: Timestamp) -> Installation {
    Installation {
        id: config.installation,
        trust_domain: config.trust_domain.clone(),
        tenant: config.tenant.clone(),
        dev: config.settings.installation.dev,
        started_at,
    }
}

pub(super) async fn listen(address: SocketAddr, key: &'static str) -> Result<TcpListener, StartError> {
    TcpListener::bind(address).await.map_err(|source| StartError::Listen { address, key, source })
}

pub(super) fn local(listener: &TcpListener) -> Result<SocketAddr, StartError> {
    listener.local_addr().map_err(|error| StartError::System { attempt: "name a listener's address", source: error.into() })
}
