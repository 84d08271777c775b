//! Moves pages from the write-ahead log into the database, on its own thread, so that no commit waits for it.

use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use rusqlite::Connection;

use super::failure::Failure;
use super::threads;

/// Pages in the log from which it is emptied without waiting for anybody: 3 MiB, inside of its first size.
const PASSIVE_PAGES: u32 = 768;

/// Pages from which the writer waits until the log can start over: 16 MiB.
const RESTART_PAGES: u32 = 4_096;

/// Pages from which the file is also cut: 64 MiB, after a reader held it up for long.
const TRUNCATE_PAGES: u32 = 16_384;

/// The thread that empties the log.
#[derive(Debug)]
pub(super) struct Checkpointer {
    asks: Option<SyncSender<u32>>,
    thread: Option<JoinHandle<()>>,
}

impl Checkpointer {
    /// Starts the thread; `fatal` is told when an fsync fails.
    pub(super) fn start(conn: Connection, fatal: impl Fn(&Failure) + Send + 'static) -> std::io::Result<Self> {
        let (asks, asked) = sync_channel(1);
        let thread = threads::start("store-checkpoint", move || run(&conn, &asked, fatal))?;
        Ok(Self { asks: Some(asks), thread: Some(thread) })
    }

    /// Tells how many pages are in the log; never waits.
    pub(super) fn tell(&self, pages: u32) {
        if pages < PASSIVE_PAGES {
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

fn run(conn: &Connection, asked: &Receiver<u32>, fatal: impl Fn(&Failure)) {
    while let Ok(pages) = asked.recv() {
        let statement = match pages {
            TRUNCATE_PAGES.. => "PRAGMA wal_checkpoint(TRUNCATE)",
            RESTART_PAGES.. => "PRAGMA wal_checkpoint(RESTART)",
            _ => "PRAGMA wal_checkpoint(PASSIVE)",
        };
        let done = conn.query_row(statement, [], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?)));
        match done {
            Ok((busy, pages, moved)) => tracing::debug!(busy, pages, moved, "write-ahead log emptied"),
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
