//! The digest of a directory with everything beneath it: names, kinds, whether files may be executed, contents, where links lead.
//!
//! **Invariant:** no link is followed, nothing outside of the directory is read, and nothing blocks.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat, fstat, open, openat, readlinkat, statat};
use rustix::io::Errno;
use scalbotics_core::digest::Digest;
use scalbotics_core::time::Timestamp;
use scalbotics_core::tool::NotDone;

use super::inputs::Hasher;
use crate::tool::process::Opened;

/// Domain tag of tree digests.
const TREE_TAG: &str = "scalbotics/tree/v1";

/// Entries of all mounts of an agent together; a large repository of sources has fewer.
const ENTRIES_MAX: usize = 50_000;

/// Bytes of all files together; reading as many takes about a second where they are in memory.
const BYTES_MAX: u64 = 512 << 20;

/// Directories inside of one another; deeper ones are generated, and each is an open descriptor.
const DEPTH_MAX: usize = 64;

/// Flags of every open: links are not followed, and nothing is waited for.
const ALWAYS: OFlags =
    OFlags::RDONLY.union(OFlags::CLOEXEC).union(OFlags::NOFOLLOW).union(OFlags::NONBLOCK).union(OFlags::NOCTTY);

/// What is left of the limits while the mounts of one call are walked.
#[derive(Debug)]
pub(super) struct Walk<'a> {
    hasher: &'a Hasher,
    now: Timestamp,
    entries_left: usize,
    bytes_left: u64,
}

/// A name with what stands there, as it is hashed.
type Entry = (Vec<u8>, Vec<u8>);

impl<'a> Walk<'a> {
    pub(super) const fn new(hasher: &'a Hasher, now: Timestamp) -> Self {
        Self { hasher, now, entries_left: ENTRIES_MAX, bytes_left: BYTES_MAX }
    }

    /// The digest of a directory.
    ///
    /// # Errors
    /// [`NotDone::Unavailable`] when it cannot be read, or is too much.
    pub(super) fn digest(&mut self, name: &str, root: &Path) -> Result<Digest, NotDone> {
        let refused = |error: &io::Error| NotDone::Unavailable { reason: format!("{name}: {error}") };
        let dir = open(root, ALWAYS | OFlags::DIRECTORY, Mode::empty());
        let dir = dir.map_err(|errno| refused(&errno.into()))?;
        self.directory(&dir, 0).map_err(|error| refused(&error))
    }

    fn directory(&mut self, dir: &OwnedFd, depth: usize) -> io::Result<Digest> {
        if depth > DEPTH_MAX {
            return Err(too_much(&format!("directories stand more than {DEPTH_MAX} inside of one another")));
        }
        let mut entries: Vec<Entry> = Vec::new();
        for entry in Dir::read_from(dir)? {
            let entry = entry?;
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            self.entries_left =
                self.entries_left.checked_sub(1).ok_or_else(|| too_much(&format!("it has more than {ENTRIES_MAX} entries")))?;
            let stat = statat(dir, name, AtFlags::SYMLINK_NOFOLLOW)?;
            let what = match FileType::from_raw_mode(stat.st_mode) {
                FileType::Directory => {
                    let below = openat(dir, name, ALWAYS | OFlags::DIRECTORY, Mode::empty())?;
                    [b"d".as_slice(), self.directory(&below, depth + 1)?.as_bytes()].concat()
                }
                FileType::RegularFile => self.file(dir, name, &stat)?,
                FileType::Symlink => [b"l".as_slice(), readlinkat(dir, name, Vec::new())?.as_bytes()].concat(),
                FileType::Fifo | FileType::Socket | FileType::CharacterDevice | FileType::BlockDevice | FileType::Unknown => {
                    b"o".to_vec()
                }
            };
            entries.push((name.to_bytes().to_vec(), what));
        }
        entries.sort();
        let parts: Vec<&[u8]> = entries.iter().flat_map(|(name, what)| [name.as_slice(), what]).collect();
        Ok(Digest::of_parts(TREE_TAG, &parts))
    }

    fn file(&mut self, dir: impl AsFd, name: &std::ffi::CStr, seen: &Stat) -> io::Result<Vec<u8>> {
        let fd = openat(dir, name, ALWAYS, Mode::empty())?;
        let stat = fstat(&fd)?;
        if (stat.st_dev, stat.st_ino) != (seen.st_dev, seen.st_ino) || !FileType::from_raw_mode(stat.st_mode).is_file() {
            return Err(Errno::AGAIN.into());
        }
        let size = u64::try_from(stat.st_size).unwrap_or(u64::MAX);
        let over = || too_much(&format!("it has more than {BYTES_MAX} bytes"));
        self.bytes_left = self.bytes_left.checked_sub(size).ok_or_else(over)?;
        let opened = Opened { file: File::from(fd), size };
        let (digest, _) = self.hasher.hash_opened(opened, size, self.now)?;
        let kind: &[u8] = if stat.st_mode & 0o111 == 0 { b"f" } else { b"x" };
        Ok([kind, digest.as_bytes()].concat())
    }
}

fn too_much(what: &str) -> io::Error {
    let words =
        format!("{what}, which are not bound to an approval; give the agent a smaller folder for what programs shall see");
    io::Error::new(io::ErrorKind::FileTooLarge, words)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    const NOW: Timestamp = Timestamp::from_unix_ms(0);

    fn digest(root: &Path) -> Result<Digest, NotDone> {
        Walk::new(&Hasher::default(), NOW).digest("workspace work", root)
    }

    #[test]
    fn whatever_a_program_could_see_changes_the_digest() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        std::fs::create_dir_all(path("a/b")).unwrap();
        std::fs::write(path("a/file"), "one").unwrap();
        symlink("file", path("a/link")).unwrap();
        let first = digest(dir.path()).unwrap();
        assert_eq!(digest(dir.path()).unwrap(), first);
        let mut seen = vec![first];
        let mut differs = |what: &str| {
            let now = digest(dir.path()).unwrap();
            assert!(!seen.contains(&now), "{what}");
            seen.push(now);
        };
        std::fs::write(path("a/file"), "two").unwrap();
        differs("content");
        std::fs::set_permissions(path("a/file"), PermissionsExt::from_mode(0o755)).unwrap();
        differs("mode");
        std::fs::write(path("a/b/new"), "").unwrap();
        differs("a new file");
        std::fs::rename(path("a/b/new"), path("a/b/other")).unwrap();
        differs("another name");
        std::fs::remove_file(path("a/link")).unwrap();
        symlink("/etc/passwd", path("a/link")).unwrap();
        differs("a link that leads elsewhere");
        std::fs::create_dir(path("c")).unwrap();
        differs("an empty directory");
        rustix::fs::mkfifoat(rustix::fs::CWD, path("fifo"), Mode::RWXU).unwrap();
        differs("a FIFO, which is not waited for");
    }

    #[test]
    fn what_is_too_much_or_no_directory_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let large = dir.path().join("large");
        File::create(&large).unwrap().set_len(BYTES_MAX + 1).unwrap();
        let refused = |root: &Path, words: &str| {
            let Err(NotDone::Unavailable { reason }) = digest(root) else { panic!("{words}") };
            assert!(reason.starts_with("workspace work: ") && reason.contains(words), "{reason}");
        };
        refused(dir.path(), "more than 536870912 bytes");
        refused(&large, "");
        std::fs::remove_file(&large).unwrap();
        let mut deep = dir.path().to_owned();
        for _ in 0..=DEPTH_MAX {
            deep.push("d");
        }
        std::fs::create_dir_all(&deep).unwrap();
        refused(dir.path(), "inside of one another");
        let many = dir.path().join("many");
        symlink(dir.path(), &many).unwrap();
        refused(&many, "");
    }
}
