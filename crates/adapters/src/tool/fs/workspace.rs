//! The workspace directory and the one way into it.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::{CWD, FileType, Mode, OFlags, ResolveFlags, Stat};
use rustix::io::Errno;

use super::Error;
use super::limits::LOOKUP_RETRIES_MAX;
use super::path::RelPath;

/// Flags of every open: never blocks, never becomes a controlling terminal, never leaks into a child.
const ALWAYS: OFlags = OFlags::CLOEXEC.union(OFlags::NONBLOCK).union(OFlags::NOCTTY);

/// How the kernel resolves every name: `RESOLVE_BENEATH` refuses absolute paths, `..` above the start and links that
/// do either; `RESOLVE_NO_MAGICLINKS` refuses `/proc/<pid>/root` and its like.
const BENEATH: ResolveFlags = ResolveFlags::BENEATH.union(ResolveFlags::NO_MAGICLINKS);

/// A directory that file tools may touch, held open.
#[derive(Debug)]
pub struct Workspace {
    root: OwnedFd,
}

impl Workspace {
    /// Opens the directory; later renames of it or of its parents change nothing.
    ///
    /// # Errors
    /// The kernel's answer when the path is not a directory that can be opened, or leads over a symbolic link: whoever allowed
    /// the path has followed links before.
    pub fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY;
        let root = open_resolved(CWD, path, flags, Mode::empty(), ResolveFlags::NO_SYMLINKS)?;
        Ok(Self { root })
    }

    /// As [`Workspace::open`], where that takes no wait for a disk.
    pub(super) fn open_at_once(path: &Path) -> Option<Self> {
        let root = open_known(CWD, path, OFlags::RDONLY | OFlags::DIRECTORY, ResolveFlags::NO_SYMLINKS)?;
        Some(Self { root })
    }

    /// As [`Workspace::file`], where that takes no wait for a disk.
    pub(super) fn file_at_once(&self, path: &RelPath) -> Option<(File, Stat)> {
        let fd = open_known(&self.root, path.as_str(), OFlags::RDONLY, BENEATH)?;
        let stat = regular(&fd, path).ok()?;
        Some((File::from(fd), stat))
    }

    /// Opens a directory beneath the root, following links that stay beneath.
    pub(super) fn directory(&self, path: &RelPath) -> Result<OwnedFd, Error> {
        open_beneath(&self.root, path.as_str(), OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty())
            .map_err(|errno| Error::of_lookup("open", path, errno))
    }

    /// Opens a regular file with one name for reading, following links that stay beneath.
    pub(super) fn file(&self, path: &RelPath) -> Result<(File, Stat), Error> {
        let fd = open_beneath(&self.root, path.as_str(), OFlags::RDONLY, Mode::empty())
            .map_err(|errno| Error::of_lookup("open", path, errno))?;
        let stat = regular(&fd, path)?;
        Ok((File::from(fd), stat))
    }
}

/// Looks one name up from `start`, with every safety flag, again when a concurrent rename disturbed the kernel.
pub(super) fn open_beneath(start: impl AsFd, name: &str, flags: OFlags, mode: Mode) -> Result<OwnedFd, Errno> {
    open_resolved(start, name, flags, mode, BENEATH)
}

/// As [`open_beneath`], and no component may be a link at all.
pub(super) fn open_nofollow(start: impl AsFd, name: &std::ffi::CStr, flags: OFlags) -> Result<OwnedFd, Errno> {
    open_resolved(start, name, flags | OFlags::NOFOLLOW, Mode::empty(), BENEATH.union(ResolveFlags::NO_SYMLINKS))
}

/// Opens what the kernel knows by this name without asking a disk (Linux 5.12).
fn open_known(start: impl AsFd, name: impl rustix::path::Arg + Copy, flags: OFlags, resolve: ResolveFlags) -> Option<OwnedFd> {
    rustix::fs::openat2(start, name, flags | ALWAYS, Mode::empty(), resolve | ResolveFlags::CACHED).ok()
}

fn open_resolved(
    start: impl AsFd,
    name: impl rustix::path::Arg + Copy,
    flags: OFlags,
    mode: Mode,
    resolve: ResolveFlags,
) -> Result<OwnedFd, Errno> {
    let mut last = Errno::AGAIN;
    for _ in 0..LOOKUP_RETRIES_MAX {
        match rustix::fs::openat2(start.as_fd(), name, flags | ALWAYS, mode, resolve) {
            Err(errno @ (Errno::AGAIN | Errno::INTR)) => last = errno,
            other => return other,
        }
    }
    Err(last)
}

/// Checks that an open file is regular and has one name only.
pub(super) fn regular(fd: impl AsFd, path: &RelPath) -> Result<Stat, Error> {
    let stat = rustix::fs::fstat(fd).map_err(|errno| Error::of_lookup("examine", path, errno))?;
    let kind = FileType::from_raw_mode(stat.st_mode);
    if kind != FileType::RegularFile {
        return Err(Error::Kind { path: path.clone(), found: word(kind), wanted: "file" });
    }
    if stat.st_nlink > 1 {
        return Err(Error::HardLink { path: path.clone() });
    }
    Ok(stat)
}

/// Size of a file in bytes.
pub(super) fn size(stat: &Stat) -> u64 {
    u64::try_from(stat.st_size).unwrap_or(0)
}

/// The word for a kind of file, as results and errors show it.
pub(super) fn word(kind: FileType) -> &'static str {
    match kind {
        FileType::RegularFile => "file",
        FileType::Directory => "directory",
        FileType::Symlink => "symlink",
        FileType::Fifo => "fifo",
        FileType::Socket => "socket",
        FileType::CharacterDevice | FileType::BlockDevice => "device",
        FileType::Unknown => "unknown",
    }
}
