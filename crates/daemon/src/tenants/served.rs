//! The tenants that are served, each with what is its own.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use scalbotics_core::ports::{StoreError, Tenant};
use scalbotics_core::tenant::TenantId;
use scalbotics_core::time::Timestamp;
use scalbotics_runtime::audit::Quota;
use scalbotics_runtime::metrics::Metrics;
use scalbotics_runtime::reconcile::{Reconciler, States};
use scalbotics_runtime::{Ports, Supervisor, privacy};

use super::{Place, Premises, Repositories};
use crate::start_error::StartError;

/// What is one tenant's in a running daemon.
#[derive(Debug)]
pub(crate) struct Served {
    /// Its repository.
    pub(crate) reconciler: Arc<Reconciler>,
    /// What is erased of it, and what must not be.
    pub(crate) privacy: privacy::Service,
    /// The remote repository that is followed, in words.
    pub(crate) remote: Option<String>,
    /// Where its repository, or the copy of it, is.
    pub(crate) directory: PathBuf,
}

/// What is the same for all of them.
#[derive(Debug)]
pub(crate) struct Seed {
    pub(crate) premises: Premises,
    pub(crate) ports: Ports,
    pub(crate) repositories: Repositories,
    pub(crate) ground: privacy::Ground,
    pub(crate) states: States,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) quota: Arc<Quota>,
    pub(crate) supervisor: Supervisor,
}

/// The tenants that are served.
#[derive(Debug)]
pub(crate) struct Tenants {
    seed: Seed,
    all: RwLock<BTreeMap<TenantId, Arc<Served>>>,
}

impl Tenants {
    /// All that are registered; `newest` is the time of the newest record when the store was opened. Nothing is written by it, and nothing in
    /// force before [`Tenants::bring_into_force`].
    ///
    /// # Errors
    /// [`StartError`] when the store cannot be read.
    pub(crate) async fn open(seed: Seed, newest: Option<Timestamp>) -> Result<Self, StartError> {
        let registered = registered(&seed.ports).await?;
        let this = Self { seed, all: RwLock::default() };
        for tenant in &registered {
            this.take_in(tenant, newest).await?;
        }
        Ok(this)
    }

    /// What is a tenant's own; `None` for one that is not registered.
    pub(crate) fn of(&self, tenant: &TenantId) -> Option<Arc<Served>> {
        self.all.read().unwrap_or_else(PoisonError::into_inner).get(tenant).cloned()
    }

    /// All of them, by name.
    pub(crate) fn all(&self) -> Vec<Arc<Served>> {
        self.all.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// The names of all of them.
    pub(crate) fn names(&self) -> Vec<TenantId> {
        self.all.read().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect()
    }

    /// Looks at each repository once, and then as often as it is due.
    pub(crate) async fn bring_into_force(&self) {
        for served in self.all() {
            served.reconciler.start(&self.seed.supervisor).await;
            // What a start took from the copy of a remote repository is looked at again, and nobody waits for that.
            served.reconciler.nudge();
        }
    }

    /// Starts what erases; everything else runs by now.
    pub(crate) fn start_erasing(&self) {
        self.all().iter().for_each(|served| served.privacy.start());
    }

    /// Serves a tenant that was just registered: what its repository says is in force when this returns, or refused.
    ///
    /// # Errors
    /// [`StartError`] when the store cannot be read.
    pub(crate) async fn begin(&self, tenant: &Tenant) -> Result<(), StartError> {
        if self.of(&tenant.id).is_some() {
            return Ok(());
        }
        let newest = Some(self.seed.ports.clock.now());
        if let Some(served) = self.take_in(tenant, newest).await? {
            served.reconciler.start(&self.seed.supervisor).await;
            served.privacy.start();
        }
        Ok(())
    }

    /// What makes the place of another tenant.
    pub(crate) const fn premises(&self) -> &Premises {
        &self.seed.premises
    }

    /// Where the desired state of a tenant is.
    pub(crate) fn place(&self, tenant: &Tenant) -> Place {
        self.seed.repositories.place(tenant)
    }

    /// Looks at every repository now, without waiting for it (SIGHUP).
    pub(crate) fn nudge(&self) {
        self.all().iter().for_each(|served| served.reconciler.nudge());
    }

    async fn take_in(&self, tenant: &Tenant, newest: Option<Timestamp>) -> Result<Option<Arc<Served>>, StartError> {
        let seed = &self.seed;
        let Some(followed) = seed.repositories.followed(tenant) else { return Ok(None) };
        seed.premises.stand(tenant).await;
        let (ports, poll_ms) = (seed.ports.clone(), seed.repositories.poll_ms(tenant));
        let numbers = (Arc::clone(&seed.metrics), Arc::clone(&seed.quota));
        let reconciler = Reconciler::among(&seed.states, ports.clone(), followed, numbers, poll_ms);
        let terms = (seed.ground.clone(), seed.repositories.config.settings.retention.terms());
        let (whose, quota) = ((tenant.id.clone(), newest), Arc::clone(&seed.quota));
        let privacy = privacy::Service::open(ports, terms, whose, seed.supervisor.clone(), quota).await;
        let privacy =
            privacy.map_err(|error| StartError::System { attempt: "read how far erasing has come", source: error.into() })?;
        let place = seed.repositories.place(tenant);
        let served = Arc::new(Served { reconciler, privacy, remote: place.remote, directory: place.directory });
        self.all.write().unwrap_or_else(PoisonError::into_inner).insert(tenant.id.clone(), Arc::clone(&served));
        Ok(Some(served))
    }
}

/// All tenants that are registered.
///
/// # Errors
/// [`StartError`] when the store cannot be read.
pub(crate) async fn registered(ports: &Ports) -> Result<Vec<Tenant>, StartError> {
    let unreadable = |error: StoreError| StartError::System { attempt: "read who is served", source: error.into() };
    ports.tenants.tenants().await.map_err(unreadable)
}
