//! Making the index of whole segments.

use std::collections::BTreeMap;
use std::ops::Range;

use rusqlite::Connection;
use scalbotics_core::audit::{Facts, Kind};
use scalbotics_core::failpoint;
use scalbotics_core::ports::StoreError;
use scalbotics_core::principal::Uid;

use super::super::failure::{corrupt, failed};
use super::super::logs::entry;
use super::entries::{Entries, SEGMENT};
use super::file::{End, File, Stopped, Term, Times};

/// Fields by which records are found.
pub(super) const ACTOR: &str = "actor";
pub(super) const CHAIN: &str = "chain";
pub(super) const ACTION: &str = "action";
pub(super) const KIND: &str = "kind";
pub(super) const DECISION: &str = "decision";

/// The value of [`DECISION`].
pub(super) const fn decided(allow: bool) -> &'static str {
    if allow { "allow" } else { "deny" }
}

/// How far the log is indexed, `None` where the file is of another log than this one: an older database was put back, or another one.
pub(super) fn end_of(core: &Connection, file: &File, log: i64, size: u64) -> Result<Option<u64>, Stopped> {
    let Some(End { segments, last_hash }) = file.end(log).map_err(Stopped::Index)? else {
        return Ok(Some(0));
    };
    let reached = segments.saturating_mul(SEGMENT);
    if reached > size {
        return Ok(None);
    }
    let last = entry(log, reached.saturating_sub(1))?;
    let hash: [u8; 32] = core
        .prepare_cached("SELECT leaf_hash FROM audit_leaf WHERE entry = ?1")
        .and_then(|mut select| select.query_row([last], |row| row.get(0)))
        .map_err(failed("read a leaf hash"))?;
    Ok((hash == last_hash).then_some(segments))
}

/// What one segment says, and its times. Terms are written once a segment and not once a leaf.
#[derive(Default)]
struct Segment {
    actors: BTreeMap<Uid, Entries>,
    principals: BTreeMap<Uid, Entries>,
    actions: BTreeMap<String, Entries>,
    kinds: BTreeMap<Kind, Entries>,
    decisions: BTreeMap<bool, Entries>,
    times: Times,
    last_hash: [u8; 32],
}

impl Segment {
    fn add(&mut self, place: u64, facts: &Facts<'_>) {
        let at = usize::try_from(place).unwrap_or(usize::MAX);
        self.actors.entry(facts.actor).or_default().add(at);
        facts.chain.iter().for_each(|principal| self.principals.entry(*principal).or_default().add(at));
        match self.actions.get_mut(facts.action.as_ref()) {
            Some(entries) => entries.add(at),
            None => self.actions.entry(facts.action.clone().into_owned()).or_default().add(at),
        }
        self.kinds.entry(facts.kind).or_default().add(at);
        facts.decision.iter().for_each(|ruled| self.decisions.entry(ruled.allow).or_default().add(at));
        self.times.add(place, facts.at.unix_ms());
    }

    fn terms(&self) -> impl Iterator<Item = (Term, &Entries)> {
        let actions = self.actions.iter().map(|(action, entries)| ((ACTION, action.clone()), entries));
        let kinds = self.kinds.iter().map(|(kind, entries)| ((KIND, kind.as_str().to_owned()), entries));
        let decisions = self.decisions.iter().map(|(allow, entries)| ((DECISION, decided(*allow).to_owned()), entries));
        of_uids(ACTOR, &self.actors).chain(of_uids(CHAIN, &self.principals)).chain(actions).chain(kinds).chain(decisions)
    }
}

fn of_uids<'s>(field: &'static str, uids: &'s BTreeMap<Uid, Entries>) -> impl Iterator<Item = (Term, &'s Entries)> + use<'s> {
    uids.iter().map(move |(uid, entries)| ((field, uid.to_string()), entries))
}

fn read(core: &Connection, log: i64, segment: u64) -> Result<Segment, StoreError> {
    let first = segment.saturating_mul(SEGMENT);
    let range = (entry(log, first)?, entry(log, first.saturating_add(SEGMENT))?);
    let mut select = core
        .prepare_cached("SELECT leaf, leaf_hash FROM audit_leaf WHERE entry >= ?1 AND entry < ?2 ORDER BY entry")
        .map_err(failed("read the audit log"))?;
    let mut rows = select.query(range).map_err(failed("read the audit log"))?;
    let mut made = Segment::default();
    let mut place = 0;
    while let Some(row) = rows.next().map_err(failed("read the audit log"))? {
        let leaf = row.get_ref(0).map(|value| value.as_blob().unwrap_or_default()).map_err(failed("read the audit log"))?;
        let facts = Facts::of_leaf(leaf).ok_or_else(|| corrupt(format!("leaf {} is not a record", first + place)))?;
        made.add(place, &facts);
        made.last_hash = row.get(1).map_err(failed("read the audit log"))?;
        place += 1;
    }
    if place == SEGMENT { Ok(made) } else { Err(corrupt(format!("the audit log lacks a leaf behind {}", first + place))) }
}

/// Indexes segments of a log, which are whole, in one transaction: what is said of a term stands together, so most of the pages that it
/// writes are written once for all of them.
pub(super) fn segments(core: &Connection, file: &File, log: i64, segments: Range<u64>) -> Result<(), Stopped> {
    let made = segments.map(|segment| Ok((segment, read(core, log, segment)?))).collect::<Result<Vec<_>, StoreError>>()?;
    let write = || -> rusqlite::Result<()> {
        let tx = file.conn.unchecked_transaction()?;
        for (segment, made) in &made {
            for (term, entries) in made.terms() {
                file.put_entries(file.make_term(log, &term)?, *segment, entries)?;
            }
            file.put_segment(log, *segment, &made.last_hash, &made.times)?;
        }
        failpoint!("commit.before");
        tx.commit()?;
        failpoint!("commit.after");
        Ok(())
    };
    write().map_err(Stopped::Index)
}
