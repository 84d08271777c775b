//! `audit tiles`: a log as files that any web server can serve (C2SP tlog-tiles), from the store's own files.
//!
//! **Invariant:** nothing is written before the leaves were found to be those of the signed checkpoint; a file that is there and holds
//! something else is a refusal, and the checkpoint is written last.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use scalbotics_core::audit::checkpoint::{Checkpoint, NOTE_LEN_MAX};
use scalbotics_core::audit::merkle::{Frontier, leaf_hash};
use scalbotics_core::audit::tile::{Name, Tiler};
use scalbotics_core::tenant::TenantId;
use scalbotics_identity::private_file;
use scalbotics_store::{Offline, OpenError, open_read_only};
use serde_json::{Value, json};

use crate::rpc::codes::{self, Code};

/// The file that is written last.
const CHECKPOINT: &str = "checkpoint";

/// Longest tile or bundle that is compared, in bytes: 256 entries of 64 KiB.
const FILE_LEN_MAX: u64 = 256 * (2 + 65_535);

/// Why a log was not exported.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The store cannot be read.
    #[error("store cannot be read")]
    Store(#[from] OpenError),
    /// There is no such log, or nothing of it was signed.
    #[error("log of `{tenant}` has no signed checkpoint")]
    NoCheckpoint {
        /// Whose log.
        tenant: TenantId,
    },
    /// The leaves are not those that were signed.
    #[error("leaves of the log of `{tenant}` are not those of its checkpoint of size {size}")]
    Leaves {
        /// Whose log.
        tenant: TenantId,
        /// The checkpoint's size.
        size: u64,
    },
    /// The folder holds another history, or a later one.
    #[error("`{}` holds something else than this log: {what}", path.display())]
    Other {
        /// The file.
        path: PathBuf,
        /// What it holds.
        what: &'static str,
    },
    /// A file could not be read or written.
    #[error("tiles cannot be written")]
    File(#[from] private_file::Error),
    /// A folder could not be made.
    #[error("folder `{}` cannot be made", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
}

impl Error {
    /// The code, with a page in the docs.
    pub(crate) const fn code(&self) -> Code {
        match self {
            Self::Store(_) => codes::DATA_UNUSABLE,
            Self::NoCheckpoint { .. } | Self::Leaves { .. } | Self::Other { .. } => codes::AUDIT_MISMATCH,
            Self::File(_) | Self::Folder { .. } => codes::EXPORT_FAILED,
        }
    }

    /// What to do about it.
    pub(crate) const fn next_step(&self) -> &'static str {
        match self {
            Self::Store(source) => source.next_step(),
            Self::NoCheckpoint { .. } => "name a tenant with a log; a new one has a checkpoint after ten seconds",
            Self::Leaves { .. } => "scalbotics audit verify",
            Self::Other { .. } => "export to an empty folder, and compare: one of the two is not what was signed",
            Self::File(_) | Self::Folder { .. } => "look at the folder: who owns it, and whether the disk is full",
        }
    }
}

/// Writes the tenant's log, as far as its newest checkpoint goes, to `dir`.
pub(crate) fn tiles(data: &Path, tenant: &TenantId, dir: &Path) -> Result<Value, Error> {
    let store = open_read_only(data)?;
    let absent = || Error::NoCheckpoint { tenant: tenant.clone() };
    let note = store.newest_checkpoint(tenant)?.ok_or_else(absent)?;
    let signed = Checkpoint::of_note(&note).map_err(|_| absent())?;
    check(&store, tenant, &signed)?;
    not_back(&dir.join(CHECKPOINT), &signed)?;
    let (mut tiler, mut written, mut refused) = (Tiler::new(), 0_u64, None);
    store.leaves(tenant, signed.size, |leaf| {
        for (name, bytes) in tiler.push(leaf, leaf_hash(leaf)) {
            match write(dir, &name, &bytes) {
                Ok(fresh) => written += u64::from(fresh),
                Err(error) => refused = Some(error),
            }
        }
        refused.is_none()
    })?;
    if let Some(error) = refused {
        return Err(error);
    }
    for (name, bytes) in tiler.partial() {
        written += u64::from(write(dir, &name, &bytes)?);
    }
    private_file::replace(&dir.join(CHECKPOINT), note.as_bytes(), private_file::PUBLIC_MODE)?;
    Ok(json!({
        "log": signed.origin, "size": signed.size, "root": signed.root.to_string(), "files_written": written,
    }))
}

/// Whether the leaves are those that were signed.
fn check(store: &Offline, tenant: &TenantId, signed: &Checkpoint) -> Result<(), Error> {
    let mut tree = Frontier::new();
    store.leaves(tenant, signed.size, |leaf| {
        tree.push(leaf_hash(leaf));
        true
    })?;
    let fits = tree.size() == signed.size && tree.root() == signed.root;
    if fits { Ok(()) } else { Err(Error::Leaves { tenant: tenant.clone(), size: signed.size }) }
}

/// Refuses a folder whose checkpoint is another log's, or later.
fn not_back(path: &Path, signed: &Checkpoint) -> Result<(), Error> {
    let Some(there) = read(path, NOTE_LEN_MAX as u64)? else { return Ok(()) };
    let refused = |what| Error::Other { path: path.to_owned(), what };
    let there = String::from_utf8(there).ok().and_then(|note| Checkpoint::of_note(&note).ok());
    let there = there.ok_or_else(|| refused("no checkpoint"))?;
    if there.origin != signed.origin {
        return Err(refused("the checkpoint of another log"));
    }
    if there.size > signed.size {
        return Err(refused("a later checkpoint"));
    }
    if there.size == signed.size && there.root != signed.root {
        return Err(refused("another history"));
    }
    Ok(())
}

/// Writes a file unless it is there; answers whether it was written.
fn write(dir: &Path, name: &Name, bytes: &[u8]) -> Result<bool, Error> {
    let path = dir.join(name.path());
    match read(&path, FILE_LEN_MAX)? {
        Some(there) if there == bytes => return Ok(false),
        Some(_) => return Err(Error::Other { path, what: "other hashes or entries" }),
        None => {}
    }
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|source| Error::Folder { path: folder.to_owned(), source })?;
    }
    private_file::replace(&path, bytes, private_file::PUBLIC_MODE)?;
    Ok(true)
}

fn read(path: &Path, most: u64) -> Result<Option<Vec<u8>>, Error> {
    match private_file::read_public(path, most) {
        Ok(bytes) => Ok(Some(bytes.to_vec())),
        Err(private_file::Error::Read { source, .. }) if source.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use scalbotics_core::audit::Kind;
    use scalbotics_core::ports::AuditLog as _;
    use scalbotics_store::{Options, SqliteStore};
    use scalbotics_testkit::fixture::World;

    use super::*;

    /// All files below a folder.
    fn walk(folder: &Path) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
    }

    /// A tile that is shorter than it was is another one, wherever it was cut: nothing is written over it, and no later checkpoint beside it.
    #[tokio::test]
    async fn a_tile_cut_at_any_place_is_refused() {
        let (dir, world) = (tempfile::tempdir().unwrap(), World::new("acme", 1));
        let (data, out) = (dir.path().join("data"), dir.path().join("tiles"));
        std::fs::create_dir(&data).unwrap();
        let store = SqliteStore::open(&data, &Options::new(scalbotics_core::ids::InstallationId::from_u128(1))).unwrap();
        let signed = async |count: usize| {
            let records = (0..count).map(|number| world.record(Kind::Rpc, &format!("action.{number}"))).collect();
            store.append(records, Vec::new()).await.unwrap();
            let head = store.head(&world.tenant).await.unwrap();
            let checkpoint = Checkpoint { origin: "acme.test/audit/acme".to_owned(), size: head.size, root: head.root };
            let note = format!("{}\n\u{2014} acme.test/audit/acme AAAAAAAA\n", checkpoint.text());
            store.put_checkpoint(&world.tenant, head.size, head.root, &note).await.unwrap();
        };
        signed(6).await;
        tiles(&data, &world.tenant, &out).unwrap();
        let before = std::fs::read(out.join(CHECKPOINT)).unwrap();
        let mut cut = 0;
        for path in walk(&out) {
            let whole = std::fs::read(&path).unwrap();
            for len in 0..whole.len() {
                std::fs::write(&path, &whole[..len]).unwrap();
                let refused = tiles(&data, &world.tenant, &out);
                assert!(matches!(refused, Err(Error::Other { .. })), "{} at {len}: {refused:?}", path.display());
                cut += 1;
            }
            std::fs::write(&path, &whole).unwrap();
        }
        assert!(cut > 6 * 32, "{cut}");
        assert_eq!(tiles(&data, &world.tenant, &out).unwrap()["files_written"], 0);
        assert_eq!(std::fs::read(out.join(CHECKPOINT)).unwrap(), before);
        // The store is open all the while, and grows: what is new is added.
        signed(300).await;
        let added = tiles(&data, &world.tenant, &out).unwrap();
        assert_eq!((&added["size"], added["files_written"].as_u64() >= Some(4)), (&json!(306), true), "{added:#}");
    }
}
