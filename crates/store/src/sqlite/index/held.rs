//! What the records of a segment say, put together as they are committed: the leaves need not be read again once it is whole.
//!
//! It is a saving and never needed: what is not held here is read. So there are limits, and whatever comes out of order is dropped.

use std::collections::BTreeMap;

use super::super::logs::Appended;
use super::build::{Said, Segment};
use super::entries::SEGMENT;

/// Logs of which a segment is put together at the same time.
const LOGS_MAX: usize = 16;

/// Terms of a segment; each takes some 300 bytes.
const TERMS_MAX: usize = 512;

/// Segments that are whole and wait for the thread.
const WHOLE_MAX: usize = 8;

/// The segment of a log that is not whole yet.
#[derive(Debug)]
struct Open {
    /// Index of the next leaf of the log.
    next: u64,
    segment: Segment,
}

/// The segments of all logs.
#[derive(Debug, Default)]
pub(super) struct Held {
    open: BTreeMap<i64, Open>,
    whole: BTreeMap<(i64, u64), Segment>,
}

impl Held {
    /// Adds leaves that are durable.
    pub(super) fn add(&mut self, appended: &Appended) {
        let log = appended.log;
        let mut open = self.open.remove(&log).filter(|open| open.next == appended.first);
        for (index, (leaf, record)) in (appended.first..).zip(appended.leaves.rows.iter().zip(&appended.leaves.records)) {
            let (nth, place) = (index / SEGMENT, index % SEGMENT);
            if place == 0 {
                open = (self.open.len() < LOGS_MAX).then(|| Open { next: index, segment: Segment::default() });
            }
            let Some(held) = &mut open else { continue };
            held.segment.add(place, &Said::from(record));
            held.next = index.saturating_add(1);
            if held.segment.terms_len() > TERMS_MAX {
                open = None;
            } else if place == SEGMENT - 1 {
                held.segment.end(*leaf.hash.as_bytes());
                let whole = open.take().filter(|_| self.whole.len() < WHOLE_MAX);
                whole.into_iter().for_each(|whole| drop(self.whole.insert((log, nth), whole.segment)));
            }
        }
        open.into_iter().for_each(|open| drop(self.open.insert(log, open)));
    }

    /// Takes a whole segment, if it is here.
    pub(super) fn take(&mut self, log: i64, segment: u64) -> Option<Segment> {
        self.whole.remove(&(log, segment))
    }

    /// Forgets the segments of a log before this one: they are indexed.
    pub(super) fn forget_before(&mut self, log: i64, segment: u64) {
        self.whole.retain(|(of, nth), _| *of != log || *nth >= segment);
    }
}

#[cfg(test)]
mod tests {
    use scalbotics_core::audit::{DecisionNote, Kind, Record};
    use scalbotics_core::ids::{DecisionId, HumanUid, InstallationId};
    use scalbotics_core::ports::AuditLog as _;
    use scalbotics_core::principal::Uid;
    use scalbotics_testkit::fixture::World;

    use super::super::super::leaves::leaves;
    use super::super::super::{Options, SqliteStore, connect};
    use super::super::build::read;
    use super::*;

    /// The record at an index of a log, with one of so many actions.
    fn record(world: &World, index: u64, actions: u64) -> Record {
        let mut record = world.record(Kind::ALL[usize::try_from(index % 9).unwrap()], &format!("action.{}", index % actions));
        record.actor = Uid::Human(HumanUid::from_u128(u128::from(index % 7)));
        record.chain = (0..index % 3).map(|n| Uid::Human(HumanUid::from_u128(u128::from(n + index % 5)))).collect();
        record.at = record.at.plus_ms(index * 1_013 % 100_000);
        let (policies, bundles, slices) = (Vec::new(), Vec::new(), Vec::new());
        let (id, allow, denial) = (DecisionId::from_u128(1), index.is_multiple_of(5), None);
        let note = DecisionNote { allow, bundles, commitment: None, denial, id, policies, slices };
        record.decision = index.is_multiple_of(2).then_some(note);
        record
    }

    fn appended(world: &World, log: i64, indexes: std::ops::Range<u64>, actions: u64) -> Appended {
        let records = indexes.clone().map(|index| record(world, index, actions)).collect();
        Appended { log, first: indexes.start, leaves: leaves(&world.tenant, records).unwrap() }
    }

    #[tokio::test]
    async fn what_is_put_together_is_what_the_leaves_say() {
        let dir = tempfile::tempdir().unwrap();
        let (world, mut held) = (World::new("acme", 1), Held::default());
        let store = SqliteStore::open(dir.path(), &Options::new(InstallationId::from_u128(1))).unwrap();
        for first in (0..2 * SEGMENT).step_by(500) {
            let appended = appended(&world, 1, first..(first + 500).min(2 * SEGMENT), 40);
            store.append(appended.leaves.records.clone(), Vec::new()).await.unwrap();
            held.add(&appended);
        }
        let core = connect::reader(&connect::database(dir.path())).unwrap();
        for segment in 0..2 {
            assert_eq!(held.take(1, segment).unwrap(), read(&core, 1, segment).unwrap(), "{segment}");
            assert!(held.take(1, segment).is_none(), "it was taken");
        }
    }

    #[test]
    fn a_segment_of_which_something_is_missing_is_not_held() {
        let world = World::new("acme", 1);
        for (parts, whole) in [
            ([(0, 9), (9, SEGMENT)], 1),
            ([(0, 5), (5, SEGMENT + 1)], 1),
            ([(1, SEGMENT), (SEGMENT, 2 * SEGMENT)], 1),
            ([(0, 5), (6, SEGMENT)], 0),
            ([(0, 9), (9, SEGMENT - 1)], 0),
            ([(0, 9), (5, SEGMENT)], 0),
            ([(0, 9), (0, SEGMENT)], 1),
        ] {
            let mut held = Held::default();
            parts.iter().for_each(|(from, until)| held.add(&appended(&world, 1, *from..*until, 40)));
            assert_eq!(held.whole.len(), whole, "{parts:?}");
        }
    }

    #[test]
    fn no_more_is_held_than_may_be() {
        let (world, mut held) = (World::new("acme", 1), Held::default());
        held.add(&appended(&world, 1, 0..SEGMENT, u64::MAX));
        assert!(held.whole.is_empty() && held.open.is_empty(), "too many terms");
        let logs = i64::try_from(LOGS_MAX).unwrap();
        (1..=logs + 3).for_each(|log| held.add(&appended(&world, log, 0..2, 40)));
        assert_eq!(held.open.len(), LOGS_MAX);
        (1..=logs).for_each(|log| held.add(&appended(&world, log, 2..SEGMENT, 40)));
        assert_eq!((held.open.len(), held.whole.len()), (0, WHOLE_MAX));
        held.forget_before(1, 0);
        assert_eq!(held.whole.len(), WHOLE_MAX);
        held.forget_before(1, 1);
        assert_eq!(held.whole.len(), WHOLE_MAX - 1);
    }
}
