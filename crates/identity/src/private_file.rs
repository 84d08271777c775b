//! Files that only their owner may read: written whole or not at all, and refused when others can read them.
//!
//! **Invariant:** after a crash at any point the file holds either its old bytes or its new ones: write a temporary file
//! beside it, fsync it, rename it over, fsync the directory.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use zeroize::Zeroizing;

use crate::entropy;

/// Mode of a file with secrets: its owner alone reads and writes it.
pub const SECRET_MODE: u32 = 0o600;

/// Mode of a file with nothing secret that only its owner may change.
pub const PUBLIC_MODE: u32 = 0o644;

/// Why a private file could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file could not be opened or read.
    #[error("cannot read file `{path}`")]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// The file, its temporary or its directory could not be written.
    #[error("cannot write file `{path}`")]
    Write {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// Group or world can reach the file.
    #[error("file `{path}` has mode {mode:04o}; it must be readable by its owner alone (`chmod 600`)")]
    Permissions {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The file belongs to neither this user nor root.
    #[error("file `{path}` belongs to user {uid}, neither to this user nor to root")]
    Owner {
        /// The file.
        path: PathBuf,
        /// Its owner.
        uid: u32,
    },
    /// A directory, pipe, socket or device.
    #[error("`{path}` is not a regular file")]
    NotRegular {
        /// The path.
        path: PathBuf,
    },
    /// The file is longer than its kind ever is.
    #[error("file `{path}` is longer than {max} bytes")]
    TooLong {
        /// The file.
        path: PathBuf,
        /// The limit, in bytes.
        max: u64,
    },
    /// A file that was to be created exists.
    #[error("file `{path}` exists and is not overwritten")]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// No name for a temporary file could be drawn.
    #[error("cannot name a temporary file beside `{path}`")]
    Entropy {
        /// The file.
        path: PathBuf,
        /// Why.
        source: entropy::Exhausted,
    },
}

/// Reads a secret file of at most `max` bytes, checking owner and mode on the opened file itself.
///
/// # Errors
/// Any [`Error`] but the writing ones; [`Error::Permissions`] when group or world has any right.
pub fn read(path: &Path, max: u64) -> Result<Zeroizing<Vec<u8>>, Error> {
    let file = open_regular(path)?;
    let metadata = file.metadata().map_err(|source| Error::Read { path: path.to_owned(), source })?;
    let mode = metadata.mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(Error::Permissions { path: path.to_owned(), mode });
    }
    let uid = metadata.uid();
    if uid != 0 && uid != rustix::process::geteuid().as_raw() {
        return Err(Error::Owner { path: path.to_owned(), uid });
    }
    read_limited(&file, path, max)
}

/// Reads a file of at most `max` bytes that holds nothing secret but must not be writable by everyone.
///
/// # Errors
/// As [`read`]; [`Error::Permissions`] only when the world may write.
pub fn read_public(path: &Path, max: u64) -> Result<Zeroizing<Vec<u8>>, Error> {
    let file = open_regular(path)?;
    let metadata = file.metadata().map_err(|source| Error::Read { path: path.to_owned(), source })?;
    let mode = metadata.mode() & 0o7777;
    if mode & 0o002 != 0 {
        return Err(Error::Permissions { path: path.to_owned(), mode });
    }
    read_limited(&file, path, max)
}

fn open_regular(path: &Path) -> Result<File, Error> {
    // Non-blocking, so that a pipe in the file's place cannot hang the caller.
    let flags = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or(0);
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags)
        .open(path)
        .map_err(|source| Error::Read { path: path.to_owned(), source })?;
    let metadata = file.metadata().map_err(|source| Error::Read { path: path.to_owned(), source })?;
    if metadata.is_file() { Ok(file) } else { Err(Error::NotRegular { path: path.to_owned() }) }
}

fn read_limited(file: &File, path: &Path, max: u64) -> Result<Zeroizing<Vec<u8>>, Error> {
    let fail = |source| Error::Read { path: path.to_owned(), source };
    let len = file.metadata().map_err(fail)?.len();
    if len > max {
        return Err(Error::TooLong { path: path.to_owned(), max });
    }
    // The capacity is exact, so that no copy of a secret is left behind by a growing buffer.
    let capacity = usize::try_from(len).unwrap_or(0).saturating_add(1);
    let mut bytes = Zeroizing::new(Vec::with_capacity(capacity));
    file.take(max.saturating_add(1)).read_to_end(&mut bytes).map_err(fail)?;
    if bytes.len() as u64 > max { Err(Error::TooLong { path: path.to_owned(), max }) } else { Ok(bytes) }
}

/// Replaces the file, or creates it, with `bytes` and `mode`.
///
/// # Errors
/// [`Error::Write`], [`Error::Entropy`].
pub fn replace(path: &Path, bytes: &[u8], mode: u32) -> Result<(), Error> {
    let temporary = write_temporary(path, bytes, mode)?;
    fs::rename(&temporary, path).map_err(|source| {
        discard(&temporary);
        Error::Write { path: path.to_owned(), source }
    })?;
    sync_directory(path)
}

/// Holds the directory of a file for one process at a time, until what is answered is dropped; those who ask wait.
///
/// # Errors
/// [`Error::Read`].
pub fn lock_directory(path: &Path) -> Result<File, Error> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    let held = File::open(directory).and_then(|file| file.lock().map(|()| file));
    held.map_err(|source| Error::Read { path: directory.to_owned(), source })
}

/// Creates the file with `bytes` and `mode`; of two racing creators exactly one wins.
///
/// # Errors
/// [`Error::Exists`], [`Error::Write`], [`Error::Entropy`].
pub fn create(path: &Path, bytes: &[u8], mode: u32) -> Result<(), Error> {
    let temporary = write_temporary(path, bytes, mode)?;
    // A link, unlike a rename, fails when the name is taken.
    let linked = fs::hard_link(&temporary, path);
    discard(&temporary);
    linked.map_err(|source| {
        if source.kind() == io::ErrorKind::AlreadyExists {
            Error::Exists { path: path.to_owned() }
        } else {
            Error::Write { path: path.to_owned(), source }
        }
    })?;
    sync_directory(path)
}

fn write_temporary(path: &Path, bytes: &[u8], mode: u32) -> Result<PathBuf, Error> {
    let fail = |source| Error::Write { path: path.to_owned(), source };
    let file_name = path.file_name().ok_or_else(|| fail(io::Error::from(io::ErrorKind::InvalidInput)))?;
    let tag: [u8; 8] = entropy::bytes().map_err(|source| Error::Entropy { path: path.to_owned(), source })?;
    let mut name = OsString::from(".");
    name.push(file_name);
    name.push(format!(".{:016x}.tmp", u64::from_be_bytes(tag)));
    let temporary = path.with_file_name(name);
    let written = OpenOptions::new().write(true).create_new(true).mode(mode).open(&temporary).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    written.map_err(|source| {
        discard(&temporary);
        fail(source)
    })?;
    Ok(temporary)
}

/// Removes a temporary file; its absence or a failure changes nothing that anyone relies on.
fn discard(temporary: &Path) {
    drop(fs::remove_file(temporary));
}

fn sync_directory(path: &Path) -> Result<(), Error> {
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        Some(_) | None => Path::new("."),
    };
    File::open(parent).and_then(|directory| directory.sync_all()).map_err(|source| Error::Write { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn entries(directory: &Path) -> usize {
        fs::read_dir(directory).unwrap().count()
    }

    #[test]
    fn written_private_and_read_back() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key");
        create(&path, b"one", SECRET_MODE).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o600);
        assert!(matches!(create(&path, b"two", SECRET_MODE), Err(Error::Exists { .. })));
        assert_eq!(**read(&path, 3).unwrap(), *b"one");
        replace(&path, b"three", SECRET_MODE).unwrap();
        assert_eq!(**read(&path, 5).unwrap(), *b"three");
        assert!(matches!(read(&path, 4), Err(Error::TooLong { max: 4, .. })));
        assert_eq!(entries(directory.path()), 1, "a temporary file was left behind");
    }

    #[test]
    fn refused_when_others_may_read() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key");
        create(&path, b"secret", SECRET_MODE).unwrap();
        for mode in [0o640, 0o604, 0o620, 0o602, 0o610, 0o601, 0o777] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            assert!(matches!(read(&path, 100), Err(Error::Permissions { mode: found, .. }) if found == mode), "{mode:o}");
        }
        for mode in [0o600, 0o400] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            assert!(read(&path, 100).is_ok(), "{mode:o}");
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(read_public(&path, 100).is_ok());
        fs::set_permissions(&path, fs::Permissions::from_mode(0o646)).unwrap();
        assert!(matches!(read_public(&path, 100), Err(Error::Permissions { .. })));
    }

    #[test]
    fn not_a_file() {
        let directory = tempfile::tempdir().unwrap();
        assert!(matches!(read(directory.path(), 100), Err(Error::NotRegular { .. })));
        let pipe = directory.path().join("pipe");
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, rustix::fs::Mode::from_raw_mode(0o600), 0)
            .unwrap();
        assert!(matches!(read(&pipe, 100), Err(Error::NotRegular { .. })));
        assert!(matches!(read(&directory.path().join("absent"), 100), Err(Error::Read { .. })));
        assert!(matches!(replace(&directory.path().join("no/such"), b"", SECRET_MODE), Err(Error::Write { .. })));
    }
}
