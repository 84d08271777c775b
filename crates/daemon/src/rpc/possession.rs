//! Proof of possession (decision 0051): a token counts on a connection on which its holder has proved the key that it is bound to.
//!
//! **Invariant:** a proof counts once, for one token and one method of this installation; what a connection and the daemon remember of
//! proofs is bounded, and nobody can fill what others need.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, OnceLock, PoisonError};

use http::HeaderMap;
use scalbotics_core::digest::Digest;
use scalbotics_core::time::Timestamp;
use scalbotics_identity::authority::issuer::{LEEWAY_S, ProofRefusal, verify_proof};
use scalbotics_identity::holder::key::Thumbprint;
use scalbotics_identity::holder::proof;

use super::authenticate::{NEXT, WHAT};
use super::codes;
use super::context::Context;
use super::failure::Failure;
use super::used::Use;

/// Keys that one connection remembers as proved: people who share a gateway. Whoever comes after them proves the key with each call.
const KEYS_MAX: usize = 8;

/// How long a proof is remembered at least: one from the edge of what is taken is taken for twice the leeway.
const REMEMBERED_MS: i64 = 2 * LEEWAY_S * 1000;

/// Proofs of one key in that time: a script that runs the command line a hundred times a second, for as long.
const PROOFS_OF_KEY_MAX: usize = 16_384;

/// Proofs of all keys in that time, in some 4 MiB; twice that is held at most.
const PROOFS_MAX: usize = 131_072;

/// Domain tag of the digests.
const TAG: &str = "scalbotics/used-proof/v1";

/// Bytes of a digest that are kept: nobody finds two names of one digest of this length.
const NAME_LEN: usize = 16;

/// What to do about a proof that is missing or does not fit.
const PROVE: &str = "send a proof by the token's key as `dpop`, with the first call of each connection";

/// What to do where the clocks differ.
const CLOCK: &str = "compare the clock of this host with that of the daemon's host; one of them is wrong";

/// The keys that were proved on one connection.
#[derive(Debug, Default)]
pub(super) struct ProvedKeys([OnceLock<Thumbprint>; KEYS_MAX]);

impl ProvedKeys {
    fn has(&self, key: &Thumbprint) -> bool {
        self.0.iter().map_while(OnceLock::get).any(|proved| proved == key)
    }

    /// Remembers the key; one too many is forgotten at once.
    fn add(&self, key: Thumbprint) {
        // The first place that is free, or has it already.
        let _full = self.0.iter().any(|place| *place.get_or_init(|| key) == key);
    }
}

/// Proofs that were used, until they would be refused as old.
#[derive(Debug)]
pub struct UsedProofs {
    since: Timestamp,
    used: Mutex<Used>,
}

/// Two spans of [`REMEMBERED_MS`]: this one, and the one before it.
#[derive(Debug)]
struct Used {
    begun: Timestamp,
    now: Span,
    before: Span,
}

impl Default for Used {
    fn default() -> Self {
        Self { begun: Timestamp::from_unix_ms(0), now: Span::default(), before: Span::default() }
    }
}

#[derive(Debug, Default)]
struct Span {
    of_keys: BTreeMap<Thumbprint, BTreeSet<[u8; NAME_LEN]>>,
    len: usize,
}

impl Span {
    fn has(&self, key: &Thumbprint, name: &[u8; NAME_LEN]) -> bool {
        self.of_keys.get(key).is_some_and(|names| names.contains(name))
    }

    fn add(&mut self, key: Thumbprint, name: [u8; NAME_LEN]) -> Use {
        let of_key = self.of_keys.get(&key).map_or(0, BTreeSet::len);
        if self.len >= PROOFS_MAX || of_key >= PROOFS_OF_KEY_MAX {
            return Use::Full;
        }
        if !self.of_keys.entry(key).or_default().insert(name) {
            return Use::Again;
        }
        self.len += 1;
        Use::First
    }
}

impl UsedProofs {
    /// None yet. What was used before `since`, when another daemon may have served, nobody knows any more: no proof of before counts.
    #[must_use]
    pub fn new(since: Timestamp) -> Self {
        Self { since, used: Mutex::default() }
    }

    /// Whether it would be known that a proof of this time was used. Proofs say whole seconds.
    fn would_know(&self, made_at: Timestamp) -> bool {
        made_at.unix_ms().div_euclid(1000) >= self.since.unix_ms().div_euclid(1000)
    }

    fn use_once(&self, key: Thumbprint, jti: &str, now: Timestamp) -> Use {
        let digest = Digest::of_parts(TAG, &[jti.as_bytes()]);
        let mut name = [0; NAME_LEN];
        name.iter_mut().zip(digest.as_bytes()).for_each(|(place, byte)| *place = *byte);
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let age_ms = now.unix_ms().saturating_sub(used.begun.unix_ms());
        if age_ms >= REMEMBERED_MS {
            let ended = std::mem::take(&mut used.now);
            // What ended long ago is of no use to anybody.
            used.before = if age_ms < 2 * REMEMBERED_MS { ended } else { Span::default() };
            used.begun = now;
        }
        if used.before.has(&key, &name) { Use::Again } else { used.now.add(key, name) }
    }
}

impl Context {
    /// Checks that the holder of `token`, which is bound to `key`, has proved that key on this connection, or does so by this very call.
    ///
    /// # Errors
    /// UNAUTHENTICATED; RATE_LIMITED for more proofs than are remembered.
    pub(super) fn check_possession(
        &self,
        (headers, path): (&HeaderMap, &str),
        token: &str,
        key: Thumbprint,
        proved: &ProvedKeys,
    ) -> Result<(), Failure> {
        if proved.has(&key) {
            return Ok(());
        }
        let refuse = |why: &str, next: &str| Err(Failure::new(codes::UNAUTHENTICATED, WHAT).why(why).next(next));
        let mut values = headers.get_all(proof::HEADER).iter();
        let given = match (values.next(), values.next()) {
            (None, _) => return refuse("nobody has proved on this connection to hold the key that the token is bound to", PROVE),
            (Some(_), Some(_)) => return refuse("there is more than one `dpop` header", PROVE),
            (Some(value), None) => value.to_str().unwrap_or_default(),
        };
        let now = self.ports.clock.now();
        let target = proof::target(self.installation.trust_domain.as_str(), path);
        let given = match verify_proof(given, &target, token, now) {
            Ok(given) => given,
            Err(refusal @ (ProofRefusal::Expired | ProofRefusal::NotYetValid)) => return refuse(&refusal.to_string(), CLOCK),
            Err(refusal) => return refuse(&refusal.to_string(), PROVE),
        };
        if given.key != key {
            return refuse("the proof is by another key than the one that the token is bound to", NEXT);
        }
        if !self.used_proofs.would_know(given.made_at) {
            return refuse("the proof is from before the daemon started", "try again with a new proof, in a minute at most");
        }
        match self.used_proofs.use_once(key, &given.jti, now) {
            Use::First => {}
            Use::Again => return refuse("the proof was used before", PROVE),
            Use::Full => {
                return Err(Failure::new(codes::RATE_LIMITED, WHAT)
                    .why("there were too many proofs in the last minutes")
                    .next("make several calls over one connection; try again in two minutes"));
            }
        }
        proved.add(key);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use scalbotics_identity::holder::key::{Algorithm, Pair};

    use super::*;

    fn keys<const N: usize>() -> [Thumbprint; N] {
        std::array::from_fn(|_| Pair::generate(Algorithm::Ed25519).unwrap().thumbprint())
    }

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_unix_ms(1_800_000_000_000 + ms)
    }

    #[test]
    fn a_connection_remembers_a_handful_of_keys() {
        let (proved, keys) = (ProvedKeys::default(), keys::<{ KEYS_MAX + 1 }>());
        assert!(!proved.has(&keys[0]));
        for key in keys.into_iter().chain(keys) {
            proved.add(key);
        }
        assert!(keys[..KEYS_MAX].iter().all(|key| proved.has(key)));
        assert!(!proved.has(&keys[KEYS_MAX]));
    }

    #[test]
    fn a_proof_counts_once_while_it_would_be_taken() {
        let (used, [ann, bob]) = (UsedProofs::new(at(0)), keys());
        assert_eq!(used.use_once(ann, "a", at(0)), Use::First);
        assert_eq!((used.use_once(ann, "a", at(1)), used.use_once(bob, "a", at(1))), (Use::Again, Use::First));
        assert_eq!(used.use_once(ann, "late", at(REMEMBERED_MS - 1)), Use::First);
        for (ms, found) in [(REMEMBERED_MS, Use::Again), (2 * REMEMBERED_MS - 2, Use::Again), (4 * REMEMBERED_MS, Use::First)] {
            assert_eq!(used.use_once(ann, "late", at(ms)), found, "{ms}");
        }
        assert_eq!([-1, 0, 1].map(|ms| used.would_know(at(ms))), [false, true, true]);
        // A clock that goes back revives nothing.
        assert_eq!(used.use_once(ann, "late", at(0)), Use::Again);
    }

    #[test]
    fn who_floods_fills_only_what_is_theirs() {
        let (used, [ann, bob]) = (UsedProofs::new(at(0)), keys());
        for number in 0..PROOFS_OF_KEY_MAX {
            assert_eq!(used.use_once(ann, &number.to_string(), at(0)), Use::First);
        }
        assert_eq!((used.use_once(ann, "more", at(1)), used.use_once(bob, "more", at(1))), (Use::Full, Use::First));
        assert_eq!(used.use_once(ann, "more", at(REMEMBERED_MS)), Use::First);
        assert_eq!(used.use_once(ann, "1", at(REMEMBERED_MS)), Use::Again);
    }
}
