//! `admin backup`: beside a daemon that goes on, or without one.

use std::path::{Path, PathBuf};

use scalbotics_core::ports::Clock as _;
use scalbotics_core::tenant::TenantId;
use scalbotics_identity::private_file::{self, SECRET_MODE};
use scalbotics_store::copy_database;
use serde_json::{Value, json};

use super::error::Error;
use super::manifest::{self, Manifest};
use super::place::{self, Place};
use crate::anchor;
use crate::clock::{Guarded, System};
use crate::config::Config;
use crate::keys;

/// Bytes that must be free beyond the database's own.
const SPARE: u64 = 16 << 20;

/// What a backup never holds.
const NOT_INCLUDED: [&str; 5] = [
    "keystores and key files",
    "the anchor and the standings beside the keystore",
    "the trust file",
    "the repository",
    "workspaces",
];

/// Makes a backup at `out`; with `dry_run` says what would be made.
///
/// # Errors
/// Any [`Error`]; nothing is left of a backup that failed.
pub(super) fn make(config: &Config, out: &Path, dry_run: bool) -> Result<Value, Error> {
    let trust = keys::trust(config)?;
    let signer = keys::log_signer(config, &keys::keystore(config)?, &trust, 1)?;
    let incarnation = anchor::load(&config.keystore, config.installation, &trust.log_keys).ok().flatten();
    let incarnation = incarnation.map_or(1, |anchor| anchor.incarnation);
    let database = config.data_dir.join(manifest::DATABASE);
    let len = std::fs::metadata(&database).map_err(|source| Error::Out { path: database.clone(), source })?.len();
    let len = len.saturating_add(std::fs::metadata(config.data_dir.join("core.db-wal")).map_or(0, |found| found.len()));
    if dry_run {
        place::check(out)?;
        room(out, len)?;
        return Ok(json!({ "dry_run": true, "backup": out, "bytes_at_most": len, "not_included": NOT_INCLUDED }));
    }
    let place = Place::take(&config.data_dir, out)?;
    room(place.dir(), len)?;
    let copied = copy_database(&config.data_dir, place.dir(), place::progress());
    place::progress_over();
    copied?;
    let found = manifest::verify(place.dir())?;
    let checkpoint = found.store.newest_checkpoint(&TenantId::system()).map_err(|error| Error::damaged(place.dir(), error))?;
    let path = place.dir().join(manifest::DATABASE);
    let (len, sha256) = manifest::digest(&path).map_err(|source| Error::Out { path: path.clone(), source })?;
    let at = Guarded::new(System, None).now();
    let manifest = Manifest {
        version: manifest::VERSION,
        installation: config.installation,
        incarnation,
        at,
        program: env!("CARGO_PKG_VERSION").to_owned(),
        len,
        sha256,
        logs: found.logs,
        checkpoint,
        tasks: found.tasks,
    };
    drop(found.store);
    write(&place, &manifest, &signer)?;
    let out = place.finish()?;
    Ok(shown(&out, &manifest))
}

fn write(place: &Place, manifest: &Manifest, signer: &dyn scalbotics_core::ports::Signer) -> Result<(), Error> {
    let path = place.dir().join(manifest::FILE);
    let refused = |source: Box<dyn std::error::Error + Send + Sync>| Error::Manifest { path: path.clone(), source };
    std::fs::set_permissions(place.dir().join(manifest::DATABASE), mode()).map_err(|error| refused(error.into()))?;
    let bytes = anchor::seal(manifest::KIND, manifest, signer).map_err(|error| refused(error.into()))?;
    private_file::replace(&path, &bytes, SECRET_MODE).map_err(|error| refused(error.into()))
}

fn mode() -> std::fs::Permissions {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::Permissions::from_mode(SECRET_MODE)
}

/// Refuses to begin what would fill the disk.
fn room(at: &Path, len: u64) -> Result<(), Error> {
    let there = at.ancestors().find(|path| path.is_dir()).unwrap_or(Path::new("/"));
    let found = rustix::fs::statvfs(there).map_err(|error| Error::Out { path: there.to_owned(), source: error.into() })?;
    let (free, needed) = (found.f_bavail.saturating_mul(found.f_frsize), len.saturating_add(SPARE));
    if free < needed { Err(Error::NoRoom { path: PathBuf::from(there), needed, free }) } else { Ok(()) }
}

fn shown(out: &Path, manifest: &Manifest) -> Value {
    let logs: Vec<Value> =
        manifest.logs.iter().map(|log| json!({ "tenant": log.tenant, "records": log.size, "root": log.root })).collect();
    json!({
        "backup": out,
        "installation": manifest.installation,
        "incarnation": manifest.incarnation,
        "time_ms": manifest.at.unix_ms(),
        "bytes": manifest.len,
        "sha256": manifest.sha256,
        "logs": logs,
        "tasks": manifest.tasks,
        "verified": true,
        "not_included": NOT_INCLUDED,
    })
}
