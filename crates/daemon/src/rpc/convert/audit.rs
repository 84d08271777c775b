//! Audit records and the verdict of a verification.

use scalbotics_core::audit::merkle::leaf_hash;
use scalbotics_core::ports::AuditEntry;
use scalbotics_proto::v1;
use scalbotics_store::{Fault, FoldFault, Folded, Report};

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
            v1::VerifyAuditLogResponse {
                ok: fault.is_none(),
                records: report.size,
                checkpoints: report.checkpoints,
                root: report.root.to_string(),
                fault: fault.unwrap_or_default(),
                fault_index: None,
                not_checked,
                tasks: folded,
            }
        }
        Err(fault) => {
            let fault_index = index(&fault);
            v1::VerifyAuditLogResponse {
                fault: fault.to_string(),
                fault_index,
                not_checked,
                tasks: folded,
                ..v1::VerifyAuditLogResponse::default()
            }
        }
    }
}

/// The leaf that is to blame, where one is.
const fn index(fault: &Fault) -> Option<u64> {
    match fault {
        Fault::Edited { index, .. } | Fault::Missing { index } | Fault::Beyond { index } => Some(*index),
        Fault::Absent { .. }
        | Fault::Head { .. }
        | Fault::Checkpoint { .. }
        | Fault::Short { .. }
        | Fault::Kept { .. }
        | Fault::Unreadable { .. } => None,
    }
}
