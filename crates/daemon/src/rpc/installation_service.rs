//! InstallationService: what runs here and how it is.

use std::sync::Arc;

use scalbotics_core::approval;
use scalbotics_core::policy::Resource;
use scalbotics_core::ports::{ApprovalFilter, TaskFilter};
use scalbotics_core::task;
use scalbotics_core::tenant::TenantId;
use scalbotics_core::time::Timestamp;
use scalbotics_proto::v1;
use scalbotics_proto::v1::installation_service_server::InstallationService;
use scalbotics_runtime::Caller;
use scalbotics_runtime::audit::Standing;
use tonic::{Request, Response, Status};

use super::call::Call;
use super::context::Context;
use super::convert::{store_failure, timestamp};
use super::failure::Failure;
use super::names;
use crate::authorities::Ends;

/// Most things that are counted; a status that says "1000" means "1000 or more".
const COUNT_MAX: usize = 1_000;

/// What `status` says while only reads are served.
const READS_ONLY: &str = "no witness has confirmed the audit log since the start, so only reads are answered: bring one back, or stop the daemon and \
     begin it with `admin start --unwitnessed`";

/// What `status` says while people log in by their own keys beside an outside issuer.
const GLASS_BROKEN: &str =
    "people log in by their own keys beside the outside issuer: take issuer.break_glass out of the configuration when it is back";

/// What `status` says to members of other tenants than the operating one where a keeper is in trouble.
const NOT_EVERYWHERE: &str =
    "not everybody who keeps checkpoints outside of the host has a newer one; whoever operates the installation sees who";

/// InstallationService.
#[derive(Debug, Clone)]
pub(super) struct Installations(pub(super) Arc<Context>);

impl Context {
    /// What is degraded for a tenant, in sentences; empty when all is well.
    pub fn reasons(&self, tenant: &TenantId) -> Vec<String> {
        let seen = self.tenants.of(tenant).map(|served| served.reconciler.status()).unwrap_or_default();
        let mut reasons: Vec<String> = self.clock.alarm().into_iter().chain(self.clock.behind()).collect();
        if seen.in_force.is_none() {
            reasons.push("no commit of the repository is in force, so everything is denied".to_owned());
        }
        if !seen.findings.is_empty() {
            let head = seen.head.as_deref().unwrap_or("head").chars().take(12).collect::<String>();
            let count = seen.findings.len();
            let noun = if count == 1 { "finding" } else { "findings" };
            reasons.push(format!("commit {head} is refused with {count} {noun}; see `scalbotics repo status`"));
        }
        if let Some(why) = seen.unreadable {
            reasons.push(format!("the repository could not be brought into force: {why}"));
        }
        if let Some(why) = self.store.fatal().borrow().as_ref() {
            reasons.push(format!("the store writes no more: {why}"));
        }
        reasons.extend(self.authorities.trouble(self.ports.clock.now()));
        if self.quota.is_read_only() {
            reasons.push(READS_ONLY.to_owned());
        }
        if self.outsiders.is_glass_broken() {
            reasons.push(GLASS_BROKEN.to_owned());
        }
        let outside = self.keepers.outside();
        if outside.holds() {
            let unwitnessed = outside.unwitnessed;
            reasons.push(format!("{unwitnessed} audit records are in no cosigned checkpoint: calls of tier 2 wait"));
        }
        let troubled = outside.keepers.iter().filter_map(|keeper| Some((&keeper.name, keeper.trouble.as_ref()?)));
        if self.is_guest(tenant) {
            reasons.extend(troubled.take(1).map(|_| NOT_EVERYWHERE.to_owned()));
        } else {
            reasons.extend(troubled.map(|(name, trouble)| format!("{name} keeps no newer checkpoint: {trouble}")));
        }
        if self.supervisor.is_draining() {
            reasons.push("the daemon is ending".to_owned());
        }
        reasons
    }

    /// Whether a tenant is another than the one that operates the installation.
    fn is_guest(&self, tenant: &TenantId) -> bool {
        *tenant != self.installation.tenant
    }

    /// Who keeps checkpoints outside of this host, for those who operate it; for guests only what is kept, for with whom is no matter of theirs.
    fn keepers_for(&self, tenant: &TenantId, keepers: Vec<Standing>) -> Vec<v1::CheckpointKeeper> {
        if !self.is_guest(tenant) {
            return keepers.into_iter().map(keeper).collect();
        }
        let is_witness = keepers.iter().any(|keeper| keeper.is_witness && keeper.size > 0);
        let newest = keepers.into_iter().filter(|keeper| keeper.size > 0).max_by_key(|keeper| keeper.size);
        newest.map(|newest| keeper(Standing { name: String::new(), is_witness, trouble: None, ..newest })).into_iter().collect()
    }
}

fn keeper(standing: Standing) -> v1::CheckpointKeeper {
    v1::CheckpointKeeper {
        name: standing.name,
        witness: standing.is_witness,
        size: standing.size,
        time: standing.at.map(timestamp),
        trouble: standing.trouble.unwrap_or_default(),
    }
}

fn certificate_end((kind, at): (Ends, Timestamp)) -> v1::CertificateEnd {
    v1::CertificateEnd { kind: kind.word().to_owned(), expire_time: Some(timestamp(at)), next: kind.next().to_owned() }
}

impl Installations {
    async fn get(&self, call: &Call) -> Result<v1::Installation, Failure> {
        let tenant = call.tenant()?;
        let named = names::parse_parent("parent", "", tenant)?;
        let _permit = self.0.enter(call, Resource::only("Installation", tenant), &named).await?;
        let caller = call.caller("")?;
        let waiting = self.tasks_in(&caller, task::Status::InputRequired).await?;
        let logins = self.tasks_in(&caller, task::Status::AuthRequired).await?;
        let (tasks_running, tasks_queued) = self.tasks_at_work(&caller).await?;
        let filter = ApprovalFilter { status: Some(approval::Status::Waiting), limit: COUNT_MAX, ..ApprovalFilter::default() };
        let approvals = self.0.approvals.list(&caller, &filter).await.map_err(|error| store_failure(&error))?;
        let head = self.0.ports.audit_log.head(tenant).await.map_err(|error| store_failure(&error))?;
        let (reasons, outside) = (self.0.reasons(tenant), self.0.keepers.outside());
        let rights = *self.0.store.rights().borrow();
        let ends = self.0.authorities.ends((self.0.ports.svids.as_ref(), rights), self.0.ports.clock.now()).await;
        let certificates = ends.map_err(|error| store_failure(&error))?.into_iter().map(certificate_end).collect();
        let count = |len: usize| u64::try_from(len).unwrap_or(u64::MAX);
        Ok(v1::Installation {
            id: self.0.installation.id.to_string(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            trust_domain: self.0.installation.trust_domain.as_str().to_owned(),
            start_time: Some(timestamp(self.0.installation.started_at)),
            tasks_running,
            tasks_queued,
            tasks_waiting: count(waiting),
            approvals_waiting: count(approvals.len()),
            audit_size: head.size,
            commit: self.0.served(tenant)?.reconciler.status().in_force.unwrap_or_default(),
            health: if reasons.is_empty() { "ok" } else { "degraded" }.to_owned(),
            reasons,
            dev: self.0.installation.dev,
            keepers: self.0.keepers_for(tenant, outside.keepers),
            audit_unwitnessed: outside.unwitnessed,
            incarnation: self.0.anchor.incarnation(),
            certificates,
            logins_waiting: count(logins),
        })
    }

    /// How many tasks run and how many are queued: of the installation, for who operates it, else of the caller's tenant.
    async fn tasks_at_work(&self, caller: &Caller) -> Result<(u64, u64), Failure> {
        let numbers = &self.0.runtime_metrics;
        if !self.0.is_guest(&caller.principal.tenant) {
            return Ok((numbers.tasks_running.get(), numbers.tasks_queued.get()));
        }
        let of = async |status| Ok::<_, Failure>(u64::try_from(self.tasks_in(caller, status).await?).unwrap_or(u64::MAX));
        Ok((of(task::Status::Working).await?, of(task::Status::Submitted).await?))
    }

    /// How many of the caller's tenant's tasks are in this status, counted to [`COUNT_MAX`].
    async fn tasks_in(&self, caller: &Caller, status: task::Status) -> Result<usize, Failure> {
        let filter = TaskFilter { statuses: vec![status], limit: COUNT_MAX, ..TaskFilter::default() };
        Ok(self.0.tasks.list(caller, &filter).await.map_err(|error| store_failure(&error))?.len())
    }
}

#[tonic::async_trait]
impl InstallationService for Installations {
    async fn get_installation(&self, request: Request<v1::GetInstallationRequest>) -> Result<Response<v1::Installation>, Status> {
        let (call, _) = Call::of(request)?;
        self.0.answer(&call, self.get(&call).await).await
    }
}
