//! Where commits are made, by one at a time: the writer's thread, or a caller who finds the desk free.
//!
//! A way to another thread and back takes longer than a small commit on a fast disk, and a task waits for two of them. So whoever
//! wants to commit little, while nobody waits and the disk has been fast, does it at once (decisions/0017).
//!
//! **Invariant:** a caller never waits for the desk, and none commits where the last commits took longer than a caller may stand
//! still: the thread makes them then, and says when that is over.

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::Duration;

use scalbotics_core::ports::StoreError;
use tokio::time::Instant;

use super::connect;
use super::failure::{failed, refused};
use super::job::Job;
use super::logs::Logs;
use super::writer::Writer;

/// What commits may take for callers to make them: one thread of the loops, never two, stands still for as long. The way to the thread and
/// back is a tenth of that; a limit near the pace of the disk would have them go there every other time.
const AT_ONCE_MAX: Duration = Duration::from_micros(1_500);

/// Most bytes that a caller commits itself; more are more work than the way to the thread.
const AT_ONCE_LEN_MAX: usize = 64 << 10;

/// The desk.
#[derive(Debug, Clone)]
pub(super) struct Desk(Arc<Mutex<Hand>>);

/// Who holds this may write.
#[derive(Debug)]
pub(super) struct Hand {
    writer: Writer,
    logs: Logs,
    /// Pages of the log after the last commit, as SQLite counts them.
    pages: Arc<AtomicU32>,
    /// What the last commits took; each counts a quarter of what is left.
    pace: Duration,
    /// Nothing more may be written.
    is_over: bool,
}

impl Desk {
    /// A desk at which nothing was committed yet: it is the thread that finds out how fast the disk is.
    pub(super) fn new(writer: Writer, pages: Arc<AtomicU32>) -> Self {
        let pace = AT_ONCE_MAX.saturating_mul(4);
        Self(Arc::new(Mutex::new(Hand { writer, logs: Logs::default(), pages, pace, is_over: false })))
    }

    /// Waits for the desk.
    pub(super) fn take(&self) -> MutexGuard<'_, Hand> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Commits the job if that is quick and nobody is at the desk; gives it back otherwise.
    pub(super) fn at_once(&self, job: Box<dyn Job>) -> Option<Box<dyn Job>> {
        if job.weight() > AT_ONCE_LEN_MAX {
            return Some(job);
        }
        match self.0.try_lock() {
            Ok(mut hand) if hand.pace <= AT_ONCE_MAX && !hand.is_over => {
                // That nothing more may be written is noted, and the thread sees it at the next job.
                let _noted = hand.commit(vec![job]);
                None
            }
            Ok(_) | Err(TryLockError::WouldBlock | TryLockError::Poisoned(_)) => Some(job),
        }
    }
}

impl Hand {
    /// Commits a group and answers; an error means that nothing more may be written.
    pub(super) fn commit(&mut self, group: Vec<Box<dyn Job>>) -> Result<(), ()> {
        if self.is_over {
            return Err(());
        }
        let begun = Instant::now();
        self.is_over = self.writer.write(&mut self.logs, group).is_err();
        self.pace = (self.pace.saturating_mul(3).saturating_add(begun.elapsed())) / 4;
        if self.is_over {
            return Err(());
        }
        self.writer.checkpointer.tell(self.pages.load(Ordering::Relaxed));
        Ok(())
    }

    /// Moves every page into the database and empties the log behind it; answers whether nobody stood in the way. Nothing is written
    /// meanwhile.
    ///
    /// # Errors
    /// The engine's, and those of making the log's file anew.
    pub(super) fn scrub(&mut self, path: &Path, wal_len: u64) -> Result<bool, StoreError> {
        if self.is_over {
            return Err(StoreError::Closing);
        }
        let conn = &self.writer.conn;
        conn.busy_timeout(SCRUB_BUSY).map_err(failed(SCRUB))?;
        let busy = conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0));
        conn.busy_timeout(connect::BUSY).map_err(failed(SCRUB))?;
        if busy.map_err(failed(SCRUB))? != 0 {
            return Ok(false);
        }
        connect::extend_log(path, wal_len).map_err(|error| refused(SCRUB, error))?;
        Ok(true)
    }
}

/// What was attempted, for errors.
const SCRUB: &str = "scrub the write-ahead log";

/// How long a scrub waits for readers while nobody may write.
const SCRUB_BUSY: Duration = Duration::from_millis(200);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::job::{Class, Tx, Work};
    use crate::sqlite::writer::tests::{job, writer};

    fn desk(dir: &Path, pace: Duration) -> Desk {
        let desk = Desk::new(writer(dir).0, Arc::default());
        desk.take().pace = pace;
        desk
    }

    #[test]
    fn a_caller_commits_what_is_little_where_the_disk_is_fast_and_nobody_is_there() {
        let dir = tempfile::tempdir().unwrap();
        let desk = desk(dir.path(), Duration::ZERO);
        let (small, mut answer) = job(false, Vec::new());
        assert!(desk.at_once(small).is_none());
        assert!(matches!(answer.try_recv(), Ok(Ok(()))));
        let (large, _answer) = Work::boxed(Class::new(AT_ONCE_LEN_MAX + 1, false), |_: &mut Tx<'_>| Ok(()), |()| ());
        assert!(desk.at_once(large).is_some());
        let hand = desk.take();
        assert!(desk.at_once(job(false, Vec::new()).0).is_some(), "somebody is at the desk");
        drop(hand);
        desk.take().is_over = true;
        assert!(desk.at_once(job(false, Vec::new()).0).is_some(), "nothing more may be written");
        assert!(desk.take().commit(vec![job(false, Vec::new()).0]).is_err());
    }

    #[test]
    fn a_slow_disk_is_the_threads_until_it_is_fast_again() {
        let dir = tempfile::tempdir().unwrap();
        let desk = desk(dir.path(), AT_ONCE_MAX * 2);
        assert!(desk.at_once(job(false, Vec::new()).0).is_some());
        let slow = |_: &mut Tx<'_>| {
            let begun = Instant::now();
            while begun.elapsed() < AT_ONCE_MAX * 5 {}
            Ok(())
        };
        desk.take().pace = Duration::ZERO;
        let (slow, _answer) = Work::boxed(Class::new(1, false), slow, |()| ());
        assert!(desk.at_once(slow).is_none(), "nobody could know");
        assert!(desk.take().pace > AT_ONCE_MAX);
        assert!(desk.at_once(job(false, Vec::new()).0).is_some());
    }
}
