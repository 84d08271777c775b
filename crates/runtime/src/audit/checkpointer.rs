//! Signs the heads of the audit logs: at start, at least every ten seconds or thousand entries, and at shutdown (semantics §7.3).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use scalbotics_core::audit::checkpoint::{Checkpoint, origin};
use scalbotics_core::ports::{SignError, StoreError};
use scalbotics_core::tenant::TenantId;

use crate::metrics::Metrics;
use crate::{Ports, Supervisor};

/// Longest time that a new entry is without a checkpoint over it, in milliseconds.
pub const PERIOD_MS: u64 = 10_000;

/// Most entries that are without a checkpoint over them, as far as the poll sees them.
pub const SIZE_STEP: u64 = 1_000;

/// Time between two looks at the sizes, in milliseconds.
const POLL_MS: u64 = 1_000;

/// Signs checkpoints.
#[derive(Debug)]
pub struct Checkpointer {
    ports: Ports,
    trust_domain: String,
    tenants: Vec<TenantId>,
    metrics: Arc<Metrics>,
}

/// Why a head was not signed.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("log could not be read or written")]
    Store(#[from] StoreError),
    #[error("log key did not sign")]
    Sign(#[from] SignError),
}

impl Checkpointer {
    /// A checkpointer of these tenants' logs.
    #[must_use]
    pub const fn new(ports: Ports, trust_domain: String, tenants: Vec<TenantId>, metrics: Arc<Metrics>) -> Self {
        Self { ports, trust_domain, tenants, metrics }
    }

    /// Starts signing in the background. Heads are signed once more when a drain begins; call [`Checkpointer::sign_all`]
    /// after the drain for what the drain itself wrote.
    pub fn start(self: &Arc<Self>, supervisor: &Supervisor) {
        let (this, owner) = (Arc::clone(self), supervisor.clone());
        supervisor.spawn_essential("checkpoints", async move {
            let mut signed = BTreeMap::new();
            // What a kill left without a checkpoint.
            this.sign(&mut signed, 1).await;
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
                this.sign(&mut signed, if all { 1 } else { SIZE_STEP }).await;
            }
            this.sign(&mut signed, 1).await;
        });
    }

    /// Signs every head that has grown since its newest checkpoint.
    pub async fn sign_all(&self) {
        self.sign(&mut BTreeMap::new(), 1).await;
    }

    async fn sign(&self, signed: &mut BTreeMap<TenantId, u64>, step: u64) {
        for tenant in &self.tenants {
            let last = signed.get(tenant).copied();
            match self.sign_one(tenant, last, step).await {
                Ok(size) => {
                    signed.insert(tenant.clone(), size);
                }
                Err(error) => {
                    let source = std::error::Error::source(&error).map(ToString::to_string);
                    tracing::error!(%tenant, %error, source, "audit log has no new checkpoint");
                }
            }
        }
    }

    /// Signs the head if it grew by `step`; answers the size that is signed now.
    async fn sign_one(&self, tenant: &TenantId, last: Option<u64>, step: u64) -> Result<u64, Error> {
        let head = self.ports.audit_log.head(tenant).await?;
        let stored = || head.checkpoint.as_deref().and_then(|note| Checkpoint::of_note(note).ok()).map_or(0, |c| c.size);
        let last = last.unwrap_or_else(stored);
        if head.size < last.saturating_add(step) {
            return Ok(last);
        }
        let checkpoint = Checkpoint { origin: origin(&self.trust_domain, tenant), size: head.size, root: head.root };
        let note = self.ports.signer.sign_note(&checkpoint.text())?;
        self.ports.audit_log.put_checkpoint(tenant, head.size, head.root, &note).await?;
        self.metrics.checkpoints.add(1);
        Ok(head.size)
    }
}
