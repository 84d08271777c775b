//! Records of RPCs: awaited ones are durable before the answer, batched ones within a second (semantics §9.5).
//!
//! **Invariant:** a flood of failed logins costs a handful of records a second, not one each (semantics §7.1).
//! **Invariant:** a batch that cannot be written is kept and tried again, and nothing more is taken until it is: a record is
//! lost in a crash only.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use scalbotics_core::audit::{Kind, OutcomeNote, Record};
use scalbotics_core::ids::DecisionId;
use scalbotics_core::policy::{Answer, Decision, Request};
use scalbotics_core::ports::{SealedDecision, StoreError};
use scalbotics_core::principal::Uid;
use scalbotics_core::tenant::TenantId;
use scalbotics_core::time::Timestamp;
use tokio::sync::{Notify, mpsc};

use super::Quota;
use super::made::Made;
use crate::metrics::Metrics;
use crate::vault::Vault;
use crate::{Ports, Supervisor};

/// How long a batched record may wait, in milliseconds; half of the loss window that is stated, the rest is the commit's.
pub const LOSS_WINDOW_MS: u64 = 500;

/// Records that may wait for their batch; reads beyond it are refused, for none goes unrecorded.
const QUEUE_LEN_MAX: usize = 4_096;

/// Records that wait when the next batch is written at once, long before reads are refused.
const CROWD_LEN: usize = QUEUE_LEN_MAX / 4;

/// Records of one batch at most; one commit each.
const BATCH_LEN_MAX: usize = 256;

/// Time between two records of the same kind of failed authentication, in milliseconds.
const AGGREGATE_MS: u64 = 10_000;

/// Why a record was not written. The call that it is about must not be answered then.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// More waits than is allowed.
    #[error("audit queue is full")]
    Full,
    /// The daemon is ending.
    #[error("daemon is shutting down")]
    Draining,
    /// The log did not take it, or does not take the ones before it.
    #[error("audit record could not be written")]
    Store(#[from] StoreError),
    /// It cannot be made: its decision does not seal, or it is too long.
    #[error("audit record could not be made")]
    Form {
        /// What is wrong.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// Kinds of failed authentication; a closed set, so that no caller can make a new record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unauthenticated {
    /// There is neither a token nor a certificate.
    Missing,
    /// A token is refused.
    Token,
    /// A certificate is refused.
    Certificate,
    /// A login assertion is refused.
    Assertion,
    /// A worker's join token is refused.
    Join,
    /// A token of an outside issuer is refused, or the proof that comes with it.
    Outside,
    /// A process of this host is no agent's workload.
    Workload,
    /// The TLS handshake failed or was not finished: there is no caller at all.
    Handshake,
}

impl Unauthenticated {
    const fn word(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Token => "token",
            Self::Certificate => "certificate",
            Self::Assertion => "assertion",
            Self::Join => "join",
            Self::Outside => "outside_token",
            Self::Workload => "workload",
            Self::Handshake => "handshake",
        }
    }
}

/// A record that waits, with its decision.
#[derive(Debug)]
struct Waiting {
    record: Record,
    decisions: Vec<SealedDecision>,
}

/// Writes records of RPCs.
#[derive(Debug)]
pub struct Auditor {
    ports: Ports,
    vault: Vault,
    system: TenantId,
    metrics: Arc<Metrics>,
    quota: Arc<Quota>,
    made: Made,
    queue: mpsc::Sender<Waiting>,
    /// Told when [`CROWD_LEN`] records wait.
    crowded: Notify,
    failures: Mutex<BTreeMap<Unauthenticated, u64>>,
    /// Whether the last batch could not be written.
    stuck: AtomicBool,
}

impl Auditor {
    /// Starts the loop that writes batches; it writes what waits when a drain begins. `system` is the tenant in whose log
    /// failed authentications stand.
    #[must_use]
    pub fn start(ports: Ports, system: TenantId, supervisor: &Supervisor, metrics: Arc<Metrics>, quota: Arc<Quota>) -> Arc<Self> {
        let (queue, waiting) = mpsc::channel(QUEUE_LEN_MAX);
        let (vault, failures, stuck) = (Vault::new(&ports), Mutex::default(), AtomicBool::new(false));
        let (crowded, made) = (Notify::new(), Made::default());
        let this = Arc::new(Self { ports, vault, system, metrics, quota, made, queue, crowded, failures, stuck });
        let (auditor, owner) = (Arc::clone(&this), supervisor.clone());
        supervisor.spawn_essential("audit batches", async move { auditor.run(waiting, owner).await });
        this
    }

    /// Writes a record and returns when it is durable.
    ///
    /// # Errors
    /// [`Error::Store`], [`Error::Form`]: the call must not be answered.
    pub async fn awaited(&self, record: Record, decision: Option<Decision>) -> Result<(), Error> {
        let Waiting { record, decisions } = self.admit(record, decision.as_ref())?;
        self.ports.audit_log.append(vec![record], decisions).await?;
        Ok(())
    }

    /// The decision of a batched record that was just taken with these questions and answers, if there is one: another record
    /// may name it, and hands it in no more.
    #[must_use]
    pub fn made_before(&self, requests: &[Request], answers: &[Vec<Answer>]) -> Option<(DecisionId, Timestamp)> {
        self.made.find(requests, answers, self.ports.clock.now())
    }

    /// Takes a record that is durable within [`LOSS_WINDOW_MS`] and its commit; `decision` unless it was taken before.
    ///
    /// # Errors
    /// [`Error`]: the call must not be answered.
    pub fn batched(&self, record: Record, decision: Option<Decision>) -> Result<(), Error> {
        if self.stuck.load(Ordering::Acquire) {
            self.metrics.audit_refused.add(1);
            return Err(Error::Store(StoreError::Full));
        }
        let waiting = self.admit(record, decision.as_ref())?;
        match self.queue.try_send(waiting) {
            Ok(()) => {
                decision.into_iter().for_each(|decision| self.made.keep(decision));
                self.metrics.audit_queued.rise();
                if self.queue.max_capacity() - self.queue.capacity() >= CROWD_LEN {
                    self.crowded.notify_one();
                }
                Ok(())
            }
            Err(mpsc::error::TrySendError::Full(_)) => {
                self.metrics.audit_refused.add(1);
                Err(Error::Full)
            }
            Err(mpsc::error::TrySendError::Closed(_)) => Err(Error::Draining),
        }
    }

    /// Seals and counts; what passes here can be written as soon as the log can.
    fn admit(&self, record: Record, decision: Option<&Decision>) -> Result<Waiting, Error> {
        let sealed = self.vault.seal_decisions(&record.tenant, decision);
        let decisions = sealed.map_err(|error| Error::Form { source: error.into() })?;
        record.canonical_len().map_err(|error| Error::Form { source: error.into() })?;
        self.quota.admit_call(&record, &decisions, self.ports.clock.now())?;
        Ok(Waiting { record, decisions })
    }

    /// Counts a failed authentication; one record a kind is written every ten seconds, with the number.
    pub fn unauthenticated(&self, kind: Unauthenticated) {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let count = failures.entry(kind).or_default();
        *count = count.saturating_add(1);
    }

    async fn run(&self, mut waiting: mpsc::Receiver<Waiting>, supervisor: Supervisor) {
        let mut aggregate_at = self.ports.clock.now().plus_ms(AGGREGATE_MS);
        let mut backlog = VecDeque::new();
        loop {
            let draining = tokio::select! {
                biased;
                () = supervisor.draining() => true,
                () = self.crowded.notified() => false,
                () = tokio::time::sleep(Duration::from_millis(LOSS_WINDOW_MS)) => false,
            };
            if draining {
                waiting.close();
            }
            let now = self.ports.clock.now();
            if (draining || now >= aggregate_at) && backlog.is_empty() {
                aggregate_at = now.plus_ms(AGGREGATE_MS);
                backlog.extend(self.aggregates());
            }
            self.write_waiting(&mut backlog, &mut waiting).await;
            if draining {
                return self.give_up(&backlog);
            }
        }
    }

    /// Writes all that waits, in batches of one tenant each; what cannot be written stays in `backlog`.
    async fn write_waiting(&self, backlog: &mut VecDeque<Waiting>, waiting: &mut mpsc::Receiver<Waiting>) {
        loop {
            while backlog.len() < BATCH_LEN_MAX {
                let Ok(next) = waiting.try_recv() else { break };
                self.metrics.audit_queued.fall();
                backlog.push_back(next);
            }
            let Some(tenant) = backlog.front().map(|next| next.record.tenant.clone()) else { break };
            let batch: Vec<&Waiting> = backlog.iter().filter(|next| next.record.tenant == tenant).collect();
            let records = batch.iter().map(|next| next.record.clone()).collect();
            let decisions = batch.iter().flat_map(|next| next.decisions.iter().cloned()).collect();
            if let Err(error) = self.ports.audit_log.append(records, decisions).await {
                tracing::error!(count = batch.len(), %error, "audit records of reads wait: reads are refused until they are written");
                return self.stuck.store(true, Ordering::Release);
            }
            backlog.retain(|next| next.record.tenant != tenant);
        }
        self.stuck.store(false, Ordering::Release);
    }

    fn give_up(&self, backlog: &VecDeque<Waiting>) {
        if !backlog.is_empty() {
            tracing::error!(count = backlog.len(), "audit records of reads were lost: the log took none until the end");
            self.metrics.audit_refused.add(u64::try_from(backlog.len()).unwrap_or(u64::MAX));
        }
    }

    fn aggregates(&self) -> Vec<Waiting> {
        let failures = std::mem::take(&mut *self.failures.lock().unwrap_or_else(PoisonError::into_inner));
        let at = self.ports.clock.now();
        let record = |(kind, count): (Unauthenticated, u64)| {
            let mut record = Record::new(Kind::Rpc, at, self.system.clone(), Uid::Daemon, "session.authenticate");
            record.target = Some(format!("{}: {count}", kind.word()));
            record.outcome = Some(OutcomeNote { word: "denied".to_owned(), attempt: None, commitment: None });
            Waiting { record, decisions: Vec::new() }
        };
        failures.into_iter().map(record).collect()
    }
}
