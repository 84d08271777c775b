//! Limits of principals and addresses: token buckets by rate class, and open streams.
//!
//! **Invariant:** what is kept about callers is bounded; a bucket that is full again is forgotten.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use scalbotics_core::principal::Uid;
use scalbotics_core::rpc::RateClass;
use tokio::time::Instant;

use super::codes;
use super::failure::Failure;
use crate::config::Limits as Settings;

/// Calls at once, in seconds of the sustained rate: a console that opens a page asks for many things in one moment.
const BURST_SECONDS: u32 = 10;

/// Most buckets that are kept; beyond that the full ones are forgotten, and if there are none new callers wait.
const BUCKETS_MAX: usize = 16_384;

/// Whose limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Whose {
    /// A principal's.
    Principal(Uid),
    /// An address's, before there is a principal.
    Address(IpAddr),
    /// A user's of this host, by number.
    Local(u32),
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    /// Calls left, in thousandths.
    left: u64,
    filled_at: Instant,
}

/// The limits of all callers.
#[derive(Debug)]
pub struct Limits {
    settings: ArcSwap<Settings>,
    buckets: Mutex<BTreeMap<(Whose, RateClass), Bucket>>,
    streams: Arc<Mutex<BTreeMap<Uid, u32>>>,
}

/// One open stream; dropping it frees its place.
#[derive(Debug)]
pub struct Slot {
    streams: Arc<Mutex<BTreeMap<Uid, u32>>>,
    uid: Uid,
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        match streams.get_mut(&self.uid) {
            Some(open) if *open > 1 => *open -= 1,
            Some(_) | None => drop(streams.remove(&self.uid)),
        }
    }
}

impl Limits {
    /// Limits by these settings.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self { settings: ArcSwap::from_pointee(settings), buckets: Mutex::default(), streams: Arc::default() }
    }

    /// Limits by other settings from now on; buckets keep what is in them.
    pub fn replace(&self, settings: Settings) {
        self.settings.store(Arc::new(settings));
    }

    /// Takes one call from the bucket.
    ///
    /// # Errors
    /// RATE_LIMITED with the time after which one more is there.
    pub fn take(&self, whose: Whose, class: RateClass, now: Instant) -> Result<(), Failure> {
        let rate = self.rate(class);
        let capacity = u64::from(rate) * u64::from(BURST_SECONDS) * 1_000;
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= BUCKETS_MAX && !buckets.contains_key(&(whose, class)) {
            buckets.retain(|(_, class), bucket| refilled(*bucket, self.rate(*class), now) < self.capacity(*class));
            if buckets.len() >= BUCKETS_MAX {
                return Err(limited(class, Duration::from_secs(1)));
            }
        }
        let bucket = buckets.entry((whose, class)).or_insert(Bucket { left: capacity, filled_at: now });
        let left = refilled(*bucket, rate, now).min(capacity);
        match left.checked_sub(1_000) {
            Some(rest) => {
                *bucket = Bucket { left: rest, filled_at: now };
                Ok(())
            }
            None => {
                *bucket = Bucket { left, filled_at: now };
                let wait_ms = (1_000 - left).div_ceil(u64::from(rate.max(1)));
                Err(limited(class, Duration::from_millis(wait_ms.max(1))))
            }
        }
    }

    /// Takes a place for a stream.
    ///
    /// # Errors
    /// STREAMS_EXHAUSTED.
    pub fn open_stream(&self, uid: Uid) -> Result<Slot, Failure> {
        let max = self.settings.load().streams_per_principal;
        let mut streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        let open = streams.entry(uid).or_insert(0);
        if *open >= max {
            let why = format!("{max} streams of one principal may be open at one time");
            return Err(Failure::new(codes::STREAMS_EXHAUSTED, "a further stream is refused")
                .why(why)
                .next("end a stream first"));
        }
        *open += 1;
        Ok(Slot { streams: Arc::clone(&self.streams), uid })
    }

    fn rate(&self, class: RateClass) -> u32 {
        let rates = self.settings.load().requests_per_second;
        match class {
            RateClass::Read => rates.read,
            RateClass::Write => rates.write,
            RateClass::Stream => rates.stream,
            RateClass::Login => rates.login,
        }
    }

    fn capacity(&self, class: RateClass) -> u64 {
        u64::from(self.rate(class)) * u64::from(BURST_SECONDS) * 1_000
    }
}

/// What is in the bucket now, in thousandths of a call: `rate` thousandths come in each millisecond.
fn refilled(bucket: Bucket, rate: u32, now: Instant) -> u64 {
    let elapsed_ms = u64::try_from(now.saturating_duration_since(bucket.filled_at).as_millis()).unwrap_or(u64::MAX);
    bucket.left.saturating_add(elapsed_ms.saturating_mul(u64::from(rate)))
}

fn limited(class: RateClass, after: Duration) -> Failure {
    let what = match class {
        RateClass::Read => "too many reads",
        RateClass::Write => "too many changes",
        RateClass::Stream => "too many streams opened",
        RateClass::Login => "too many logins",
    };
    Failure::new(codes::RATE_LIMITED, what)
        .why(format!("the limit of calls in a short time is reached; {} ms more", after.as_millis()))
        .next("try again later, or raise limits.requests_per_second in the daemon's configuration")
        .retry_after(after)
}

#[cfg(test)]
mod tests {
    use scalbotics_core::ids::HumanUid;

    use super::*;

    fn whose(n: u128) -> Whose {
        Whose::Principal(Uid::Human(HumanUid::from_u128(n)))
    }

    #[test]
    fn a_bucket_empties_and_fills() {
        let limits = Limits::new(Settings::default());
        let (start, rate) = (Instant::now(), Settings::default().requests_per_second.login);
        for _ in 0..rate * BURST_SECONDS {
            limits.take(whose(1), RateClass::Login, start).unwrap();
        }
        let refused = limits.take(whose(1), RateClass::Login, start).unwrap_err();
        assert_eq!(refused.code(), codes::RATE_LIMITED);
        let after = refused.parts().retry_after.unwrap();
        limits.take(whose(1), RateClass::Login, start + after).unwrap();
        assert!(limits.take(whose(1), RateClass::Login, start + after).is_err());
        limits.take(whose(2), RateClass::Login, start).unwrap();
        limits.take(whose(1), RateClass::Read, start).unwrap();
        // Time that goes back gives nothing and takes nothing.
        assert!(limits.take(whose(1), RateClass::Login, start).is_err());
        for _ in 0..rate * BURST_SECONDS {
            limits.take(whose(1), RateClass::Login, start + Duration::from_secs(86_400)).unwrap();
        }
        assert!(limits.take(whose(1), RateClass::Login, start + Duration::from_secs(86_400)).is_err());
    }

    #[test]
    fn buckets_are_bounded() {
        let limits = Limits::new(Settings::default());
        let start = Instant::now();
        for n in 0..BUCKETS_MAX as u128 {
            limits.take(whose(n), RateClass::Read, start).unwrap();
        }
        assert!(limits.take(whose(u128::MAX), RateClass::Read, start).is_err());
        limits.take(whose(u128::MAX), RateClass::Read, start + Duration::from_secs(60)).unwrap();
        assert_eq!(limits.buckets.lock().unwrap().len(), 1);
    }

    #[test]
    fn streams_are_counted_by_principal() {
        let limits = Limits::new(Settings { streams_per_principal: 2, ..Settings::default() });
        let uid = Uid::Human(HumanUid::from_u128(1));
        let (first, _second) = (limits.open_stream(uid).unwrap(), limits.open_stream(uid).unwrap());
        assert_eq!(limits.open_stream(uid).unwrap_err().code(), codes::STREAMS_EXHAUSTED);
        drop(first);
        drop(limits.open_stream(uid).unwrap());
        assert_eq!(limits.streams.lock().unwrap().get(&uid), Some(&1));
    }
}
