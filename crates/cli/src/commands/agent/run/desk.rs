//! What a worker has in hand: calls that wait for a free place, programs that run, and reports that the daemon has not taken yet.

use std::collections::{BTreeMap, VecDeque};

use scalbotics_core::time::Timestamp;
use scalbotics_core::tool::EffectClass;
use scalbotics_core::worker::{CallWarrant, End, LEASE_MS, Lease, START_WITHIN_MS};
use tokio::sync::watch;
use tokio::task::{self, JoinSet};

use super::boot;
use super::guard::Job;
use super::program::{Became, Control, Limits, carry_out};

/// Calls that wait, run or are to be reported at most; more are refused.
const HELD_MAX: usize = 256;

/// How long it is remembered that an attempt began, in milliseconds: several times as long as any warrant may begin one, by any clock.
const REMEMBERED_MS: u64 = 300_000;

/// Why a call that waited did not begin.
const WITHOUT_STREAM: &str = "the worker was without its stream for two seconds";

/// One attempt, by effect and number.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) effect: String,
    pub(super) attempt: u32,
}

/// Where an attempt stands.
#[derive(Debug)]
enum Stand {
    Waits,
    Runs(watch::Sender<Control>, EffectClass, task::Id),
    Ended(Became),
}

/// A call that waits for a free place.
#[derive(Debug)]
struct Waiting {
    key: Key,
    warrant: CallWarrant,
    arguments: Vec<u8>,
    since_ms: u64,
}

/// A report that is not taken yet, as it is to be said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Report {
    pub(super) key: Key,
    /// `None` where nothing is known of the attempt.
    pub(super) became: Option<Became>,
}

/// Something that happened to a call, to be shown to the worker's owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Happened {
    pub(super) key: Key,
    /// The tool, where it is known.
    pub(super) tool: String,
    pub(super) became: Became,
}

/// What a worker has in hand.
#[derive(Debug)]
pub(super) struct Desk {
    places: usize,
    env: BTreeMap<String, String>,
    stands: BTreeMap<Key, Stand>,
    waiting: VecDeque<Waiting>,
    running: JoinSet<(Key, String, Became)>,
    /// Reports that are to be said once more, or for the first time.
    unsaid: VecDeque<Report>,
    /// Attempts that began, and when: a warrant is for one call once, also where it came twice.
    begun: BTreeMap<Key, u64>,
    happened: Vec<Happened>,
}

impl Desk {
    /// An empty one with so many places; programs get `env`.
    pub(super) fn new(places: usize, env: BTreeMap<String, String>) -> Self {
        let (stands, waiting, running, unsaid, begun, happened) = Default::default();
        Self { places, env, stands, waiting, running, unsaid, begun, happened }
    }

    /// Takes a call that was judged good, and was signed at `since_ms` or later. One that is in hand already is not taken twice.
    pub(super) fn take(&mut self, warrant: CallWarrant, arguments: Vec<u8>, since_ms: u64) {
        let key = Key { effect: warrant.effect.to_string(), attempt: warrant.attempt };
        if self.stands.contains_key(&key) || self.begun.contains_key(&key) {
            return;
        }
        if self.stands.len() >= HELD_MAX {
            return self.refuse(key, warrant.tool.as_str(), "the worker has enough to do".to_owned());
        }
        self.stands.insert(key.clone(), Stand::Waits);
        self.waiting.push_back(Waiting { key, warrant, arguments, since_ms });
    }

    /// Reports that a call does not begin; nothing where it has begun, or ended, by another word.
    pub(super) fn refuse(&mut self, key: Key, tool: &str, why: String) {
        if let Some(Stand::Runs(..) | Stand::Ended(_)) = self.stands.get(&key) {
            return;
        }
        self.end(key, tool, Became::NotBegun(why));
    }

    fn end(&mut self, key: Key, tool: &str, became: Became) {
        self.happened.push(Happened { key: key.clone(), tool: tool.to_owned(), became: became.clone() });
        self.unsaid.push_back(Report { key: key.clone(), became: Some(became.clone()) });
        self.stands.insert(key, Stand::Ended(became));
    }

    /// Begins what has a place, while the lease is held; what waited in vain never begins.
    pub(super) fn begin(&mut self, lease: Lease, wall: Timestamp) {
        let now_ms = boot::now_ms();
        let is_held = lease.is_held(now_ms);
        self.begun.retain(|_, begun_ms| now_ms.saturating_sub(*begun_ms) < REMEMBERED_MS);
        let (waiting, places) = (std::mem::take(&mut self.waiting), self.places);
        for one in waiting {
            let late = now_ms.saturating_sub(one.since_ms);
            if let Err(void) = one.warrant.check_time(wall) {
                self.refuse(one.key, one.warrant.tool.as_str(), void.to_string());
            } else if late >= within_ms(&one.warrant) {
                self.refuse(one.key, one.warrant.tool.as_str(), "it came late, or waited too long for a free place".to_owned());
            } else if !is_held && late >= LEASE_MS {
                self.refuse(one.key, one.warrant.tool.as_str(), WITHOUT_STREAM.to_owned());
            } else if is_held && self.running.len() < places {
                self.start(one, lease);
            } else {
                self.waiting.push_back(one);
            }
        }
    }

    fn start(&mut self, Waiting { key, warrant, arguments, since_ms }: Waiting, lease: Lease) {
        let tool = warrant.tool.to_string();
        let Ok(input) = String::from_utf8(arguments) else {
            return self.refuse(key, &tool, "the arguments are no text".to_owned());
        };
        // The guard asks the clock once more, just before the program begins.
        let begin_before_ms = lease.until_ms().min(since_ms.saturating_add(within_ms(&warrant)));
        let mut env = self.env.clone();
        env.extend(warrant.env);
        let class = warrant.class;
        let job = Job { argv: warrant.argv, env, input, begin_before_ms };
        let limits = Limits { time_ms: warrant.time_limit_ms, output_bytes: warrant.output_bytes };
        self.begun.insert(key.clone(), boot::now_ms());
        let (control, told) = watch::channel(Control::default());
        let stand = key.clone();
        let begun = self.running.spawn(async move {
            let became = carry_out(job, limits, told).await;
            (key, tool, became)
        });
        self.stands.insert(stand, Stand::Runs(control, class, begun.id()));
    }

    /// Waits until a program has ended; for ever where none runs.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub(super) async fn ended(&mut self) {
        let Some(joined) = self.running.join_next().await else { return std::future::pending().await };
        match joined {
            Ok((key, tool, became)) => self.end(key, &tool, became),
            Err(error) => self.broke_off(error.id()),
        }
    }

    /// A fault of this program: nobody knows what became of the attempt.
    fn broke_off(&mut self, id: task::Id) {
        let found = self.stands.iter().find(|(_, stand)| matches!(stand, Stand::Runs(_, _, of) if *of == id));
        if let Some(key) = found.map(|(key, _)| key.clone()) {
            let (how, stdout, stderr) = (End::Killed(0), Vec::new(), b"the worker broke off".to_vec());
            self.end(key, "", Became::Ended { how, stdout, total: 0, stderr });
        }
    }

    /// What has happened since this was asked last.
    pub(super) fn happened(&mut self) -> Vec<Happened> {
        std::mem::take(&mut self.happened)
    }

    /// Ends an attempt; one that waits never begins.
    pub(super) fn stop(&mut self, key: &Key, at_once: bool) {
        match self.stands.get(key) {
            Some(Stand::Waits) => {
                self.waiting.retain(|one| one.key != *key);
                self.refuse(key.clone(), "", "it was told to stop".to_owned());
            }
            Some(Stand::Runs(control, ..)) => {
                let wanted = if at_once { Control::Kill } else { Control::Stop };
                // What is to end at once gets no more time by a later word.
                control.send_if_modified(|told| wanted > std::mem::replace(told, wanted.max(*told)));
            }
            Some(Stand::Ended(_)) | None => {}
        }
    }

    /// Ends everything, as for an agent that was suspended: what may have been sent has its time to answer (semantics §4.3).
    pub(super) fn stop_all(&mut self) {
        let all: Vec<(Key, bool)> = self
            .stands
            .iter()
            .filter_map(|(key, stand)| match stand {
                Stand::Waits => Some((key.clone(), true)),
                Stand::Runs(_, class, _) => Some((key.clone(), matches!(class, EffectClass::Pure | EffectClass::Keyed))),
                Stand::Ended(_) => None,
            })
            .collect();
        for (key, at_once) in all {
            self.stop(&key, at_once);
        }
    }

    /// A report about an attempt is wanted: once more where it ended, and that nothing is known where nothing is. What waits or runs is reported
    /// at its end.
    pub(super) fn ask(&mut self, key: Key) {
        let became = match self.stands.get(&key) {
            Some(Stand::Waits | Stand::Runs(..)) => return,
            Some(Stand::Ended(became)) => Some(became.clone()),
            None => None,
        };
        self.unsaid.push_back(Report { key, became });
    }

    /// The daemon has taken a report.
    pub(super) fn taken(&mut self, key: &Key) {
        if matches!(self.stands.get(key), Some(Stand::Ended(_))) {
            self.stands.remove(key);
        }
    }

    /// Every report that was not taken is said again: the stream on which it was said is gone.
    pub(super) fn say_again(&mut self) {
        let ended = self.stands.iter().filter_map(|(key, stand)| match stand {
            Stand::Ended(became) => Some(Report { key: key.clone(), became: Some(became.clone()) }),
            Stand::Waits | Stand::Runs(..) => None,
        });
        self.unsaid = ended.collect();
    }

    /// The next report to say.
    pub(super) fn unsaid(&mut self) -> Option<Report> {
        self.unsaid.pop_front()
    }

    /// Whether nothing waits, runs or is to be reported.
    pub(super) fn is_empty(&self) -> bool {
        self.stands.is_empty()
    }

    /// Whether nothing runs.
    pub(super) fn is_idle(&self) -> bool {
        self.running.is_empty()
    }
}

/// Within which time after it was signed a warrant may begin its call, in milliseconds.
const fn within_ms(warrant: &CallWarrant) -> u64 {
    if warrant.begin_within_ms < START_WITHIN_MS { warrant.begin_within_ms } else { START_WITHIN_MS }
}

#[cfg(test)]
mod tests {
    use scalbotics_core::ids::EffectId;
    use scalbotics_testkit::fixture::call_warrant;

    use super::*;

    const NOW: Timestamp = Timestamp::from_unix_ms(1_000_000);

    fn warrant(attempt: u32) -> CallWarrant {
        call_warrant(attempt, NOW)
    }

    fn key(attempt: u32) -> Key {
        Key { effect: EffectId::from_u128(2).to_string(), attempt }
    }

    fn desk() -> Desk {
        Desk::new(1, BTreeMap::new())
    }

    fn said(desk: &mut Desk) -> Vec<(u32, Option<String>)> {
        let why = |became: Option<Became>| match became {
            Some(Became::NotBegun(why)) => Some(why),
            Some(Became::Ended { .. }) | None => None,
        };
        std::iter::from_fn(|| desk.unsaid()).map(|report| (report.key.attempt, why(report.became))).collect()
    }

    #[test]
    fn reach_without_its_stream_what_waits_never_begins() {
        let mut desk = desk();
        desk.take(warrant(1), b"{}".to_vec(), boot::now_ms());
        desk.begin(Lease::ENDED, NOW);
        assert_eq!(said(&mut desk), [], "the first beat may be on its way");
        desk.waiting.iter_mut().for_each(|one| one.since_ms = boot::now_ms().saturating_sub(LEASE_MS));
        desk.begin(Lease::ENDED, NOW);
        assert_eq!(said(&mut desk), [(1, Some(WITHOUT_STREAM.to_owned()))]);
        // It is said until it was taken, and a stream that comes back changes nothing.
        desk.begin(Lease::ENDED.renewed(boot::now_ms()), NOW);
        desk.say_again();
        assert_eq!(said(&mut desk).len(), 1);
        desk.taken(&key(1));
        desk.say_again();
        assert!(said(&mut desk).is_empty() && desk.is_empty() && desk.is_idle());
    }

    #[test]
    fn sem_8_1_what_is_late_stopped_or_too_much_never_begins() {
        let mut desk = desk();
        desk.take(warrant(1), b"{}".to_vec(), boot::now_ms());
        desk.take(warrant(1), b"{}".to_vec(), boot::now_ms());
        desk.begin(Lease::ENDED.renewed(boot::now_ms()), NOW.plus_ms(5_000));
        let late = said(&mut desk);
        assert!(matches!(late.as_slice(), [(1, Some(why))] if why.contains("is over")), "{late:?}");
        desk.take(warrant(2), b"{}".to_vec(), boot::now_ms());
        desk.stop(&key(2), false);
        assert_eq!(said(&mut desk), [(2, Some("it was told to stop".to_owned()))]);
        desk.take(warrant(3), b"{}".to_vec(), boot::now_ms().saturating_sub(5_000));
        desk.begin(Lease::ENDED.renewed(boot::now_ms()), NOW);
        let late = said(&mut desk);
        assert!(
            matches!(late.as_slice(), [(3, Some(why))] if why.contains("it came late")),
            "whatever the wall clock says: {late:?}"
        );
        desk.ask(key(9));
        assert_eq!(said(&mut desk), [(9, None)], "nothing is known of it");
        for attempt in (10..).take(HELD_MAX + 1) {
            desk.take(warrant(attempt), b"{}".to_vec(), boot::now_ms());
        }
        let refused = said(&mut desk);
        assert!(!refused.is_empty() && refused.iter().all(|(_, why)| why.as_deref() == Some("the worker has enough to do")));
    }

    #[tokio::test]
    async fn sem_8_1_a_warrant_begins_one_call_once() {
        let mut desk = desk();
        let lease = Lease::ENDED.renewed(boot::now_ms());
        desk.take(warrant(1), b"{}".to_vec(), boot::now_ms());
        desk.begin(lease, NOW);
        assert!(!desk.is_idle());
        desk.ended().await;
        desk.taken(&key(1));
        assert!(desk.is_empty());
        desk.take(warrant(1), b"{}".to_vec(), boot::now_ms());
        desk.begin(lease, NOW);
        assert!(desk.is_empty() && desk.is_idle(), "it came once more, and is no other call");
    }
}
