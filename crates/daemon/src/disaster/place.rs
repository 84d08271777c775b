//! Where a backup comes into being: beside its place, under another name, until it is whole.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{ErrorKind, IsTerminal as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::error::Error;
use super::manifest::{DATABASE, FILE};

/// What a name ends with while the backup is not whole.
const PART: &str = ".part";

/// The lock of the one backup that may be made at a time, in the data directory.
const LOCK: &str = "backup.lock";

/// Bytes between two words about the progress.
const STEP: u64 = 16 << 20;

/// An unfinished backup; gone when dropped, unless it was moved to its place.
#[derive(Debug)]
pub(super) struct Place {
    out: PathBuf,
    part: PathBuf,
    _lock: File,
}

impl Place {
    /// Takes the turn, and makes the place; what a killed backup left at the same place goes first, and nothing else does.
    ///
    /// # Errors
    /// [`Error::Busy`], [`Error::Exists`], [`Error::Out`].
    pub(super) fn take(data: &Path, out: &Path) -> Result<Self, Error> {
        let lock = lock(data)?;
        let out = std::path::absolute(out).map_err(|source| Error::Out { path: out.to_owned(), source })?;
        check(&out)?;
        let mut name = out.file_name().unwrap_or_default().to_owned();
        name.push(PART);
        let part = out.with_file_name(name);
        let failed = |source| Error::Out { path: part.clone(), source };
        if is_left_by_a_backup(&part).map_err(failed)? {
            std::fs::remove_dir_all(&part).map_err(failed)?;
        }
        DirBuilder::new().mode(0o700).create(&part).map_err(failed)?;
        Ok(Self { out, part, _lock: lock })
    }

    /// The directory to write to.
    pub(super) fn dir(&self) -> &Path {
        &self.part
    }

    /// Moves it to its place: from now on it is there.
    ///
    /// # Errors
    /// [`Error::Exists`], [`Error::Out`].
    pub(super) fn finish(self) -> Result<PathBuf, Error> {
        let failed = |source| Error::Out { path: self.out.clone(), source };
        File::open(&self.part).and_then(|dir| dir.sync_all()).map_err(failed)?;
        check(&self.out)?;
        std::fs::rename(&self.part, &self.out).map_err(failed)?;
        let parent = self.out.parent().unwrap_or(Path::new("/"));
        File::open(parent).and_then(|dir| dir.sync_all()).map_err(failed)?;
        Ok(self.out.clone())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // Moved away already where the backup is whole.
        drop(std::fs::remove_dir_all(&self.part));
    }
}

/// Whether a backup that was killed left this; what holds anything else is somebody's.
///
/// # Errors
/// Whatever the system says; `AlreadyExists` for what is somebody's.
fn is_left_by_a_backup(part: &Path) -> std::io::Result<bool> {
    match part.symlink_metadata() {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
        Ok(found) if !found.is_dir() => return Err(ErrorKind::AlreadyExists.into()),
        Ok(_) => {}
    }
    for entry in std::fs::read_dir(part)? {
        let (entry, name) = entry.map(|entry| (entry.file_type(), entry.file_name()))?;
        let name = name.to_string_lossy();
        // The database, what SQLite writes beside it, and the manifest under its name or the one that it has before.
        let is_ours = name.starts_with(DATABASE) || name.trim_start_matches('.').starts_with(FILE);
        if !is_ours || !entry?.is_file() {
            return Err(ErrorKind::AlreadyExists.into());
        }
    }
    Ok(true)
}

/// Refuses a place that is taken.
pub(super) fn check(out: &Path) -> Result<(), Error> {
    match out.symlink_metadata() {
        Ok(_) => Err(Error::Exists { path: out.to_owned() }),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(source) => Err(Error::Out { path: out.to_owned(), source }),
    }
}

fn lock(data: &Path) -> Result<File, Error> {
    let path = data.join(LOCK);
    let failed = |source| Error::Out { path: path.clone(), source };
    let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::Busy { path }),
        Err(TryLockError::Error(source)) => Err(failed(source)),
    }
}

/// Says on a terminal how far the copying is; nothing anywhere else.
pub(super) fn progress() -> impl FnMut(u64, u64) + Send + 'static {
    let is_seen = std::io::stderr().is_terminal();
    let mut said = 0;
    move |written, total| {
        if !is_seen || written < said + STEP {
            return;
        }
        said = written;
        let percent = written.saturating_mul(100).checked_div(total).unwrap_or(100).min(100);
        // A terminal that is gone stops no backup.
        drop(write!(std::io::stderr(), "\rcopied {} of about {} MiB ({percent} %)\u{1b}[K", written >> 20, total >> 20));
    }
}

/// Ends the line of [`progress`].
pub(super) fn progress_over() {
    if std::io::stderr().is_terminal() {
        drop(write!(std::io::stderr(), "\r\u{1b}[K"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_backup_left_goes_and_what_is_somebodys_stays() {
        let dir = tempfile::tempdir().unwrap();
        let (out, part) = (dir.path().join("b"), dir.path().join("b.part"));
        std::fs::create_dir(&part).unwrap();
        for name in ["core.db", "core.db-journal", "manifest", ".manifest.1f"] {
            std::fs::write(part.join(name), "x").unwrap();
        }
        let place = Place::take(dir.path(), &out).unwrap();
        assert!(place.dir() == part && std::fs::read_dir(&part).unwrap().next().is_none());
        drop(place);
        assert!(!part.exists());
        std::fs::create_dir_all(part.join("core.db")).unwrap();
        assert!(matches!(Place::take(dir.path(), &out), Err(Error::Out { .. })), "a directory under our name");
        std::fs::remove_dir(part.join("core.db")).unwrap();
        for name in ["core.db", "notes.txt"] {
            std::fs::write(part.join(name), "x").unwrap();
        }
        assert!(matches!(Place::take(dir.path(), &out), Err(Error::Out { .. })));
        assert!(part.join("notes.txt").exists() && part.join("core.db").exists());
        std::fs::remove_dir_all(&part).unwrap();
        std::fs::write(&part, "a file").unwrap();
        assert!(matches!(Place::take(dir.path(), &out), Err(Error::Out { .. })));
        assert!(part.exists());
    }
}
