//! Who holds the places for connections. Those that nobody has shown a valid token on yet are strangers: the first to go when
//! there is no place for a new one, the oldest first, so that whoever opens connections and says nothing keeps nobody out.
//!
//! **Invariant:** known connections and strangers that were not told to leave are never more than there are places.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

/// The connections.
#[derive(Debug)]
pub(super) struct Strangers {
    places: usize,
    all: Mutex<All>,
}

#[derive(Debug, Default)]
struct All {
    next: u64,
    known: usize,
    /// In order of their coming.
    strangers: BTreeMap<u64, Arc<Notify>>,
}

/// One connection; a stranger until [`Stranger::becomes_known`].
#[derive(Debug)]
pub(super) struct Stranger {
    strangers: Arc<Strangers>,
    number: u64,
    leave: Arc<Notify>,
    known: AtomicBool,
}

impl Strangers {
    /// Nobody yet, for so many places.
    pub(super) fn new(places: usize) -> Arc<Self> {
        Arc::new(Self { places, all: Mutex::default() })
    }

    /// Takes in a new connection, for which the oldest stranger is told to leave where there is no place; nothing where all
    /// connections are known.
    pub(super) fn enter(self: &Arc<Self>) -> Option<Stranger> {
        let leave = Arc::new(Notify::new());
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        if all.known.saturating_add(all.strangers.len()) >= self.places && !all.evict() {
            return None;
        }
        let number = all.next;
        all.next = number.saturating_add(1);
        all.strangers.insert(number, Arc::clone(&leave));
        Some(Stranger { strangers: Arc::clone(self), number, leave, known: AtomicBool::new(false) })
    }

    /// Tells the oldest stranger to leave.
    pub(super) fn evict(&self) {
        self.all.lock().unwrap_or_else(PoisonError::into_inner).evict();
    }
}

impl All {
    /// Tells the oldest stranger to leave; answers whether there was one.
    fn evict(&mut self) -> bool {
        self.strangers.pop_first().map(|(_, oldest)| oldest.notify_one()).is_some()
    }
}

impl Stranger {
    /// Returns when the connection has to leave.
    pub(super) async fn told_to_leave(&self) {
        self.leave.notified().await;
    }

    /// Notes that a valid token came over the connection. One that was told to leave leaves all the same.
    pub(super) fn becomes_known(&self) {
        if self.known.load(Ordering::Relaxed) {
            return;
        }
        let mut all = self.strangers.all.lock().unwrap_or_else(PoisonError::into_inner);
        if all.strangers.remove(&self.number).is_some() {
            all.known = all.known.saturating_add(1);
            self.known.store(true, Ordering::Relaxed);
        }
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        let mut all = self.strangers.all.lock().unwrap_or_else(PoisonError::into_inner);
        if self.known.load(Ordering::Relaxed) {
            all.known = all.known.saturating_sub(1);
        } else {
            all.strangers.remove(&self.number);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    fn leaves(stranger: &Stranger) -> bool {
        stranger.told_to_leave().now_or_never().is_some()
    }

    #[test]
    fn the_oldest_stranger_leaves_and_known_ones_stay() {
        let strangers = Strangers::new(3);
        let known = strangers.enter().unwrap();
        known.becomes_known();
        known.becomes_known();
        let (first, second) = (strangers.enter().unwrap(), strangers.enter().unwrap());
        let third = strangers.enter().unwrap();
        assert!(leaves(&first) && !leaves(&second) && !leaves(&third) && !leaves(&known));
        // Too late: it was told to leave.
        first.becomes_known();
        drop(first);
        drop(second);
        let fourth = strangers.enter().unwrap();
        assert!(!leaves(&third) && !leaves(&fourth));
        third.becomes_known();
        fourth.becomes_known();
        assert!(strangers.enter().is_none());
        drop(third);
        assert!(strangers.enter().is_some());
    }
}
