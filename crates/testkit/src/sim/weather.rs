//! Whether faults happen, and the death of the process.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

/// Faults of one run.
#[derive(Debug, Default)]
pub(super) struct Weather {
    calm: AtomicBool,
    starting: AtomicBool,
    dead: AtomicBool,
    died: Notify,
}

impl Weather {
    /// Whether no faults happen now.
    pub(super) fn is_calm(&self) -> bool {
        self.calm.load(Ordering::SeqCst) || self.starting.load(Ordering::SeqCst)
    }

    /// No faults from now on.
    pub(super) fn calm_down(&self) {
        self.calm.store(true, Ordering::SeqCst);
    }

    /// A life starts, without faults until it says that it has: desired state is compiled on another thread, whose moment of
    /// return does not come from the seed.
    pub(super) fn start(&self, starting: bool) {
        self.starting.store(starting, Ordering::SeqCst);
        if starting {
            self.dead.store(false, Ordering::SeqCst);
        }
    }

    pub(super) fn is_dead(&self) -> bool {
        self.dead.load(Ordering::SeqCst)
    }

    /// The process dies: nothing passes any more.
    pub(super) fn die(&self) {
        self.dead.store(true, Ordering::SeqCst);
        self.died.notify_one();
    }

    /// Returns when the process has died.
    pub(super) async fn died(&self) {
        while !self.is_dead() {
            self.died.notified().await;
        }
    }

    /// Returns, unless the process is dead.
    pub(super) async fn pass(&self) {
        if self.is_dead() {
            std::future::pending::<()>().await;
        }
    }

    /// Dies here.
    pub(super) async fn perish(&self) {
        self.die();
        self.pass().await;
    }
}
