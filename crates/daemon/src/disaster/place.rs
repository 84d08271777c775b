//! Where a backup comes into being: beside its place, under another name, until it is whole.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{ErrorKind, IsTerminal as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::error::Error;

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
    /// Takes the turn, and makes the place; what a killed backup left at the same place goes first.
    ///
    /// # Errors
    /// [`Error::Busy`], [`Error::Exists`], [`Error::Place`].
    pub(super) fn take(data: &Path, out: &Path) -> Result<Self, Error> {
        let lock = lock(data)?;
        let out = std::path::absolute(out).map_err(|source| Error::Place { path: out.to_owned(), source })?;
        check(&out)?;
        let mut name = out.file_name().unwrap_or_default().to_owned();
        name.push(PART);
        let part = out.with_file_name(name);
        let failed = |source| Error::Place { path: part.clone(), source };
        match std::fs::remove_dir_all(&part) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(failed(error)),
            Ok(()) | Err(_) => {}
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
    /// [`Error::Exists`], [`Error::Place`].
    pub(super) fn finish(self) -> Result<PathBuf, Error> {
        let failed = |source| Error::Place { path: self.out.clone(), source };
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

/// Refuses a place that is taken.
pub(super) fn check(out: &Path) -> Result<(), Error> {
    match out.symlink_metadata() {
        Ok(_) => Err(Error::Exists { path: out.to_owned() }),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(source) => Err(Error::Place { path: out.to_owned(), source }),
    }
}

fn lock(data: &Path) -> Result<File, Error> {
    let path = data.join(LOCK);
    let failed = |source| Error::Place { path: path.clone(), source };
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
