//! Login assertions, and tokens of outside issuers, that were used: each counts once, also across a restart. And access tokens whose session was
//! ended: that is their one use.
//!
//! **Invariant:** an assertion is on disk as used before a token is given for it, so a kill -9 in between revives none.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use scalbotics_core::digest::Digest;
use scalbotics_core::time::Timestamp;

use super::codes;
use super::failure::Failure;

/// Most that are remembered in one file: an assertion for at most two minutes, a token of an outside issuer for an hour; beyond it logins
/// wait.
const USED_MAX: usize = 100_000;

/// Longest file, in bytes, before the lines that are too old anyway are left out; one that is longer all the same doubles first.
const FILE_LEN_MAX: u64 = 1 << 20;

/// Longest file that is read, in bytes: twice as many lines of 80 bytes as are remembered.
const READ_LEN_MAX: u64 = 16 << 20;

/// Separates these digests from all others.
const TAG: &str = "scalbotics/used-assertion/v1";

/// What using an assertion came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// It counts.
    First,
    /// It was used before.
    Again,
    /// Too many are remembered.
    Full,
}

/// The assertions that were used, until they would be refused as old.
#[derive(Debug)]
pub struct UsedAssertions {
    path: PathBuf,
    /// Apart from the file, so that whoever only looks waits for no disk. Written by who holds the file.
    used: RwLock<BTreeMap<Digest, Timestamp>>,
    kept: Mutex<Kept>,
}

#[derive(Debug)]
struct Kept {
    file: File,
    len: u64,
    /// The length at which the file is written anew.
    full_at: u64,
}

impl UsedAssertions {
    /// Takes up the file at `path`, or makes it; a last line that was torn by a crash is none.
    ///
    /// # Errors
    /// What the system says.
    pub fn open(path: &Path, now: Timestamp) -> io::Result<Self> {
        let mut bytes = Vec::new();
        match File::open(path) {
            Ok(file) => drop(file.take(READ_LEN_MAX).read_to_end(&mut bytes)?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let text = String::from_utf8_lossy(&bytes);
        let used = text.lines().filter_map(parse).filter(|(_, until)| *until > now).collect();
        let (file, len) = rewrite(path, &used)?;
        let kept = Mutex::new(Kept { file, len, full_at: full_at(len) });
        Ok(Self { path: path.to_owned(), used: RwLock::new(used), kept })
    }

    /// Uses the assertion or token `jti` of `whose`; returns when that is durable. Blocks for one write and its sync.
    ///
    /// # Errors
    /// What the system says; the assertion counts as used all the same.
    pub fn use_once(&self, whose: &str, jti: &str, until: Timestamp, now: Timestamp) -> io::Result<Use> {
        let name = name(whose, jti);
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let used = || self.used.write().unwrap_or_else(PoisonError::into_inner);
        if self.len() >= USED_MAX || kept.len > kept.full_at {
            used().retain(|_, until| *until > now);
            let all = self.used.read().unwrap_or_else(PoisonError::into_inner).clone();
            (kept.file, kept.len) = rewrite(&self.path, &all)?;
            kept.full_at = full_at(kept.len);
        }
        if self.len() >= USED_MAX {
            return Ok(Use::Full);
        }
        if used().insert(name, until).is_some() {
            return Ok(Use::Again);
        }
        let line = line(&name, until);
        kept.file.write_all(line.as_bytes())?;
        kept.len = kept.len.saturating_add(u64::try_from(line.len()).unwrap_or(u64::MAX));
        kept.file.sync_data()?;
        Ok(Use::First)
    }

    /// Whether the assertion or token `jti` of `whose` was used, and is remembered. Reads memory only.
    pub(super) fn has(&self, whose: &str, jti: &str) -> bool {
        self.used.read().unwrap_or_else(PoisonError::into_inner).contains_key(&name(whose, jti))
    }

    fn len(&self) -> usize {
        self.used.read().unwrap_or_else(PoisonError::into_inner).len()
    }
}

fn name(whose: &str, jti: &str) -> Digest {
    Digest::of_parts(TAG, &[whose.as_bytes(), jti.as_bytes()])
}

/// The same beside the runtime's own work, as a call wants it; `what` is what fails where it cannot be written.
///
/// # Errors
/// STORE_FULL, STORE_FAILED.
pub(super) async fn use_once(
    used: Arc<UsedAssertions>,
    (whose, jti): (String, String),
    (until, now): (Timestamp, Timestamp),
    what: &'static str,
) -> Result<Use, Failure> {
    let written = tokio::task::spawn_blocking(move || used.use_once(&whose, &jti, until, now)).await;
    written.map_err(|error| Failure::internal("remember a token", &error))?.map_err(|error| {
        tracing::error!(%error, "a used token could not be remembered");
        let full = error.kind() == io::ErrorKind::StorageFull;
        let code = if full { codes::STORE_FULL } else { codes::STORE_FAILED };
        Failure::new(code, what).next("free space on the daemon's host; it goes on by itself")
    })
}

/// When a file of this length after it was written is written anew: seldom enough that each line is written twice at most.
fn full_at(len: u64) -> u64 {
    len.saturating_mul(2).max(FILE_LEN_MAX)
}

fn line(name: &Digest, until: Timestamp) -> String {
    format!("{name} {}\n", until.unix_ms())
}

fn parse(line: &str) -> Option<(Digest, Timestamp)> {
    let (name, until) = line.split_once(' ')?;
    Some((name.parse().ok()?, Timestamp::from_unix_ms(until.parse().ok()?)))
}

/// Writes the file anew, so that a crash leaves the old one or the new one; answers it open for more lines, and its length.
fn rewrite(path: &Path, used: &BTreeMap<Digest, Timestamp>) -> io::Result<(File, u64)> {
    let text: String = used.iter().map(|(name, until)| line(name, *until)).collect();
    let fresh = path.with_extension("new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&fresh, path)?;
    if let Some(folder) = path.parent() {
        File::open(folder)?.sync_all()?;
    }
    Ok((OpenOptions::new().append(true).open(path)?, u64::try_from(text.len()).unwrap_or(u64::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_unix_ms(ms)
    }

    #[test]
    fn an_assertion_counts_once_also_after_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("used");
        let (ann, bob) = ("ann", "bob");
        let used = UsedAssertions::open(&path, at(0)).unwrap();
        let once = |used: &UsedAssertions, holder, jti, now| used.use_once(holder, jti, at(100), at(now)).unwrap();
        assert_eq!(once(&used, ann, "a", 0), Use::First);
        assert_eq!(once(&used, ann, "a", 0), Use::Again);
        assert_eq!((once(&used, ann, "b", 0), once(&used, bob, "a", 0)), (Use::First, Use::First));
        drop(used);
        // A line that a crash tore.
        OpenOptions::new().append(true).open(&path).unwrap().write_all(b"00ff 9").unwrap();
        let used = UsedAssertions::open(&path, at(50)).unwrap();
        assert!(used.has(ann, "a") && used.has(bob, "a") && !used.has(bob, "b"));
        assert_eq!((once(&used, ann, "a", 50), once(&used, bob, "a", 50)), (Use::Again, Use::Again));
        assert_eq!(once(&used, bob, "b", 50), Use::First);
        drop(used);
        // What is refused as old anyway is forgotten.
        let used = UsedAssertions::open(&path, at(100)).unwrap();
        assert_eq!((used.len(), std::fs::metadata(&path).unwrap().len()), (0, 0));
    }

    #[test]
    fn the_file_does_not_grow_for_ever() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("used");
        let used = UsedAssertions::open(&path, at(0)).unwrap();
        used.use_once("ann", "old", at(10), at(0)).unwrap();
        used.kept.lock().unwrap().len = FILE_LEN_MAX + 1;
        used.use_once("ann", "new", at(100), at(50)).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap().lines().count(), 1);
    }
}
