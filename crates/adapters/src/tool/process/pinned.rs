//! Files that a job was approved with: copied into memory that only the sandbox sees, hashed on the way, and run from there.
//!
//! A bind mount over the path would not do: whoever may rename another file over a path also lifts the mount from it, and a
//! writer of the file changes what the mount shows. A copy is the bytes that were hashed, whatever happens to the path.
//!
//! **Invariant:** the tool gets the copy of a pinned file, and only after its digest was found right.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ffi::CString;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, Mode, OFlags, fstat, open};
use rustix::io::Errno;
use rustix::mount::{MountFlags, mount, mount_remount};
use scalbotics_core::digest::Digest;
use sha2::{Digest as _, Sha256};

use super::job::Pinned;
use super::outcome::Refusal;
use super::wire::Report;

/// Bytes of all pinned files of a job together; they are memory while it runs. The largest interpreters have a quarter of it.
pub const PINNED_BYTES_MAX: u64 = 512 << 20;

/// Bytes read at once.
const CHUNK_BYTES: usize = 128 << 10;

/// Inodes of the copies' file system beside one file and one directory for each copy.
const INODES_SPARE: usize = 8;

const NEXT: &str = "correct argv of the tool, make its files readable for the daemon, or free memory on the host";

/// An opened file that can be hashed: regular, however its path changes from now on.
#[derive(Debug)]
pub struct Opened {
    /// The file.
    pub file: File,
    /// Its size in bytes when it was opened.
    pub size: u64,
}

/// Opens a regular file once, following links; never waits for a FIFO's writer.
///
/// # Errors
/// What the system says, or `InvalidInput` for anything but a regular file.
pub fn open_regular(path: &Path) -> io::Result<Opened> {
    let fd = open(path, OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY, Mode::empty())?;
    let stat = fstat(&fd)?;
    if !FileType::from_raw_mode(stat.st_mode).is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file"));
    }
    Ok(Opened { file: File::from(fd), size: u64::try_from(stat.st_size).unwrap_or_default() })
}

/// Hashes at most `bytes_max` bytes as `sha256sum` does, and copies them.
///
/// # Errors
/// What the system says, or `FileTooLarge` when there is more.
pub fn hash_into(from: &mut impl Read, into: &mut impl Write, bytes_max: u64) -> io::Result<(Digest, u64)> {
    let (mut hasher, mut total, mut chunk) = (Sha256::new(), 0_u64, vec![0; CHUNK_BYTES]);
    loop {
        let read = match from.read(&mut chunk) {
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let bytes = chunk.get(..read).unwrap_or_default();
        if bytes.is_empty() {
            return Ok((Digest::from_bytes(hasher.finalize().into()), total));
        }
        total = total.saturating_add(u64::try_from(read).unwrap_or(u64::MAX));
        if total > bytes_max {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("it is larger than {bytes_max} bytes")));
        }
        hasher.update(bytes);
        into.write_all(bytes)?;
    }
}

/// Why the copies are not there.
#[derive(Debug)]
pub(super) enum Failed {
    /// They cannot be made.
    Refused(Refusal),
    /// The file at this path is not the one that was pinned.
    Changed(PathBuf),
}

impl From<Refusal> for Failed {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<Failed> for Report {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Refused(refusal) => Self::Refused(refusal),
            Failed::Changed(path) => Self::Changed(path),
        }
    }
}

/// Copies the pinned files to `root`, makes that read-only, and puts the copies' paths into `argv`.
pub(super) fn prepare(root: &Path, pinned: &[Pinned], argv: &mut [String]) -> Result<(), Failed> {
    if pinned.is_empty() {
        return Ok(());
    }
    let refused = |reason: &dyn std::fmt::Display| Failed::Refused(Refusal::new("copy the tool's files", reason, NEXT));
    let flags = MountFlags::NOSUID | MountFlags::NODEV;
    let inodes = pinned.len().saturating_mul(2).saturating_add(INODES_SPARE);
    // Pages are counted whole, and directories have some.
    let size = PINNED_BYTES_MAX.saturating_add(1 << 20);
    let options = CString::new(format!("size={size},nr_inodes={inodes},mode=0700")).unwrap_or_default();
    mount("pinned", root, "tmpfs", flags, Some(options.as_c_str())).map_err(|errno: Errno| refused(&errno))?;
    let (mut left, mut made) = (PINNED_BYTES_MAX, BTreeMap::<(String, Digest), PathBuf>::new());
    for (number, pin) in pinned.iter().enumerate() {
        let argument = argv.get_mut(pin.argument).ok_or_else(|| refused(&"argv is shorter than its pinned files"))?;
        let target = match made.entry((argument.clone(), pin.digest)) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => {
                let target = copy(Path::new(argument.as_str()), &root.join(number.to_string()), pin.digest, &mut left)?;
                new.insert(target)
            }
        };
        *argument = target.to_str().ok_or_else(|| refused(&"a path is no text"))?.to_owned();
    }
    mount_remount(root, flags | MountFlags::RDONLY, c"").map_err(|errno| refused(&errno))
}

/// Copies one file into the new directory `dir`, under its own name, which programs look at.
fn copy(path: &Path, dir: &Path, wanted: Digest, left: &mut u64) -> Result<PathBuf, Failed> {
    let attempt = || format!("copy `{}` for the tool", path.display());
    let refused = |error: io::Error| Failed::Refused(Refusal::new(attempt(), error, NEXT));
    let mut source = match open_regular(path) {
        Ok(source) => source,
        // What was hashed is not there any more.
        Err(error) if is_another(&error) => return Err(Failed::Changed(path.to_owned())),
        Err(error) => return Err(refused(error)),
    };
    // All of them fitted when they were pinned, so a file that does not fit has grown since.
    if source.size > *left {
        return Err(Failed::Changed(path.to_owned()));
    }
    let target = dir.join(path.file_name().unwrap_or_default());
    std::fs::create_dir(dir).map_err(refused)?;
    let mut options = File::options();
    let mut file = options.write(true).create_new(true).mode(0o600).open(&target).map_err(refused)?;
    let (digest, size) = match hash_into(&mut source.file, &mut file, *left) {
        Err(error) if error.kind() == io::ErrorKind::FileTooLarge => return Err(Failed::Changed(path.to_owned())),
        hashed => hashed.map_err(refused)?,
    };
    if digest != wanted {
        return Err(Failed::Changed(path.to_owned()));
    }
    // Whether it may be executed is the original's to say.
    let mode = source.file.metadata().map_err(refused)?.permissions().mode() & 0o111 | 0o444;
    file.set_permissions(PermissionsExt::from_mode(mode)).map_err(refused)?;
    *left = left.saturating_sub(size);
    Ok(target)
}

/// Whether opening failed because something else stands at the path, or nothing.
fn is_another(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidInput, NotADirectory, NotFound};
    matches!(error.kind(), NotFound | NotADirectory | InvalidInput)
        || error.raw_os_error() == Some(Errno::LOOP.raw_os_error())
        || error.raw_os_error() == Some(Errno::NXIO.raw_os_error())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_hashed_as_others_hash_it_and_not_beyond_its_limit() {
        for (content, limit, fits) in [("", 0, true), ("abc", 3, true), ("abcd", 3, false)] {
            let mut copy = Vec::new();
            let hashed = hash_into(&mut content.as_bytes(), &mut copy, limit);
            assert_eq!(hashed.is_ok(), fits, "{content}");
            if let Ok((digest, size)) = hashed {
                assert_eq!((digest, size), (Digest::of_bytes(content.as_bytes()), content.len() as u64));
                assert_eq!(copy, content.as_bytes());
            }
        }
        let large = vec![7; 3 * CHUNK_BYTES + 1];
        assert_eq!(hash_into(&mut large.as_slice(), &mut io::sink(), u64::MAX).unwrap().0, Digest::of_bytes(&large));
    }

    #[test]
    fn only_regular_files_are_opened_and_nothing_blocks() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        std::fs::write(path("file"), "x").unwrap();
        std::os::unix::fs::symlink("file", path("link")).unwrap();
        std::os::unix::fs::symlink("loop", path("loop")).unwrap();
        rustix::fs::mkfifoat(rustix::fs::CWD, path("fifo"), Mode::RWXU).unwrap();
        assert_eq!(open_regular(&path("link")).unwrap().size, 1);
        for name in ["none", "loop", "fifo", "file/x", ""] {
            let error = open_regular(&path(name)).unwrap_err();
            assert!(is_another(&error), "{name}: {error:?}");
        }
        assert!(is_another(&open_regular(Path::new("/dev/null")).unwrap_err()));
    }
}
