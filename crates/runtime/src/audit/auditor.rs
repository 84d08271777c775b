//! Records of RPCs: awaited ones are durable before the answer, batched ones within a second (semantics §9.5).
//!
//! **Invariant:** a flood of failed logins costs a handful of records a second, not one each (semantics §7.1).

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use scalbotics_core::audit::{Kind, OutcomeNote, Record};
use scalbotics_core::policy::Decision;
use scalbotics_core::ports::StoreError;
use scalbotics_core::principal::Uid;
use scalbotics_core::tenant::TenantId;
use tokio::sync::mpsc;

use crate::metrics::Metrics;
use crate::{Ports, Supervisor};

/// How long a batched record may wait, in milliseconds; half of the loss window that is stated, the rest is the commit's.
pub const LOSS_WINDOW_MS: u64 = 500;

/// Records that may wait for their batch; reads beyond it are refused, for none goes unrecorded.
const QUEUE_LEN_MAX: usize = 4_096;

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
    /// The log did not take it.
    #[error("audit record could not be written")]
    Store(#[from] StoreError),
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
}

impl Unauthenticated {
    const fn word(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Token => "token",
            Self::Certificate => "certificate",
            Self::Assertion => "assertion",
        }
    }
}

/// Writes records of RPCs.
#[derive(Debug)]
pub struct Auditor {
    ports: Ports,
    system: TenantId,
    metrics: Arc<Metrics>,
    queue: mpsc::Sender<(Record, Option<Decision>)>,
    failures: Mutex<BTreeMap<Unauthenticated, u64>>,
}

impl Auditor {
    /// Starts the loop that writes batches; it writes what waits when a drain begins. `system` is the tenant in whose log
    /// failed authentications stand.
    #[must_use]
    pub fn start(ports: Ports, system: TenantId, supervisor: &Supervisor, metrics: Arc<Metrics>) -> Arc<Self> {
        let (queue, waiting) = mpsc::channel(QUEUE_LEN_MAX);
        let this = Arc::new(Self { ports, system, metrics, queue, failures: Mutex::default() });
        let (auditor, owner) = (Arc::clone(&this), supervisor.clone());
        supervisor.spawn_essential("audit batches", async move { auditor.run(waiting, owner).await });
        this
    }

    /// Writes a record and returns when it is durable.
    ///
    /// # Errors
    /// [`Error::Store`]: the call must not be answered.
    pub async fn awaited(&self, record: Record, decision: Option<Decision>) -> Result<(), Error> {
        let decisions = decision.into_iter().collect();
        self.ports.audit_log.append(vec![record], decisions).await?;
        Ok(())
    }

    /// Takes a record that is durable within [`LOSS_WINDOW_MS`] and its commit.
    ///
    /// # Errors
    /// [`Error::Full`], [`Error::Draining`]: the call must not be answered.
    pub fn batched(&self, record: Record, decision: Option<Decision>) -> Result<(), Error> {
        match self.queue.try_send((record, decision)) {
            Ok(()) => {
                self.metrics.audit_queued.rise();
                Ok(())
            }
            Err(mpsc::error::TrySendError::Full(_)) => {
                self.metrics.audit_refused.add(1);
                Err(Error::Full)
            }
            Err(mpsc::error::TrySendError::Closed(_)) => Err(Error::Draining),
        }
    }

    /// Counts a failed authentication; one record a kind is written every ten seconds, with the number.
    pub fn unauthenticated(&self, kind: Unauthenticated) {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let count = failures.entry(kind).or_default();
        *count = count.saturating_add(1);
    }

    async fn run(&self, mut waiting: mpsc::Receiver<(Record, Option<Decision>)>, supervisor: Supervisor) {
        let mut aggregate_at = self.ports.clock.now().plus_ms(AGGREGATE_MS);
        loop {
            let draining = tokio::select! {
                biased;
                () = supervisor.draining() => true,
                () = tokio::time::sleep(Duration::from_millis(LOSS_WINDOW_MS)) => false,
            };
            if draining {
                waiting.close();
            }
            let now = self.ports.clock.now();
            if draining || now >= aggregate_at {
                aggregate_at = now.plus_ms(AGGREGATE_MS);
                self.write(self.aggregates(), Vec::new()).await;
            }
            self.write_waiting(&mut waiting).await;
            if draining {
                return;
            }
        }
    }

    /// Writes all that waits, in batches of one tenant each.
    async fn write_waiting(&self, waiting: &mut mpsc::Receiver<(Record, Option<Decision>)>) {
        loop {
            let mut batches: BTreeMap<TenantId, (Vec<Record>, Vec<Decision>)> = BTreeMap::new();
            let mut taken = 0;
            while taken < BATCH_LEN_MAX {
                let Ok((record, decision)) = waiting.try_recv() else { break };
                self.metrics.audit_queued.fall();
                taken += 1;
                let batch = batches.entry(record.tenant.clone()).or_default();
                batch.0.push(record);
                batch.1.extend(decision);
            }
            for (records, decisions) in batches.into_values() {
                self.write(records, decisions).await;
            }
            if taken < BATCH_LEN_MAX {
                return;
            }
        }
    }

    async fn write(&self, records: Vec<Record>, decisions: Vec<Decision>) {
        if records.is_empty() {
            return;
        }
        let count = records.len();
        if let Err(error) = self.ports.audit_log.append(records, decisions).await {
            // The calls are answered already: this is the stated loss window, and an operator must see it.
            tracing::error!(count, %error, "audit records of reads were lost");
            self.metrics.audit_refused.add(u64::try_from(count).unwrap_or(u64::MAX));
        }
    }

    fn aggregates(&self) -> Vec<Record> {
        let failures = std::mem::take(&mut *self.failures.lock().unwrap_or_else(PoisonError::into_inner));
        let at = self.ports.clock.now();
        let record = |(kind, count): (Unauthenticated, u64)| {
            let mut record = Record::new(Kind::Rpc, at, self.system.clone(), Uid::Daemon, "session.authenticate");
            record.target = Some(format!("{}: {count}", kind.word()));
            record.outcome = Some(OutcomeNote { word: "denied".to_owned(), attempt: None, commitment: None });
            record
        };
        failures.into_iter().map(record).collect()
    }
}
