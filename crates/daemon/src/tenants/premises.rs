//! What a tenant has outside of the database: its wrapping key, its folder, its repository.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use scalbotics_adapters::git::remote::{Address, Remote, Service};
use scalbotics_core::egress::Roots;
use scalbotics_core::in_words;
use scalbotics_core::ports::{Clock, Tenant};
use scalbotics_core::secret::Secret;
use scalbotics_runtime::tenants;

use crate::config::Config;
use crate::following::USER;
use crate::keyring::Keyring;
use crate::layout;
use crate::setup::{AGENT, first_files, repository};
use crate::start_error::BoxError;

/// Where the first commit of a tenant is put together, in its folder.
const TREE: &str = "first-commit";

/// Makes what a tenant has outside of the database.
#[derive(Debug)]
pub(crate) struct Premises {
    config: Arc<Config>,
    keyring: Arc<Keyring>,
    clock: Arc<dyn Clock>,
    roots: Roots,
}

impl Premises {
    /// Premises of this installation.
    pub(crate) const fn new(config: Arc<Config>, keyring: Arc<Keyring>, clock: Arc<dyn Clock>, roots: Roots) -> Self {
        Self { config, keyring, clock, roots }
    }

    /// Makes again what holds nothing of its own and may be lost with a host: the folder of a tenant's files, and the place of the copy of its remote
    /// repository. A repository that is on this host is whoever's who has a clone of it to put back.
    pub(crate) async fn stand(&self, tenant: &Tenant) {
        if self.config.is_operating(&tenant.id) {
            return;
        }
        let (dir, copy) = (self.config.tenant_dir(&tenant.id), self.config.repository_of(&tenant.id));
        let is_copy = tenant.remote.is_some();
        let made = tokio::task::spawn_blocking(move || -> Result<(), BoxError> {
            private(&dir.join(layout::TENANT_FILES))?;
            if is_copy && !copy.try_exists()? {
                repository::create(&copy)?;
            }
            Ok(())
        });
        let made = made.await.map_err(BoxError::from).and_then(|made| made);
        if let Err(error) = made {
            tracing::error!(tenant = %tenant.id, error = in_words(error.as_ref()), "the tenant's folder is not there");
        }
    }
}

#[async_trait]
impl tenants::Premises for Premises {
    /// # Cancel safety
    /// Cancel safe: what was begun ends on its own thread.
    async fn make(&self, tenant: &Tenant, token: Option<&Secret>) -> Result<(), BoxError> {
        self.look(tenant, token).await?;
        let (tenant, config, keyring) = (tenant.clone(), Arc::clone(&self.config), Arc::clone(&self.keyring));
        let now = self.clock.now();
        let made = tokio::task::spawn_blocking(move || {
            keyring.begin(&tenant.id, now)?;
            build(&config, &tenant)
        });
        made.await?
    }
}

impl Premises {
    /// Whether the remote repository is there, and the branch in it: a name that is given away is not given again.
    async fn look(&self, tenant: &Tenant, token: Option<&Secret>) -> Result<(), BoxError> {
        let Some(remote) = &tenant.remote else { return Ok(()) };
        let user = remote.user.clone().unwrap_or_else(|| USER.to_owned());
        let address = Address::parse(&remote.url)?;
        let there = Remote::new(address, user, token.cloned()).trusting(self.roots.clone()).look(Service::Fetch).await?;
        let reference = format!("refs/heads/{}", tenant.branch);
        if there.contains_key(&reference) {
            Ok(())
        } else {
            Err(format!("the remote repository has no branch `{}`", tenant.branch).into())
        }
    }
}

/// The folder of a tenant and what is in it; what an earlier try has made stays.
fn build(config: &Config, tenant: &Tenant) -> Result<(), BoxError> {
    let (dir, copy) = (config.tenant_dir(&tenant.id), config.repository_of(&tenant.id));
    let files = dir.join(layout::TENANT_FILES);
    private(&files)?;
    if tenant.remote.is_some() {
        return Ok(repository::create(&copy)?);
    }
    Ok(repository::found(&copy, &dir.join(TREE), &first_files(&files, AGENT))?)
}

/// A directory that is the daemon's alone.
fn private(dir: &Path) -> std::io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir)
}
