//! The program of a process: where its file is, and the digest of its bytes.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::AsFd;
use std::path::Path;

use rustix::fs::{CWD, FileType, Mode, OFlags, Stat, fstat, open, readlinkat, stat};
use rustix::io::Errno;
use scalbotics_core::digest::{Digest, Digester};

use super::error::{Error, system};
use super::hashes::{Hashes, Version};

/// Longest program that is hashed, in bytes: the largest of common runtimes have a third of it.
pub const PROGRAM_LEN_MAX: u64 = 256 << 20;

/// Bytes read at once.
const CHUNK_BYTES: usize = 128 << 10;

/// The file that a process runs, by the link that the kernel keeps of it.
#[derive(Debug)]
pub(super) struct Program<'a> {
    link: &'a Path,
    version: Version,
}

impl<'a> Program<'a> {
    /// The program behind `/proc/PID/exe`; `None` where there is none, or the daemon may not look at it.
    pub(super) fn open(link: &'a Path) -> Result<Option<Self>, Error> {
        let fd = match open(link, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()) {
            Ok(fd) => fd,
            // A kernel's thread has none; a process that has ended is found out by whoever asks next.
            Err(Errno::NOENT | Errno::SRCH | Errno::ACCESS | Errno::PERM) => return Ok(None),
            Err(error) => return Err(system("look at the program")(error)),
        };
        let seen = fstat(&fd).map_err(system("look at the program"))?;
        Ok(Some(Self { link, version: Version::of(&seen) }))
    }

    /// Where it is. The path is what the process's own view of the file system gives it, which its owner may make up; so the daemon's own view
    /// must have the same file there.
    pub(super) fn path(&self) -> Option<String> {
        let path = readlinkat(CWD, self.link, Vec::new()).ok()?.into_string().ok()?;
        let here = Version::of(&stat(path.as_str()).ok()?);
        here.is_same_file(&self.version).then_some(path)
    }

    /// The digest of its bytes; `None` where the daemon may not read them, or they are too many.
    pub(super) fn digest(&self, hashes: &Hashes, uid: u32, now_ms: i64) -> Result<Option<Digest>, Error> {
        let fd = match open(self.link, OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY, Mode::empty()) {
            Ok(fd) => fd,
            Err(Errno::NOENT | Errno::SRCH | Errno::ACCESS | Errno::PERM) => return Ok(None),
            Err(error) => return Err(system("open the program")(error)),
        };
        let before = looked_at(&fd)?;
        let version = Version::of(&before);
        if version != self.version {
            return Err(Error::Changed);
        }
        let len = u64::try_from(before.st_size).unwrap_or(u64::MAX);
        if len > PROGRAM_LEN_MAX {
            tracing::warn!(len, most = PROGRAM_LEN_MAX, "program of a workload is too large to be hashed");
            return Ok(None);
        }
        if let Some(digest) = hashes.find(&version) {
            return Ok(Some(digest));
        }
        let mut file = File::from(fd);
        let digest = hash(&mut file).map_err(system("read the program"))?;
        if Version::of(&looked_at(&file)?) != version {
            return Err(Error::Changed);
        }
        hashes.keep(version, digest, uid, now_ms);
        Ok(Some(digest))
    }

    /// Whether the process still runs the same file.
    pub(super) fn check(&self) -> Result<(), Error> {
        let now = Self::open(self.link)?.ok_or(Error::Gone)?;
        if now.version == self.version { Ok(()) } else { Err(Error::Changed) }
    }
}

fn looked_at(fd: impl AsFd) -> Result<Stat, Error> {
    let found = fstat(fd).map_err(system("look at the program"))?;
    let is_file = FileType::from_raw_mode(found.st_mode).is_file();
    if is_file { Ok(found) } else { Err(Error::Changed) }
}

/// The digest of what is left of a file, up to a byte more than is ever hashed.
fn hash(file: &mut File) -> io::Result<Digest> {
    let (mut digester, mut chunk) = (Digester::default(), vec![0; CHUNK_BYTES]);
    let mut rest = file.take(PROGRAM_LEN_MAX.saturating_add(1));
    loop {
        match rest.read(&mut chunk) {
            Ok(0) => return Ok(digester.finish()),
            Ok(read) => digester.push(chunk.get(..read).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
