//! Call digests (semantics §2.2), recomputed from what was opened.

use std::collections::{BTreeMap, BTreeSet};

use super::submission;
use crate::Refusal;
use crate::bundle::Bundle;
use crate::hash::{self, Hash};
use crate::json::{Document, Value};
use crate::record::{Record, Uid};
use crate::report::Found;

/// Domain tag of call digests.
const CALL_TAG: &str = "scalbotics/call/v1";

/// Everything that makes a call this call.
pub(super) struct Parts<'p> {
    pub(super) tenant: &'p str,
    /// Links of the chain.
    pub(super) chain: Vec<&'p str>,
    /// Ids of the grants.
    pub(super) grants: Vec<&'p str>,
    pub(super) tool_digest: Hash,
    /// Canonical arguments.
    pub(super) args: &'p str,
    /// Names and digests of the inputs.
    pub(super) inputs: Vec<(String, String)>,
}

impl Parts<'_> {
    /// The call digest.
    pub(super) fn digest(&self) -> Hash {
        let list = |items: &[&str]| hash::of_parts(CALL_TAG, items.iter().map(|item| item.as_bytes()));
        let inputs: Vec<String> = self.inputs.iter().map(|(name, digest)| format!("{name}\0{digest}")).collect();
        let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
        let (chain, grants, inputs) = (list(&self.chain), list(&self.grants), list(&inputs));
        let parts: [&[u8]; 6] = [self.tenant.as_bytes(), &chain, &grants, &self.tool_digest, self.args.as_bytes(), &inputs];
        hash::of_parts(CALL_TAG, parts)
    }
}

/// Links of a list of principals.
pub(super) fn links(list: Value<'_>) -> Option<Vec<&str>> {
    list.items()?.map(|link| Uid::parse(link).map(|uid| uid.text)).collect()
}

/// Ids of a list.
pub(super) fn ids(list: Value<'_>) -> Option<Vec<&str>> {
    list.items()?.map(Value::plain).collect()
}

pub(super) fn check(bundle: &Bundle<'_>) -> Result<Found, Refusal> {
    let mut first: BTreeMap<&str, &Record<'_>> = BTreeMap::new();
    for record in bundle.story() {
        if let Some(effect) = record.effect {
            first.entry(effect).or_insert(record);
        }
    }
    let is_open = |record: &Record<'_>| record.args.is_some_and(|args| bundle.opening(&args).is_some());
    let open: BTreeSet<&str> = first.iter().filter(|(_, record)| is_open(record)).map(|(effect, _)| *effect).collect();
    let told: BTreeSet<&str> = bundle.calls.iter().map(|called| called.effect).collect();
    if open != told {
        return Err(Refusal::new("omitted", "calls", "they are not those of the effects whose arguments are opened"));
    }
    let pinned: BTreeMap<&str, Hash> = submission::tools(bundle.submission).collect();
    for (place, called) in bundle.calls.iter().enumerate() {
        let refuse = |what: &str| Refusal::new("call", format!("calls[{place}]"), what);
        let record = first.get(called.effect).ok_or_else(|| refuse("no record is of this effect"))?;
        let opened = record.args.and_then(|args| bundle.opened(&args));
        let args = opened.and_then(|opened| std::str::from_utf8(&opened.bytes).ok());
        let args = args.ok_or_else(|| refuse("its arguments are no text"))?;
        Document::read(args.as_bytes()).map_err(|_| refuse("its arguments are not canonical JSON"))?;
        let chain = Document::read(record.chain.as_bytes()).map_err(|_| refuse("its chain is none"))?;
        let grants = Document::read(record.grants.as_bytes()).map_err(|_| refuse("its grants are none"))?;
        let (Some(chain), Some(grants)) = (links(chain.root()), ids(grants.root())) else {
            return Err(refuse("its chain or grants are none"));
        };
        let inputs = called.inputs.iter().map(|(name, digest)| (name.to_string(), (*digest).to_owned())).collect();
        let parts = Parts { tenant: record.tenant, chain, grants, tool_digest: called.tool_digest, args, inputs };
        if record.is_of(&parts.digest(), opened) != Some(true) {
            return Err(refuse("arguments, tool, inputs, chain and grants do not give the call that its record names"));
        }
        let tool = record.action.strip_prefix("tool/").unwrap_or_default();
        if pinned.get(tool).is_some_and(|known| *known != called.tool_digest) {
            return Err(refuse("the tool is another one than the task was submitted under"));
        }
    }
    let closed = first.len() - open.len();
    let mut found = Found::new(format!("{} call digests recomputed from their arguments", open.len()));
    if closed > 0 {
        found.not_checked.push(format!("{closed} call digests: the arguments are withheld"));
    }
    Ok(found)
}
