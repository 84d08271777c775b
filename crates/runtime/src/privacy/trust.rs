//! Which time is believed: what is erased by age does not come back, so a clock that jumped erases nothing.
//!
//! While the daemon runs its clock does not jump (semantics §4.7). At a start it is compared with the newest record of the log, unless
//! an earlier start did not believe the clock: records of since then are no evidence.

use std::sync::{Mutex, MutexGuard, PoisonError};

use scalbotics_core::privacy::{Believed, Marks, believe};
use scalbotics_core::time::Timestamp;

/// The newest moment that was believed.
#[derive(Debug, Default)]
pub(super) struct Trust(Mutex<Option<Timestamp>>);

impl Trust {
    fn lock(&self) -> MutexGuard<'_, Option<Timestamp>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins with what was believed before; `newest` is the time of the log's newest record when the store was opened.
    pub(super) fn begin(&self, marks: &Marks, newest: Option<Timestamp>) {
        *self.lock() = if marks.jumped_at.is_some() { marks.believed_at } else { marks.believed_at.max(newest) };
    }

    /// What is made of the clock; what is believed is remembered.
    pub(super) fn look(&self, now: Timestamp) -> Believed {
        let mut mark = self.lock();
        let believed = believe(*mark, now);
        if let Believed::Yes(at) = believed {
            *mark = Some(at);
        }
        believed
    }

    /// What was believed last.
    pub(super) fn last(&self) -> Option<Timestamp> {
        *self.lock()
    }

    /// Believes the clock because a person says so.
    pub(super) fn accept(&self, now: Timestamp) {
        *self.lock() = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(days: i64) -> Timestamp {
        Timestamp::from_unix_ms(days * 86_400_000)
    }

    #[test]
    fn records_of_a_clock_that_was_not_believed_are_no_evidence() {
        let trust = Trust::default();
        trust.begin(&Marks::default(), Some(at(10)));
        assert_eq!(trust.look(at(400)), Believed::Jumped { ahead_ms: 390 * 86_400_000 });
        let stopped = Marks { believed_at: trust.last(), jumped_at: Some(at(400)), ..Marks::default() };
        let next = Trust::default();
        // The daemon wrote records under the wrong clock meanwhile.
        next.begin(&stopped, Some(at(400)));
        assert!(matches!(next.look(at(400)), Believed::Jumped { .. }));
        assert_eq!(next.look(at(11)), Believed::Yes(at(11)), "the clock came back");
        next.accept(at(400));
        assert_eq!(next.look(at(400)), Believed::Yes(at(400)), "somebody says so");
    }
}
