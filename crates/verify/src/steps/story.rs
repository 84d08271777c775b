//! The story: no record left out, nothing done before it was intended, nothing risky before it was approved.

use std::collections::BTreeMap;

use crate::Refusal;
use crate::bundle::{Bundle, Entry};
use crate::record::Record;
use crate::report::Found;

/// The tier that waits for an approval.
const RISKY: u64 = 2;

/// The action of the records of what became of a wait for a login.
const LOGIN: &str = "task.login";

/// The action of the record of a restore.
const RESTORE: &str = "installation.restore";

/// Where an effect stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// It waits for its approval.
    Waiting,
    /// It may be sent once.
    Granted,
    /// It may have left.
    Sent,
    /// It is known not to have landed.
    Ready,
    /// Its approval lapsed, as the record at this place says. It was never sent as far as this log tells; a restore puts it in doubt, for
    /// it may have been since the backup.
    Lapsed { at: usize },
    /// Nobody knows.
    Doubt,
    /// Nothing more may happen to it.
    Over,
}

/// An effect, as its first record tells it.
#[derive(Debug)]
struct Effect<'r, 'd> {
    first: &'r Record<'d>,
    phase: Phase,
    attempt: u64,
    approval: Option<&'d str>,
}

#[derive(Debug, Default)]
struct Story<'r, 'd> {
    effects: BTreeMap<&'d str, Effect<'r, 'd>>,
    /// Effects by their approval.
    approvals: BTreeMap<&'d str, &'d str>,
    landed: usize,
    /// Whether a login is waited for: nothing begins meanwhile.
    awaits_login: bool,
    /// The place of the restore that the log tells of: nothing of the task goes out after it.
    restore: Option<usize>,
    /// Effects in doubt that this log never saw sent.
    restored: usize,
}

pub(super) fn check(bundle: &Bundle<'_>) -> Result<Found, Refusal> {
    sequence(bundle)?;
    let mut story = Story::default();
    bundle.records.iter().try_for_each(|entry| story.take(entry, bundle))?;
    if let Some(stray) = story.restore.filter(|_| story.restored == 0).and_then(|place| bundle.records.get(place)) {
        return Err(stray.record.refuse("sequence", "a restore that put nothing of this task in doubt"));
    }
    let completed = bundle.story().last().is_some_and(|last| last.action == "task.end" && last.word() == "completed");
    let open = |effect: &&Effect<'_, '_>| matches!(effect.phase, Phase::Sent | Phase::Doubt);
    if let Some(effect) = story.effects.values().find(open).filter(|_| completed) {
        return Err(effect.first.refuse("outcome", "the task completed and nobody knows what became of this effect"));
    }
    let (effects, landed, approvals) = (story.effects.len(), story.landed, story.approvals.len());
    let restored = match story.restored {
        0 => String::new(),
        count => format!(", {count} in doubt by a restore"),
    };
    Ok(Found::new(format!("no record is left out; {effects} effects, {landed} landed, {approvals} approvals asked{restored}")))
}

/// Whether every event of the task has its record, from the submission on.
fn sequence(bundle: &Bundle<'_>) -> Result<(), Refusal> {
    for (expected, record) in (0_u64..).zip(bundle.story()) {
        if record.seq != Some(expected) {
            return Err(record.refuse("sequence", format!("event {expected} has no record here")));
        }
        if record.tenant != bundle.tenant || record.task != Some(bundle.task) {
            return Err(record.refuse("foreign", "it is of another task or tenant"));
        }
        let is_first = record.kind == "task" && record.action == "task.submit" && record.word() == "submitted";
        if is_first != (expected == 0) {
            return Err(record.refuse("sequence", "a task begins with its submission, once"));
        }
    }
    Ok(())
}

pub(super) fn outcome(bundle: &Bundle<'_>, open: bool) -> Result<Found, Refusal> {
    let is_end = |record: &Record<'_>| record.kind == "task" && record.action == "task.end";
    let mut story = bundle.story().peekable();
    while let Some(record) = story.next() {
        if is_end(record) && (story.peek().is_some() || !bundle.ended) {
            return Err(record.refuse("sequence", "the end of the task, and it goes on or is said to be open"));
        }
    }
    let last = bundle.story().last().filter(|last| is_end(last));
    match (last, bundle.ended, open) {
        (Some(last), true, _) => Ok(Found::new(last.word())),
        (None, false, true) => {
            let said = "the task was open when this was exported";
            Ok(Found {
                said: said.to_owned(),
                not_checked: vec!["what came after: records of later events may exist".to_owned()],
            })
        }
        (None, false, false) => {
            let what = "the task had not ended, so that nobody sees what is cut off; `--open` accepts it";
            Err(Refusal::new("open", "state", what))
        }
        (None | Some(_), _, _) => Err(Refusal::new("sequence", "state", "the end of the task has no record here")),
    }
}

impl<'r, 'd> Story<'r, 'd> {
    /// Takes a record: of an event of the task, or of a restore. What else stands in the bundle other steps look at.
    fn take(&mut self, entry: &'r Entry<'d>, bundle: &Bundle<'_>) -> Result<(), Refusal> {
        let record = &entry.record;
        if record.seq.is_none() {
            let restored = record.restored.as_ref();
            return restored
                .map_or(Ok(()), |restored| self.put_back(record, restored.kept.as_slice(), (entry.index, bundle.tenant)));
        }
        let is_after_restore = self.restore.is_some();
        let begins = record.kind == "intent" || (record.kind, record.word()) == ("approval", "waiting");
        if self.awaits_login && begins {
            return Err(record.refuse("sequence", "it begins while a login is waited for"));
        }
        match (record.kind, record.word()) {
            ("approval", "granted") | ("intent", _) if is_after_restore => {
                Err(record.refuse("sequence", "a restore ended the task, and it goes on"))
            }
            ("approval", "waiting") => self.asked(record),
            ("approval", "granted") => self.answered(record, Phase::Granted),
            ("approval", "denied") => self.answered(record, Phase::Over),
            ("approval", "expired") => self.answered(record, Phase::Lapsed { at: record.place }),
            ("intent", "intended") => self.intended(record),
            ("outcome", word) => self.outcome(record, word),
            ("decision", "login_required") => self.login_required(record),
            ("task", word) if record.action == LOGIN => self.login_over(record, word),
            ("task", "requested") => {
                self.awaits_login = false;
                Ok(())
            }
            ("decision", "denied") | ("task", _) => Ok(()),
            (_, _) => Err(record.refuse("sequence", "no event of a task leaves such a record")),
        }
    }

    /// A restore is told by the record behind those that the backup had; the task takes part in one at most, which ends it.
    fn put_back(&mut self, record: &Record<'_>, kept: &[(&str, u64)], (index, tenant): (u64, &str)) -> Result<(), Refusal> {
        let is_told = record.kind == "installation" && record.action == RESTORE && record.actor.kind == "daemon";
        let is_here = record.tenant == tenant && kept == [(tenant, index)] && record.task.is_none();
        if is_told && is_here && self.restore.replace(record.place).is_none() {
            Ok(())
        } else {
            Err(record.refuse("sequence", "it is not the restore that this log tells of, or the second one"))
        }
    }

    /// A login is waited for where a decision denies what newer groups would allow.
    fn login_required(&mut self, record: &Record<'_>) -> Result<(), Refusal> {
        let denies = record.decision.as_ref().is_some_and(|note| !note.allow);
        if !denies || std::mem::replace(&mut self.awaits_login, true) {
            return Err(record.refuse("decision", "a second login is waited for, or no decision denies the call"));
        }
        Ok(())
    }

    fn login_over(&mut self, record: &Record<'_>, word: &str) -> Result<(), Refusal> {
        let awaited = std::mem::replace(&mut self.awaits_login, false);
        if awaited && matches!(word, "seen" | "expired") {
            Ok(())
        } else {
            Err(record.refuse("sequence", "nobody waited for this login"))
        }
    }

    fn asked(&mut self, record: &'r Record<'d>) -> Result<(), Refusal> {
        let (Some(effect), Some(approval)) = (record.effect, record.approval) else {
            return Err(record.refuse("approval", "an approval is asked for no effect"));
        };
        allowed(record)?;
        let new = Effect { first: record, phase: Phase::Waiting, attempt: 0, approval: Some(approval) };
        let is_new = self.effects.insert(effect, new).is_none() && self.approvals.insert(approval, effect).is_none();
        if is_new { Ok(()) } else { Err(record.refuse("approval", "it was asked before")) }
    }

    fn answered(&mut self, record: &'r Record<'d>, phase: Phase) -> Result<(), Refusal> {
        let effect = record.approval.and_then(|approval| self.approvals.get(approval));
        let effect = effect.and_then(|effect| self.effects.get_mut(effect));
        let effect = effect.ok_or_else(|| record.refuse("approval", "nobody asked for it"))?;
        let lapses = record.word() == "expired" && effect.phase == Phase::Granted;
        if effect.phase != Phase::Waiting && !lapses {
            return Err(record.refuse("approval", "it was answered before"));
        }
        effect.phase = phase;
        Ok(())
    }

    fn intended(&mut self, record: &'r Record<'d>) -> Result<(), Refusal> {
        let refuse = |reason, what: &str| Err(record.refuse(reason, what));
        let Some(id) = record.effect else { return refuse("sequence", "an intent of no effect") };
        allowed(record)?;
        let attempt = record.outcome.as_ref().and_then(|outcome| outcome.attempt).unwrap_or_default();
        let Some(effect) = self.effects.get_mut(id) else {
            let is_risky = record.tier.is_none_or(|tier| tier >= RISKY);
            if is_risky || record.approval.is_some() {
                return refuse("approval", "a call of tier 2 goes out, and no approval was asked for it");
            }
            let effect = Effect { first: record, phase: Phase::Sent, attempt, approval: None };
            self.effects.insert(id, effect);
            return if attempt == 1 { Ok(()) } else { refuse("sequence", "the first attempt is missing") };
        };
        same_call(effect.first, record)?;
        let uses = match effect.phase {
            Phase::Granted => effect.approval,
            Phase::Sent | Phase::Ready => None,
            Phase::Waiting => return refuse("approval", "it goes out before its approval"),
            Phase::Lapsed { .. } | Phase::Doubt | Phase::Over => return refuse("sequence", "it goes out after its end"),
        };
        if record.approval != uses || attempt != effect.attempt.saturating_add(1) {
            return refuse("approval", "the attempt is not the next one, or not under its own approval, once");
        }
        (effect.phase, effect.attempt) = (Phase::Sent, attempt);
        Ok(())
    }

    fn outcome(&mut self, record: &'r Record<'d>, word: &str) -> Result<(), Refusal> {
        let effect = record.effect.and_then(|id| self.effects.get_mut(id));
        let effect = effect.filter(|effect| effect.attempt > 0 || matches!(effect.phase, Phase::Lapsed { .. } | Phase::Doubt));
        let effect = effect.ok_or_else(|| record.refuse("sequence", "an outcome of what was never intended"))?;
        same_call(effect.first, record)?;
        let attempt = record.outcome.as_ref().and_then(|outcome| outcome.attempt);
        let (restore, asked) = (self.restore, effect.first.place);
        let is_restored = |lapsed: usize| restore.is_some_and(|restore| asked < restore && restore < lapsed);
        let is_current = attempt.is_none_or(|attempt| attempt == effect.attempt);
        let phase = match (effect.phase, word) {
            // What is known of one attempt says nothing about an earlier one.
            (Phase::Sent | Phase::Ready, "landed" | "failed") => Phase::Over,
            (Phase::Sent | Phase::Ready, "not_landed") => Phase::Ready,
            (Phase::Sent | Phase::Ready, "in_doubt") => Phase::Doubt,
            (Phase::Lapsed { at }, "in_doubt") if is_restored(at) => {
                self.restored += 1;
                Phase::Doubt
            }
            (Phase::Lapsed { .. }, "in_doubt") => {
                return Err(record
                    .refuse("restore", "it was never sent, and no restore since it was asked for says that it may have been"));
            }
            (Phase::Doubt, "settled_landed") => Phase::Over,
            (Phase::Doubt, "settled_not_landed") => Phase::Ready,
            (_, _) => return Err(record.refuse("outcome", "it does not follow from what was recorded before")),
        };
        if !is_current || (effect.phase == Phase::Doubt && record.actor.kind != "human") {
            return Err(record.refuse("outcome", "it is of another attempt, or nobody settled it"));
        }
        self.landed += usize::from(word.ends_with("landed") && phase == Phase::Over);
        effect.phase = phase;
        Ok(())
    }
}

/// What goes on is allowed by a decision that names no denial.
fn allowed(record: &Record<'_>) -> Result<(), Refusal> {
    let allows = record.decision.as_ref().is_some_and(|note| note.allow && note.denial.is_none());
    if allows { Ok(()) } else { Err(record.refuse("decision", "no decision allows it")) }
}

/// Records of one effect are about one call.
fn same_call(first: &Record<'_>, other: &Record<'_>) -> Result<(), Refusal> {
    let call = |record: &Record<'_>| (record.version, record.call, record.args, record.tier);
    if call(first) == call(other) && first.action == other.action && other.call.is_some() {
        Ok(())
    } else {
        Err(other.refuse("call", "records of one effect are about different calls"))
    }
}
