//! Making the index of whole segments.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use rusqlite::Connection;
use scalbotics_core::audit::{Facts, Kind, Record};
use scalbotics_core::failpoint;
use scalbotics_core::ports::StoreError;
use scalbotics_core::principal::Uid;

use super::super::failure::{corrupt, failed};
use super::super::logs::entry;
use super::entries::{Entries, SEGMENT};
use super::file::{End, File, Stopped, Term, Times};
use super::held::Held;

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

/// What a record says that it is found by.
pub(super) struct Said<'r> {
    at: i64,
    kind: Kind,
    actor: Uid,
    chain: &'r [Uid],
    action: &'r str,
    allow: Option<bool>,
}

impl<'r> From<&'r Facts<'_>> for Said<'r> {
    fn from(facts: &'r Facts<'_>) -> Self {
        let Facts { at, kind, actor, chain, action, task: _, decision } = facts;
        let allow = decision.as_ref().map(|ruled| ruled.allow);
        Self { at: at.unix_ms(), kind: *kind, actor: *actor, chain, action, allow }
    }
}

impl<'r> From<&'r Record> for Said<'r> {
    fn from(record: &'r Record) -> Self {
        let Record { at, kind, actor, chain, action, decision, .. } = record;
        let allow = decision.as_ref().map(|note| note.allow);
        Self { at: at.unix_ms(), kind: *kind, actor: *actor, chain, action, allow }
    }
}

/// What one segment says, and its times. Terms are written once a segment and not once a leaf.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Segment {
    actors: BTreeMap<Uid, Entries>,
    principals: BTreeMap<Uid, Entries>,
    actions: BTreeMap<String, Entries>,
    kinds: BTreeMap<Kind, Entries>,
    decisions: BTreeMap<bool, Entries>,
    times: Times,
    last_hash: [u8; 32],
}

impl Segment {
    /// Adds what the record at `place` says; those before it were added.
    pub(super) fn add(&mut self, place: u64, said: &Said<'_>) {
        let at = usize::try_from(place).unwrap_or(usize::MAX);
        self.actors.entry(said.actor).or_default().add(at);
        said.chain.iter().for_each(|principal| self.principals.entry(*principal).or_default().add(at));
        match self.actions.get_mut(said.action) {
            Some(entries) => entries.add(at),
            None => self.actions.entry(said.action.to_owned()).or_default().add(at),
        }
        self.kinds.entry(said.kind).or_default().add(at);
        said.allow.iter().for_each(|allow| self.decisions.entry(*allow).or_default().add(at));
        self.times.add(place, said.at);
    }

    /// Says that it is whole: the hash of its last leaf.
    pub(super) const fn end(&mut self, last_hash: [u8; 32]) {
        self.last_hash = last_hash;
    }

    /// How many terms it has; kinds and decisions are few.
    pub(super) fn terms_len(&self) -> usize {
        self.actors.len().saturating_add(self.principals.len()).saturating_add(self.actions.len())
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

/// Reads what the leaves of a segment say.
pub(super) fn read(core: &Connection, log: i64, segment: u64) -> Result<Segment, StoreError> {
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
        made.add(place, &Said::from(&facts));
        made.end(row.get(1).map_err(failed("read the audit log"))?);
        place += 1;
    }
    if place == SEGMENT { Ok(made) } else { Err(corrupt(format!("the audit log lacks a leaf behind {}", first + place))) }
}

/// Indexes segments of a log, which are whole, in one transaction: what is said of a term stands together, so most of the pages that it
/// writes are written once for all of them. What was not put together at the commits is read.
pub(super) fn segments(
    core: &Connection,
    file: &File,
    held: &Mutex<Held>,
    log: i64,
    segments: Range<u64>,
) -> Result<(), Stopped> {
    let taken = |segment| held.lock().unwrap_or_else(PoisonError::into_inner).take(log, segment);
    let made = |segment| Ok((segment, taken(segment).map_or_else(|| read(core, log, segment), Ok)?));
    let made = segments.map(made).collect::<Result<Vec<_>, StoreError>>()?;
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
