//! Moves pages from the write-ahead log into the database, on its own thread, so that no commit waits for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use rusqlite::Connection;

use super::failure::Failure;
use super::threads;

/// Bytes of pages that were not moved yet from which they are, without waiting for anybody: inside of the log's first size. It counts
/// from the last move: while commits go on, a move leaves the newest pages behind, and without a step each commit would ask for the next
/// one.
const PASSIVE_LEN: u32 = 3 << 20;

/// Bytes from which the writer waits until the log can start over: the next start reads them in some milliseconds.
const RESTART_LEN: u32 = 8 << 20;

/// Bytes from which the file is also cut, after a reader held it up for long.
const TRUNCATE_LEN: u32 = 64 << 20;

/// Limits of a log in pages of its database.
#[derive(Debug, Clone, Copy)]
struct Limits {
    passive: u32,
    restart: u32,
    truncate: u32,
}

impl Limits {
    const fn of(page_len: u32) -> Self {
        let page_len = if page_len == 0 { 1 } else { page_len };
        Self { passive: PASSIVE_LEN / page_len, restart: RESTART_LEN / page_len, truncate: TRUNCATE_LEN / page_len }
    }

    /// Whether a log of `pages` of which `moved` are in the database is worth a move.
    const fn is_due(self, pages: u32, moved: u32) -> bool {
        pages >= self.restart || pages.saturating_sub(moved) >= self.passive
    }
}

/// The thread that empties the log.
#[derive(Debug)]
pub(super) struct Checkpointer {
    asks: Option<SyncSender<u32>>,
    limits: Limits,
    /// Pages of the log that are in the database already.
    moved: Arc<AtomicU32>,
    thread: Option<JoinHandle<()>>,
}

impl Checkpointer {
    /// Starts the thread; `fatal` is told when an fsync fails.
    pub(super) fn start(conn: Connection, fatal: impl Fn(&Failure) + Send + 'static) -> std::io::Result<Self> {
        let (asks, asked) = sync_channel(1);
        let page_len = conn.pragma_query_value(None, "page_size", |row| row.get(0)).map_err(std::io::Error::other)?;
        let limits = Limits::of(page_len);
        let moved = Arc::new(AtomicU32::new(0));
        let told = Arc::clone(&moved);
        let thread = threads::start("store-checkpoint", move || run(&conn, limits, (&asked, &told), fatal))?;
        Ok(Self { asks: Some(asks), limits, moved, thread: Some(thread) })
    }

    /// Tells how many pages are in the log; never waits.
    pub(super) fn tell(&self, pages: u32) {
        // Fewer pages than were moved: the log has started over since.
        let moved = self.moved.load(Ordering::Relaxed);
        if pages < moved {
            self.moved.store(0, Ordering::Relaxed);
        }
        if !self.limits.is_due(pages, if pages < moved { 0 } else { moved }) {
            return;
        }
        match self.asks.as_ref().map(|asks| asks.try_send(pages)) {
            // A full queue means that one is under way; the next commit tells again.
            Some(Ok(()) | Err(TrySendError::Full(_) | TrySendError::Disconnected(_))) | None => {}
        }
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        self.asks = None;
        if let Some(thread) = self.thread.take() {
            let _panicked = thread.join();
        }
    }
}

fn run(conn: &Connection, limits: Limits, (asked, told): (&Receiver<u32>, &AtomicU32), fatal: impl Fn(&Failure)) {
    while let Ok(pages) = asked.recv() {
        let statement = if pages >= limits.truncate {
            "PRAGMA wal_checkpoint(TRUNCATE)"
        } else if pages >= limits.restart {
            "PRAGMA wal_checkpoint(RESTART)"
        } else {
            "PRAGMA wal_checkpoint(PASSIVE)"
        };
        let done = conn.query_row(statement, [], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?)));
        match done {
            Ok((busy, pages, moved)) => {
                told.store(u32::try_from(moved).unwrap_or_default(), Ordering::Relaxed);
                tracing::debug!(busy, pages, moved, "write-ahead log emptied");
            }
            Err(error) => {
                let failure = Failure::of(&error);
                tracing::warn!(error = %error, "write-ahead log cannot be emptied");
                if matches!(failure, Failure::Unsynced(_)) {
                    fatal(&failure);
                    return;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_move_is_due_by_what_was_not_moved_yet_and_always_in_a_long_log() {
        for (page_len, passive) in [(2_048, 1_536), (4_096, 768)] {
            let limits = Limits::of(page_len);
            for (pages, moved, due) in [
                (0, 0, false),
                (passive - 1, 0, false),
                (passive, 0, true),
                (passive + 20, passive, false),
                (2 * passive, passive, true),
                (limits.restart, limits.restart, true),
            ] {
                assert_eq!(limits.is_due(pages, moved), due, "{pages} pages of {page_len}, {moved} moved");
            }
        }
    }

    #[test]
    fn while_commits_go_on_the_log_is_not_emptied_at_each() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("core.db");
        let writer = super::super::connect::writer(&path).unwrap();
        let checkpointer =
            Checkpointer::start(super::super::connect::checkpointer(&path).unwrap(), |failure| panic!("{failure:?}"));
        let mut checkpointer = checkpointer.unwrap();
        let passive = checkpointer.limits.passive;
        writer.execute_batch("CREATE TABLE t (x BLOB); INSERT INTO t VALUES (zeroblob(4000000))").unwrap();
        checkpointer.tell(passive);
        checkpointer.asks = None;
        checkpointer.thread.take().unwrap().join().unwrap();
        let moved = checkpointer.moved.load(Ordering::Relaxed);
        assert!(moved > passive, "the first move moves all: {moved}");
        let (asks, asked) = sync_channel(1);
        checkpointer.asks = Some(asks);
        checkpointer.tell(moved + 20);
        assert!(asked.try_recv().is_err());
        checkpointer.tell(moved + passive);
        assert_eq!(asked.try_recv(), Ok(moved + passive));
        checkpointer.tell(20);
        checkpointer.tell(passive);
        assert_eq!(asked.try_recv(), Ok(passive), "the log has started over");
    }
}
