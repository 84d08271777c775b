//! Ids and salts: UUIDv7 by the guarded clock, random bits from the system.

use std::sync::{Arc, Mutex, PoisonError};

use scalbotics_core::payload::Salt;
use scalbotics_core::ports::{Clock, IdSource};

/// Random bits of an id that are a counter within one millisecond, so that ids of one process rise strictly.
const COUNTER_BITS: u32 = 12;

/// Random bytes that are drawn from the system at a time: a task takes some forty ids and salts, and asking costs more than drawing.
const DRAWN: usize = 512;

/// Makes UUIDv7 values (RFC 9562 §5.7, counter by method 1 of §6.2).
#[derive(Debug)]
pub struct UuidIds {
    clock: Arc<dyn Clock>,
    /// Millisecond and counter of the newest id.
    newest: Mutex<(u64, u16)>,
    pool: Mutex<Pool>,
}

/// Random bytes that nobody has had yet.
struct Pool {
    bytes: [u8; DRAWN],
    /// Those before this one are gone.
    next: usize,
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pool").finish_non_exhaustive()
    }
}

impl Pool {
    /// The next `N` bytes, which are kept nowhere else.
    fn take<const N: usize>(&mut self) -> [u8; N] {
        const { assert!(N <= DRAWN) };
        if self.bytes.len().saturating_sub(self.next) < N {
            fill(&mut self.bytes);
            self.next = 0;
        }
        let mut taken = [0; N];
        if let Some(fresh) = self.bytes.get_mut(self.next..self.next + N) {
            taken.swap_with_slice(fresh);
        }
        self.next += N;
        taken
    }
}

impl UuidIds {
    /// Ids by this clock.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, newest: Mutex::default(), pool: Mutex::new(Pool { bytes: [0; DRAWN], next: DRAWN }) }
    }

    /// The next millisecond and counter, greater than every one before.
    fn tick(&self) -> (u64, u16) {
        let now_ms = u64::try_from(self.clock.now().unix_ms()).unwrap_or(0);
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        let (ms, counter) = *newest;
        *newest = if now_ms > ms {
            (now_ms, 0)
        } else if u32::from(counter) + 1 < 1 << COUNTER_BITS {
            (ms, counter + 1)
        } else {
            (ms + 1, 0)
        };
        *newest
    }

    fn random<const N: usize>(&self) -> [u8; N] {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Fills `bytes` from the system's source; the kernel's never fails once it is seeded.
fn fill(bytes: &mut [u8]) {
    use rustix::rand::{GetRandomFlags, getrandom};
    let mut rest = bytes;
    while !rest.is_empty() {
        if let Ok(done) = getrandom(&mut *rest, GetRandomFlags::empty()) {
            rest = rest.split_at_mut_checked(done).map_or(&mut [], |(_, rest)| rest);
        }
    }
}

impl IdSource for UuidIds {
    fn next(&self) -> u128 {
        let (ms, counter) = self.tick();
        let random = u64::from_be_bytes(self.random());
        let time = u128::from(ms & ((1 << 48) - 1)) << 80;
        let version = 7 << 76;
        let counter = u128::from(counter) << 64;
        let variant = 0b10 << 62;
        time | version | counter | variant | u128::from(random & ((1 << 62) - 1))
    }

    fn salt(&self) -> Salt {
        self.random()
    }
}

#[cfg(test)]
mod tests {
    use scalbotics_core::time::Timestamp;

    use super::*;

    #[derive(Debug)]
    struct Fixed(i64);

    impl Clock for Fixed {
        fn now(&self) -> Timestamp {
            Timestamp::from_unix_ms(self.0)
        }
    }

    #[test]
    fn ids_rise_and_are_of_version_7() {
        let ids = UuidIds::new(Arc::new(Fixed(0x0123_4567_89ab)));
        let mut last = 0;
        for _ in 0..10_000 {
            let id = ids.next();
            assert!(id > last);
            assert_eq!(((id >> 76) & 15, (id >> 62) & 3), (7, 2));
            last = id;
        }
        assert_eq!((last >> 80), 0x0123_4567_89ab + 2);
    }

    #[test]
    fn no_byte_is_given_twice() {
        let mut pool = Pool { bytes: [0; DRAWN], next: DRAWN };
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..DRAWN {
            assert!(seen.insert(pool.take::<8>()), "eight random bytes twice");
            assert!(seen.insert(pool.take::<32>()[..8].try_into().unwrap()), "a salt that begins like an id");
            assert!(pool.bytes[..pool.next].iter().all(|byte| *byte == 0), "what was taken is still there");
        }
    }

    #[test]
    fn salts_differ_and_a_clock_before_1970_does_no_harm() {
        let ids = UuidIds::new(Arc::new(Fixed(-1)));
        assert_ne!(ids.salt(), ids.salt());
        assert!(ids.next() < ids.next());
    }
}
