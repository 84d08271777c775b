//! How often an issuer is asked, and how long it is believed.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use scalbotics_core::ports::{Clock, IssuerKeys, IssuerKeysError};
use scalbotics_core::time::Timestamp;
use scalbotics_testkit::FixedClock;

use super::*;
use crate::Supervisor;
use crate::metrics::Metrics;

/// Publishes a list of names, or nothing; answers after a moment.
#[derive(Debug, Default)]
struct Issuer {
    asked: AtomicUsize,
    publishes: Mutex<Option<String>>,
}

#[async_trait]
impl IssuerKeys for Issuer {
    async fn fetch(&self, _: &str) -> Result<String, IssuerKeysError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        let published = self.publishes.lock().unwrap().clone();
        published.ok_or_else(|| IssuerKeysError { why: "it is down".to_owned() })
    }
}

struct Bed {
    issuer: Arc<Issuer>,
    clock: Arc<FixedClock>,
    metrics: Arc<Metrics>,
    cache: Arc<KeyCache<Vec<String>>>,
}

fn bed(publishes: Option<&str>) -> Bed {
    let issuer = Arc::new(Issuer { publishes: Mutex::new(publishes.map(str::to_owned)), ..Issuer::default() });
    let (clock, metrics) = (Arc::new(FixedClock::default()), Arc::new(Metrics::default()));
    let parse = |_: &str, text: &str| {
        let names: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
        if names.is_empty() { Err("there is no key".to_owned()) } else { Ok(names) }
    };
    let with = (clock.clone() as Arc<dyn Clock>, Supervisor::new(Arc::clone(&metrics)), Arc::clone(&metrics));
    let issuers = ["https://a".to_owned(), "https://b".to_owned()];
    let cache = KeyCache::new(issuers, issuer.clone() as Arc<dyn IssuerKeys>, with, Box::new(parse));
    Bed { issuer, clock, metrics, cache: Arc::new(cache) }
}

impl Bed {
    async fn knows(&self, kid: &str) -> Result<bool, Unavailable> {
        let has = |keys: &Vec<String>| keys.iter().any(|known| known == kid);
        self.cache.keys("https://a", has).await.map(|keys| has(&keys))
    }

    fn asked(&self) -> usize {
        self.issuer.asked.load(Ordering::Relaxed)
    }

    fn pass(&self, ms: u64) {
        self.clock.set(self.clock.now().plus_ms(ms));
    }

    fn publish(&self, what: Option<&str>) {
        *self.issuer.publishes.lock().unwrap() = what.map(str::to_owned);
    }
}

#[tokio::test]
async fn a_thousand_unknown_names_ask_twice_at_most() {
    let bed = bed(Some("k1"));
    assert_eq!(bed.knows("k1").await, Ok(true));
    for number in 0..1_000 {
        assert_eq!(bed.knows(&format!("unknown-{number}")).await, Ok(false));
    }
    assert!(bed.asked() <= 2, "{}", bed.asked());
    // All at once, after the pause: one more.
    bed.pass(REFETCH_MS);
    let mut callers = tokio::task::JoinSet::new();
    for number in 0..1_000 {
        let cache = Arc::clone(&bed.cache);
        callers.spawn(async move { cache.keys("https://a", |keys| keys.contains(&format!("u{number}"))).await.is_ok() });
    }
    assert!(callers.join_all().await.into_iter().all(|had| had));
    assert_eq!((bed.asked(), bed.metrics.issuer_keys_fetched.get()), (2, 2));
}

#[tokio::test]
async fn a_rotation_is_seen_and_an_old_key_goes() {
    let bed = bed(Some("k1"));
    assert_eq!(bed.knows("k1").await, Ok(true));
    bed.publish(Some("k1 k2"));
    assert_eq!(bed.knows("k2").await, Ok(false), "asked a moment ago");
    bed.pass(REFETCH_MS);
    assert_eq!((bed.knows("k2").await, bed.knows("k1").await), (Ok(true), Ok(true)), "overlap");
    bed.publish(Some("k2"));
    bed.pass(FRESH_MS);
    assert_eq!((bed.knows("k1").await, bed.knows("k2").await), (Ok(false), Ok(true)));
}

#[tokio::test]
async fn an_issuer_that_is_down_is_believed_for_an_hour() {
    let bed = bed(Some("k1"));
    assert_eq!(bed.knows("k1").await, Ok(true));
    bed.publish(None);
    bed.pass(FRESH_MS);
    assert_eq!(bed.knows("k1").await, Ok(true), "stale");
    bed.pass(STALE_MS_MAX - FRESH_MS - 1);
    assert_eq!(bed.knows("k1").await, Ok(true), "stale to the last moment");
    bed.pass(1);
    assert_eq!(bed.knows("k1").await, Err(Unavailable { why: "it is down".to_owned() }));
    assert!(bed.metrics.issuer_keys_failed.get() >= 2);
    bed.publish(Some("k1"));
    bed.pass(REFETCH_MS);
    assert_eq!(bed.knows("k1").await, Ok(true), "it is back");
}

#[tokio::test]
async fn what_is_wrong_with_new_keys_leaves_the_old_ones() {
    let bed = bed(Some("k1"));
    assert_eq!(bed.knows("k1").await, Ok(true));
    bed.publish(Some(""));
    bed.pass(FRESH_MS);
    assert_eq!(bed.knows("k1").await, Ok(true));
    assert_eq!(bed.cache.keys("https://c", |_| true).await.map(|_| ()).unwrap_err().why, "the issuer is not trusted");
}

#[tokio::test]
async fn a_caller_who_goes_away_takes_no_fetch_along() {
    let bed = bed(Some("k1"));
    let left = tokio::time::timeout(std::time::Duration::from_millis(1), bed.knows("k1")).await;
    assert!(left.is_err(), "it left before the answer");
    assert_eq!(bed.knows("k1").await, Ok(true));
    assert_eq!(bed.asked(), 1);
}

#[tokio::test]
async fn an_issuer_never_answers_for_another() {
    let bed = bed(Some("k1"));
    assert_eq!(bed.knows("k1").await, Ok(true));
    bed.publish(Some("k2"));
    let keys = bed.cache.keys("https://b", |keys| keys.contains(&"k1".to_owned())).await.unwrap();
    assert_eq!(*keys, ["k2"]);
    assert_eq!(bed.knows("k1").await, Ok(true));
    assert!(bed.clock.now() < Timestamp::from_unix_ms(i64::MAX));
}
