//! `audit verify --offline`: the whole audit log of every tenant, and the fold of every task, from the files alone.
//!
//! **Invariant:** a missing or empty store is a refusal, never a clean report; what was not checked is said.

use std::path::Path;

use scalbotics_core::tenant::TenantId;
use scalbotics_identity::holder::{signed_note, trust};
use scalbotics_store::{Fault, FoldFault, Offline, OpenError, open_read_only};
use serde_json::{Value, json};

/// Why there is no verdict, or a bad one.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The store cannot be read.
    #[error("store cannot be read")]
    Store(#[from] OpenError),
    /// The trust file cannot be used.
    #[error("trust file cannot be used")]
    Trust(#[from] trust::Error),
    /// There is a store, and no log in it.
    #[error("store holds no audit log")]
    Empty,
    /// A log does not agree with itself.
    #[error("audit log of tenant `{tenant}` does not verify")]
    Fault {
        /// Whose log.
        tenant: TenantId,
        /// What does not agree.
        #[source]
        source: Fault,
    },
    /// The stored state of a task does not agree with its events.
    #[error("journal of tasks does not verify")]
    Tasks(#[from] FoldFault),
    /// The signature of a checkpoint does not count.
    #[error("checkpoint {index} of tenant `{tenant}` is not signed by a key of the trust file")]
    Signature {
        /// Whose log.
        tenant: TenantId,
        /// Which, from 0.
        index: usize,
        /// Why.
        #[source]
        source: signed_note::Error,
    },
}

/// Verifies every log of the store in `data` against itself and against the trust file's log keys, and every task against its
/// events.
///
/// # Errors
/// [`Error`], the first thing that is wrong.
pub fn verify(data: &Path, trust_file: Option<&Path>) -> Result<Value, Error> {
    let trust = trust_file.map(trust::File::load).transpose()?;
    let store = open_read_only(data)?;
    let tenants = store.tenants()?;
    if tenants.is_empty() {
        return Err(Error::Empty);
    }
    let mut logs = Vec::with_capacity(tenants.len());
    for tenant in tenants {
        logs.push(verify_one(&store, tenant, trust.as_ref())?);
    }
    let folded = store.verify_tasks()?;
    let mut not_checked = vec!["against a checkpoint that was kept outside of this host", "signatures of approvers"];
    if trust.is_none() {
        not_checked.push("signatures of checkpoints, for want of a trust file");
    }
    Ok(json!({"ok": true, "logs": logs, "tasks": folded.tasks, "events": folded.events, "not_checked": not_checked}))
}

fn verify_one(store: &Offline, tenant: TenantId, trust: Option<&trust::File>) -> Result<Value, Error> {
    let report = store.verify_audit(&tenant, |_, _| {}).map_err(|source| Error::Fault { tenant: tenant.clone(), source })?;
    let mut signatures = 0;
    if let Some(trust) = trust {
        for (index, note) in store.checkpoints(&tenant)?.iter().enumerate() {
            let verified = signed_note::verify(note, &trust.log_keys);
            verified.map_err(|source| Error::Signature { tenant: tenant.clone(), index, source })?;
            signatures += 1;
        }
    }
    Ok(json!({
        "tenant": tenant.as_str(), "records": report.size, "root": report.root, "checkpoints": report.checkpoints,
        "signatures": signatures,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistyped_path_is_no_clean_log() {
        let directory = tempfile::tempdir().unwrap();
        let missing = directory.path().join("nothing");
        assert!(matches!(verify(&missing, None), Err(Error::Store(OpenError::Missing { .. }))));
        assert!(matches!(verify(directory.path(), None), Err(Error::Store(OpenError::Missing { .. }))));
        assert!(!missing.try_exists().unwrap());
        assert!(matches!(verify(directory.path(), Some(&missing)), Err(Error::Trust(_))));
    }
}
