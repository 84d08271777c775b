//! Scrubbing: what was destroyed leaves the write-ahead log too, whose old frames hold the pages of before.

use std::time::Duration;

use scalbotics_core::ports::StoreError;
use tokio::sync::oneshot;

use super::SqliteStore;
use super::failure::refused;
use super::threads;

/// Attempts before whoever asks has to come again: readers are over within five seconds (semantics §1.4).
const ATTEMPTS_MAX: usize = 40;

/// Time between attempts, in which commits go on.
const PAUSE: Duration = Duration::from_millis(150);

/// What was attempted, for errors.
const ATTEMPT: &str = "scrub the write-ahead log";

impl SqliteStore {
    /// Empties the log behind every page; tries for some seconds when somebody reads.
    pub(super) async fn empty_log(&self) -> Result<(), StoreError> {
        for _ in 0..ATTEMPTS_MAX {
            if self.try_to_empty().await? {
                return Ok(());
            }
            tokio::time::sleep(PAUSE).await;
        }
        Err(refused(ATTEMPT, "somebody read all the time"))
    }

    async fn try_to_empty(&self) -> Result<bool, StoreError> {
        let (desk, path, wal_len) = self.scrubbed();
        let (reply, answer) = oneshot::channel();
        let attempt = move || {
            let done = desk.take().scrub(&path, wal_len);
            // A caller that went away does not want it any more.
            let _gone = reply.send(done);
        };
        let _detached = threads::start("store-scrub", attempt).map_err(|error| refused(ATTEMPT, error))?;
        answer.await.map_err(|_| StoreError::Closing)?
    }
}
