//! Free ports of the loopback address.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context as _, Result};

/// Below the ports that the kernel gives to outgoing connections, so that none of those takes one between the look and the use.
const FIRST: u16 = 10_000;

/// Pairs to choose from.
const PAIRS: u32 = 1_000;

/// Pairs that this process has asked for.
static ASKED: AtomicU32 = AtomicU32::new(0);

/// A port that is free now, and whose next one is too: the admin address takes that. Another process, and a second call, begin to look
/// elsewhere.
pub(crate) fn free_pair() -> Result<u16> {
    let free = |port: &u16| [0, 1].iter().all(|more| TcpListener::bind(("127.0.0.1", *port + more)).is_ok());
    let start = std::process::id().wrapping_add(ASKED.fetch_add(1, Ordering::Relaxed));
    let pairs = (0..PAIRS).filter_map(|more| u16::try_from(start.wrapping_add(more) % PAIRS).ok());
    pairs.map(|pair| FIRST + 2 * pair).find(free).with_context(|| format!("no two ports from {FIRST} on are free on 127.0.0.1"))
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::free_pair;

    #[test]
    fn both_ports_are_free_and_the_next_call_gives_others() {
        let (one, two) = (free_pair().unwrap(), free_pair().unwrap());
        assert!(one.abs_diff(two) > 1);
        let _both = [one, one + 1].map(|port| TcpListener::bind(("127.0.0.1", port)).unwrap());
    }
}
