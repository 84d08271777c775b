//! Decisions: the whole of each that was opened, against the note in its record (semantics §3.1, §9.2).

use std::collections::BTreeSet;

use crate::Refusal;
use crate::base::{hash_of_hex, to_hex};
use crate::bundle::Bundle;
use crate::hash::Hash;
use crate::json::{Document, Value};
use crate::record::{Note, Record, Uid};
use crate::report::Found;

/// What the payload of a decision begins with.
const TAG: &[u8] = b"decision ";

pub(super) fn check(bundle: &Bundle<'_>) -> Result<Found, Refusal> {
    let (mut opened, mut closed) = (0_usize, 0_usize);
    for record in bundle.records.iter().map(|entry| &entry.record) {
        let Some(note) = &record.decision else { continue };
        match note.commitment.and_then(|commitment| bundle.opening(&commitment)) {
            Some(bytes) => {
                one(bytes, note, record)?;
                opened += 1;
            }
            None => closed += 1,
        }
    }
    let mut found = Found::new(format!("{opened} decisions say what their records say, without an error"));
    if closed > 0 {
        found.not_checked.push(format!("{closed} decisions: only their notes in the records, they are withheld"));
    }
    Ok(found)
}

fn one(bytes: &[u8], note: &Note<'_>, record: &Record<'_>) -> Result<(), Refusal> {
    let refuse = |what: &str| record.refuse("decision", what);
    let json = bytes.strip_prefix(TAG).ok_or_else(|| refuse("what is opened is no decision"))?;
    let document = Document::read_in_any_order(json).map_err(|_| refuse("what is opened is no decision"))?;
    let decision = document.root();
    let text = |value: Value<'_>, key: &str| value.get(key).and_then(Value::plain).map(str::to_owned);
    if text(decision, "id").as_deref() != Some(note.id) {
        return Err(refuse("it is another decision"));
    }
    let ruling = decision.get("ruling").ok_or_else(|| refuse("it has no ruling"))?;
    let allows = text(ruling, "ruling").as_deref() == Some("allow");
    if allows != note.allow || text(ruling, "reason").as_deref() != note.denial {
        return Err(refuse("it rules otherwise than its record says"));
    }
    let (requests, answers) = (items(decision, "requests"), items(decision, "answers"));
    let (requests, answers) = requests.zip(answers).ok_or_else(|| refuse("it has no requests and answers"))?;
    asked(&requests, record)?;
    let answers: Vec<Vec<Value<'_>>> =
        answers.iter().map(|list| list.items().map(Iterator::collect)).collect::<Option<_>>().ok_or_else(|| refuse("answers"))?;
    if allows && (answers.len() != requests.len() || answers.iter().any(Vec::is_empty)) {
        return Err(refuse("it allows, and an answer is missing"));
    }
    let flat = || answers.iter().flatten().copied();
    let clean = |answer: Value<'_>| {
        text(answer, "verdict").as_deref() == Some("allow") && items(answer, "errors").is_some_and(|errors| errors.is_empty())
    };
    if allows && !flat().all(clean) {
        return Err(refuse("it allows, and an engine denies or met an error"));
    }
    let hashes = |key: &str| {
        flat().map(|answer| text(answer, key).and_then(|text| hash_of_hex(&text))).collect::<Option<BTreeSet<Hash>>>()
    };
    let noted = |list: &[Hash]| Some(list.iter().copied().collect::<BTreeSet<Hash>>());
    if hashes("bundle") != noted(&note.bundles) || hashes("slice") != noted(&note.slices) {
        return Err(refuse("it asked other policies, or with other entities, than its record says"));
    }
    let places: BTreeSet<String> =
        flat().filter_map(|answer| items(answer, "deciding")).flatten().filter_map(|by| text(by, "place")).collect();
    let places: Vec<String> = places.into_iter().map(|place| format!("\"{place}\"")).collect();
    if format!("[{}]", places.join(",")) != note.policies {
        return Err(refuse("other policies decided it than its record says"));
    }
    Ok(())
}

fn items<'d>(value: Value<'d>, key: &str) -> Option<Vec<Value<'d>>> {
    Some(value.get(key)?.items()?.collect())
}

/// The questions are those about this record: its action, its call, and every principal of its chain.
fn asked(requests: &[Value<'_>], record: &Record<'_>) -> Result<(), Refusal> {
    let refuse = |what: &str| Err(record.refuse("decision", what));
    let action = requests.first().and_then(|request| request.get("action")).and_then(Value::plain).unwrap_or_default();
    let is_same = |request: &Value<'_>| request.get("action").and_then(Value::plain) == Some(action);
    if !requests.iter().all(is_same) || !led_to(action, record) {
        return refuse("it is about another action");
    }
    let uid = |request: &Value<'_>| request.get("principal").and_then(|principal| principal.get("uid")).and_then(uid_of);
    let Some(asked) = requests.iter().map(uid).collect::<Option<Vec<String>>>() else {
        return refuse("it is about no principal");
    };
    if !action.starts_with("tool/") {
        let last = asked.last().map(String::as_str);
        return if last == Some(record.actor.text) { Ok(()) } else { refuse("it is about another principal") };
    }
    let chain = Document::read(record.chain.as_bytes())?;
    if super::calls::links(chain.root()).is_none_or(|links| links != asked) {
        return refuse("it is about another chain");
    }
    let Some(call) = record.call else { return Ok(()) };
    let names = |request: &Value<'_>| {
        let redacted = request.get("context").and_then(|context| context.get("args")).and_then(|args| args.get("redacted"));
        redacted.and_then(Value::plain) == Some(to_hex(&call).as_str())
    };
    if requests.iter().all(names) { Ok(()) } else { refuse("it is about another call") }
}

/// Whether a decision about this action leaves this record: its own, or what a person asked for by another call of the API.
fn led_to(action: &str, record: &Record<'_>) -> bool {
    match (action, record.action) {
        ("task.retry", "task.submit") => true,
        ("task.settle", _) => record.word().starts_with("settled_"),
        (asked, recorded) => !asked.is_empty() && asked == recorded && !record.word().starts_with("settled_"),
    }
}

/// A principal's id; in a decision its fields stand in any order.
fn uid_of(value: Value<'_>) -> Option<String> {
    Uid::parse(value).map(|uid| uid.text.to_owned())
}
