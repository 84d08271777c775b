//! One daemon a data directory: an exclusive lock on `<data>/lock`, which the kernel drops with the process.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::Duration;

use super::OpenError;

/// Name of the lock file.
const NAME: &str = "lock";

/// Longest text read from a lock file, in bytes: a process id.
const TEXT_LEN_MAX: u64 = 32;

/// Looks at a lock that this very process wrote down, and the time between two. A child that was started meanwhile has every open file
/// until it becomes another program, some milliseconds on a busy machine, and the lock with it.
const LOOKS: usize = 25;
const BETWEEN: Duration = Duration::from_millis(10);

/// The held lock; released when dropped.
#[derive(Debug)]
pub(super) struct DataLock {
    _file: File,
}

impl DataLock {
    /// Takes the lock and writes down this process's id.
    pub(super) fn take(dir: &Path) -> Result<Self, OpenError> {
        let path = dir.join(NAME);
        let io = |source| OpenError::Io { path: path.clone(), source };
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path).map_err(io)?;
        for look in 1.. {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) => {
                    let pid = holder(&mut file);
                    if pid != Some(std::process::id()) || look == LOOKS {
                        return Err(OpenError::Locked { dir: dir.to_owned(), pid });
                    }
                    std::thread::park_timeout(BETWEEN);
                }
                Err(TryLockError::Error(source)) => return Err(io(source)),
            }
        }
        file.set_len(0).map_err(io)?;
        // The id is for people; on a full disk the lock holds without it.
        let _unwritten = file.rewind().and_then(|()| writeln!(file, "{}", std::process::id()));
        Ok(Self { _file: file })
    }
}

fn holder(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.rewind().ok()?;
    file.take(TEXT_LEN_MAX).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}
