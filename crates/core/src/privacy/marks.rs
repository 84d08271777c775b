//! How far the work of erasing has come in a tenant, and which time it believes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Class;
use crate::ids::PayloadId;
use crate::time::Timestamp;

/// The furthest that time may have gone on since it was last believed, in milliseconds: seven days, which is a holiday week with the
/// machine off. A clock that says more may have jumped, and what is erased does not come back.
pub const JUMP_MAX_MS: u64 = 7 * 86_400_000;

/// How far the work has come; one row a tenant, written with the work itself.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Marks {
    /// The newest moment that was believed.
    pub believed_at: Option<Timestamp>,
    /// Since when the clock is not believed.
    pub jumped_at: Option<Timestamp>,
    /// The next index of the log that a pass looks at, by class.
    pub next: BTreeMap<Class, u64>,
    /// Payloads that went by age and stand in no record yet, by class.
    pub unrecorded: BTreeMap<Class, u64>,
    /// Payloads that went by age, ever.
    pub aged: u64,
    /// Since when something was erased that backups still open; the wrapping key has to be rotated.
    pub rotation_due: Option<Timestamp>,
    /// When the wrapping key was last rotated.
    pub rotated_at: Option<Timestamp>,
    /// Whether keys are being wrapped anew.
    pub rewrapping: bool,
    /// The last payload whose key was looked at for that.
    pub rewrapped: Option<PayloadId>,
    /// Keys that were wrapped anew since the rotation began.
    pub rewrapped_keys: u64,
}

/// What is made of the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Believed {
    /// It is this late.
    Yes(Timestamp),
    /// The clock is so many milliseconds ahead of the newest moment that was believed.
    Jumped {
        /// How far.
        ahead_ms: u64,
    },
}

/// Whether `now` may be counted by, where `mark` was believed before; nothing before it means that the newest record counts.
#[must_use]
pub fn believe(mark: Option<Timestamp>, now: Timestamp) -> Believed {
    match mark {
        // A clock that was set back stands still at what was believed.
        Some(mark) if now.since_ms(mark) > JUMP_MAX_MS => Believed::Jumped { ahead_ms: now.since_ms(mark) },
        Some(mark) => Believed::Yes(now.max(mark)),
        None => Believed::Yes(now),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(ms: i64) -> Timestamp {
        Timestamp::from_unix_ms(ms)
    }

    #[test]
    fn a_jump_is_not_believed_and_a_clock_set_back_stands_still() {
        let week = i64::try_from(JUMP_MAX_MS).unwrap();
        for (mark, now, wanted) in [
            (None, 5, Believed::Yes(at(5))),
            (Some(10), 5, Believed::Yes(at(10))),
            (Some(10), 11, Believed::Yes(at(11))),
            (Some(10), 10 + week, Believed::Yes(at(10 + week))),
            (Some(10), 11 + week, Believed::Jumped { ahead_ms: JUMP_MAX_MS + 1 }),
            (Some(0), i64::MAX, Believed::Jumped { ahead_ms: i64::MAX.unsigned_abs() }),
            (Some(0), i64::MIN, Believed::Yes(at(0))),
        ] {
            assert_eq!(believe(mark.map(at), at(now)), wanted, "{mark:?} {now}");
        }
    }

    #[test]
    fn marks_are_read_as_they_were_written() {
        let mut marks = Marks { believed_at: Some(at(7)), ..Marks::default() };
        marks.next.insert(Class::Goals, 9);
        let text = serde_json::to_string(&marks).unwrap();
        assert_eq!(serde_json::from_str::<Marks>(&text).unwrap(), marks);
        assert_eq!(serde_json::from_str::<Marks>("{}").unwrap(), Marks::default());
    }
}
