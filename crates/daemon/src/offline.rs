//! `audit verify --offline`: the whole audit log of every tenant, and the fold of every task, from the files alone.
//!
//! **Invariant:** a missing or empty store is a refusal, never a clean report; what was not checked is said.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use scalbotics_core::audit::checkpoint::{Checkpoint, NOTE_LEN_MAX, first_origin, origin};
use scalbotics_core::tenant::TenantId;
use scalbotics_identity::holder::signed_note::{self, Verifier};
use scalbotics_identity::holder::trust;
use scalbotics_store::{Fault, FoldFault, Gap, Offline, OpenError, Place, Report, open_mapped, open_read_only};
use serde_json::{Value, json};

use crate::rpc::codes::{self, Code};

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
    #[error("audit log of tenant `{tenant}` does not verify{}", named(source))]
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
    /// A stored checkpoint is of another log.
    #[error("checkpoint {index} of tenant `{tenant}` is one of another log")]
    Origin {
        /// The tenant.
        tenant: TenantId,
        /// Which of its checkpoints, the oldest first.
        index: usize,
    },
    /// A checkpoint that was kept elsewhere cannot be used.
    #[error("checkpoint `{}` cannot be used: {why}", path.display())]
    Note {
        /// The file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// There is a checkpoint of a log that is not there.
    #[error("log `{origin}` is not in the store, and a checkpoint of it was kept elsewhere")]
    Gone {
        /// Which log.
        origin: String,
    },
}

impl Error {
    /// The code, with a page in the docs: a path that leads to nothing is no mismatch.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Self::Store(_) => codes::DATA_UNUSABLE,
            Self::Trust(_) => codes::TRUST_UNUSABLE,
            Self::Empty
            | Self::Fault { .. }
            | Self::Tasks(_)
            | Self::Signature { .. }
            | Self::Origin { .. }
            | Self::Note { .. }
            | Self::Gone { .. } => codes::AUDIT_MISMATCH,
        }
    }

    /// What to do about it.
    #[must_use]
    pub const fn next_step(&self) -> &'static str {
        match self {
            Self::Store(source) => source.next_step(),
            Self::Trust(_) => "name the trust file that initialize printed; it is public",
            Self::Note { .. } => "name a file that holds one checkpoint as the daemon gave it, with its signature",
            Self::Empty
            | Self::Fault { .. }
            | Self::Tasks(_)
            | Self::Signature { .. }
            | Self::Origin { .. }
            | Self::Gone { .. } => "keep a copy of the files as they are; compare with a backup or a checkpoint kept elsewhere",
        }
    }
}

/// How the database is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// Page by page: what cannot be read is said.
    Paged,
    /// Mapped: what cannot be read ends the process by a signal.
    Mapped,
}

/// Verifies every log of the store in `data` against itself, against the trust file's log keys and against checkpoints that were
/// kept elsewhere, and every task against its events.
///
/// # Errors
/// [`Error`], the first thing that is wrong.
pub fn verify(data: &Path, trust_file: Option<&Path>, kept: &[PathBuf], reading: Reading) -> Result<Value, Error> {
    let trust = trust_file.map(trust::File::load).transpose()?;
    let kept = kept.iter().map(|path| read(path, trust.as_ref())).collect::<Result<Vec<_>, _>>()?;
    let store = match reading {
        Reading::Paged => open_read_only(data)?,
        Reading::Mapped => open_mapped(data)?,
    };
    let tenants = store.tenants()?;
    if tenants.is_empty() {
        return Err(Error::Empty);
    }
    let is_of = |checkpoint: &Checkpoint, tenant: &TenantId| {
        let origin = first_origin(&checkpoint.origin).unwrap_or(&checkpoint.origin);
        origin.ends_with(&format!("/audit/{tenant}"))
    };
    if let Some(gone) = kept.iter().find(|kept| !tenants.iter().any(|tenant| is_of(kept, tenant))) {
        return Err(Error::Gone { origin: gone.origin.clone() });
    }
    let (mut logs, mut not_checked) = (Vec::with_capacity(tenants.len()), vec!["signatures of approvers".to_owned()]);
    for tenant in tenants {
        let kept: Vec<Checkpoint> = kept.iter().filter(|kept| is_of(kept, &tenant)).cloned().collect();
        if kept.is_empty() {
            not_checked.push(format!("log of `{tenant}` against a checkpoint that was kept outside of this host"));
        }
        let report = store.verify_audit_against(&tenant, &kept);
        let report = report.map_err(|source| Error::Fault { tenant: tenant.clone(), source })?;
        not_checked.extend(unsigned(&report));
        not_checked.extend(
            report.lost.iter().map(|size| {
                format!("checkpoint of size {size} of `{tenant}`: the log says that a restore lost what it was about")
            }),
        );
        let signatures = signatures(&store, &tenant, trust.as_ref())?;
        logs.push(json!({
            "tenant": tenant.as_str(), "records": report.size, "root": report.root, "checkpoints": report.checkpoints,
            "signatures": signatures, "covered": report.covered, "kept": kept.len(), "restores": restores(&report),
        }));
    }
    let folded = store.verify_tasks()?;
    if trust.is_none() {
        not_checked.push("signatures of checkpoints, for want of a trust file".to_owned());
    }
    Ok(json!({"ok": true, "logs": logs, "tasks": folded.tasks, "events": folded.events, "not_checked": not_checked}))
}

/// The restores that the log tells of, and what each lost.
fn restores(report: &Report) -> Vec<Value> {
    let one = |gap: &Gap| {
        json!({
            "record": gap.index, "incarnation": gap.incarnation, "lost_from": gap.lost.kept, "lost_to_size": gap.lost.size,
        })
    };
    report.gaps.iter().map(one).collect()
}

/// A restore in words.
pub(crate) fn restored(gap: &Gap) -> String {
    let (index, from) = (gap.index, gap.lost.kept);
    match gap.lost.size {
        Some(size) if size > from => {
            format!("record {index}: a restore lost records {from} to {}, and what came behind them", size - 1)
        }
        Some(_) => format!("record {index}: a restore lost what came behind record {from}, if anything did"),
        None => format!("record {index}: a restore lost what came from record {from} on; nobody remembers how much"),
    }
}

/// What was done to the log, and where.
fn named(fault: &Fault) -> String {
    let place = match fault.place() {
        Place::At(index) => format!(" at record {index}"),
        Place::Between(from, to) => format!(" between records {from} and {to}"),
        Place::Unknown => String::new(),
    };
    fault.damage().map(|damage| format!(": {damage}{place}")).unwrap_or_default()
}

/// What nobody has signed yet: only hashes hold it together, which whoever writes the database can make anew.
#[must_use]
pub(crate) fn unsigned(report: &Report) -> Option<String> {
    let behind = report.size.saturating_sub(report.covered);
    (behind > 0).then(|| format!("{behind} of {} records of `{}`: no signed checkpoint covers them", report.size, report.tenant))
}

/// A checkpoint that was kept elsewhere, signed by a key of the trust file where there is one.
fn read(path: &Path, trust: Option<&trust::File>) -> Result<Checkpoint, Error> {
    let refused = |why: String| Error::Note { path: path.to_owned(), why };
    let file = std::fs::File::open(path).map_err(|error| refused(error.to_string()))?;
    let mut note = String::new();
    let most = u64::try_from(NOTE_LEN_MAX).unwrap_or(u64::MAX);
    file.take(most).read_to_string(&mut note).map_err(|error| refused(error.to_string()))?;
    if let Some(trust) = trust {
        let verified =
            signed_note::verify(&note, &keys_of(&note, &trust.log_keys)).map_err(|error| refused(error.to_string()))?;
        // A witness need not have cosigned; where a known one has, it must be its signature.
        let (_, lines) = signed_note::parts(&note).map_err(|error| refused(error.to_string()))?;
        signed_note::cosignatures(verified.text, lines, &trust.witness_keys).map_err(|error| refused(error.to_string()))?;
    }
    Checkpoint::of_note(&note).map_err(|error| refused(error.to_string()))
}

/// The keys of logs that may have signed a note: a restored installation log signs under a name of its own, with the same key.
pub(crate) fn keys_of(note: &str, keys: &[Verifier]) -> Vec<Verifier> {
    let text = note.lines().next().unwrap_or_default();
    let later = first_origin(text).map(|first| keys.iter().filter(move |key| key.name() == first));
    keys.iter().cloned().chain(later.into_iter().flatten().filter_map(|key| key.renamed(text).ok())).collect()
}

/// Checks signature and origin of every stored checkpoint; answers how many there are.
fn signatures(store: &Offline, tenant: &TenantId, trust: Option<&trust::File>) -> Result<usize, Error> {
    let Some(trust) = trust else { return Ok(0) };
    let notes = store.checkpoints(tenant)?;
    let wanted = origin(trust.trust_domain.as_str(), tenant);
    for (index, note) in notes.iter().enumerate() {
        let verified = signed_note::verify(note, &keys_of(note, &trust.log_keys));
        verified.map_err(|source| Error::Signature { tenant: tenant.clone(), index, source })?;
        let origin = Checkpoint::of_note(note).map(|checkpoint| checkpoint.origin);
        if origin.is_ok_and(|origin| origin != wanted && first_origin(&origin) != Some(wanted.as_str())) {
            return Err(Error::Origin { tenant: tenant.clone(), index });
        }
    }
    Ok(notes.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistyped_path_is_no_clean_log() {
        let directory = tempfile::tempdir().unwrap();
        let missing = directory.path().join("nothing");
        assert!(matches!(verify(&missing, None, &[], Reading::Mapped), Err(Error::Store(OpenError::Missing { .. }))));
        assert!(matches!(verify(directory.path(), None, &[], Reading::Mapped), Err(Error::Store(OpenError::Missing { .. }))));
        assert!(!missing.try_exists().unwrap());
        assert_eq!(verify(&missing, None, &[], Reading::Mapped).unwrap_err().code(), codes::DATA_UNUSABLE);
        assert!(matches!(verify(&missing, None, std::slice::from_ref(&missing), Reading::Paged), Err(Error::Note { .. })));
        assert!(matches!(verify(directory.path(), Some(&missing), &[], Reading::Mapped), Err(Error::Trust(_))));
    }
}
