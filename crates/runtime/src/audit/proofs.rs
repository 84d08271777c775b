//! Proofs about a tenant's log, for whoever has only a checkpoint.

use scalbotics_core::audit::checkpoint::Checkpoint;
use scalbotics_core::audit::merkle::{consistency_ranges, inclusion_ranges};
use scalbotics_core::audit::proof_text::{Consistency, Inclusion};
use scalbotics_core::ports::StoreError;
use scalbotics_core::tenant::TenantId;

use super::PERIOD_MS;
use crate::Ports;

/// Why there is no proof.
#[derive(Debug, thiserror::Error)]
pub enum ProofError {
    /// The log has no such record.
    #[error("the audit log has {size} records, and none of index {index}")]
    NoRecord {
        /// The index that was asked for.
        index: u64,
        /// Size of the log.
        size: u64,
    },
    /// Nothing that was signed holds it yet.
    #[error("no checkpoint of the audit log is over it yet")]
    NoCheckpoint,
    /// There is no checkpoint of that size.
    #[error("the audit log has no checkpoint of size {size}")]
    OtherSize {
        /// The older size.
        from: u64,
        /// The size that was asked for.
        size: u64,
        /// The next larger size that has one.
        next: u64,
    },
    /// The sizes are not in order, or the older one is 0.
    #[error("a log does not grow from size {from} to size {to}")]
    Order {
        /// The older size.
        from: u64,
        /// The newer one.
        to: u64,
    },
    /// The log could not be read.
    #[error("audit log could not be read")]
    Store(#[from] StoreError),
}

/// How long a new record may be without a checkpoint over it, in seconds, to be told to who asks too early.
pub const CHECKPOINT_WAIT_S: u64 = PERIOD_MS / 1_000;

/// The proof that the record at `index` is in the log, under its newest checkpoint.
///
/// # Errors
/// [`ProofError`].
pub async fn inclusion(ports: &Ports, tenant: &TenantId, index: u64) -> Result<Inclusion, ProofError> {
    let head = ports.audit_log.head(tenant).await?;
    if index >= head.size {
        return Err(ProofError::NoRecord { index, size: head.size });
    }
    let note = head.checkpoint.ok_or(ProofError::NoCheckpoint)?;
    let size = size_of(&note)?;
    let ranges = inclusion_ranges(index, size).ok_or(ProofError::NoCheckpoint)?;
    let proof = ports.audit_tree.roots(tenant, ranges).await?;
    Ok(Inclusion { index, proof, note })
}

/// The proof that the log of size `to`, or the newest that was signed, grew out of the log of size `from`.
///
/// # Errors
/// [`ProofError`].
pub async fn growth(ports: &Ports, tenant: &TenantId, from: u64, to: Option<u64>) -> Result<Consistency, ProofError> {
    let note = match to {
        Some(to) => ports.audit_tree.checkpoint_from(tenant, to).await?,
        None => ports.audit_log.head(tenant).await?.checkpoint,
    };
    let note = note.ok_or(ProofError::NoCheckpoint)?;
    let size = size_of(&note)?;
    if let Some(to) = to.filter(|to| *to != size) {
        return Err(ProofError::OtherSize { from, size: to, next: size });
    }
    let mut ranges = consistency_ranges(from, size).filter(|_| from > 0).ok_or(ProofError::Order { from, to: size })?;
    ranges.push(0..from);
    let mut proof = ports.audit_tree.roots(tenant, ranges).await?;
    let old_root = proof.pop().ok_or(ProofError::NoCheckpoint)?;
    Ok(Consistency { old_size: from, old_root, proof, note })
}

fn size_of(note: &str) -> Result<u64, StoreError> {
    Checkpoint::of_note(note).map(|checkpoint| checkpoint.size).map_err(|error| StoreError::Corrupt { what: error.to_string() })
}
