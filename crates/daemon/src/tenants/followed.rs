//! Where the desired state of a tenant is read, and by what it is compiled.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use scalbotics_adapters::git::Source as GitSource;
use scalbotics_adapters::git::remote::Address;
use scalbotics_core::egress::Roots;
use scalbotics_core::ports::{DesiredSource, Tenant};
use scalbotics_core::secret::SecretRef;
use scalbotics_core::tenant::{Name, TenantId};
use scalbotics_runtime::reconcile::{Followed, POLL_MS, REMOTE_POLL_MS};
use scalbotics_runtime::secret::Reserved;
use tokio::sync::Semaphore;

use crate::compiler::LocalCompiler;
use crate::config::Config;
use crate::following::{Following, USER};
use crate::own_secrets::OwnSecrets;
use crate::places::PlacesByTenant;
use crate::wiring;

/// What leads to the repositories of all tenants.
#[derive(Debug, Clone)]
pub(crate) struct Repositories {
    /// The configuration, which says where the operating tenant's is.
    pub(crate) config: Arc<Config>,
    /// What their desired state may name.
    pub(crate) places: Arc<PlacesByTenant>,
    /// Tokens of remote repositories.
    pub(crate) secrets: OwnSecrets,
    /// The same, for which no tool may ask.
    pub(crate) reserved: Reserved,
    /// Authorities that are believed about servers beside the system's.
    pub(crate) roots: Roots,
    /// Places of the guests who fetch at one time.
    pub(crate) fetching: Arc<Semaphore>,
}

/// Where the desired state of a tenant is.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// Whether the tenant operates the installation.
    pub(crate) is_operating: bool,
    /// The repository, or the copy of the remote one.
    pub(crate) directory: PathBuf,
    /// The branch that is followed.
    pub(crate) branch: String,
    /// The remote repository, in words.
    pub(crate) remote: Option<String>,
    /// The overlay that narrows it.
    pub(crate) overlay: Option<Name>,
}

impl Repositories {
    /// The repository of a tenant, as it is followed; `None` where the registry says an address that is none.
    pub(crate) fn followed(&self, tenant: &Tenant) -> Option<Followed> {
        let (config, places) = (self.config.as_ref(), self.places.of(&tenant.id));
        if config.is_operating(&tenant.id) {
            let source = desired_source(config, &self.secrets, &self.roots);
            let compiler = Arc::new(wiring::compiler(config, places));
            return Some(Followed { tenant: tenant.id.clone(), source, compiler });
        }
        let compiler =
            Arc::new(LocalCompiler::new(tenant.id.clone(), places, tenant.overlay.clone()).of_guest(tenant.host_access));
        Some(Followed { tenant: tenant.id.clone(), source: self.source(tenant)?, compiler })
    }

    fn source(&self, tenant: &Tenant) -> Option<Arc<dyn DesiredSource>> {
        let (copy, reference) = (self.config.repository_of(&tenant.id), format!("refs/heads/{}", tenant.branch));
        let local = GitSource::new(&copy).following(reference.clone());
        let Some(remote) = &tenant.remote else { return Some(Arc::new(local)) };
        let failed = |error| tracing::error!(tenant = %tenant.id, %error, "the address of the tenant's repository is none");
        let address = Address::parse(&remote.url).map_err(failed).ok()?;
        let token = remote.token.as_ref().map(|name| SecretRef { tenant: tenant.id.clone(), name: name.clone() });
        self.reserved.add(token.clone());
        Some(Arc::new(Following {
            local,
            copy,
            reference,
            address,
            user: remote.user.clone().unwrap_or_else(|| USER.to_owned()),
            token: token.map(|token| self.secrets.of(token)),
            roots: self.roots.clone(),
            places: Arc::clone(&self.fetching),
            begins_here: AtomicBool::new(true),
        }))
    }

    /// Where the desired state of a tenant is.
    pub(crate) fn place(&self, tenant: &Tenant) -> Place {
        let (config, directory) = (self.config.as_ref(), self.config.repository_of(&tenant.id));
        let (is_operating, remote) = (config.is_operating(&tenant.id), self.remote(tenant));
        let own = &config.settings.repository;
        let (branch, overlay) = if is_operating { (&own.branch, &own.overlay) } else { (&tenant.branch, &tenant.overlay) };
        Place { is_operating, directory, branch: branch.clone(), remote, overlay: overlay.clone() }
    }

    /// The remote repository of a tenant, in words; `None` for one on this host.
    pub(crate) fn remote(&self, tenant: &Tenant) -> Option<String> {
        if self.config.is_operating(&tenant.id) {
            return self.config.remote.as_ref().map(ToString::to_string);
        }
        tenant.remote.as_ref().map(|remote| remote.url.clone())
    }

    /// How long it is between two looks at the repository of a tenant, in milliseconds: a remote one is asked less often.
    pub(crate) fn poll_ms(&self, tenant: &Tenant) -> u64 {
        if self.remote(tenant).is_some() { REMOTE_POLL_MS } else { POLL_MS }
    }
}

/// Desired state of the operating tenant.
fn desired_source(config: &Config, secrets: &OwnSecrets, roots: &Roots) -> Arc<dyn DesiredSource> {
    let local = wiring::git(config);
    let Some(address) = config.remote.clone() else { return Arc::new(local) };
    let repository = &config.settings.repository;
    let secret = |tenant: &TenantId, name| SecretRef { tenant: tenant.clone(), name };
    Arc::new(Following {
        local,
        copy: config.repository.clone(),
        reference: format!("refs/heads/{}", repository.branch),
        address,
        user: repository.user.clone().unwrap_or_else(|| USER.to_owned()),
        token: repository.token.clone().map(|name| secrets.of(secret(&config.tenant, name))),
        roots: roots.clone(),
        places: Arc::new(Semaphore::new(1)),
        begins_here: AtomicBool::new(false),
    })
}
