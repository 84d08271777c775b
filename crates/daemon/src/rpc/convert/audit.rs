//! Audit records and the verdict of a verification.

use scalbotics_core::audit::merkle::leaf_hash;
use scalbotics_core::ports::AuditEntry;
use scalbotics_proto::v1;
use scalbotics_runtime::audit::{CHECKPOINT_WAIT_S, ProofError};
use scalbotics_store::{Fault, FoldFault, Folded, Place, Report};

use super::failure::store_failure;
use crate::rpc::codes;
use crate::rpc::failure::Failure;

/// One record.
pub(in crate::rpc) fn audit_record(entry: AuditEntry) -> v1::AuditRecord {
    let leaf_hash = leaf_hash(&entry.leaf).to_string();
    v1::AuditRecord { index: entry.index, json: String::from_utf8_lossy(&entry.leaf).into_owned(), leaf_hash }
}

/// The verdict; `bad_signature` is what is wrong with the signature of a checkpoint. Of several faults the log's is named.
pub(in crate::rpc) fn verified(
    result: Result<Report, Fault>,
    bad_signature: Option<String>,
    tasks: Result<Folded, FoldFault>,
) -> v1::VerifyAuditLogResponse {
    let folded = tasks.as_ref().map_or(0, |folded| folded.tasks);
    let fault = bad_signature.or_else(|| tasks.err().map(|fault| fault.to_string()));
    let mut not_checked = vec![
        "against a copy of the log or a checkpoint that was kept outside of this host".to_owned(),
        "signatures under approvals, which a check of the files alone leaves out too".to_owned(),
    ];
    match result {
        Ok(report) => {
            not_checked.extend(crate::offline::unsigned(&report));
            let restores = report.gaps.iter().map(crate::offline::restored).collect();
            v1::VerifyAuditLogResponse {
                ok: fault.is_none(),
                records: report.size,
                checkpoints: report.checkpoints,
                root: report.root.to_string(),
                fault: fault.unwrap_or_default(),
                not_checked,
                tasks: folded,
                restores,
                ..v1::VerifyAuditLogResponse::default()
            }
        }
        Err(fault) => {
            let (fault_index, fault_from, fault_to) = match fault.place() {
                Place::At(index) => (Some(index), None, None),
                Place::Between(from, to) => (None, Some(from), Some(to)),
                Place::Unknown => (None, None, None),
            };
            v1::VerifyAuditLogResponse {
                fault: fault.to_string(),
                fault_index,
                fault_from,
                fault_to,
                damage: fault.damage().map(|damage| damage.word().to_owned()).unwrap_or_default(),
                not_checked,
                tasks: folded,
                ..v1::VerifyAuditLogResponse::default()
            }
        }
    }
}

/// A proof's that could not be made.
pub(in crate::rpc) fn proof_failure(error: &ProofError) -> Failure {
    let absent = || Failure::new(codes::NOT_FOUND, error.to_string());
    match error {
        ProofError::NoRecord { .. } => absent().next("scalbotics audit tail"),
        ProofError::NoCheckpoint => absent().next(format!("try again in {CHECKPOINT_WAIT_S} seconds: then there is one")),
        ProofError::OtherSize { from, next, .. } => absent().next(format!("scalbotics audit prove --from {from} --to {next}")),
        ProofError::Order { .. } => Failure::invalid("growth", error.to_string()),
        ProofError::Store(error) => store_failure(error),
    }
}
