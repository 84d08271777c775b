//! What every service and layer shares.

use std::sync::Arc;

use scalbotics_core::identity::TrustDomain;
use scalbotics_core::ids::InstallationId;
use scalbotics_core::tenant::TenantId;
use scalbotics_core::time::Timestamp;
use scalbotics_identity::authority::issuer::{Issuer, Validator};
use scalbotics_runtime::metrics::Metrics;
use scalbotics_runtime::reconcile::States;
use scalbotics_runtime::{
    Decisions, Ports, Supervisor, approval, audit, evidence, identity, model, people, secret, task, tenants, worker,
};
use scalbotics_store::SqliteStore;

use super::exchange::Outsiders;
use super::failure::Failure;
use super::limits::Limits;
use super::metrics::Counters;
use super::possession::UsedProofs;
use super::used::UsedAssertions;
use crate::clock::Guarded;
use crate::tenants::{Served, Tenants};

/// What every service and layer shares.
#[derive(Debug)]
pub struct Context {
    /// Every port.
    pub ports: Ports,
    /// The store itself, for what is no port: verification of the log.
    pub store: SqliteStore,
    /// The clock, for its alarm.
    pub clock: Arc<Guarded>,
    /// Tasks.
    pub tasks: task::Service,
    /// Who asks models, for whether each is asked now.
    pub models: Arc<model::Runner>,
    /// Workers in processes of their own.
    pub workers: worker::Posts,
    /// Approvals.
    pub approvals: approval::Service,
    /// People, and the standing of agents.
    pub people: people::Service,
    /// Services.
    pub services: people::Services,
    /// Secrets.
    pub secrets: secret::Service,
    /// Decisions that were made.
    pub decisions: Decisions,
    /// What is each tenant's own.
    pub(crate) tenants: Tenants,
    /// Who is served, for whoever operates the installation.
    pub tenancy: tenants::Service,
    /// Signs the logs.
    pub(crate) checkpointer: Arc<audit::Checkpointer>,
    /// What is in force.
    pub states: States,
    /// Evidence of tasks.
    pub evidence: evidence::Service,
    /// Certificates of agents.
    pub identity: identity::Issuance,
    /// Who signs certificates.
    pub(crate) authorities: Arc<crate::authorities::Authorities>,
    /// The root certificates by which others verify them, PEM.
    pub bundle: String,
    /// Audit records of calls.
    pub auditor: Arc<audit::Auditor>,
    /// Who keeps checkpoints outside of this host.
    pub keepers: Arc<audit::Keepers>,
    /// What is remembered of the database outside of it.
    pub(crate) anchor: Arc<crate::anchor::Keeper>,
    /// Numbers of the runtime.
    pub runtime_metrics: Arc<Metrics>,
    /// Access tokens.
    pub issuer: Issuer,
    /// Whether a token is one of ours.
    pub validator: Validator,
    /// Audit bytes of tenants.
    pub quota: Arc<audit::Quota>,
    /// Limits of callers.
    pub limits: Limits,
    /// Background tasks.
    pub supervisor: Supervisor,
    /// Numbers of the API.
    pub metrics: Arc<Counters>,
    /// Login assertions that were used, until they would be refused as old.
    pub used_assertions: Arc<UsedAssertions>,
    /// Proofs of possession that were used, until they would be refused as old.
    pub used_proofs: UsedProofs,
    /// Outside issuers.
    pub outsiders: Outsiders,
    /// What this installation is.
    pub installation: Installation,
}

/// What this installation is.
#[derive(Debug, Clone)]
pub struct Installation {
    /// Its id.
    pub id: InstallationId,
    /// Its trust domain, which is also the audience of tokens and assertions.
    pub trust_domain: TrustDomain,
    /// The tenant that operates it.
    pub tenant: TenantId,
    /// Whether approver keys are not separated.
    pub dev: bool,
    /// When the daemon started.
    pub started_at: Timestamp,
}

impl Context {
    /// What is the own of a caller's tenant.
    ///
    /// # Errors
    /// An internal fault for a tenant that is not served: nobody of it calls.
    pub(super) fn served(&self, tenant: &TenantId) -> Result<Arc<Served>, Failure> {
        self.tenants.of(tenant).ok_or_else(|| Failure::internal("tenant is not served", tenant))
    }

    /// Makes a change of the registry, and has it remembered outside of the database before it is answered: a database that is put back
    /// must not forget who was suspended, what is held, nor what was erased.
    pub(super) async fn marked<T, E>(&self, change: impl Future<Output = Result<T, E>>) -> Result<T, E> {
        let changed = change.await?;
        self.anchor.standings_changed().await;
        Ok(changed)
    }
}
