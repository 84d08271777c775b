//! What a leaf says that records are found by, seen at a glance: most of a million leaves need not be taken apart.
//!
//! Keys of canonical JSON are in order, and a quotation mark inside of a text has a backslash before it. So what is read here is read as
//! a parser reads it, or not at all: then nothing is said of the leaf.

use std::borrow::Cow;
use std::str::FromStr;

use super::Kind;
use super::search::{Facts, Ruled};
use crate::ids::TaskId;
use crate::principal::Uid;
use crate::time::Timestamp;

/// Length of the text of a digest.
const DIGEST_LEN: usize = 64;

/// Length of `,"task":"task_…"`.
const TASK_LEN: usize = 41;

/// The facts of a leaf that is written as records are.
pub(super) fn facts(leaf: &[u8]) -> Option<Facts<'_>> {
    let (action, rest) = text(leaf.strip_prefix(b"{\"action\":\"")?)?;
    let (actor, rest) = uid(rest.strip_prefix(b",\"actor\":")?)?;
    let rest = without(rest, b",\"approval\":\"", |rest| Some(text(rest)?.1))?;
    let rest = without(rest, b",\"args\":\"", digest)?;
    let rest = rest.strip_prefix(b",\"at\":")?;
    let (at, rest) = rest.split_at_checked(rest.iter().position(|byte| *byte == b',')?)?;
    let at = Timestamp::from_unix_ms(str::from_utf8(at).ok()?.parse().ok()?);
    let rest = without(rest, b",\"call\":\"", digest)?;
    let (chain, rest) = match rest.strip_prefix(b",\"chain\":[") {
        Some(rest) => uids(rest)?,
        None => (Vec::new(), rest),
    };
    let (decision, rest) = match rest.strip_prefix(b",\"decision\":{\"allow\":") {
        Some(rest) => (Some(Ruled { allow: rest.starts_with(b"true,") }), rest),
        None => (None, rest),
    };
    let (before, _) = rest.split_at_checked(last(rest, b",\"tenant\"")?)?;
    let task = before.len().checked_sub(TASK_LEN).and_then(|at| before.get(at..)?.strip_prefix(b",\"task\":\""));
    let task = task.map(|task| read::<TaskId>(task.strip_suffix(b"\"")?)).map_or(Some(None), |task| task.map(Some))?;
    let (_, kind) = before.split_at_checked(last(before, b",\"kind\":")?)?;
    let kind = Kind::of_word(text(kind.strip_prefix(b",\"kind\":\"")?)?.0)?;
    Some(Facts { at, kind, actor, chain, action: Cow::Borrowed(action), task, decision })
}

/// The text before the next quotation mark, and what follows that.
fn text(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let end = bytes.iter().position(|byte| matches!(byte, b'"' | b'\\'))?;
    let (text, rest) = bytes.split_at_checked(end)?;
    Some((str::from_utf8(text).ok()?, rest.strip_prefix(b"\"")?))
}

fn read<T: FromStr>(text: &[u8]) -> Option<T> {
    str::from_utf8(text).ok()?.parse().ok()
}

/// What follows a digest.
fn digest(bytes: &[u8]) -> Option<&[u8]> {
    bytes.get(DIGEST_LEN..)?.strip_prefix(b"\"")
}

/// What follows a field, if it is there.
fn without<'l>(bytes: &'l [u8], key: &[u8], skip: impl Fn(&'l [u8]) -> Option<&'l [u8]>) -> Option<&'l [u8]> {
    bytes.strip_prefix(key).map_or(Some(bytes), skip)
}

/// A principal, and what follows it.
fn uid(bytes: &[u8]) -> Option<(Uid, &[u8])> {
    let (kind, rest) = text(bytes.strip_prefix(b"{\"kind\":\"")?)?;
    if kind == "daemon" {
        return Some((Uid::Daemon, rest.strip_prefix(b"}")?));
    }
    let (id, rest) = text(rest.strip_prefix(b",\"uid\":\"")?)?;
    let uid = match kind {
        "human" => Uid::Human(id.parse().ok()?),
        "agent" => Uid::Agent(id.parse().ok()?),
        "service" => Uid::Service(id.parse().ok()?),
        _ => return None,
    };
    Some((uid, rest.strip_prefix(b"}")?))
}

/// The principals of a chain, and what follows it.
fn uids(bytes: &[u8]) -> Option<(Vec<Uid>, &[u8])> {
    let mut chain = Vec::new();
    let mut rest = bytes;
    loop {
        let (next, behind) = uid(rest)?;
        chain.push(next);
        match behind.split_first()? {
            (b',', behind) => rest = behind,
            (b']', behind) => return Some((chain, behind)),
            _ => return None,
        }
    }
}

/// Where a key stands last, its first bytes.
fn last<const LEN: usize>(bytes: &[u8], key: &[u8; LEN]) -> Option<usize> {
    bytes.array_windows().rposition(|other| other == key)
}
