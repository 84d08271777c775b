//! Signs the heads of the audit logs: at start, at least every ten seconds or thousand entries, and at shutdown (semantics §7.3).
//!
//! **Invariant:** while only reads are served, since no witness has confirmed the log, nothing is signed.
//! **Invariant:** the installation log is signed last, and holds the head of every tenant's log that grew: so whoever keeps, or
//! cosigns, its checkpoint keeps all logs.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use scalbotics_core::audit::checkpoint::{Checkpoint, origin, system_origin};
use scalbotics_core::audit::{HeadNote, Kind, Record};
use scalbotics_core::ports::{AuditQuery, LogHead, SignError, StoreError};
use scalbotics_core::tenant::TenantId;
use tokio::sync::watch;

use super::Quota;
use crate::metrics::Metrics;
use crate::{Ports, Supervisor};

/// Longest time that a new entry is without a checkpoint over it, in milliseconds.
pub const PERIOD_MS: u64 = 10_000;

/// Most entries that are without a checkpoint over them, as far as the poll sees them.
pub const SIZE_STEP: u64 = 1_000;

/// Time between two looks at the sizes, in milliseconds.
const POLL_MS: u64 = 1_000;

/// Entries at the end of the installation log in which a start looks for the heads that stand there already; one that is not among them
/// is written once more, which changes nothing.
const LOOK_BACK: u64 = 10_000;

/// Entries that it reads at once.
const PAGE: u64 = 1_000;

/// What was signed: the installation log at one size, and how far each tenant's log is in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Signed {
    /// Size of the installation log; 0 before the first checkpoint.
    pub size: u64,
    /// Its checkpoint, a signed note.
    pub note: String,
    /// Size of each tenant's log of which the head is in it.
    pub heads: BTreeMap<TenantId, u64>,
    /// Size of each log now, the installation's too.
    pub sizes: BTreeMap<TenantId, u64>,
}

/// Signs checkpoints.
#[derive(Debug)]
pub struct Checkpointer {
    ports: Ports,
    trust_domain: String,
    system: TenantId,
    tenants: RwLock<Vec<TenantId>>,
    metrics: Arc<Metrics>,
    signed: watch::Sender<Signed>,
    incarnation: u64,
    /// Says whether a witness has to confirm the logs first.
    quota: Arc<Quota>,
}

/// Why a head was not signed.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("log could not be read or written")]
    Store(#[from] StoreError),
    #[error("log key did not sign")]
    Sign(#[from] SignError),
}

/// What the installation log holds.
#[derive(Debug, Default)]
struct Known {
    /// Size of each tenant's log in the newest head of it; absent where none was found.
    heads: BTreeMap<TenantId, u64>,
    /// Whether the installation log was looked through.
    looked: bool,
}

impl Checkpointer {
    /// A checkpointer of the installation log, which is that of the tenant `system`, and of these tenants' logs.
    #[must_use]
    pub fn new(ports: Ports, trust_domain: String, system: TenantId, tenants: Vec<TenantId>, metrics: Arc<Metrics>) -> Self {
        let (signed, quota) = (watch::Sender::new(Signed::default()), Arc::default());
        let tenants = RwLock::new(tenants);
        Self { ports, trust_domain, system, tenants, metrics, signed, incarnation: 1, quota }
    }

    /// The same in an incarnation of the installation: its log is another one than before the restore.
    #[must_use]
    pub const fn in_incarnation(mut self, incarnation: u64) -> Self {
        self.incarnation = incarnation;
        self
    }

    /// The same where nothing is signed as long as `quota` has only reads served: the database may be an older one, and two heads of one
    /// size under one key are a fork, which no witness forgives (semantics §7.4).
    #[must_use]
    pub fn minding(mut self, quota: Arc<Quota>) -> Self {
        self.quota = quota;
        self
    }

    /// Signs the log of this tenant too from now on.
    pub fn also(&self, tenant: &TenantId) {
        let mut tenants = self.tenants.write().unwrap_or_else(PoisonError::into_inner);
        if !tenants.contains(tenant) {
            tenants.push(tenant.clone());
        }
    }

    fn tenants(&self) -> Vec<TenantId> {
        self.tenants.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Under which origin a log is signed.
    fn origin(&self, tenant: &TenantId) -> String {
        if tenant.is_system() { system_origin(&self.trust_domain, self.incarnation) } else { origin(&self.trust_domain, tenant) }
    }

    /// What was signed last; it changes with each checkpoint of the installation log and when a log grew.
    #[must_use]
    pub fn signed(&self) -> watch::Receiver<Signed> {
        self.signed.subscribe()
    }

    /// Starts signing in the background. Heads are signed once more when a drain begins; call [`Checkpointer::sign_all`]
    /// after the drain for what the drain itself wrote.
    pub fn start(self: &Arc<Self>, supervisor: &Supervisor) {
        let (this, owner) = (Arc::clone(self), supervisor.clone());
        supervisor.spawn_essential("checkpoints", async move {
            let mut known = Known::default();
            // What a kill left without a checkpoint.
            this.sign(&mut known, 1).await;
            let mut due = this.ports.clock.now().plus_ms(PERIOD_MS);
            loop {
                tokio::select! {
                    biased;
                    () = owner.draining() => break,
                    () = tokio::time::sleep(Duration::from_millis(POLL_MS)) => {}
                }
                let now = this.ports.clock.now();
                let all = now >= due;
                if all {
                    due = now.plus_ms(PERIOD_MS);
                }
                this.sign(&mut known, if all { 1 } else { SIZE_STEP }).await;
            }
            this.sign(&mut known, 1).await;
        });
    }

    /// Signs every head that has grown since its newest checkpoint.
    pub async fn sign_all(&self) {
        self.sign(&mut Known::default(), 1).await;
    }

    async fn sign(&self, known: &mut Known, step: u64) {
        if self.quota.is_read_only() {
            self.show().await;
            return;
        }
        // A log that cannot be read or signed does not keep the others from it.
        if !known.looked
            && let Some(heads) = told(&self.system, self.recorded().await)
        {
            (known.heads, known.looked) = (heads, true);
        }
        let (mut grown, mut sizes) = (Vec::new(), BTreeMap::new());
        let tenants = self.tenants();
        for tenant in &tenants {
            let head = self.ports.audit_log.head(tenant).await.map_err(Error::from);
            let Some(head) = told(tenant, head) else { continue };
            sizes.insert(tenant.clone(), head.size);
            let recorded = known.heads.get(tenant).copied().unwrap_or_default();
            if head.size > 0 && head.size >= recorded.saturating_add(step) {
                grown.push((tenant, head));
            }
        }
        if known.looked {
            told(&self.system, self.record(known, &grown).await);
        }
        for (tenant, head) in &grown {
            told(tenant, self.sign_one(tenant, head).await);
        }
        let Some(head) = told(&self.system, self.ports.audit_log.head(&self.system).await.map_err(Error::from)) else { return };
        sizes.insert(self.system.clone(), head.size);
        // Heads that were just written do not wait for a thousand entries.
        let is_due = head.size > 0 && head.size >= checkpoint_size(&head).saturating_add(if grown.is_empty() { step } else { 1 });
        let fresh = if is_due { told(&self.system, self.sign_one(&self.system, &head).await) } else { None };
        let stored = (checkpoint_size(&head), head.checkpoint.unwrap_or_default());
        self.tell(known, fresh.unwrap_or(stored), sizes);
    }

    /// Tells what was signed before this start, so that witnesses are asked about it.
    async fn show(&self) {
        let mut sizes = BTreeMap::new();
        let mut stored = (0, String::new());
        for tenant in self.tenants().iter().chain([&self.system]) {
            let Some(head) = told(tenant, self.ports.audit_log.head(tenant).await.map_err(Error::from)) else { return };
            sizes.insert(tenant.clone(), head.size);
            stored = (checkpoint_size(&head), head.checkpoint.unwrap_or_default());
        }
        self.tell(&Known::default(), stored, sizes);
    }

    fn tell(&self, known: &Known, (size, note): (u64, String), sizes: BTreeMap<TenantId, u64>) {
        self.signed.send_if_modified(|told| {
            let mut next = Signed { sizes, ..told.clone() };
            if size > told.size {
                next = Signed { size, note, heads: known.heads.clone(), ..next };
            }
            let is_new = next != *told;
            *told = next;
            is_new
        });
    }

    /// Writes the heads of logs that grew into the installation log, in one commit.
    async fn record(&self, known: &mut Known, grown: &[(&TenantId, LogHead)]) -> Result<(), Error> {
        if grown.is_empty() {
            return Ok(());
        }
        let at = self.ports.clock.now();
        let head = |(tenant, head): &(&TenantId, LogHead)| {
            let head = HeadNote { origin: origin(&self.trust_domain, tenant), size: head.size, root: head.root };
            Record::of_head(at, self.system.clone(), head)
        };
        self.ports.audit_log.append(grown.iter().map(head).collect(), Vec::new()).await?;
        known.heads.extend(grown.iter().map(|(tenant, head)| (TenantId::clone(tenant), head.size)));
        Ok(())
    }

    /// Signs a head; answers its size and the note.
    async fn sign_one(&self, tenant: &TenantId, head: &LogHead) -> Result<(u64, String), Error> {
        if checkpoint_size(head) == head.size
            && let Some(note) = &head.checkpoint
        {
            return Ok((head.size, note.clone()));
        }
        let checkpoint = Checkpoint { origin: self.origin(tenant), size: head.size, root: head.root };
        let note = self.ports.signer.sign_note(&checkpoint.text())?;
        self.ports.audit_log.put_checkpoint(tenant, head.size, head.root, &note).await?;
        self.metrics.checkpoints.add(1);
        Ok((head.size, note))
    }

    /// Sizes in the newest heads of the installation log, as far as a start looks back.
    async fn recorded(&self) -> Result<BTreeMap<TenantId, u64>, Error> {
        let size = self.ports.audit_log.head(&self.system).await?.size;
        let tenants = self.tenants();
        let origins: BTreeMap<String, &TenantId> =
            tenants.iter().map(|tenant| (origin(&self.trust_domain, tenant), tenant)).collect();
        let mut heads = BTreeMap::new();
        let (mut until, end) = (size, size.saturating_sub(LOOK_BACK));
        while until > end && heads.len() < origins.len() {
            let from = until.saturating_sub(PAGE).max(end);
            let limit = usize::try_from(until - from).unwrap_or(usize::MAX);
            let query = AuditQuery { from, limit, kind: Some(Kind::Head), ..AuditQuery::default() };
            let found = self.ports.audit_log.read(&self.system, &query).await?;
            for entry in found.iter().rev().filter(|entry| entry.index < until) {
                let head = serde_json::from_slice::<Record>(&entry.leaf).ok().and_then(|record| record.head);
                if let Some((tenant, size)) = head.and_then(|head| Some((*origins.get(&head.origin)?, head.size))) {
                    heads.entry(tenant.clone()).or_insert(size);
                }
            }
            until = from;
        }
        Ok(heads)
    }
}

/// What was done, or nothing, and then why not is said.
fn told<T>(tenant: &TenantId, done: Result<T, Error>) -> Option<T> {
    done.inspect_err(|error| {
        let source = std::error::Error::source(error).map(ToString::to_string);
        tracing::error!(%tenant, %error, source, "audit log has no new checkpoint");
    })
    .ok()
}

/// Size of the newest checkpoint of a log.
fn checkpoint_size(head: &LogHead) -> u64 {
    head.checkpoint.as_deref().and_then(|note| Checkpoint::of_note(note).ok()).map_or(0, |checkpoint| checkpoint.size)
}
