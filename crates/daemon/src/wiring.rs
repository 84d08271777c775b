//! Everything built, in one readable order: keys, store, time, ports, loops, API.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use scalbotics_adapters::git::Source as GitSource;
use scalbotics_adapters::model::openai::OpenAi;
use scalbotics_adapters::tool::LocalRunner;
use scalbotics_adapters::tool::http::Fetcher;
use scalbotics_adapters::tool::process::Sandbox;
use scalbotics_core::egress::Roots;
use scalbotics_core::ports::{CheckpointKeeper, Clock, DesiredSource, IdSource};
use scalbotics_core::tenant::TenantId;
use scalbotics_identity::authority::approvers::Approvers;
use scalbotics_identity::authority::issuer::Issuer;
use scalbotics_identity::authority::keystore::Keystore;
use scalbotics_identity::authority::seal::TenantCipher;
use scalbotics_identity::authority::tls::{ServingCertificate, server_config};
use scalbotics_identity::holder::key::Jwk;
use scalbotics_identity::holder::tls::ClockTime;
use scalbotics_identity::holder::trust;
use scalbotics_runtime::audit::{Auditor, Checkpointer, Keepers, Quota};
use scalbotics_runtime::metrics::Metrics;
use scalbotics_runtime::model::{Router, Runner};
use scalbotics_runtime::reconcile::{Compiler as _, POLL_MS, REMOTE_POLL_MS, Reconciler, States};
use scalbotics_runtime::{Decisions, Ports, Supervisor, approval, evidence, people, privacy, secret, task};
use scalbotics_store::{OpenError, Options, SqliteStore};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::admin;
use crate::anchor;
use crate::clock::{Guarded, System};
use crate::compiler::LocalCompiler;
use crate::config::{Config, Sink};
use crate::covering;
use crate::following::{Following, USER};
use crate::id_source::UuidIds;
use crate::keepers::keepers;
use crate::keyring::Keyring;
use crate::keys::{self, Certifier};
use crate::open_files;
use crate::own_secrets::{OwnSecrets, reserved};
use crate::places::Places;
use crate::roots;
use crate::rpc::{self, Context, Installation, Limits};
use crate::running::Running;
use crate::start_error::{BoxError, StartError};
use crate::workspaces::InForceWorkspaces;

/// What the evidence of a `dev` installation says of itself (semantics §5.5).
const DEV_STAMP: &str = "dev: approver keys not separated";

/// Where login assertions that were used are remembered, below the data directory.
const USED_ASSERTIONS: &str = "logins";

/// Where the sandbox keeps its locks, below the data directory.
const SANDBOX_DIR: &str = "sandbox";

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

/// What the loops reach, and what has to be told of the state in force.
struct Outside {
    ports: Ports,
    ground: privacy::Ground,
    masks: Arc<secret::Masks>,
    models: Arc<Runner>,
    keepers: Vec<Arc<dyn CheckpointKeeper>>,
}

/// The secret half of what is built, and whom it believes.
struct Keys {
    keystore: Keystore,
    trust: trust::File,
    issuer: Issuer,
    certifier: Certifier,
    roots: Roots,
}

/// Builds and starts the daemon; when this returns it serves.
///
/// # Errors
/// [`StartError`]; nothing was served then.
pub async fn start(config: Config, options: Start) -> Result<Running, StartError> {
    open_files::raise(config.settings.limits.connections);
    let (api, admin) = listeners(&config).await?;
    let keys = unlock(&config)?;
    let store = open_store(&config)?;
    let remembered = anchor::remembered(&config, &keys.trust, &store).await?;
    let clock = Arc::new(Guarded::new(System, store.last_commit_at().max(Some(remembered.at))));
    let places = Arc::new(Places::of(&config));
    let workspaces = Arc::new(InForceWorkspaces::new(Arc::clone(&places)));
    let metrics = Arc::new(Metrics::default());
    let outside = ports(&config, &keys, &store, &clock, (&workspaces, places, &options), (&metrics, remembered.incarnation))?;
    let Outside { ports, ground, masks, models, keepers } = outside;
    let quota = Arc::new(Quota::new(config.settings.limits.audit_bytes_per_day));
    anchor::ask_witnesses(&config, (&ports, &keepers), &quota, options.unwitnessed).await?;
    let supervisor = Supervisor::new(Arc::clone(&metrics));
    let privacy = privacy_of(&config, (&ports, ground), &store, (&supervisor, &quota)).await?;

    let reconciler = reconciler(&config, &ports, &metrics);
    workspaces.follow(reconciler.states().watch());
    models.follow(reconciler.states().watch());
    reconciler.start(&supervisor).await;
    let tasks =
        task::Service::start(ports.clone(), reconciler.states(), supervisor.clone(), Arc::clone(&metrics), Arc::clone(&quota));
    let recovered = tasks.recover().await.map_err(|error| StartError::Recover { source: error.into() })?;
    let secrets = secret::Service::new(ports.clone(), learnt(masks, &config.tenant).await, Arc::clone(&quota));
    let approvals = approvals(&config, &ports, &tasks, keys.trust.dev);
    let auditor = Auditor::start(ports.clone(), TenantId::system(), &supervisor, Arc::clone(&metrics), Arc::clone(&quota));
    let (checkpointer, keepers) = sign_logs(&config, &ports, &supervisor, (&metrics, &quota), (keepers, remembered.incarnation));
    let anchor = anchored(&config, &ports, remembered, (&checkpointer, &supervisor));
    let used_assertions = used_logins(&config, &clock)?;
    let Keys { trust, issuer, certifier, .. } = keys;
    let acceptor = acceptor(&config, certifier, &trust, (clock.clone(), &supervisor))?;
    let people = people::Service::new(ports.clone(), tasks.clone(), Arc::clone(&quota));
    let context = Arc::new(Context {
        evidence: evidence_of(&config, &ports, reconciler.states(), &issuer)?,
        store,
        validator: issuer.validator(&[]),
        issuer,
        services: people.services(),
        people,
        tasks,
        models,
        approvals,
        privacy,
        secrets,
        decisions: Decisions::new(&ports),
        quota,
        states: reconciler.states(),
        reconciler,
        auditor,
        keepers,
        anchor,
        runtime_metrics: metrics,
        limits: Limits::new(config.settings.limits.clone()),
        supervisor: supervisor.clone(),
        metrics: Arc::default(),
        used_assertions,
        installation: installation(&config, clock.now()),
        clock,
        ports,
    });
    let (routes, health) = rpc::routes(&context, config.settings.limits.message_bytes)
        .map_err(|error| StartError::System { attempt: "describe the API", source: error.into() })?;
    let addresses = (local(&api)?, local(&admin)?);
    let server = rpc::Server::new(api, Arc::clone(&context), routes, acceptor, config.settings.limits.connections);
    context.privacy.start();
    supervisor.spawn_essential("api", server.serve());
    supervisor.spawn_essential("admin", admin::serve(admin, Arc::clone(&context)));
    tracing::info!(api = %addresses.0, admin = %addresses.1, recovered, "serving");
    Ok(Running { addresses, context, checkpointer, health, config: ArcSwap::from_pointee(config) })
}

/// The ports of a store that no daemon serves, and the states that its tasks ran under; nothing runs.
///
/// # Errors
/// [`StartError`].
pub(crate) fn offline(
    config: &Config,
    (store, clock): (&SqliteStore, &Arc<Guarded>),
    incarnation: u64,
) -> Result<(Ports, States), StartError> {
    let keys = unlock(config)?;
    let places = Arc::new(Places::of(config));
    let workspaces = Arc::new(InForceWorkspaces::new(Arc::clone(&places)));
    let metrics = Arc::new(Metrics::default());
    let built = ports(config, &keys, store, clock, (&workspaces, places, &Start::default()), (&metrics, incarnation))?;
    let states = Reconciler::polling(built.ports.clone(), config.tenant.clone(), metrics, POLL_MS).states();
    Ok((built.ports, states))
}

/// The addresses of the API and of the admin pages, taken before anything else is done.
async fn listeners(config: &Config) -> Result<(TcpListener, TcpListener), StartError> {
    let api = listen(config.settings.server.listen, "server.listen").await?;
    Ok((api, listen(config.settings.server.admin_listen, "server.admin_listen").await?))
}

/// Looks at the repository, a remote one less often.
fn reconciler(config: &Config, ports: &Ports, metrics: &Arc<Metrics>) -> Arc<Reconciler> {
    let poll_ms = if config.remote.is_some() { REMOTE_POLL_MS } else { POLL_MS };
    Reconciler::polling(ports.clone(), config.tenant.clone(), Arc::clone(metrics), poll_ms)
}

/// Answers to approvals, stamped where keys are not separated.
fn approvals(config: &Config, ports: &Ports, tasks: &task::Service, is_dev: bool) -> approval::Service {
    let approvals = approval::Service::new(ports.clone(), tasks, config.trust_domain.as_str());
    if is_dev { approvals.stamped(DEV_STAMP) } else { approvals }
}

/// Starts remembering the logs' heads outside of the database.
fn anchored(
    config: &Config,
    ports: &Ports,
    remembered: anchor::Anchor,
    (checkpointer, supervisor): (&Checkpointer, &Supervisor),
) -> Arc<anchor::Keeper> {
    let anchor = Arc::new(anchor::Keeper::new(ports.clone(), config.tenant.clone(), &config.keystore, remembered));
    anchor.start(checkpointer.signed(), supervisor);
    anchor
}

/// What is erased, and what must not be; it looks at the clock before anything is written under it.
async fn privacy_of(
    config: &Config,
    (ports, ground): (&Ports, privacy::Ground),
    store: &SqliteStore,
    (supervisor, quota): (&Supervisor, &Arc<Quota>),
) -> Result<privacy::Service, StartError> {
    let whose = (config.tenant.clone(), store.last_commit_at());
    let terms = (ground, config.settings.retention.terms());
    let opened = privacy::Service::open(ports.clone(), terms, whose, supervisor.clone(), Arc::clone(quota)).await;
    opened.map_err(|error| StartError::System { attempt: "read how far erasing has come", source: error.into() })
}

/// Starts signing the logs' heads, and giving them to whoever keeps them outside of this host.
fn sign_logs(
    config: &Config,
    ports: &Ports,
    supervisor: &Supervisor,
    (metrics, quota): (&Arc<Metrics>, &Arc<Quota>),
    (keepers, incarnation): (Vec<Arc<dyn CheckpointKeeper>>, u64),
) -> (Arc<Checkpointer>, Arc<Keepers>) {
    let (system, tenants) = (TenantId::system(), vec![config.tenant.clone()]);
    let trust_domain = config.trust_domain.as_str().to_owned();
    let checkpointer = Checkpointer::new(ports.clone(), trust_domain, system.clone(), tenants, Arc::clone(metrics));
    let checkpointer = Arc::new(checkpointer.in_incarnation(incarnation));
    checkpointer.start(supervisor);
    let most = config.settings.audit.max_unwitnessed;
    let numbers = (Arc::clone(metrics), Arc::clone(quota));
    let keepers = Keepers::start((ports.clone(), system), keepers, most, &checkpointer.signed(), supervisor, numbers);
    (checkpointer, keepers)
}

/// Masks that know the values of a tenant's secrets, so that the log covers them before a tool runs.
async fn learnt(masks: Arc<secret::Masks>, tenant: &TenantId) -> Arc<secret::Masks> {
    if let Err(error) = masks.of(tenant).await {
        tracing::warn!(%error, "values of secrets cannot be read yet");
    }
    masks
}

/// The logins that were used and would still be taken.
fn used_logins(config: &Config, clock: &Guarded) -> Result<Arc<rpc::UsedAssertions>, StartError> {
    let used = rpc::UsedAssertions::open(&config.data_dir.join(USED_ASSERTIONS), clock.now());
    used.map(Arc::new).map_err(|error| StartError::System { attempt: "read used logins", source: error.into() })
}

/// Evidence of tasks, with the key of their tokens.
fn evidence_of(config: &Config, ports: &Ports, states: States, issuer: &Issuer) -> Result<evidence::Service, StartError> {
    let key = serde_json::to_value(Jwk::from(issuer.public()))
        .map_err(|error| StartError::System { attempt: "name the key of tokens", source: error.into() })?;
    Ok(evidence::Service::new(ports.clone(), states, config.trust_domain.as_str(), key))
}

/// Does everything that a start does, short of listening and serving; answers what could not be looked at.
///
/// # Errors
/// [`StartError`]; also for a newest commit that would be refused.
pub async fn check(config: &Config) -> Result<Vec<String>, StartError> {
    let mut not_checked = Vec::new();
    let keys = unlock(config)?;
    if config
        .data_dir
        .try_exists()
        .map_err(|error| StartError::System { attempt: "look at the data directory", source: error.into() })?
    {
        match open_store(config) {
            Ok(store) => drop(anchor::remembered(config, &keys.trust, &store).await?),
            // That is when people want to know whether a reload would do.
            Err(StartError::Store { source: source @ OpenError::Locked { .. }, .. }) => not_checked.push(source.to_string()),
            Err(error) => return Err(error),
        }
    }
    let clock = Guarded::new(System, None);
    let _issued = keys.certifier.issue(clock.now())?;
    check_desired(config).await?;
    Ok(not_checked)
}

/// Whether the newest commit would be in force.
async fn check_desired(config: &Config) -> Result<(), StartError> {
    let failed = |source: BoxError| StartError::Repository { path: config.repository.clone(), source };
    let source = git(config);
    let head = source.head().await.map_err(|error| failed(error.into()))?;
    let files = source.load(&head).await.map_err(|error| failed(error.into()))?;
    let compiler = compiler(config, Arc::new(Places::of(config)));
    let compiled = tokio::task::spawn_blocking(move || compiler.compile(files)).await.map_err(|error| failed(error.into()))?;
    compiled.map(drop).map_err(|findings| StartError::Desired { commit: head, findings })
}

/// The compiler of the configured tenant's desired state.
pub(crate) fn compiler(config: &Config, places: Arc<Places>) -> LocalCompiler {
    LocalCompiler::new(config.tenant.clone(), places, config.settings.repository.overlay.clone())
}

fn unlock(config: &Config) -> Result<Keys, StartError> {
    let trust = keys::trust(config)?;
    let keystore = keys::keystore(config)?;
    let issuer = keys::issuer(config, &keystore)?;
    let certifier = Certifier::new(config, &keystore)?;
    let roots = roots(config)?;
    Ok(Keys { keystore, trust, issuer, certifier, roots })
}

/// The authorities that are believed about other machines' servers beside the system's.
pub(crate) fn roots(config: &Config) -> Result<Roots, StartError> {
    let path = config.ca_bundle.as_deref();
    let failed = |source| StartError::Roots { path: path.map(PathBuf::from).unwrap_or_default(), source };
    roots::read(path).map_err(failed)
}

fn open_store(config: &Config) -> Result<SqliteStore, StartError> {
    let dir = &config.data_dir;
    let store = SqliteStore::open(dir, &Options::new(config.installation));
    let store = store.map_err(|source| StartError::Store { dir: dir.clone(), source })?;
    let found = store.installation();
    if found == config.installation { Ok(store) } else { Err(StartError::OtherInstallation { dir: dir.clone(), found }) }
}

/// The local repository, or copy, at the configured branch.
pub(crate) fn git(config: &Config) -> GitSource {
    GitSource::new(&config.repository).following(format!("refs/heads/{}", config.settings.repository.branch))
}

fn desired_source(config: &Config, secrets: &OwnSecrets, roots: &Roots) -> Arc<dyn DesiredSource> {
    let local = git(config);
    let Some(address) = config.remote.clone() else { return Arc::new(local) };
    let repository = &config.settings.repository;
    Arc::new(Following {
        local,
        copy: config.repository.clone(),
        reference: format!("refs/heads/{}", repository.branch),
        address,
        user: repository.user.clone().unwrap_or_else(|| USER.to_owned()),
        token: repository.token.as_ref().map(|name| secrets.of(name)),
        roots: roots.clone(),
    })
}

fn ports(
    config: &Config,
    keys: &Keys,
    store: &SqliteStore,
    clock: &Arc<Guarded>,
    (workspaces, places, options): (&Arc<InForceWorkspaces>, Arc<Places>, &Start),
    (metrics, incarnation): (&Arc<Metrics>, u64),
) -> Result<Outside, StartError> {
    let clock: Arc<dyn Clock> = Arc::clone(clock) as Arc<dyn Clock>;
    let ids: Arc<dyn IdSource> = Arc::new(UuidIds::new(Arc::clone(&clock)));
    let cipher = TenantCipher::from_keystore(&keys.keystore);
    let cipher = cipher.map_err(|error| StartError::Keystore { path: config.keystore.clone(), source: error.into() })?;
    let signer = keys::log_signer(config, &keys.keystore, &keys.trust, incarnation)?;
    let sandbox_dir = config.data_dir.join(SANDBOX_DIR);
    let sandbox = Sandbox::open(options.sandbox_program.clone(), &sandbox_dir);
    let sandbox = sandbox.map_err(|source| StartError::Sandbox { dir: sandbox_dir, source })?;
    let (store, cipher) = (Arc::new(store.clone()), Arc::new(cipher));
    let redaction = &config.settings.redaction;
    covering::configure(redaction);
    let masks = secret::Masks::new(store.clone(), cipher.clone()).telling(Arc::new(covering::know));
    let masks = Arc::new(masks.detecting(redaction.detect(Sink::Outputs), redaction.detect(Sink::Prompts)));
    let source = secret::Source::new(store.clone(), cipher.clone(), Arc::clone(&clock), Arc::clone(&masks));
    let source = Arc::new(source.reserving(reserved(config)));
    let tools = LocalRunner::new(sandbox, Arc::clone(workspaces) as _, Arc::clone(&source) as _, Arc::clone(&clock));
    let tools = tools.with_fetcher(Fetcher::default().trusting(keys.roots.clone()));
    let provider = OpenAi::new(Arc::clone(&clock), Arc::clone(&source) as _).trusting(keys.roots.clone());
    let router = Router::new(Arc::new(provider), Arc::clone(&clock), Arc::clone(metrics));
    let models = Arc::new(Runner::new(Arc::new(tools), router, Arc::clone(&masks)));
    let tools = secret::MaskingRunner::new(Arc::clone(&models) as _, Arc::clone(&masks));
    let own = (Arc::clone(&clock), Arc::clone(&masks));
    let secrets = OwnSecrets::new(config.tenant.clone(), (store.clone(), cipher.clone()), own);
    let desired_source = desired_source(config, &secrets, &keys.roots);
    let keyring = Arc::new(Keyring::new(config.clone(), Arc::clone(&cipher)));
    let ground = privacy::Ground { store: store.clone(), wraps: store.clone(), keys: keyring };
    let ports = Ports {
        task_log: Arc::new(task::RecentTasks::new(store.clone())),
        audit_log: store.clone(),
        audit_search: store.clone(),
        audit_tree: store.clone(),
        payload_store: store.clone(),
        approval_store: store.clone(),
        decision_store: store.clone(),
        epochs: store.clone(),
        secret_store: store.clone(),
        roster: store.clone(),
        services: store.clone(),
        registry: store,
        cipher,
        clock,
        ids,
        tools: Arc::new(tools),
        signer: Arc::new(signer),
        statement_verifier: Arc::new(Approvers::new(keys.trust.clone())),
        desired_source,
        compiler: Arc::new(compiler(config, places)),
    };
    Ok(Outside { ports, ground, masks, models, keepers: keepers(config, &secrets, &keys.roots) })
}

fn acceptor(
    config: &Config,
    certifier: Certifier,
    trust: &trust::File,
    (clock, supervisor): (Arc<Guarded>, &Supervisor),
) -> Result<TlsAcceptor, StartError> {
    let failed = |source: BoxError| StartError::Certificate { source };
    let (identity, not_after) = certifier.issue(clock.now())?;
    let serving = ServingCertificate::new(&identity).map_err(|error| failed(error.into()))?;
    let roots = trust.roots().map_err(|error| StartError::Trust { path: config.trust_file.clone(), source: error.into() })?;
    let time = Arc::new(ClockTime(clock.clone()));
    let tls = server_config(Arc::clone(&serving), &roots, &config.trust_domain, time).map_err(|error| failed(error.into()))?;
    certifier.keep_renewed(serving, not_after, clock, supervisor);
    Ok(TlsAcceptor::from(Arc::new(tls)))
}

fn installation(config: &Config, started_at: scalbotics_core::time::Timestamp) -> Installation {
    Installation {
        id: config.installation,
        trust_domain: config.trust_domain.clone(),
        tenant: config.tenant.clone(),
        dev: config.settings.installation.dev,
        remote: config.remote.as_ref().map(ToString::to_string),
        started_at,
    }
}

async fn listen(address: SocketAddr, key: &'static str) -> Result<TcpListener, StartError> {
    TcpListener::bind(address).await.map_err(|source| StartError::Listen { address, key, source })
}

fn local(listener: &TcpListener) -> Result<SocketAddr, StartError> {
    listener.local_addr().map_err(|error| StartError::System { attempt: "name a listener's address", source: error.into() })
}
