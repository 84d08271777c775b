//! Circuit breakers: a model that keeps failing is left alone for a while.
//!
//! *Closed* lets everything pass. Some failures in a row open it: nothing passes until its time is over. Then it is *half open*:
//! one request passes as a trial; if it is answered, the breaker closes, if it fails or is never heard of, the time begins again.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use scalbotics_core::digest::Digest;
use scalbotics_core::ports::NotAnswered;
use scalbotics_core::time::Timestamp;

/// Failures in a row that open a breaker: one is chance, three are not.
const FAILURES_MAX: u32 = 3;

/// For how long an open breaker lets nothing pass, in milliseconds; servers restart in about as long.
const OPEN_MS: u64 = 10_000;

/// Longest that a server's wish to be left alone is followed, in milliseconds: five minutes.
const WISH_MAX_MS: u64 = 300_000;

/// Most breakers that are kept; models of an installation number in tens. Beyond, those that are closed are forgotten.
const BREAKERS_MAX: usize = 1_024;

/// What became of a request, as far as a breaker cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Health {
    /// The server does its work, whatever it said.
    Good,
    /// It does not.
    Bad,
    /// It wants to be left alone for so many milliseconds.
    Away(u64),
    /// Nothing is known: the request never left.
    Unknown,
}

impl Health {
    /// What an error says of its server.
    pub(super) const fn of(error: &NotAnswered) -> Self {
        match error {
            NotAnswered::Busy { retry_after_ms: Some(ms), .. } => Self::Away(*ms),
            NotAnswered::Unreachable { .. }
            | NotAnswered::Busy { retry_after_ms: None, .. }
            | NotAnswered::Silent { .. }
            | NotAnswered::Cut { .. }
            | NotAnswered::Malformed { .. } => Self::Bad,
            NotAnswered::Refused { .. } | NotAnswered::TooLong { .. } => Self::Good,
            NotAnswered::NeverLeft { .. } => Self::Unknown,
        }
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct Breaker {
    failures: u32,
    /// Until when nothing passes; `None` while closed.
    open_until: Option<Timestamp>,
}

/// The breakers of all models, by their digests: a changed model begins anew.
#[derive(Debug, Default)]
pub(super) struct Breakers {
    all: Mutex<BTreeMap<Digest, Breaker>>,
}

impl Breakers {
    /// Whether a request may be sent now; if not, for how many milliseconds. A trial keeps others out until its result is known.
    pub(super) fn admit(&self, model: &Digest, now: Timestamp) -> Result<(), u64> {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(breaker) = all.get_mut(model) else { return Ok(()) };
        match breaker.open_until {
            None => Ok(()),
            Some(until) if until > now => Err(until.since_ms(now)),
            Some(_) => {
                breaker.open_until = Some(now.plus_ms(OPEN_MS));
                Ok(())
            }
        }
    }

    /// For how many milliseconds nothing passes; looking is no trial.
    pub(super) fn left_alone_ms(&self, model: &Digest, now: Timestamp) -> u64 {
        let all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        let until = all.get(model).and_then(|breaker| breaker.open_until);
        until.filter(|until| *until > now).map_or(0, |until| until.since_ms(now))
    }

    /// Notes what became of an admitted request.
    pub(super) fn note(&self, model: &Digest, health: Health, now: Timestamp) {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        match health {
            Health::Good => drop(all.remove(model)),
            Health::Unknown => {}
            Health::Bad => {
                let breaker = entry(&mut all, model);
                breaker.failures = breaker.failures.saturating_add(1);
                if breaker.failures >= FAILURES_MAX {
                    breaker.open_until = Some(now.plus_ms(OPEN_MS));
                }
            }
            Health::Away(ms) => {
                let breaker = entry(&mut all, model);
                breaker.failures = breaker.failures.saturating_add(1);
                breaker.open_until = Some(now.plus_ms(ms.min(WISH_MAX_MS)));
            }
        }
    }
}

fn entry<'a>(all: &'a mut BTreeMap<Digest, Breaker>, model: &Digest) -> &'a mut Breaker {
    if all.len() >= BREAKERS_MAX && !all.contains_key(model) {
        all.retain(|_, breaker| breaker.open_until.is_some());
        if all.len() >= BREAKERS_MAX {
            all.pop_first();
        }
    }
    all.entry(*model).or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_unix_ms(1_000_000);

    fn model(number: u32) -> Digest {
        Digest::of_bytes(&number.to_be_bytes())
    }

    #[test]
    fn it_opens_after_failures_in_a_row_and_closes_after_a_good_trial() {
        let (breakers, it) = (Breakers::default(), model(1));
        for health in [Health::Bad, Health::Bad, Health::Good, Health::Bad, Health::Bad, Health::Unknown] {
            breakers.note(&it, health, NOW);
            assert_eq!(breakers.admit(&it, NOW), Ok(()), "{health:?}");
        }
        breakers.note(&it, Health::Bad, NOW);
        assert_eq!(breakers.admit(&it, NOW), Err(OPEN_MS));
        assert_eq!(breakers.admit(&model(2), NOW), Ok(()), "another model's is its own");
        let later = NOW.plus_ms(OPEN_MS);
        assert_eq!(breakers.admit(&it, later), Ok(()), "a trial");
        assert_eq!(breakers.admit(&it, later), Err(OPEN_MS), "only one");
        breakers.note(&it, Health::Bad, later);
        assert_eq!(breakers.admit(&it, later.plus_ms(OPEN_MS - 1)), Err(1));
        let end = later.plus_ms(OPEN_MS);
        assert_eq!(breakers.admit(&it, end), Ok(()));
        breakers.note(&it, Health::Good, end);
        assert_eq!((breakers.admit(&it, end), breakers.admit(&it, end)), (Ok(()), Ok(())));
    }

    #[test]
    fn a_trial_that_is_never_heard_of_is_followed_by_another() {
        let (breakers, it) = (Breakers::default(), model(1));
        (0..FAILURES_MAX).for_each(|_| breakers.note(&it, Health::Bad, NOW));
        let later = NOW.plus_ms(OPEN_MS);
        assert_eq!(breakers.admit(&it, later), Ok(()));
        assert_eq!(breakers.admit(&it, later.plus_ms(OPEN_MS)), Ok(()));
    }

    #[test]
    fn a_wish_to_be_left_alone_is_followed_for_a_while() {
        let breakers = Breakers::default();
        for (number, wish, wait) in [(1, 7_000, 7_000), (2, u64::MAX, WISH_MAX_MS)] {
            let it = model(number);
            breakers.note(&it, Health::Away(wish), NOW);
            assert_eq!((breakers.left_alone_ms(&it, NOW), breakers.admit(&it, NOW)), (wait, Err(wait)));
            // Whoever only looks takes no trial from a question.
            let later = NOW.plus_ms(wait);
            assert_eq!((breakers.left_alone_ms(&it, later), breakers.admit(&it, later)), (0, Ok(())));
        }
        breakers.note(&model(9), Health::Away(0), NOW);
        assert_eq!(breakers.admit(&model(9), NOW), Ok(()));
    }

    #[test]
    fn breakers_are_bounded_and_open_ones_are_kept() {
        let breakers = Breakers::default();
        breakers.note(&model(0), Health::Away(60_000), NOW);
        (1..3_000).for_each(|number| breakers.note(&model(number), Health::Bad, NOW));
        assert!(breakers.all.lock().unwrap().len() <= BREAKERS_MAX);
        assert!(breakers.admit(&model(0), NOW).is_err());
    }
}
