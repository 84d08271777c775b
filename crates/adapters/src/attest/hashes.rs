//! Digests of programs that were hashed before.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use rustix::fs::Stat;
use scalbotics_core::digest::Digest;

/// Digests that are kept: programs of one host, each in a hundred bytes.
const KEPT_MAX: usize = 1_024;

/// Those of them that processes of one user had made.
const OF_A_USER_MAX: usize = 64;

/// How long a file must have been left alone before its digest is kept, in milliseconds. Times of files are as coarse as the kernel's tick:
/// one that is written twice within a tick looks like one that was written once.
const SETTLED_MS: i64 = 2_000;

/// A file as it was when it was hashed: whoever writes it changes one of these, and its time of change is the kernel's alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version {
    device: u64,
    inode: u64,
    size: i64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Version {
    pub(super) fn of(stat: &Stat) -> Self {
        let nanoseconds = |value| i64::try_from(value).unwrap_or(i64::MAX);
        Self {
            device: stat.st_dev,
            inode: stat.st_ino,
            size: stat.st_size,
            modified: (stat.st_mtime, nanoseconds(stat.st_mtime_nsec)),
            changed: (stat.st_ctime, nanoseconds(stat.st_ctime_nsec)),
        }
    }

    /// Whether both are versions of one file.
    pub(super) const fn is_same_file(&self, other: &Self) -> bool {
        self.device == other.device && self.inode == other.inode
    }

    fn is_settled(&self, now_ms: i64) -> bool {
        let changed_ms = self.changed.0.saturating_mul(1_000).saturating_add(self.changed.1 / 1_000_000);
        now_ms.saturating_sub(changed_ms) >= SETTLED_MS
    }
}

/// Digests by version of a file, with the user for whose process each was made.
#[derive(Debug, Default)]
pub(super) struct Hashes(Mutex<BTreeMap<Version, (Digest, u32)>>);

impl Hashes {
    pub(super) fn find(&self, version: &Version) -> Option<Digest> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(version).map(|(digest, _)| *digest)
    }

    /// Keeps a digest, if the file has been left alone for a while.
    pub(super) fn keep(&self, version: Version, digest: Digest, uid: u32, now_ms: i64) {
        if !version.is_settled(now_ms) {
            return;
        }
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Whoever runs more programs than are kept has their own hashed more often.
        if kept.values().filter(|(_, whose)| *whose == uid).count() >= OF_A_USER_MAX {
            kept.retain(|_, (_, whose)| *whose != uid);
        }
        if kept.len() >= KEPT_MAX {
            kept.clear();
        }
        kept.insert(version, (digest, uid));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_was_written_a_moment_ago_is_hashed_again() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let version = Version::of(&rustix::fs::fstat(file.as_file()).unwrap());
        let written_ms = version.changed.0 * 1_000 + version.changed.1 / 1_000_000;
        let (hashes, digest) = (Hashes::default(), Digest::of_bytes(b"x"));
        hashes.keep(version, digest, 1, written_ms + SETTLED_MS - 1);
        assert_eq!(hashes.find(&version), None);
        // A clock that is behind the file system's keeps nothing either.
        hashes.keep(version, digest, 1, written_ms - 60_000);
        assert_eq!(hashes.find(&version), None);
        hashes.keep(version, digest, 1, written_ms + SETTLED_MS);
        assert_eq!(hashes.find(&version), Some(digest));
        let other = Version { changed: (version.changed.0, version.changed.1 + 1), ..version };
        assert_eq!(hashes.find(&other), None);
        for inode in 1..=OF_A_USER_MAX as u64 * 3 {
            hashes.keep(Version { inode, ..version }, digest, 2, i64::MAX);
        }
        assert_eq!(hashes.find(&version), Some(digest), "a user's many programs are not another's matter");
        assert!(hashes.0.lock().unwrap().len() <= OF_A_USER_MAX + 1);
        for inode in 1..=KEPT_MAX as u64 * 3 {
            hashes.keep(Version { inode, ..version }, digest, u32::try_from(inode).unwrap(), i64::MAX);
        }
        assert!(hashes.0.lock().unwrap().len() <= KEPT_MAX);
    }
}
