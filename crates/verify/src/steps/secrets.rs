//! Uses of secrets: which version of which secret each attempt got, never a value.
//!
//! A use is no event of the task and has no number. It is bound by its place: between the intent and the outcome of its attempt; and by
//! their count: where an attempt landed the tool's definition says it, else the next record of the effect does.

use std::collections::{BTreeMap, BTreeSet};

use super::calls::links;
use super::tools::{self, Gets};
use crate::Refusal;
use crate::bundle::Bundle;
use crate::json::{Document, Value};
use crate::record::Record;
use crate::report::Found;

/// An attempt that is under way.
#[derive(Debug)]
struct Attempt<'r, 'd> {
    intent: &'r Record<'d>,
    number: Option<u64>,
    uses: Vec<&'r Record<'d>>,
}

/// How an attempt is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Over {
    /// Its outcome, or the intent of the next attempt, says how many uses there were.
    Counted,
    /// It landed, and its outcome does not.
    Landed,
    /// Nothing says it: it is under way, or its records have version 1.
    Open,
}

/// What was seen of all uses.
#[derive(Debug, Default)]
struct Seen {
    uses: usize,
    /// Names with their versions.
    named: BTreeSet<String>,
    unnamed: usize,
    /// Attempts of which some uses may be missing.
    loose: usize,
}

pub(super) fn check(bundle: &Bundle<'_>) -> Result<Found, Refusal> {
    let (mut under_way, mut seen): (BTreeMap<&str, Attempt<'_, '_>>, Seen) = (BTreeMap::new(), Seen::default());
    let mut used: BTreeMap<&str, u64> = BTreeMap::new();
    let acts = bundle.submission.get("agent").and_then(Value::plain);
    for record in bundle.records.iter().map(|entry| &entry.record) {
        let counted = record.effect.map(|effect| over(record, used.get(effect).copied().unwrap_or(0))).transpose()?;
        let counted = counted.unwrap_or(Over::Open);
        match (record.kind, record.effect) {
            ("intent", Some(effect)) => {
                let number = record.outcome.as_ref().and_then(|outcome| outcome.attempt);
                let attempt = Attempt { intent: record, number, uses: Vec::new() };
                if let Some(before) = under_way.insert(effect, attempt) {
                    seen.take(bundle, effect, &before, counted)?;
                }
            }
            ("outcome", Some(effect)) => {
                if let Some(attempt) = under_way.remove(effect) {
                    seen.take(bundle, effect, &attempt, counted)?;
                }
            }
            ("secret", effect) => {
                let attempt = effect.and_then(|effect| under_way.get_mut(effect));
                let attempt = attempt.ok_or_else(|| record.refuse("secret", "it was handed over for no attempt under way"))?;
                one(bundle, record, attempt, acts)?;
                attempt.uses.push(record);
                *used.entry(effect.unwrap_or_default()).or_default() += 1;
            }
            (_, _) => {}
        }
    }
    for (effect, attempt) in &under_way {
        seen.take(bundle, effect, attempt, Over::Open)?;
    }
    Ok(seen.summary())
}

/// How the attempt before this record of its effect is over; `used` is how many uses of the effect stand before it in the bundle.
fn over(record: &Record<'_>, used: u64) -> Result<Over, Refusal> {
    let attempt = record.outcome.as_ref().and_then(|outcome| outcome.attempt);
    let landed = record.word() == "landed";
    let ends = record.kind == "outcome" || record.kind == "intent" && attempt.is_some_and(|attempt| attempt > 1);
    match record.secrets {
        Some(count) if !ends || count != used => {
            Err(record.refuse("secret", format!("the log had {count} uses of secrets before it, and here are {used}")))
        }
        Some(_) => Ok(Over::Counted),
        None if ends && !landed && record.version > 1 => {
            Err(record.refuse("secret", "it does not say how many secrets were handed over before it"))
        }
        None if ends && landed => Ok(Over::Landed),
        None => Ok(Over::Open),
    }
}

/// A use is by the agent, of the call that was intended, in the attempt that is under way.
fn one(bundle: &Bundle<'_>, record: &Record<'_>, attempt: &Attempt<'_, '_>, acts: Option<&str>) -> Result<(), Refusal> {
    let outcome = record.outcome.as_ref();
    let chain = Document::read(attempt.intent.chain.as_bytes())?;
    let last = links(chain.root()).and_then(|links| links.last().copied());
    let is_use =
        record.seq.is_none() && record.action == "secret.use" && record.word() == "revealed" && version(record).is_some();
    let is_its = record.tenant == bundle.tenant
        && record.task == Some(bundle.task)
        && (record.version, record.call) == (attempt.intent.version, attempt.intent.call);
    let is_by = record.actor.kind == "agent" && Some(record.actor.text) == acts && last == acts;
    let is_now = outcome.is_some_and(|outcome| outcome.attempt == attempt.number && outcome.commitment.is_none());
    if is_use && is_its && is_by && is_now {
        Ok(())
    } else {
        Err(record.refuse("secret", "it is no use of a secret for the call that is under way"))
    }
}

/// The version of the secret that was used: its record names it as `sec_…/3`.
fn version(record: &Record<'_>) -> Option<u64> {
    let (id, version) = record.target?.split_once('/')?;
    version.parse().ok().filter(|version| id.starts_with("sec_") && *version > 0)
}

impl Seen {
    /// Takes an attempt that is over.
    fn take(&mut self, bundle: &Bundle<'_>, effect: &str, attempt: &Attempt<'_, '_>, over: Over) -> Result<(), Refusal> {
        let called = bundle.calls.iter().find(|called| called.effect == effect);
        let gets = called.and_then(|called| tools::gets(bundle, &called.tool_digest));
        self.uses += attempt.uses.len();
        let Some(Gets { names, is_verifiable }) = gets else {
            self.unnamed += attempt.uses.len();
            // Nothing in the bundle says that there were none.
            self.loose += usize::from(over != Over::Counted);
            return Ok(());
        };
        let refuse = |what: &str| Err(attempt.intent.refuse("secret", what));
        if attempt.uses.len() > names.len() {
            return refuse("it was given more secrets than its tool gets");
        }
        if attempt.uses.len() < names.len() {
            if over == Over::Landed && !is_verifiable {
                return refuse("it landed, and the record of a secret that its tool gets is missing");
            }
            self.loose += usize::from(over != Over::Counted);
        }
        let named = names.iter().zip(&attempt.uses);
        self.named.extend(named.filter_map(|(name, record)| Some(format!("{name} version {}", version(record)?))));
        Ok(())
    }

    fn summary(self) -> Found {
        let names: Vec<String> = self.named.into_iter().collect();
        let mut found = match (self.uses, names.is_empty()) {
            (0, _) if self.loose > 0 => Found::new("none is shown"),
            (0, _) => Found::new("none was handed over"),
            (uses, true) => Found::new(format!("{uses} uses")),
            (uses, false) => Found::new(format!("{uses} uses: {}", names.join(", "))),
        };
        if self.unnamed > 0 {
            found.not_checked.push(format!("the names of {} uses: no definition in the bundle says them", self.unnamed));
        }
        if self.loose > 0 {
            found.not_checked.push(format!("{} attempts: more secrets may have been handed over than is shown", self.loose));
        }
        found
    }
}
