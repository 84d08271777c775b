//! Approvals: a person said yes to exactly that call, with a key that counts (semantics §5).

use std::collections::{BTreeMap, BTreeSet};

use super::calls::{Parts, ids, links};
use super::statement::{self, Answered, Enrolled, Statement};
use crate::Refusal;
use crate::base::{hash_of_hex, to_hex};
use crate::bundle::Bundle;
use crate::json::Document;
use crate::record::Record;
use crate::report::Found;
use crate::trust::Trust;

/// What evidence of a `dev` installation says (semantics §5.5).
const DEV_STAMP: &str = "dev: approver keys not separated";

/// How far ahead the clock of an approver-admin may be, in milliseconds.
const AHEAD_MS: i64 = 5 * 60_000;

/// The action whose decision lets somebody approve a call of their own.
const SELF_APPROVAL: &str = "approval.self_approval";

/// What was seen of all answers.
#[derive(Default)]
struct Seen {
    found: Found,
    signed: usize,
    approvers: BTreeSet<String>,
    withheld: usize,
    /// Statements whose call was recomputed, and could not be compared with the one that the records name.
    unbound: usize,
    stamps: BTreeSet<String>,
    /// Decisions about self-approvals that answers rest on.
    rested_on: BTreeSet<String>,
}

pub(super) fn check(bundle: &Bundle<'_>, trust: Option<&Trust>) -> Result<Found, Refusal> {
    let (mut seen, about) = (Seen::default(), about(bundle));
    for record in bundle.story().filter(|record| record.kind == "approval" && matches!(record.word(), "granted" | "denied")) {
        let commitment = record.outcome.as_ref().and_then(|outcome| outcome.commitment);
        let commitment = commitment.ok_or_else(|| record.refuse("approval", "an answer without its statement"))?;
        let Some(bytes) = bundle.opening(&commitment) else {
            seen.withheld += 1;
            continue;
        };
        let answered = statement::read(bytes).ok_or_else(|| record.refuse("approval", "what is opened is no signed answer"))?;
        let about = about.get(record.approval.unwrap_or_default());
        one(bundle, (record, about), &answered, &mut seen)?;
        match trust {
            Some(trust) => seen.take(&signed(record, &answered, trust)?, &answered, trust, record)?,
            None => seen.found.not_checked.push("approver binding: only as told by the daemon".to_owned()),
        }
    }
    self_approvals(bundle, &seen)?;
    Ok(seen.summary())
}

impl Seen {
    fn take(&mut self, enrolled: &Enrolled, answered: &Answered, trust: &Trust, record: &Record<'_>) -> Result<(), Refusal> {
        if trust.dev && answered.stamp.as_deref() != Some(DEV_STAMP) {
            return Err(record.refuse("approval", "the installation is a `dev` one, and the answer is not stamped so"));
        }
        self.signed += 1;
        self.stamps.extend(answered.stamp.clone());
        self.approvers.insert(enrolled.approver.clone());
        Ok(())
    }

    fn summary(mut self) -> Found {
        if self.signed > 0 {
            let stamps: Vec<String> = self.stamps.into_iter().collect();
            let stamps = if stamps.is_empty() { String::new() } else { format!("; {}", stamps.join("; ")) };
            let approvers: Vec<String> = self.approvers.into_iter().collect();
            self.found.said = format!("{} answers, {} signed with an enrolled key{stamps}", self.signed, approvers.join(", "));
        } else if self.withheld == 0 && self.found.not_checked.is_empty() {
            self.found.said = "none was needed".to_owned();
        }
        if self.unbound > 0 {
            let unbound = self.unbound;
            self.found
                .not_checked
                .push(format!("{unbound} answers: that they are about the call of the records, the arguments are withheld"));
        }
        if self.withheld > 0 {
            self.found.not_checked.push(format!("{} answers: the signed statements are withheld", self.withheld));
        }
        self.found
    }
}

/// What the records say about one approval beside its answer.
#[derive(Default)]
struct About<'r, 'd> {
    asked: Option<&'r Record<'d>>,
    decided: Vec<&'r Record<'d>>,
    /// When a call last went out under it.
    used_at: Option<i64>,
}

fn about<'r, 'd>(bundle: &'r Bundle<'d>) -> BTreeMap<&'d str, About<'r, 'd>> {
    let mut all: BTreeMap<&str, About<'_, '_>> = BTreeMap::new();
    for record in bundle.records.iter().map(|entry| &entry.record) {
        let Some(approval) = record.approval else { continue };
        let about = all.entry(approval).or_default();
        match (record.kind, record.word()) {
            ("approval", "waiting") => about.asked = Some(record),
            ("intent", _) => about.used_at = about.used_at.max(Some(record.at)),
            ("decision", _) => about.decided.push(record),
            (_, _) => {}
        }
    }
    all
}

/// The statement says what the records say, and shows the call that is its call digest.
fn one(
    bundle: &Bundle<'_>,
    (record, about): (&Record<'_>, Option<&About<'_, '_>>),
    answered: &Answered,
    seen: &mut Seen,
) -> Result<(), Refusal> {
    let refuse = |what: &str| record.refuse("approval", what);
    let document = Document::read(&answered.statement).map_err(|_| refuse("the statement is not canonical JSON"))?;
    let statement = Statement::read(&document).ok_or_else(|| refuse("the statement has not the fields of one"))?;
    let about = about.ok_or_else(|| refuse("nobody asked for it"))?;
    let asked = about.asked.ok_or_else(|| refuse("nobody asked for it"))?;
    let args = asked.args.and_then(|args| bundle.opened(&args));
    let is_of = hash_of_hex(statement.call).map_or(Some(false), |call| asked.is_of(&call, args));
    seen.unbound += usize::from(is_of.is_none());
    let same = Some(statement.approval) == record.approval
        && statement.trust_domain == bundle.trust_domain
        && statement.tenant == bundle.tenant
        && statement.task == bundle.task
        && Some(statement.effect) == asked.effect
        && is_of != Some(false)
        && Some(statement.tier) == asked.tier
        && asked.action.strip_prefix("tool/") == Some(statement.tool)
        && statement.chain.raw() == record.chain
        && statement.grants.raw() == record.grants;
    if !same {
        return Err(refuse("the statement is about another call than the records"));
    }
    let (Some(chain), Some(grants)) = (links(statement.chain), ids(statement.grants)) else {
        return Err(refuse("the statement has no chain"));
    };
    if chain.last() != Some(&statement.agent) {
        return Err(refuse("the statement names another agent than acts"));
    }
    let answer = if record.word() == "granted" { "approve" } else { "deny" };
    if statement.answer != answer || record.actor.kind != "human" || record.actor.text != statement.approver {
        return Err(refuse("somebody else answered, or something else"));
    }
    own_call((record, about), answered, chain.contains(&statement.approver) && answer == "approve", seen)?;
    let tool_digest = hash_of_hex(statement.tool_digest).unwrap_or_default();
    let parts = Parts { tenant: statement.tenant, chain, grants, tool_digest, args: statement.args, inputs: statement.inputs };
    if to_hex(&parts.digest()) != statement.call {
        return Err(Refusal { reason: "call", ..refuse("what was displayed is not the call that was signed") });
    }
    let in_time = record.at < statement.expires_at && about.used_at.is_none_or(|used_at| used_at < statement.expires_at);
    if in_time { Ok(()) } else { Err(refuse("it was answered or used after it had lapsed")) }
}

/// Who stands in the chain may approve only where a decision says so, which is in the log.
fn own_call(
    (record, about): (&Record<'_>, &About<'_, '_>),
    answered: &Answered,
    own: bool,
    seen: &mut Seen,
) -> Result<(), Refusal> {
    let decision = match (own, &answered.self_approval) {
        (false, None) => return Ok(()),
        (true, None) => return Err(record.refuse("approval", "who asked approved")),
        (_, Some(decision)) => decision,
    };
    let allows = about.decided.iter().any(|other| {
        let note = other.decision.as_ref().filter(|note| note.id == decision && note.allow && note.denial.is_none());
        note.is_some() && other.action == SELF_APPROVAL && other.actor == record.actor
    });
    seen.rested_on.insert(decision.clone());
    if own && allows { Ok(()) } else { Err(record.refuse("approval", "no decision lets who asked approve")) }
}

/// No record stands in the bundle that is neither of an event of the task, nor what a self-approval rests on, nor a use of a secret or a
/// restore, which other steps look at.
fn self_approvals(bundle: &Bundle<'_>, seen: &Seen) -> Result<(), Refusal> {
    let mut others = bundle.records.iter().map(|entry| &entry.record).filter(|record| record.seq.is_none());
    let rests = |record: &Record<'_>| {
        let id =
            record.decision.as_ref().map(|note| note.id).filter(|_| record.kind == "decision" && record.tenant == bundle.tenant);
        id.is_some_and(|id| seen.rested_on.contains(id))
    };
    match others.find(|record| record.kind != "secret" && record.restored.is_none() && !rests(record)) {
        Some(stray) => Err(stray.refuse("sequence", "it is no record of this task")),
        None => Ok(()),
    }
}

/// The enrolment of the key that signed, if it counts and the signature is good.
fn signed(record: &Record<'_>, answered: &Answered, trust: &Trust) -> Result<Enrolled, Refusal> {
    let enrolled = statement::enrolled(answered, trust).map_err(|what| record.refuse("enrolment", what))?;
    if enrolled.approver != record.actor.text || enrolled.tenant != record.tenant {
        return Err(record.refuse("enrolment", "its key is enrolled for somebody else"));
    }
    if enrolled.issued_at > record.at.saturating_add(AHEAD_MS) {
        return Err(record.refuse("enrolment", "its key was enrolled later"));
    }
    if enrolled.signed(answered) {
        Ok(enrolled)
    } else {
        Err(record.refuse("signature", "the statement is not signed by the enrolled key"))
    }
}
