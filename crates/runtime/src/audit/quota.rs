//! How many bytes of audit records and decisions each tenant may write, so that none fills the disk (semantics §7.1), and whether calls of
//! tier 2 may be written at all (semantics §7.3).
//!
//! **Invariant:** what ends an effect or takes a right away is always written, and counts.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use scalbotics_core::audit::Record;
use scalbotics_core::ports::{Batch, SealedDecision, StoreError};
use scalbotics_core::tenant::TenantId;
use scalbotics_core::time::Timestamp;
use scalbotics_core::tool::Tier;

/// Bytes that a tenant may write in a day unless the configuration says otherwise: more than people and their tasks come to, less
/// than a flood of calls within the rate limits would write.
pub const BYTES_PER_DAY: u64 = 2 << 30;

/// A day, in milliseconds.
const DAY_MS: u64 = 24 * 3_600_000;

#[derive(Debug, Clone, Copy)]
struct Bucket {
    left: u64,
    filled_at: Timestamp,
}

/// The quotas of all tenants. A bucket holds a day's bytes and fills evenly; it is full again after a restart.
#[derive(Debug)]
pub struct Quota {
    per_day: AtomicU64,
    /// Whether calls of tier 2 wait for a witness.
    holds_risky: AtomicBool,
    /// Whether nothing begins: no witness has confirmed the log since the start.
    reads_only: AtomicBool,
    /// Whether no witness has confirmed the log since the start, and nobody has said that it does not matter.
    unconfirmed: AtomicBool,
    buckets: Mutex<BTreeMap<TenantId, Bucket>>,
}

impl Default for Quota {
    fn default() -> Self {
        Self::new(BYTES_PER_DAY)
    }
}

impl Quota {
    /// Quotas of so many bytes a day for each tenant.
    #[must_use]
    pub const fn new(per_day: u64) -> Self {
        Self {
            per_day: AtomicU64::new(per_day),
            holds_risky: AtomicBool::new(false),
            reads_only: AtomicBool::new(false),
            unconfirmed: AtomicBool::new(false),
            buckets: Mutex::new(BTreeMap::new()),
        }
    }

    /// Another number of bytes a day from now on.
    pub fn replace(&self, per_day: u64) {
        self.per_day.store(per_day, Ordering::Relaxed);
    }

    /// Whether calls of tier 2 wait from now on, since too much is in no checkpoint that a witness cosigned (semantics §7.3).
    pub fn hold_risky(&self, hold: bool) {
        self.holds_risky.store(hold, Ordering::Release);
    }

    /// No witness has confirmed the log since the start (semantics §7.4): one that knows it otherwise is believed, and where there was
    /// something to confirm `only_reads` are served until one has.
    pub fn await_witness(&self, only_reads: bool) {
        self.unconfirmed.store(true, Ordering::Release);
        self.reads_only.store(only_reads, Ordering::Release);
    }

    /// A witness has confirmed the log; answers whether only reads were served until now.
    pub fn confirm(&self) -> bool {
        self.unconfirmed.store(false, Ordering::Release);
        self.reads_only.swap(false, Ordering::AcqRel)
    }

    /// Whether no witness has confirmed the log yet.
    #[must_use]
    pub fn is_unconfirmed(&self) -> bool {
        self.unconfirmed.load(Ordering::Acquire)
    }

    /// Whether only reads are served.
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        self.reads_only.load(Ordering::Acquire)
    }

    /// Refuses a call of tier 2 while they wait.
    pub(crate) fn admit_risky(&self) -> Result<(), StoreError> {
        if self.holds_risky.load(Ordering::Acquire) { Err(StoreError::Unwitnessed) } else { Ok(()) }
    }

    /// Takes the bytes of a task's commit; one that begins a task or an effect is refused when there are not enough.
    pub(crate) fn admit(&self, batch: &Batch, now: Timestamp) -> Result<(), StoreError> {
        if batch.intents.iter().any(|intent| intent.permit.act().tier == Tier::Risky) {
            self.admit_risky()?;
        }
        let may_wait = !batch.intents.is_empty() || batch.base_version == 0;
        if may_wait && self.is_read_only() {
            return Err(StoreError::Unwitnessed);
        }
        let tenant = &batch.state.envelope.tenant;
        self.take(tenant, len(&batch.audit, &batch.decisions), may_wait, now)
    }

    /// Takes the bytes of a call's record, or refuses it.
    pub(crate) fn admit_call(&self, record: &Record, decisions: &[SealedDecision], now: Timestamp) -> Result<(), StoreError> {
        self.take(&record.tenant, len(std::slice::from_ref(record), decisions), true, now)
    }

    fn take(&self, tenant: &TenantId, bytes: u64, may_wait: bool, now: Timestamp) -> Result<(), StoreError> {
        let per_day = self.per_day.load(Ordering::Relaxed);
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let bucket = buckets.entry(tenant.clone()).or_insert(Bucket { left: per_day, filled_at: now });
        let filled = u128::from(per_day) * u128::from(now.since_ms(bucket.filled_at)) / u128::from(DAY_MS);
        let left = bucket.left.saturating_add(u64::try_from(filled).unwrap_or(u64::MAX)).min(per_day);
        if may_wait && left < bytes {
            // Kept as it is: what came in since is counted at the next look, however small it was.
            return Err(StoreError::Quota { tenant: tenant.clone() });
        }
        *bucket = Bucket { left: left.saturating_sub(bytes), filled_at: now.max(bucket.filled_at) };
        Ok(())
    }
}

/// About how many bytes they take: the leaves exactly, decisions as sealed.
fn len(records: &[Record], decisions: &[SealedDecision]) -> u64 {
    // What has no leaf is refused by the store.
    let leaves = records.iter().map(|record| record.canonical_len().unwrap_or_default());
    let sealed = decisions.iter().map(|decision| decision.sealed.ciphertext.len());
    leaves.chain(sealed).fold(0, |sum: u64, len| sum.saturating_add(len as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tenant(name: &str) -> TenantId {
        TenantId::parse(name).unwrap()
    }

    const fn at(ms: i64) -> Timestamp {
        Timestamp::from_unix_ms(ms)
    }

    #[test]
    fn sem_7_1_a_tenant_writes_what_its_quota_holds_and_no_other_pays() {
        let quota = Quota::new(1_000);
        let (acme, other) = (tenant("acme"), tenant("other"));
        assert!(quota.take(&acme, 1_001, true, at(0)).is_err());
        assert!(quota.take(&acme, 900, true, at(0)).is_ok());
        let refused = quota.take(&acme, 101, true, at(0));
        assert!(matches!(refused, Err(StoreError::Quota { tenant }) if tenant == acme));
        assert!(quota.take(&other, 1_000, true, at(0)).is_ok());
        assert!(quota.take(&acme, 5_000, false, at(0)).is_ok(), "what must be written is");
        assert!(quota.take(&acme, 1, true, at(0)).is_err());
    }

    #[test]
    fn sem_7_1_a_quota_fills_with_time_and_not_when_the_clock_stands() {
        let quota = Quota::new(1_000);
        let acme = tenant("acme");
        quota.take(&acme, 1_000, true, at(1_000)).unwrap();
        for _ in 0..1_000 {
            assert!(quota.take(&acme, 10, true, at(1_000)).is_err(), "asking gives nothing");
        }
        assert!(quota.take(&acme, 10, true, at(0)).is_err());
        let hundredth = i64::try_from(DAY_MS / 100).unwrap();
        assert!(quota.take(&acme, 10, true, at(1_000 + hundredth)).is_ok());
        assert!(quota.take(&acme, 1, true, at(1_000 + hundredth)).is_err());
        assert!(quota.take(&acme, 1_001, true, at(i64::MAX)).is_err(), "never more than a day's");
        assert!(quota.take(&acme, 1_000, true, at(i64::MAX)).is_ok());
        quota.replace(5);
        assert!(quota.take(&acme, 6, true, at(i64::MAX)).is_err());
    }
}
