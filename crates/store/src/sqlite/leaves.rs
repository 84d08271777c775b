//! Audit records made ready for the writer: hashing and encoding happen on the caller's thread.

use std::sync::Arc;

use scalbotics_core::audit::{Record, merkle};
use scalbotics_core::digest::Digest;
use scalbotics_core::ports::StoreError;
use scalbotics_core::tenant::TenantId;

use super::column::blob;
use super::failure::{corrupt, refused};

/// The records of one append, as they will be stored and as they came: what they say goes into the index without being read again.
#[derive(Debug)]
pub(super) struct Leaves {
    pub(super) rows: Vec<Leaf>,
    pub(super) records: Vec<Record>,
}

impl Leaves {
    /// How many bytes they take.
    pub(super) fn weight(&self) -> usize {
        self.rows.iter().map(|leaf| leaf.bytes.len()).sum()
    }
}

/// One record as it will be stored.
#[derive(Debug)]
pub(super) struct Leaf {
    pub(super) at: i64,
    pub(super) kind: &'static str,
    pub(super) task: Option<[u8; 16]>,
    pub(super) bytes: Vec<u8>,
    pub(super) hash: Digest,
}

impl Leaf {
    fn of(record: &Record) -> Result<Self, StoreError> {
        let bytes = record.canonical().map_err(|error| refused("encode an audit record", error))?;
        Ok(Self {
            at: record.at.unix_ms(),
            kind: record.kind.as_str(),
            task: record.task.map(|task| blob(task.as_u128())),
            hash: merkle::leaf_hash(&bytes),
            bytes,
        })
    }
}

/// Makes the records of one tenant ready; one of another tenant is refused. Where the log is the null log, it takes them and keeps none: all that is
/// refused is refused there too, and a commit answers where its first record would stand if those before it had been kept.
pub(super) fn leaves(tenant: &TenantId, records: Vec<Record>) -> Result<Arc<Leaves>, StoreError> {
    if records.iter().any(|record| record.tenant != *tenant) {
        return Err(corrupt(format!("an audit record of another tenant than `{tenant}`")));
    }
    let records = if cfg!(feature = "null-log") { Vec::new() } else { records };
    let rows = records.iter().map(Leaf::of).collect::<Result<_, _>>()?;
    Ok(Arc::new(Leaves { rows, records }))
}
