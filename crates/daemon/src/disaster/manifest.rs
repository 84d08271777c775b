//! What a backup says of itself, signed by the log key.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use scalbotics_core::digest::{Digest, Digester};
use scalbotics_core::ids::InstallationId;
use scalbotics_core::tenant::TenantId;
use scalbotics_core::time::Timestamp;
use scalbotics_identity::holder::trust;
use scalbotics_identity::private_file;
use scalbotics_store::{Offline, open_read_only};
use serde::{Deserialize, Serialize};

use super::error::Error;
use crate::anchor::{self, Head};

/// What the signature says that the document is.
pub(super) const KIND: &str = "backup";

/// The name of its file in a backup.
pub(super) const FILE: &str = "manifest";

/// The name of the database in a backup, as in a data directory.
pub(super) const DATABASE: &str = "core.db";

/// Longest manifest, in bytes: some thousand logs.
const LEN_MAX: u64 = 1 << 20;

/// The only version of the document.
pub(super) const VERSION: u16 = 1;

/// Bytes that are hashed at a time.
const PIECE: usize = 1 << 16;

/// A backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Manifest {
    /// 1.
    pub(super) version: u16,
    /// Whose.
    pub(super) installation: InstallationId,
    /// In which incarnation it was made.
    pub(super) incarnation: u64,
    /// When it was made.
    pub(super) at: Timestamp,
    /// The program that made it.
    pub(super) program: String,
    /// Bytes of the database.
    pub(super) len: u64,
    /// SHA-256 of the database.
    pub(super) sha256: Digest,
    /// The logs in it.
    pub(super) logs: Vec<Head>,
    /// The newest checkpoint of the installation log in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) checkpoint: Option<String>,
    /// Tasks in it, each of which is the fold of its events.
    pub(super) tasks: u64,
}

/// What a whole copy holds.
#[derive(Debug)]
pub(super) struct Verified {
    pub(super) store: Offline,
    pub(super) logs: Vec<Head>,
    pub(super) tasks: u64,
}

/// Checks a copy from end to end: its pages, every log against itself and its checkpoints, every task against its events.
///
/// # Errors
/// [`Error::Damaged`].
pub(super) fn verify(dir: &Path) -> Result<Verified, Error> {
    let damaged = |source: Box<dyn std::error::Error + Send + Sync>| Error::Damaged { path: dir.to_owned(), source };
    let store = open_read_only(dir).map_err(|error| damaged(error.into()))?;
    if let Some(what) = store.damage().map_err(|error| damaged(error.into()))? {
        return Err(damaged(what.into()));
    }
    let tenants = store.tenants().map_err(|error| damaged(error.into()))?;
    let one = |tenant: TenantId| {
        let report = store.verify_audit(&tenant, |_, _| {}).map_err(|error| damaged(error.into()))?;
        Ok(Head { tenant, size: report.size, root: report.root })
    };
    let logs = tenants.into_iter().map(one).collect::<Result<Vec<_>, Error>>()?;
    let folded = store.verify_tasks().map_err(|error| damaged(error.into()))?;
    Ok(Verified { tasks: folded.tasks, logs, store })
}

/// The manifest of a backup, once its signature, its database's digest and everything in that have been checked.
///
/// # Errors
/// [`Error::Manifest`], [`Error::Damaged`].
pub(super) fn open(dir: &Path, installation: InstallationId, trust: &trust::File) -> Result<Manifest, Error> {
    let path = dir.join(FILE);
    let refused = |source: Box<dyn std::error::Error + Send + Sync>| Error::Manifest { path: path.clone(), source };
    let bytes = private_file::read_public(&path, LEN_MAX).map_err(|error| refused(error.into()))?;
    let manifest: Manifest = anchor::open(KIND, &bytes, &trust.log_keys).map_err(|error| refused(error.into()))?;
    if manifest.version != VERSION {
        return Err(refused(format!("it has version {}, not {VERSION}", manifest.version).into()));
    }
    if manifest.installation != installation {
        return Err(refused(format!("it is a backup of installation `{}`", manifest.installation).into()));
    }
    let database = dir.join(DATABASE);
    let (len, sha256) = digest(&database).map_err(|error| refused(error.into()))?;
    if (len, sha256) != (manifest.len, manifest.sha256) {
        let what = format!("it has {len} bytes of digest {sha256}, and had {} of {}", manifest.len, manifest.sha256);
        return Err(Error::Damaged { path: database, source: what.into() });
    }
    let found = verify(dir)?;
    if found.logs != manifest.logs {
        return Err(Error::Damaged { path: database, source: "its logs are not those of its manifest".into() });
    }
    Ok(manifest)
}

/// Length and SHA-256 of a file.
pub(super) fn digest(path: &Path) -> std::io::Result<(u64, Digest)> {
    let (mut file, mut hash, mut len) = (File::open(path)?, Digester::default(), 0_u64);
    let mut piece = vec![0; PIECE];
    loop {
        let read = file.read(&mut piece)?;
        if read == 0 {
            return Ok((len, hash.finish()));
        }
        hash.push(piece.get(..read).unwrap_or_default());
        len = len.saturating_add(read as u64);
    }
}
