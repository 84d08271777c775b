//! `fs.write`: replaces one file as a whole, or not at all.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::io::Errno;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::limits::WRITE_BYTES_MAX;
use super::path::RelPath;
use super::workspace::{open_beneath, size, word};
use super::{Error, Output, Workspace};

/// Mode of a new file and of a new directory, before the umask.
const NEW_FILE: Mode = Mode::RUSR.union(Mode::WUSR).union(Mode::RGRP).union(Mode::ROTH);
const NEW_DIRECTORY: Mode = Mode::RWXU.union(Mode::RGRP).union(Mode::XGRP).union(Mode::ROTH).union(Mode::XOTH);

/// Names tried for the temporary file; they only collide with what a killed process of the same id left.
const TEMPORARY_NAMES_MAX: usize = 64;

/// Makes temporary names of this process differ.
static TEMPORARY: AtomicU64 = AtomicU64::new(0);

/// How `content` is written down.
#[derive(Debug, Default, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Encoding {
    /// As it is.
    #[default]
    Utf8,
    /// RFC 4648 §4, with padding.
    Base64,
}

/// Arguments of `fs.write`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Args {
    /// The file; not in a `.git` directory, and without control characters.
    pub path: String,
    /// The whole new content.
    pub content: String,
    /// How `content` is written down.
    #[serde(default)]
    pub encoding: Encoding,
    /// Whether missing directories of `path` are made.
    #[serde(default)]
    pub create_dirs: bool,
}

/// Whether the effect of an `fs.write` is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The file has exactly this content.
    Landed {
        /// What the write answered, or would have if it had not been cut off.
        result: Value,
    },
    /// The file is missing or has other content; a rename is atomic, so no half of it is there.
    NotLanded,
}

/// Answers `{path, bytes, sha256}`: nothing that cannot be read back, so that `verify` can give the same answer after a crash.
///
/// The content goes to a new file beside the target, is synced, and takes the target's name in one rename; then the directory
/// is synced. A reader sees the old content or the new, never a mixture, and a crash leaves one of them.
pub(super) fn run(workspace: &Workspace, args: &Args, cancelled: &dyn Fn() -> bool) -> Result<Output, Error> {
    let (path, content) = check(args)?;
    let Some((parent_path, name)) = path.split_last() else {
        return Err(Error::Kind { path, found: "directory", wanted: "file" });
    };
    let parent = if args.create_dirs { make_dirs(workspace, &parent_path)? } else { workspace.directory(&parent_path)? };
    let target = Target { parent, name: name.to_owned(), path: path.clone() };
    let old_mode = target.old_mode()?;
    if cancelled() {
        return Err(Error::Cancelled);
    }
    let temporary = target.fill_temporary(&content, old_mode)?;
    if let Err(errno) = rustix::fs::renameat(&target.parent, &temporary, &target.parent, name) {
        target.discard(&temporary);
        return Err(target.failed("replace", errno));
    }
    rustix::fs::fsync(&target.parent).map_err(|errno| target.failed("sync", errno))?;
    Ok(Output { value: answer(&path, &content), truncated: false })
}

fn answer(path: &RelPath, content: &[u8]) -> Value {
    json!({ "path": path.as_str(), "bytes": content.len(), "sha256": hex(&Sha256::digest(content)) })
}

/// Reads the file back and compares it byte for byte.
pub(super) fn verify(workspace: &Workspace, args: &Args) -> Result<Verdict, Error> {
    let (path, content) = check(args)?;
    let (file, stat) = match workspace.file(&path) {
        Ok(found) => found,
        // A file of several names or another kind is not what the rename leaves.
        Err(Error::NotFound { .. } | Error::HardLink { .. } | Error::Kind { .. }) => return Ok(Verdict::NotLanded),
        Err(error) => return Err(error),
    };
    if usize::try_from(size(&stat)) != Ok(content.len()) {
        return Ok(Verdict::NotLanded);
    }
    let mut found = Vec::with_capacity(content.len());
    // One byte more than wanted, in case the file grows meanwhile.
    let most = u64::try_from(content.len()).unwrap_or(u64::MAX).saturating_add(1);
    file.take(most).read_to_end(&mut found).map_err(|source| Error::Io { operation: "read", path: path.clone(), source })?;
    if found == content { Ok(Verdict::Landed { result: answer(&path, &content) }) } else { Ok(Verdict::NotLanded) }
}

fn check(args: &Args) -> Result<(RelPath, Vec<u8>), Error> {
    let path = RelPath::parse(&args.path)?;
    if args.path.chars().any(char::is_control) {
        return Err(Error::Argument { name: "path", reason: "contains a control character" });
    }
    // Case is ignored because a file system may ignore it.
    if path.components().any(|part| part.eq_ignore_ascii_case(".git")) {
        return Err(Error::Protected { path });
    }
    let content = match args.encoding {
        Encoding::Utf8 => args.content.as_bytes().to_vec(),
        Encoding::Base64 => {
            STANDARD.decode(&args.content).map_err(|_| Error::Argument { name: "content", reason: "is not base64" })?
        }
    };
    if content.len() > WRITE_BYTES_MAX {
        return Err(Error::Argument { name: "content", reason: "is longer than 4194304 bytes" });
    }
    Ok((path, content))
}

/// Walks down from the root and makes what is missing; each step is resolved beneath the root again.
fn make_dirs(workspace: &Workspace, path: &RelPath) -> Result<OwnedFd, Error> {
    let mut here = RelPath::parse(".")?;
    let mut fd = workspace.directory(&here)?;
    for part in path.components() {
        let below = here.entry(part);
        fd = match workspace.directory(&below) {
            Err(Error::NotFound { .. }) => {
                let made = rustix::fs::mkdirat(&fd, part, NEW_DIRECTORY);
                if let Err(errno) = made
                    && errno != Errno::EXIST
                {
                    return Err(Error::of_lookup("make", &below, errno));
                }
                rustix::fs::fsync(&fd).map_err(|errno| Error::of_lookup("sync", &here, errno))?;
                workspace.directory(&below)?
            }
            found => found?,
        };
        here = below;
    }
    Ok(fd)
}

/// The name to replace, in its open directory.
struct Target {
    parent: OwnedFd,
    name: String,
    path: RelPath,
}

impl Target {
    fn failed(&self, operation: &'static str, errno: Errno) -> Error {
        Error::of_lookup(operation, &self.path, errno)
    }

    /// Permission bits of the file to replace, or nothing when there is none; other kinds than files and links are refused.
    fn old_mode(&self) -> Result<Option<Mode>, Error> {
        let stat = match rustix::fs::statat(&self.parent, &self.name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => stat,
            Err(Errno::NOENT) => return Ok(None),
            Err(errno) => return Err(self.failed("examine", errno)),
        };
        match FileType::from_raw_mode(stat.st_mode) {
            // Set-user-id and its like are not carried over.
            FileType::RegularFile => Ok(Some(Mode::from_raw_mode(stat.st_mode) & (Mode::RWXU | Mode::RWXG | Mode::RWXO))),
            FileType::Symlink => Ok(Some(NEW_FILE)),
            kind @ (FileType::Directory
            | FileType::Fifo
            | FileType::Socket
            | FileType::CharacterDevice
            | FileType::BlockDevice
            | FileType::Unknown) => Err(Error::Kind { path: self.path.clone(), found: word(kind), wanted: "file" }),
        }
    }

    fn fill_temporary(&self, content: &[u8], mode: Option<Mode>) -> Result<String, Error> {
        let (name, fd) = self.open_temporary()?;
        let filled = self.fill(fd, content, mode);
        if filled.is_err() {
            self.discard(&name);
        }
        filled.map(|()| name)
    }

    fn open_temporary(&self) -> Result<(String, OwnedFd), Error> {
        for _ in 0..TEMPORARY_NAMES_MAX {
            let number = TEMPORARY.fetch_add(1, Ordering::Relaxed);
            let name = format!(".scalbotics-{}-{number}.tmp", std::process::id());
            let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW;
            match open_beneath(self.parent.as_fd(), &name, flags, NEW_FILE) {
                Ok(fd) => return Ok((name, fd)),
                Err(Errno::EXIST) => {}
                Err(errno) => return Err(self.failed("create a file beside", errno)),
            }
        }
        Err(self.failed("create a file beside", Errno::EXIST))
    }

    fn fill(&self, fd: OwnedFd, content: &[u8], mode: Option<Mode>) -> Result<(), Error> {
        if let Some(mode) = mode {
            rustix::fs::fchmod(&fd, mode).map_err(|errno| self.failed("set the mode of", errno))?;
        }
        let mut file = File::from(fd);
        let failed = |source| Error::Io { operation: "write", path: self.path.clone(), source };
        file.write_all(content).map_err(failed)?;
        file.sync_all().map_err(failed)
    }

    /// A name that stays behind is litter, not damage, so that a second failure changes nothing.
    fn discard(&self, temporary: &str) {
        if let Err(errno) = rustix::fs::unlinkat(&self.parent, temporary, AtFlags::empty()) {
            tracing::warn!(%errno, path = %self.path, "a temporary file stays behind");
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(64), |mut text, byte| {
        for nibble in [byte >> 4, byte & 15] {
            text.push(char::from_digit(u32::from(nibble), 16).unwrap_or('0'));
        }
        text
    })
}
