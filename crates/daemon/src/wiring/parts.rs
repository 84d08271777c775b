//! Keys, store and ports, as the configuration names them.

use std::path::PathBuf;
use std::sync::Arc;

use scalbotics_adapters::git::Source as GitSource;
use scalbotics_adapters::model::openai::OpenAi;
use scalbotics_adapters::tool::LocalRunner;
use scalbotics_adapters::tool::http::Fetcher;
use scalbotics_adapters::tool::process::Sandbox;
use scalbotics_core::egress::Roots;
use scalbotics_core::ports::{CheckpointKeeper, Clock, IdSource};
use scalbotics_identity::authority::approvers::Approvers;
use scalbotics_identity::authority::issuer::Issuer;
use scalbotics_identity::authority::keystore::Keystore;
use scalbotics_identity::authority::local::KeystoreAuthority;
use scalbotics_identity::authority::seal::TenantCipher;
use scalbotics_identity::holder::trust;
use scalbotics_runtime::metrics::Metrics;
use scalbotics_runtime::model::{Router, Runner};
use scalbotics_runtime::reconcile::{Board, States};
use scalbotics_runtime::secret::Reserved;
use scalbotics_runtime::{Ports, privacy, secret, task, worker};
use scalbotics_store::{Options, SqliteStore};
use tokio::sync::Semaphore;

use super::start::Start;
use crate::clock::Guarded;
use crate::config::{Config, Sink};
use crate::covering;
use crate::id_source::UuidIds;
use crate::keepers::keepers;
use crate::keyring::Keyring;
use crate::keys::{self, Own};
use crate::keystore_file::KeystoreFile;
use crate::own_secrets::{OwnSecrets, reserved};
use crate::places::PlacesByTenant;
use crate::roots;
use crate::start_error::StartError;
use crate::tenants::{Repositories, registered};
use crate::workspaces::InForceWorkspaces;

/// Guests whose remote repositories are fetched at one time, each on a thread: few of those that there are.
const FETCHING_MAX: usize = 4;

/// Where the sandbox keeps its locks, below the data directory.
const SANDBOX_DIR: &str = "sandbox";

/// What the loops reach, and what has to be told of the state in force.
pub(super) struct Outside {
    pub(super) ports: Ports,
    pub(super) ground: privacy::Ground,
    pub(super) masks: Arc<secret::Masks>,
    pub(super) models: Arc<Runner>,
    pub(super) workers: worker::Posts,
    pub(super) keepers: Vec<Arc<dyn CheckpointKeeper>>,
    pub(super) repositories: Repositories,
    pub(super) keyring: Arc<Keyring>,
}

/// The secret half of what is built, and whom it believes.
pub(super) struct Keys {
    pub(super) keystore: Keystore,
    pub(super) trust: trust::File,
    pub(super) issuer: Issuer,
    pub(super) file: Arc<KeystoreFile>,
    pub(super) authority: Arc<KeystoreAuthority>,
    pub(super) own: Own,
    pub(super) roots: Roots,
}

/// What leads to a store that no daemon serves; nothing runs.
#[derive(Debug)]
pub(crate) struct Unserved {
    /// Its ports.
    pub(crate) ports: Ports,
    /// What erases in it.
    pub(crate) ground: privacy::Ground,
    /// The states that its tasks ran under.
    pub(crate) states: States,
    /// The wrapping keys of its tenants.
    pub(crate) keyring: Arc<Keyring>,
}

/// What leads to a store that no daemon serves.
///
/// # Errors
/// [`StartError`].
pub(crate) async fn offline(
    config: &Config,
    (store, clock): (&SqliteStore, &Arc<Guarded>),
    incarnation: u64,
) -> Result<Unserved, StartError> {
    let keys = unlock(config)?;
    let board = Board::default();
    let built = ports(config, &keys, store, clock, (&board, &Start::default()), (&Arc::default(), incarnation))?;
    let Outside { ports, ground, keyring, repositories, .. } = built;
    let states = States::on(board);
    for tenant in registered(&ports).await? {
        if let Some(followed) = repositories.followed(&tenant) {
            states.know(followed);
        }
    }
    Ok(Unserved { ports, ground, states, keyring })
}

pub(super) fn unlock(config: &Config) -> Result<Keys, StartError> {
    let trust = keys::trust(config)?;
    let keystore = keys::keystore(config)?;
    let issuer = keys::issuer(config, &keystore)?;
    let file = Arc::new(KeystoreFile::new(config.clone()));
    let authority = Arc::new(keys::authority(config, (&keystore, Arc::clone(&file)), &trust)?);
    let own = Own::new(config, &keystore)?;
    let roots = roots(config)?;
    Ok(Keys { keystore, trust, issuer, file, authority, own, roots })
}

/// The authorities that are believed about other machines' servers beside the system's.
pub(crate) fn roots(config: &Config) -> Result<Roots, StartError> {
    let path = config.ca_bundle.as_deref();
    let failed = |source| StartError::Roots { path: path.map(PathBuf::from).unwrap_or_default(), source };
    roots::read(path).map_err(failed)
}

pub(super) fn open_store(config: &Config) -> Result<SqliteStore, StartError> {
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

pub(super) fn ports(
    config: &Config,
    keys: &Keys,
    store: &SqliteStore,
    clock: &Arc<Guarded>,
    (board, options): (&Board, &Start),
    (metrics, incarnation): (&Arc<Metrics>, u64),
) -> Result<Outside, StartError> {
    let clock: Arc<dyn Clock> = Arc::clone(clock) as Arc<dyn Clock>;
    let ids: Arc<dyn IdSource> = Arc::new(UuidIds::new(Arc::clone(&clock)));
    let cipher = TenantCipher::from_keystore(&keys.keystore);
    let cipher = cipher.map_err(|error| StartError::Keystore { path: config.keystore.clone(), source: error.into() })?;
    let signer = keys::log_signer(config, &keys.keystore, &keys.trust, incarnation)?;
    let sandbox_dir = config.data_dir.join(SANDBOX_DIR);
    let sandbox = Sandbox::open(options.sandbox_program.clone(), &sandbox_dir).and_then(Sandbox::with_helpers_ready);
    let sandbox = sandbox.map_err(|source| StartError::Sandbox { dir: sandbox_dir, source })?;
    let (store, cipher) = (Arc::new(store.clone()), Arc::new(cipher));
    let redaction = &config.settings.redaction;
    covering::configure(redaction);
    let masks = secret::Masks::new(store.clone(), cipher.clone()).telling(Arc::new(covering::know));
    let masks = Arc::new(masks.detecting(redaction.detect(Sink::Outputs), redaction.detect(Sink::Prompts)));
    let source = secret::Source::new(store.clone(), cipher.clone(), Arc::clone(&clock), Arc::clone(&masks));
    let own = Reserved::default();
    own.add(reserved(config));
    let source = Arc::new(source.reserving(own.clone()));
    let (shared, posts) = (Arc::new(config.clone()), worker::Posts::new(Arc::clone(metrics)));
    let places = Arc::new(PlacesByTenant::of_config(Arc::clone(&shared)));
    let workspaces = Arc::new(InForceWorkspaces::new(Arc::clone(&places), board.clone()));
    let tools = LocalRunner::new(sandbox, workspaces as _, Arc::clone(&source) as _, Arc::clone(&clock));
    let tools = tools.with_fetcher(Fetcher::default().trusting(keys.roots.clone()));
    let provider = OpenAi::new(Arc::clone(&clock), Arc::clone(&source) as _).trusting(keys.roots.clone());
    let place = worker::Place {
        posts: posts.clone(),
        registry: store.clone(),
        clock: Arc::clone(&clock),
        trust_domain: config.trust_domain.clone(),
    };
    let tools = worker::Runner::new(Arc::new(tools), place);
    let router = Router::new(Arc::new(provider), Arc::clone(&clock), Arc::clone(metrics));
    let models = Arc::new(Runner::new(Arc::new(tools), router, Arc::clone(&masks), board.clone()));
    let tools = secret::MaskingRunner::new(Arc::clone(&models) as _, Arc::clone(&masks));
    let secrets = OwnSecrets::new((store.clone(), cipher.clone()), (Arc::clone(&clock), Arc::clone(&masks)));
    let keepers = keepers(config, &secrets, &keys.roots);
    let repositories = Repositories {
        config: shared,
        places,
        secrets,
        reserved: own,
        roots: keys.roots.clone(),
        fetching: Arc::new(Semaphore::new(FETCHING_MAX)),
    };
    let keyring = Arc::new(Keyring::new(Arc::clone(&keys.file), Arc::clone(&cipher)));
    let ground = privacy::Ground { store: store.clone(), wraps: store.clone(), keys: Arc::clone(&keyring) as _ };
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
        svids: store.clone(),
        join_tokens: store.clone(),
        tenants: store.clone(),
        registry: store,
        cipher,
        clock,
        ids,
        tools: Arc::new(tools),
        signer: Arc::new(signer),
        statement_verifier: Arc::new(Approvers::new(keys.trust.clone())),
    };
    Ok(Outside { ports, ground, masks, models, workers: posts, keepers, repositories, keyring })
}
