//! The loop that carries on with orders, erases by age and turns keys.

use std::sync::Arc;
use std::time::Duration;

use scalbotics_core::ports::{PrivacyStore, WrapStore, WrappingKeys};
use scalbotics_core::privacy::{Class, Keep};
use scalbotics_core::time::{Span, Timestamp};

use super::Error;
use super::pass::Passed;
use super::works::Works;

/// Longest time between two passes, in milliseconds: an hour late is nothing to what is kept for days. What is kept for less is looked for as
/// often as it may be over.
pub const PASS_MS: u64 = 3_600_000;

/// Shortest time between two passes that found nothing more, in milliseconds: each reads a page of the log.
const PASS_LEAST_MS: u64 = 10_000;

/// Time after which a pass that failed is tried again, in milliseconds.
const RETRY_MS: u64 = 30_000;

/// Time between two passes while there is more to do, in milliseconds: others have their turn.
const MORE_MS: u64 = 200;

/// How long old wrapping keys stay, unless the configuration says otherwise: as long as backups are kept.
pub const BACKUPS: Span = Span::from_ms(30 * 86_400_000);

/// What the work of erasing needs beside the ports of everything else.
#[derive(Debug, Clone)]
pub struct Ground {
    /// Holds, orders, and the destruction of payloads.
    pub store: Arc<dyn PrivacyStore>,
    /// Wrapped keys.
    pub wraps: Arc<dyn WrapStore>,
    /// The keys that wrap them.
    pub keys: Arc<dyn WrappingKeys>,
}

/// What the configuration says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// How long payloads are kept.
    pub keep: Keep,
    /// How long backups are kept, and the keys that open them.
    pub backups: Span,
}

impl Default for Terms {
    fn default() -> Self {
        Self { keep: Keep::default(), backups: BACKUPS }
    }
}

impl Terms {
    /// Time between two passes, in milliseconds.
    fn pause_ms(&self) -> u64 {
        let shortest = Class::ALL.into_iter().filter_map(|class| self.keep.of(class)).min();
        shortest.map_or(PASS_MS, |span| span.as_ms().clamp(PASS_LEAST_MS, PASS_MS))
    }
}

impl Works {
    /// Begins to count time; before anything is written under a clock that may be wrong.
    pub(super) async fn begin(&self, newest: Option<Timestamp>) -> Result<(), Error> {
        let marks = self.store().marks(&self.tenant).await?;
        self.trust.begin(&marks, newest);
        Ok(())
    }

    /// Until the drain begins.
    pub(super) async fn run(&self) {
        loop {
            let Some(pause_ms) = self.look().await else { return };
            tokio::select! {
                biased;
                () = self.supervisor.draining() => return,
                () = self.wake.notified() => {}
                () = tokio::time::sleep(Duration::from_millis(pause_ms)) => {}
            }
        }
    }

    /// Does what there is to do; answers how long to rest then, in milliseconds, or nothing once the drain has begun.
    async fn look(&self) -> Option<u64> {
        if self.quota.is_read_only() {
            // No witness has said that this is the newest database: one that was put back knows nothing of the newest holds.
            return Some(RETRY_MS);
        }
        match self.once().await {
            Ok(Passed::More) => Some(MORE_MS),
            Ok(Passed::All | Passed::Stopped) => Some(self.terms.pause_ms()),
            Err(Error::Draining) => None,
            Err(error) => {
                tracing::warn!(error = scalbotics_core::in_words(&error), "erasing stands still, and is tried again");
                Some(RETRY_MS)
            }
        }
    }

    /// Everything that there is to do now.
    pub(super) async fn once(&self) -> Result<Passed, Error> {
        self.resume().await?;
        let passed = self.pass().await?;
        let believed = if passed == Passed::Stopped { None } else { self.trust.last() };
        self.turn(believed).await?;
        Ok(passed)
    }
}
