//! The submission: what the task was given, as its record binds it.

use super::chain::Chain;
use crate::bundle::Bundle;
use crate::hash::{self, Hash};
use crate::json::Value;
use crate::report::Found;
use crate::{Refusal, base, fields};

/// A commitment that a field of the submission is.
fn hash_at(submission: Value<'_>, key: &str) -> Option<Hash> {
    submission.get(key).and_then(Value::plain).and_then(base::hash_of_hex)
}

/// The commitments that the submission names: input, goal, token.
pub(super) fn commitments(submission: Value<'_>) -> impl Iterator<Item = Hash> {
    let goal = submission.get("goal").and_then(|goal| hash_at(goal, "commitment"));
    hash_at(submission, "input").into_iter().chain(goal).chain(token(submission))
}

/// The tools that the task was submitted under (semantics §9.3): ids and digests.
pub(super) fn tools<'d>(submission: Value<'d>) -> impl Iterator<Item = (&'d str, Hash)> {
    let tools = submission.get("path").and_then(|path| path.get("tools")).and_then(Value::items);
    let pair = |pair: Value<'d>| {
        let mut pair = pair.items()?;
        Some((pair.next()?.plain()?, pair.next()?.plain().and_then(base::hash_of_hex)?))
    };
    tools.into_iter().flatten().filter_map(pair)
}

/// The commitment to the token.
pub(super) fn token(submission: Value<'_>) -> Option<Hash> {
    hash_at(submission, "token")
}

pub(super) fn check(bundle: &Bundle<'_>) -> Result<Found, Refusal> {
    let submission = bundle.submission;
    let submitted = bundle.submitted().ok_or_else(|| Refusal::new("sequence", "log.records", "there is no submission"))?;
    let bound = submitted.submission.ok_or_else(|| submitted.refuse("submission", "it does not name what was submitted"))?;
    if hash::sha256(submission.raw().as_bytes()) != bound {
        return Err(Refusal::new("submission", "submission", "it is not the one that the first record names"));
    }
    shape(submission)?;
    let text = |key: &str| submission.get(key).and_then(Value::plain);
    if text("task") != Some(bundle.task) || text("tenant") != Some(bundle.tenant) {
        return Err(Refusal::new("foreign", "submission", "it is of another task or tenant"));
    }
    if hash_at(submission, "input") != submitted.args {
        return Err(Refusal::new("submission", "submission.input", "the first record commits to another input"));
    }
    if submission.get("submitted_at").and_then(Value::integer) != Some(submitted.at) {
        return Err(Refusal::new("submission", "submission.submitted_at", "it is not the time of the first record"));
    }
    let chain = Chain::of(bundle).ok_or_else(|| Refusal::new("schema", "submission", "no chain and grants"))?;
    chain.check(bundle.task, text("agent").unwrap_or_default())?;
    same_chain(bundle, submission, &chain)?;
    if chain.submitter() != Some(submitted.actor) {
        return Err(submitted.refuse("submission", "it was submitted by somebody else than the chain says"));
    }
    calls_in_grants(bundle, submission, &chain)?;
    let links: Vec<&str> = chain.links.iter().map(|link| link.text).collect();
    Ok(Found::new(format!("{}, {} grants, each call within them", links.join(" → "), chain.grants.len())))
}

/// Nothing unknown may stand in what was submitted.
fn shape(submission: Value<'_>) -> Result<(), Refusal> {
    let place = || "submission".to_owned();
    let mut fields = fields::of(submission, &place)?;
    for key in [
        "agent",
        "agent_name",
        "budget",
        "chain",
        "deadline",
        "goal",
        "grants",
        "input",
        "path",
        "submitted_at",
        "task",
        "tenant",
    ] {
        fields.value(key)?;
    }
    let _token = fields.optional("token");
    if fields.natural("version")? != 1 {
        return Err(Refusal::new("schema", "submission.version", "not version 1"));
    }
    fields.done()
}

/// Each record of the task acts in this chain and under these grants.
fn same_chain(bundle: &Bundle<'_>, submission: Value<'_>, chain: &Chain<'_>) -> Result<(), Refusal> {
    let links = submission.get("chain").map_or("", Value::raw);
    let ids: Vec<String> = chain.grants.iter().map(|grant| format!("\"{}\"", grant.id)).collect();
    let grants = format!("[{}]", ids.join(","));
    match bundle.story().find(|record| record.chain != links || record.grants != grants) {
        Some(other) => Err(other.refuse("grant", "it is of another chain or under other grants")),
        None => Ok(()),
    }
}

/// Each intent lies in every grant, and before the deadline.
fn calls_in_grants(bundle: &Bundle<'_>, submission: Value<'_>, chain: &Chain<'_>) -> Result<(), Refusal> {
    let deadline = submission.get("deadline").and_then(Value::integer).unwrap_or(i64::MIN);
    for record in bundle.story().filter(|record| record.kind == "intent") {
        let tool = record.action.strip_prefix("tool/").unwrap_or_default();
        let tier = record.tier.unwrap_or(u64::MAX);
        if !chain.grants.iter().all(|grant| grant.allows(tool, tier, record.at)) {
            return Err(record.refuse("grant", "a grant of the chain does not cover the call"));
        }
        if record.at >= deadline {
            return Err(record.refuse("grant", "the task's time was over"));
        }
    }
    Ok(())
}
