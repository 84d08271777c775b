//! Looking for records: by the index where it reaches, by the leaves themselves behind it.

use std::ops::Range;

use rusqlite::Connection;
use scalbotics_core::audit::{Facts, Filter, Order};
use scalbotics_core::ports::{AuditEntry, AuditFound, Search};

use super::super::column::{PAGE_MAX, blob};
use super::super::failure::{corrupt, failed};
use super::super::logs::{entry, index_of};
use super::build::{ACTION, ACTOR, CHAIN, DECISION, KIND, decided, end_of};
use super::entries::{Entries, SEGMENT};
use super::file::{File, Stopped, Term};

/// Leaves that one call looks at, so that a rare record of a log that is not indexed holds no snapshot for long (semantics §1.4): some
/// twenty milliseconds.
const LOOKED_AT_MAX: u64 = 16_384;

/// Segments that one call asks the index for: 8 million leaves, as long as [`LOOKED_AT_MAX`] leaves take.
const SEGMENTS_MAX: u64 = 4_096;

/// The index of one log.
#[derive(Debug)]
pub(super) struct View {
    file: File,
    /// Segments that are indexed.
    pub(super) segments: u64,
}

impl View {
    /// The index of the log, if it is of this log.
    pub(super) fn of(core: &Connection, file: File, (log, size): (i64, u64)) -> Option<Self> {
        let segments = end_of(core, &file, log, size).ok().flatten()?;
        Some(Self { file, segments })
    }
}

/// A page under way.
struct Walk<'a> {
    core: &'a Connection,
    log: i64,
    wanted: &'a Search,
    limit: usize,
    left: u64,
    found: Vec<AuditEntry>,
}

/// A page.
pub(super) fn page(
    core: &Connection,
    view: Option<&View>,
    (log, size): (i64, u64),
    wanted: &Search,
) -> Result<AuditFound, Stopped> {
    let limit = wanted.limit.clamp(1, PAGE_MAX);
    let mut walk = Walk { core, log, wanted, limit, left: LOOKED_AT_MAX, found: Vec::new() };
    let all = match (wanted.order, wanted.start) {
        (Order::OldestFirst, start) => start.unwrap_or(0).min(size)..size,
        (Order::NewestFirst, start) => 0..start.map_or(size, |start| start.saturating_add(1).min(size)),
    };
    let next = if wanted.filter.task.is_some() {
        walk.of_task(all.clone())?
    } else {
        // What has no filter is a range of leaves, and needs no index.
        let indexed = view.filter(|_| wanted.filter != Filter::default()).map_or(0, |view| view.segments * SEGMENT);
        let (old, new) = (all.start..all.end.min(indexed), all.start.max(indexed)..all.end);
        match (wanted.order, view) {
            (Order::OldestFirst, Some(view)) => either(walk.indexed(view, old)?, || walk.read(new))?,
            (Order::NewestFirst, Some(view)) => either(walk.read(new)?, || walk.indexed(view, old))?,
            (_, None) => walk.read(all.clone())?,
        }
    };
    Ok(AuditFound { entries: walk.found, next: next.filter(|next| all.contains(next)) })
}

/// Where a walk stopped, or what comes behind it.
fn either(stopped: Option<u64>, rest: impl FnOnce() -> Result<Option<u64>, Stopped>) -> Result<Option<u64>, Stopped> {
    if stopped.is_some() { Ok(stopped) } else { rest() }
}

impl Walk<'_> {
    /// Where to go on behind this index; `u64::MAX`, which no log reaches, behind the end.
    const fn behind(&self, index: u64) -> u64 {
        match self.wanted.order {
            Order::OldestFirst => index.saturating_add(1),
            Order::NewestFirst => {
                if index == 0 {
                    u64::MAX
                } else {
                    index - 1
                }
            }
        }
    }

    /// Looks at one leaf; answers where to go on when the page ends with it.
    fn look(&mut self, index: u64, leaf: &[u8]) -> Result<Option<u64>, Stopped> {
        let facts = Facts::of_leaf(leaf).ok_or_else(|| corrupt(format!("leaf {index} is not a record")))?;
        if self.wanted.filter.wants(&facts) {
            self.found.push(AuditEntry { index, leaf: leaf.to_vec() });
        }
        self.left = self.left.saturating_sub(1);
        let ends = self.found.len() >= self.limit || self.left == 0;
        Ok(ends.then(|| self.behind(index)))
    }

    /// Looks at each leaf that a statement reads: entry and leaf, in the order wanted.
    fn rows(&mut self, statement: &str, params: &[&dyn rusqlite::ToSql]) -> Result<Option<u64>, Stopped> {
        let attempt = || failed("look for audit records");
        let mut select = self.core.prepare_cached(statement).map_err(attempt())?;
        let mut rows = select.query(params).map_err(attempt())?;
        while let Some(row) = rows.next().map_err(attempt())? {
            let index = index_of(row.get(0).map_err(attempt())?);
            let leaf = row.get_ref(1).map_err(attempt())?;
            let leaf = leaf.as_blob().map_err(|_| corrupt(format!("leaf {index} has no bytes")))?;
            if let Some(next) = self.look(index, leaf)? {
                return Ok(Some(next));
            }
        }
        Ok(None)
    }

    /// Looks at each leaf of a range.
    fn read(&mut self, range: Range<u64>) -> Result<Option<u64>, Stopped> {
        let statement = match self.wanted.order {
            Order::OldestFirst => "SELECT entry, leaf FROM audit_leaf WHERE entry >= ?1 AND entry < ?2 ORDER BY entry",
            Order::NewestFirst => "SELECT entry, leaf FROM audit_leaf WHERE entry >= ?1 AND entry < ?2 ORDER BY entry DESC",
        };
        self.rows(statement, &[&entry(self.log, range.start)?, &entry(self.log, range.end)?])
    }

    /// Looks at each leaf of a task, which the database itself has an index of.
    fn of_task(&mut self, range: Range<u64>) -> Result<Option<u64>, Stopped> {
        let statement = match self.wanted.order {
            Order::OldestFirst => {
                "SELECT entry, leaf FROM audit_leaf WHERE task = ?3 AND entry >= ?1 AND entry < ?2 ORDER BY entry"
            }
            Order::NewestFirst => {
                "SELECT entry, leaf FROM audit_leaf WHERE task = ?3 AND entry >= ?1 AND entry < ?2 ORDER BY entry DESC"
            }
        };
        let task = self.wanted.filter.task.map(|task| blob(task.as_u128()));
        self.rows(statement, &[&entry(self.log, range.start)?, &entry(self.log, range.end)?, &task])
    }

    /// Looks at the leaves of a range of indexed ones that the index names.
    fn indexed(&mut self, view: &View, range: Range<u64>) -> Result<Option<u64>, Stopped> {
        let Some(terms) = self.terms(view)? else { return Ok(None) };
        if range.is_empty() {
            return Ok(None);
        }
        let segments = range.start / SEGMENT..(range.end - 1) / SEGMENT + 1;
        let newest_first = self.wanted.order == Order::NewestFirst;
        for nth in 0..segments.end - segments.start {
            let segment = if newest_first { segments.end - 1 - nth } else { segments.start + nth };
            if nth == SEGMENTS_MAX {
                let place = if newest_first { SEGMENT - 1 } else { 0 };
                return Ok(Some(segment * SEGMENT + place));
            }
            let entries = self.named(view, &terms, segment).map_err(Stopped::Index)?;
            let mut indexes: Vec<u64> = entries.places().map(|place| segment * SEGMENT + place).collect();
            if newest_first {
                indexes.reverse();
            }
            for index in indexes.into_iter().filter(|index| range.contains(index)) {
                if let Some(next) = self.one(index)? {
                    return Ok(Some(next));
                }
            }
        }
        Ok(None)
    }

    fn one(&mut self, index: u64) -> Result<Option<u64>, Stopped> {
        self.rows("SELECT entry, leaf FROM audit_leaf WHERE entry = ?1", &[&entry(self.log, index)?])
    }

    /// The entries of a segment that the index names.
    fn named(&self, view: &View, terms: &[i64], segment: u64) -> rusqlite::Result<Entries> {
        let mut entries = Entries::ALL;
        for term in terms {
            entries = entries.both(&view.file.entries(*term, segment)?);
            if entries == Entries::NONE {
                return Ok(entries);
            }
        }
        let Filter { since, until, .. } = &self.wanted.filter;
        if since.is_some() || until.is_some() {
            let range = (since.map_or(i64::MIN, |at| at.unix_ms()), until.map_or(i64::MAX, |at| at.unix_ms()));
            entries = entries.both(&view.file.of_time(self.log, segment, range)?);
        }
        Ok(entries)
    }

    /// The terms of the filter; `None` where no indexed leaf says one of them.
    fn terms(&self, view: &View) -> Result<Option<Vec<i64>>, Stopped> {
        let mut terms = Vec::new();
        for term in terms_of(&self.wanted.filter) {
            match view.file.term(self.log, &term).map_err(Stopped::Index)? {
                Some(id) => terms.push(id),
                None => return Ok(None),
            }
        }
        Ok(Some(terms))
    }
}

fn terms_of(filter: &Filter) -> Vec<Term> {
    let mut terms: Vec<Term> = Vec::new();
    terms.extend(filter.actor.iter().map(|actor| (ACTOR, actor.to_string())));
    terms.extend(filter.on_behalf_of.iter().map(|principal| (CHAIN, principal.to_string())));
    terms.extend(filter.action.iter().map(|action| (ACTION, action.clone())));
    terms.extend(filter.allowed.iter().map(|allowed| (DECISION, decided(*allowed).to_owned())));
    terms.extend(filter.kind.iter().map(|kind| (KIND, kind.as_str().to_owned())));
    terms
}

#[cfg(test)]
mod tests;
