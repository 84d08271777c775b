//! The keys of each issuer that is trusted, as they were last published.
//!
//! **Invariant:** an issuer is asked at most every [`REFETCH_MS`], whatever keys are asked for and by however many (security row 3); keys that
//! are older than [`STALE_MS_MAX`] count for nothing; keys of two issuers never meet.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use scalbotics_core::ports::{Clock, IssuerKeys};
use scalbotics_core::time::Timestamp;
use tokio::sync::{Mutex as Turn, OwnedMutexGuard};

use crate::Supervisor;
use crate::metrics::Metrics;

/// Least time between two fetches of one issuer's keys, in milliseconds, also when the last one failed.
pub const REFETCH_MS: u64 = 30_000;

/// Keys of this age are fetched anew before they are used, in milliseconds: for so long a key that its issuer took back still counts.
pub const FRESH_MS: u64 = 300_000;

/// Keys of an issuer that does not answer are used for so long, in milliseconds.
pub const STALE_MS_MAX: u64 = 3_600_000;

/// There are no keys of the issuer that count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct Unavailable {
    /// In words; nothing of a token.
    pub why: String,
}

/// Makes keys of what an issuer publishes; says in words what is wrong with them.
type Parse<K> = Box<dyn Fn(&str, &str) -> Result<K, String> + Send + Sync>;

/// The keys of all issuers that are trusted.
pub struct KeyCache<K> {
    source: Arc<dyn IssuerKeys>,
    clock: Arc<dyn Clock>,
    supervisor: Supervisor,
    metrics: Arc<Metrics>,
    parse: Arc<Parse<K>>,
    issuers: BTreeMap<String, Arc<Entry<K>>>,
}

struct Entry<K> {
    issuer: String,
    known: Mutex<Known<K>>,
    /// Held by whoever asks the issuer; the others wait for what comes of it.
    turn: Arc<Turn<()>>,
}

struct Known<K> {
    keys: Option<(Arc<K>, Timestamp)>,
    asked_at: Option<Timestamp>,
    why: String,
}

impl<K> Entry<K> {
    /// Keys of at most this age.
    fn keys(&self, now: Timestamp, age_ms: u64) -> Option<Arc<K>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let (keys, at) = known.keys.as_ref()?;
        (now.since_ms(*at) < age_ms).then(|| Arc::clone(keys))
    }

    /// Whether the issuer may be asked now; then it counts as asked.
    fn ask(&self, now: Timestamp) -> bool {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let due = known.asked_at.is_none_or(|at| now.since_ms(at) >= REFETCH_MS);
        if due {
            known.asked_at = Some(now);
        }
        due
    }

    fn learn(&self, answer: Result<K, String>, now: Timestamp) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        match answer {
            Ok(keys) => known.keys = Some((Arc::new(keys), now)),
            Err(why) => known.why = why,
        }
    }
}

impl<K: Send + Sync + 'static> KeyCache<K> {
    /// A cache of the keys of these issuers, which are asked when somebody comes with a token of theirs. `supervisor` runs the fetches, so that a
    /// caller who goes away takes no fetch along.
    #[must_use]
    pub fn new(
        issuers: impl IntoIterator<Item = String>,
        source: Arc<dyn IssuerKeys>,
        (clock, supervisor, metrics): (Arc<dyn Clock>, Supervisor, Arc<Metrics>),
        parse: Parse<K>,
    ) -> Self {
        let entry = |issuer: String| {
            let known = Mutex::new(Known { keys: None, asked_at: None, why: "it was not asked yet".to_owned() });
            (issuer.clone(), Arc::new(Entry { issuer, known, turn: Arc::default() }))
        };
        let issuers = issuers.into_iter().map(entry).collect();
        Self { source, clock, supervisor, metrics, parse: Arc::new(parse), issuers }
    }

    /// The keys of an issuer, fetched anew where `has` finds none in them that is looked for, if the issuer may be asked again by then. So they may
    /// lack it still.
    ///
    /// # Errors
    /// [`Unavailable`].
    ///
    /// # Cancel safety
    /// Cancel safe: a fetch that was begun goes on.
    pub async fn keys(&self, issuer: &str, has: impl Fn(&K) -> bool) -> Result<Arc<K>, Unavailable> {
        let unknown = || Unavailable { why: "the issuer is not trusted".to_owned() };
        let entry = self.issuers.get(issuer).ok_or_else(unknown)?;
        let wanted = |age_ms| entry.keys(self.clock.now(), age_ms).filter(|keys| has(keys));
        if let Some(keys) = wanted(FRESH_MS) {
            return Ok(keys);
        }
        let turn = match (wanted(STALE_MS_MAX), Arc::clone(&entry.turn).try_lock_owned()) {
            // Somebody asks the issuer already; what is known is good enough until then.
            (Some(keys), Err(_)) => return Ok(keys),
            (_, Ok(turn)) => turn,
            (None, Err(_)) => Arc::clone(&entry.turn).lock_owned().await,
        };
        // While this one waited, another may have fetched what is wanted.
        if wanted(FRESH_MS).is_none() && entry.ask(self.clock.now()) {
            self.fetch(entry, turn);
            let _over = entry.turn.lock().await;
        }
        let why = || Unavailable { why: entry.known.lock().unwrap_or_else(PoisonError::into_inner).why.clone() };
        entry.keys(self.clock.now(), STALE_MS_MAX).ok_or_else(why)
    }

    fn fetch(&self, entry: &Arc<Entry<K>>, turn: OwnedMutexGuard<()>) {
        let (source, clock, parse) = (Arc::clone(&self.source), Arc::clone(&self.clock), Arc::clone(&self.parse));
        let (entry, metrics) = (Arc::clone(entry), Arc::clone(&self.metrics));
        self.supervisor.spawn("issuer keys", async move {
            let answer = source.fetch(&entry.issuer).await.map_err(|error| error.why);
            let answer = answer.and_then(|text| parse(&entry.issuer, &text));
            match &answer {
                Ok(_) => metrics.issuer_keys_fetched.add(1),
                Err(why) => {
                    metrics.issuer_keys_failed.add(1);
                    tracing::warn!(issuer = entry.issuer, why, "the keys of an outside issuer cannot be had");
                }
            }
            entry.learn(answer, clock.now());
            drop(turn);
        });
    }
}

impl<K> fmt::Debug for KeyCache<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyCache").field("issuers", &self.issuers.keys()).finish_non_exhaustive()
    }
}
