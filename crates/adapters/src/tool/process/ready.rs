//! A pair of helpers that waits for the next job, so that a call does not wait until two programs have started.
//!
//! It knows nothing of a job: it has entered namespaces without a network, locked a file with a name of its own, and reads its
//! socket. To give it a job is to rename that file to the attempt's, which takes the locks along, and to send the job.
//!
//! **Invariant:** a pair gets at most one job; one that is not used within [`WAIT_MAX`] ends, since mounts of the host that were
//! made meanwhile may be unknown to it.

use std::fs::OpenOptions;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use std::{fs, io};

use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::pair::Pair;
use super::scope::Scope;

/// Time for which a pair waits for a job.
const WAIT_MAX: Duration = Duration::from_secs(60);

/// Time for which a job waits for a pair that is about to be ready; then it starts helpers of its own.
const PATIENCE: Duration = Duration::from_millis(100);

/// Time in which a pair is ready, or is given up.
const START_MAX: Duration = Duration::from_secs(5);

/// Keeps one pair ready once it was asked to.
#[derive(Debug)]
pub(super) struct Ready {
    exe: PathBuf,
    dir: PathBuf,
    made: AtomicU64,
    next: Mutex<Option<Next>>,
}

/// The pair that the next job gets, and the way to ask for it.
#[derive(Debug)]
struct Next {
    ask: oneshot::Sender<Reply>,
    /// The task that holds the pair; dropped, both end.
    holder: JoinSet<()>,
}

/// Where a job waits for a pair.
type Reply = oneshot::Sender<Waiting>;

/// A pair that holds the lock on its file.
#[derive(Debug)]
struct Waiting {
    pair: Pair,
    lock: LockFile,
}

/// A lock file that goes with its pair, but for one that was renamed.
#[derive(Debug)]
struct LockFile(PathBuf);

impl Drop for LockFile {
    fn drop(&mut self) {
        let _renamed = fs::remove_file(&self.0);
    }
}

impl Ready {
    /// Prepares the directory of lock files, mode 0700, and empties it: what a killed daemon left there ends by itself.
    pub(super) fn open(exe: PathBuf, dir: PathBuf) -> io::Result<Self> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&dir)?;
        for entry in fs::read_dir(&dir)? {
            fs::remove_file(entry?.path())?;
        }
        Ok(Self { exe, dir, made: AtomicU64::new(0), next: Mutex::new(None) })
    }

    /// Starts a pair for the next job, unless one is there.
    pub(super) fn prepare(&self) {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        if next.as_ref().is_some_and(|next| !next.ask.is_closed()) {
            return;
        }
        let number = self.made.fetch_add(1, Ordering::Relaxed);
        let (ask, asked) = oneshot::channel();
        let mut holder = JoinSet::new();
        holder.spawn(hold(self.exe.clone(), LockFile(self.dir.join(number.to_string())), asked));
        *next = Some(Next { ask, holder });
    }

    /// The waiting pair, under the lock of the attempt from now on; none when there is none, or it died, or the attempt was begun.
    pub(super) async fn take(&self, scope: &Scope, run_dir: &Path) -> Option<Pair> {
        let Next { ask, holder } = self.next.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        let (reply, answer) = oneshot::channel();
        ask.send(reply).ok()?;
        let Waiting { mut pair, lock } = tokio::time::timeout(PATIENCE, answer).await.ok()?.ok()?;
        drop(holder);
        (pair.live() && scope.begin_with(run_dir, &lock.0).is_ok()).then_some(pair)
    }
}

/// Starts a pair and keeps it until it is asked for, or has waited too long.
async fn hold(exe: PathBuf, lock: LockFile, asked: oneshot::Receiver<Reply>) {
    let Some(waiting) = start(exe, lock).await else { return };
    if let Ok(Ok(reply)) = tokio::time::timeout(WAIT_MAX, asked).await {
        // Nobody waits any more: the pair is dropped, and ends.
        let _unwanted = reply.send(waiting);
    }
}

/// Starts a pair and waits for its word. None is no failure yet: the job that needs helpers starts its own, and tells why it cannot.
async fn start(exe: PathBuf, lock: LockFile) -> Option<Waiting> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(&lock.0).ok()?;
    let mut pair = Pair::start(&exe, &lock.0, false).ok()?;
    tokio::time::timeout(START_MAX, pair.ready()).await.ok()?.ok()?;
    Some(Waiting { pair, lock })
}
