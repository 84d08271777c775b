//! Tools: what each that was called was, by the digest that is part of the call digest (semantics §2.2, §9.3).

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::submission;
use crate::Refusal;
use crate::bundle::{Bundle, Defined};
use crate::hash::{self, Hash};
use crate::json::{Document, Value};
use crate::report::Found;

/// Domain tags of the digests of own tools, of built-in ones, of questions to models, and of destinations.
const OWN: &str = "scalbotics/tool/v1";
const BUILTIN: &str = "scalbotics/builtin-tool/v1";
const MODEL: &str = "scalbotics/model-call/v1";
const DESTINATION: &str = "scalbotics/destination-tool/v1";

/// A definition that was read.
struct Read {
    id: String,
    tier: Option<u64>,
    /// The agent whose worker carried it out, on a machine of its own.
    worker: Option<String>,
}

pub(super) fn check(bundle: &Bundle<'_>) -> Result<Found, Refusal> {
    let mut known: BTreeMap<Hash, Read> = BTreeMap::new();
    for (place, defined) in bundle.tools.iter().enumerate() {
        let refuse = |what: &str| Refusal::new("tool", format!("tools[{place}]"), what);
        if hash::of_parts(defined.tag, [defined.text.as_bytes()]) != defined.digest {
            return Err(refuse("tag and text do not give the digest"));
        }
        known.insert(defined.digest, read(defined).ok_or_else(|| refuse("it defines no tool"))?);
    }
    for (id, digest) in submission::tools(bundle.submission) {
        if known.get(&digest).is_some_and(|tool| tool.id != id) {
            return Err(Refusal::new("tool", "submission.path.tools", "a digest is that of another tool"));
        }
    }
    let (mut withheld, mut reported) = (0_usize, BTreeMap::<&str, usize>::new());
    for (place, called) in bundle.calls.iter().enumerate() {
        let Some(tool) = known.get(&called.tool_digest) else {
            withheld += 1;
            continue;
        };
        if let Some(worker) = &tool.worker {
            *reported.entry(worker).or_default() += 1;
        }
        let named = |action: &str| action.strip_prefix("tool/") == Some(tool.id.as_str());
        let mut records = bundle.story().filter(|record| record.effect == Some(called.effect));
        if !records.all(|record| named(record.action) && tool.tier.is_none_or(|tier| record.tier == Some(tier))) {
            return Err(Refusal::new(
                "tool",
                format!("calls[{place}]"),
                "the tool's definition has another id or tier than the records",
            ));
        }
    }
    let mut found = Found::new(format!("{} definitions of tools hash to the digests that were called or submitted", known.len()));
    if withheld > 0 {
        found.not_checked.push(format!("{withheld} calls: the definition of the tool is not in the bundle"));
    }
    for (worker, calls) in reported {
        let what = "what became of them on its machine is its word";
        found.not_checked.push(format!("{calls} calls are worker-reported, by the worker of agent `{worker}`: {what}"));
    }
    Ok(found)
}

fn read(defined: &Defined<'_>) -> Option<Read> {
    let document = Document::read(defined.text.as_bytes()).ok()?;
    let tool = document.root();
    let id = tool.get("id")?.plain()?;
    let id = match defined.tag {
        DESTINATION => format!("http.fetch.{id}"),
        OWN | BUILTIN | MODEL => id.to_owned(),
        _ => return None,
    };
    let worker = tool.get("worker").and_then(Value::plain).map(str::to_owned);
    Some(Read { id, tier: tool.get("tier").and_then(Value::natural), worker })
}

/// What a tool gets of secrets.
pub(super) struct Gets {
    /// `secret://<tenant>/<name>`, in the order in which they are handed over.
    pub(super) names: Vec<String>,
    /// Whether its target can be asked afterwards, so that it may be known to have landed by another attempt than the one that is told.
    pub(super) is_verifiable: bool,
}

/// What the tool of this digest gets of secrets; `None` where its definition does not say.
pub(super) fn gets(bundle: &Bundle<'_>, digest: &Hash) -> Option<Gets> {
    let defined = bundle.tools.iter().find(|defined| defined.digest == *digest)?;
    let document = Document::read(defined.text.as_bytes()).ok()?;
    let tool = document.root();
    let name = |passing: Value<'_>| passing.get("name").and_then(Value::text).map(Cow::into_owned);
    let names = match defined.tag {
        OWN => tool.get("secrets").and_then(Value::items).into_iter().flatten().map(name).collect::<Option<_>>()?,
        BUILTIN => Vec::new(),
        DESTINATION => tool.get("secret").map(name).into_iter().collect::<Option<_>>()?,
        // The key of a model's server is named by the model's file.
        _ => return None,
    };
    Some(Gets { names, is_verifiable: tool.get("effect").and_then(Value::plain) == Some("verifiable") })
}
