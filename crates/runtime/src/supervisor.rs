//! Background tasks with a name, an owner and an end: the only place that starts them.
//!
//! **Invariant:** a panic ends the task that it happened in, is reported, and where that task is essential asks for the
//! end of the process; it never goes unseen.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::metrics::Metrics;

/// Owner of all background tasks. Cloning shares it.
#[derive(Debug, Clone)]
pub struct Supervisor {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    tracker: TaskTracker,
    handle: tokio::runtime::Handle,
    draining: CancellationToken,
    killing: CancellationToken,
    broken: CancellationToken,
    metrics: Arc<Metrics>,
}

/// How a drain ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drained {
    /// Background tasks that had not ended when the last deadline passed; 0 is a clean end.
    pub left: usize,
}

/// How long tasks have after they were told to stop at once, before the drain gives up on them.
const KILL_GRACE: Duration = Duration::from_secs(5);

impl Supervisor {
    /// A supervisor on the current runtime; must be called inside of one.
    #[must_use]
    pub fn new(metrics: Arc<Metrics>) -> Self {
        let inner = Inner {
            tracker: TaskTracker::new(),
            handle: tokio::runtime::Handle::current(),
            draining: CancellationToken::new(),
            killing: CancellationToken::new(),
            broken: CancellationToken::new(),
            metrics,
        };
        Self { inner: Arc::new(inner) }
    }

    /// Starts a task whose panic is reported and otherwise survived.
    pub fn spawn(&self, name: &'static str, future: impl Future<Output = ()> + Send + 'static) {
        self.start(name, false, future);
    }

    /// Starts a task that the process cannot do without: its panic asks for the end of the process.
    pub fn spawn_essential(&self, name: &'static str, future: impl Future<Output = ()> + Send + 'static) {
        self.start(name, true, future);
    }

    fn start(&self, name: &'static str, essential: bool, future: impl Future<Output = ()> + Send + 'static) {
        let inner = Arc::clone(&self.inner);
        let guarded = async move {
            if AssertUnwindSafe(future).catch_unwind().await.is_err() {
                tracing::error!(task = name, essential, "background task panicked");
                inner.metrics.background_panics.add(1);
                if essential {
                    inner.broken.cancel();
                }
            }
        };
        let _detached = self.inner.tracker.spawn_on(guarded, &self.inner.handle);
    }

    /// Whether a drain has begun: nothing new may start.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.inner.draining.is_cancelled()
    }

    /// Returns when a drain begins.
    pub async fn draining(&self) {
        self.inner.draining.cancelled().await;
    }

    /// Returns when what still runs has to stop at once.
    pub async fn killing(&self) {
        self.inner.killing.cancelled().await;
    }

    /// Returns when an essential task has panicked; the process should drain and end.
    pub async fn broken(&self) {
        self.inner.broken.cancelled().await;
    }

    /// Begins the drain, waits up to `deadline` for all tasks, then tells them to stop at once and waits a few seconds more.
    pub async fn drain(&self, deadline: Duration) -> Drained {
        self.inner.draining.cancel();
        self.inner.tracker.close();
        if tokio::time::timeout(deadline, self.inner.tracker.wait()).await.is_ok() {
            return Drained { left: 0 };
        }
        self.inner.killing.cancel();
        let _late = tokio::time::timeout(KILL_GRACE, self.inner.tracker.wait()).await;
        Drained { left: self.inner.tracker.len() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_panic_is_counted_and_an_essential_one_ends_the_process() {
        let metrics = Arc::new(Metrics::default());
        let supervisor = Supervisor::new(Arc::clone(&metrics));
        supervisor.spawn("plain", async { panic!("on purpose") });
        tokio::time::sleep(Duration::from_millis(1)).await;
        assert_eq!(metrics.background_panics.get(), 1);
        assert!(!supervisor.inner.broken.is_cancelled());
        supervisor.spawn_essential("essential", async { panic!("on purpose") });
        supervisor.broken().await;
        assert_eq!(supervisor.drain(Duration::from_secs(1)).await, Drained { left: 0 });
    }

    #[tokio::test(start_paused = true)]
    async fn a_drain_waits_then_kills_then_gives_up() {
        let supervisor = Supervisor::new(Arc::default());
        let other = supervisor.clone();
        supervisor.spawn("obeys", async move { other.killing().await });
        supervisor.spawn("hangs", std::future::pending());
        assert_eq!(supervisor.drain(Duration::from_secs(1)).await, Drained { left: 1 });
        assert!(supervisor.is_draining());
    }
}
