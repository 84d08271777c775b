//! What a task waits for, and waits that grow while there is no room for a commit.

use scalbotics_core::ids::ApprovalId;
use scalbotics_core::task::{Phase, State};
use scalbotics_core::time::Timestamp;

/// Shortest and longest wait, in milliseconds: room comes back within moments, or when a person makes some.
const MIN_MS: u64 = 100;
const MAX_MS: u64 = 5_000;

/// A wait that doubles.
#[derive(Debug, Default)]
pub(super) struct Wait {
    ms: u64,
}

impl Wait {
    /// When to try again.
    pub(super) fn next(&mut self, now: Timestamp) -> Timestamp {
        self.ms = self.ms.saturating_mul(2).clamp(MIN_MS, MAX_MS);
        now.plus_ms(self.ms)
    }
}

/// When a task that rests wakes: at its deadline at the latest, but a deadline that is over ends no rest. What is on its way is
/// waited for, and the task would wake at once, and again.
pub(super) fn waking(until: Timestamp, deadline: Timestamp, now: Timestamp) -> Timestamp {
    if deadline > now { until.min(deadline) } else { until }
}

/// The approval that a task waits for, and when its request lapses.
pub(super) fn waiting(state: &State) -> Option<(ApprovalId, Timestamp)> {
    state.calls.values().find_map(|call| match &call.phase {
        Phase::Waiting { approval, expires_at } => Some((*approval, *expires_at)),
        Phase::Approved { .. }
        | Phase::Sent
        | Phase::Ready
        | Phase::Landed { .. }
        | Phase::Failed { .. }
        | Phase::InDoubt { .. } => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_doubles_up_to_its_limit() {
        let now = Timestamp::from_unix_ms(0);
        let mut wait = Wait::default();
        let waits: Vec<i64> = (0..8).map(|_| wait.next(now).unix_ms()).collect();
        assert_eq!(waits, [100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000]);
    }
}
