//! A bundle as it is parsed: shapes and types, nothing verified yet.

use std::borrow::Cow;

use crate::fields::{self, shown};
use crate::hash::Hash;
use crate::json::Value;
use crate::record::Record;
use crate::{Refusal, base};

/// Longest bundle that is read, in bytes.
pub const BUNDLE_LEN_MAX: usize = 64 << 20;

/// The form that this program reads.
const FORMAT: &str = "scalbotics/evidence/v1";

/// A record with its place in a log.
#[derive(Debug)]
pub(crate) struct Entry<'d> {
    pub(crate) index: u64,
    /// The proof's hashes, in base64.
    pub(crate) proof: Value<'d>,
    pub(crate) record: Record<'d>,
    /// The canonical JSON of the record: the leaf.
    pub(crate) leaf: &'d str,
}

/// What opens a commitment.
#[derive(Debug)]
pub(crate) struct Opening<'d> {
    pub(crate) commitment: Hash,
    pub(crate) salt: Hash,
    pub(crate) bytes: Cow<'d, [u8]>,
}

/// What a call digest is made of beside its record and its arguments.
#[derive(Debug)]
pub(crate) struct Called<'d> {
    pub(crate) effect: &'d str,
    pub(crate) tool_digest: Hash,
    /// Names and digests, in order.
    pub(crate) inputs: Vec<(Cow<'d, str>, &'d str)>,
}

/// The texts of a bundle of policies.
#[derive(Debug)]
pub(crate) struct Policies<'d> {
    pub(crate) bundle: Hash,
    /// Paths and texts, in order of path.
    pub(crate) files: Vec<(Cow<'d, str>, Cow<'d, str>)>,
}

/// What a tool was.
#[derive(Debug)]
pub(crate) struct Defined<'d> {
    pub(crate) digest: Hash,
    /// The domain tag of its digest.
    pub(crate) tag: &'d str,
    /// What the digest is of, behind the tag.
    pub(crate) text: Cow<'d, str>,
}

/// The installation log's part.
#[derive(Debug)]
pub(crate) struct Installation<'d> {
    pub(crate) checkpoint: Cow<'d, str>,
    pub(crate) head: Entry<'d>,
}

/// A bundle.
#[derive(Debug)]
pub(crate) struct Bundle<'d> {
    pub(crate) calls: Vec<Called<'d>>,
    /// DER, the daemon's first.
    pub(crate) certificates: Vec<Vec<u8>>,
    pub(crate) installation: Option<Installation<'d>>,
    pub(crate) issuer: Option<Value<'d>>,
    pub(crate) checkpoint: Cow<'d, str>,
    pub(crate) records: Vec<Entry<'d>>,
    /// In order of commitment.
    pub(crate) openings: Vec<Opening<'d>>,
    /// In order of digest.
    pub(crate) policies: Vec<Policies<'d>>,
    pub(crate) ended: bool,
    pub(crate) submission: Value<'d>,
    pub(crate) task: &'d str,
    pub(crate) tenant: &'d str,
    /// In order of digest.
    pub(crate) tools: Vec<Defined<'d>>,
    pub(crate) trust_domain: &'d str,
    /// In order.
    pub(crate) withheld: Vec<Hash>,
    /// Those of the withheld that the exporter says were erased, in order.
    pub(crate) erased: Vec<Hash>,
}

fn schema(place: &str, what: &str) -> Refusal {
    Refusal::new("schema", place, what)
}

fn entry<'d>(value: Value<'d>, index: usize, place: &dyn Fn() -> String) -> Result<Entry<'d>, Refusal> {
    let mut fields = fields::of(value, place)?;
    let (at, proof, record) = (fields.natural("index")?, fields.value("proof")?, fields.value("record")?);
    fields.done()?;
    Ok(Entry { index: at, proof, record: Record::parse(record, index, place)?, leaf: record.raw() })
}

fn opening<'d>(value: Value<'d>, place: &dyn Fn() -> String) -> Result<Opening<'d>, Refusal> {
    let mut fields = fields::of(value, place)?;
    let encoded = fields.optional_plain("base64")?;
    let commitment = fields.hash("commitment")?;
    let salt = base::hash_of_base64(fields.plain("salt")?).ok_or_else(|| schema(&place(), "a salt that is not 32 bytes"))?;
    let bytes = match (encoded, fields.optional("text")) {
        (None, Some(text)) => match text.text().ok_or_else(|| schema(&place(), "a text that is none"))? {
            Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
            Cow::Owned(text) => Cow::Owned(text.into_bytes()),
        },
        (Some(encoded), None) => {
            let bytes = base::from_base64(encoded).filter(|bytes| std::str::from_utf8(bytes).is_err());
            Cow::Owned(bytes.ok_or_else(|| schema(&place(), "base64 that is not canonical, or of bytes that are text"))?)
        }
        (Some(_), Some(_)) | (None, None) => return Err(schema(&place(), "neither `base64` nor `text`, or both")),
    };
    fields.done()?;
    Ok(Opening { commitment, salt, bytes })
}

/// Names and digests of a call's inputs.
pub(crate) fn inputs<'d>(
    list: impl Iterator<Item = Value<'d>>,
    place: &dyn Fn() -> String,
) -> Result<Vec<(Cow<'d, str>, &'d str)>, Refusal> {
    let one = |value: Value<'d>| {
        let mut fields = fields::of(value, place)?;
        let digest = fields.value("digest")?.plain().filter(|digest| base::hash_of_hex(digest).is_some());
        let name = fields.value("name")?.text();
        fields.done()?;
        name.zip(digest).ok_or_else(|| schema(&place(), "an input that is not one"))
    };
    list.map(one).collect()
}

fn called<'d>(value: Value<'d>, place: &dyn Fn() -> String) -> Result<Called<'d>, Refusal> {
    let mut fields = fields::of(value, place)?;
    let effect = fields.plain("effect")?;
    let inputs = inputs(fields.list("inputs")?, place)?;
    let tool_digest = fields.hash("tool_digest")?;
    fields.done()?;
    Ok(Called { effect, tool_digest, inputs })
}

fn policies<'d>(value: Value<'d>, place: &dyn Fn() -> String) -> Result<Policies<'d>, Refusal> {
    let mut fields = fields::of(value, place)?;
    let bundle = fields.hash("bundle")?;
    let file = |value: Value<'d>| {
        let mut fields = fields::of(value, place)?;
        let (path, text) = (fields.value("path")?.text(), fields.value("text")?.text());
        fields.done()?;
        path.zip(text).ok_or_else(|| schema(&place(), "a file that is not one"))
    };
    let files = fields.list("files")?.map(file).collect::<Result<Vec<_>, _>>()?;
    fields.done()?;
    let in_order = files.windows(2).all(|pair| matches!(pair, [a, b] if a.0 < b.0));
    if in_order { Ok(Policies { bundle, files }) } else { Err(schema(&place(), "files that are not in order of path")) }
}

fn defined<'d>(value: Value<'d>, place: &dyn Fn() -> String) -> Result<Defined<'d>, Refusal> {
    let mut fields = fields::of(value, place)?;
    let (digest, tag) = (fields.hash("digest")?, fields.plain("tag")?);
    let text = fields.value("text")?.text().ok_or_else(|| schema(&place(), "a definition that is no text"))?;
    fields.done()?;
    Ok(Defined { digest, tag, text })
}

fn certificate((index, value): (usize, Value<'_>)) -> Result<Vec<u8>, Refusal> {
    let der = value.plain().and_then(base::from_base64);
    der.ok_or_else(|| schema(&format!("certificates[{index}]"), "not canonical base64"))
}

/// Items of a list, each with its place; `key` puts them in their order.
fn ordered<'d, T, K: Ord>(
    list: impl Iterator<Item = Value<'d>>,
    name: &str,
    parse: impl Fn(Value<'d>, &dyn Fn() -> String) -> Result<T, Refusal>,
    key: impl Fn(&T) -> K,
) -> Result<Vec<T>, Refusal> {
    let mut items: Vec<T> = Vec::new();
    for (index, value) in list.enumerate() {
        let place = || format!("{name}[{index}]");
        let item = parse(value, &place)?;
        if items.last().is_some_and(|last| key(last) >= key(&item)) {
            return Err(schema(&place(), "stands twice, or not in its place"));
        }
        items.push(item);
    }
    Ok(items)
}

fn digest(value: Value<'_>, place: &dyn Fn() -> String) -> Result<Hash, Refusal> {
    value.plain().and_then(base::hash_of_hex).ok_or_else(|| schema(&place(), "not a digest"))
}

/// A list that is there only where it has items.
fn erased(value: Value<'_>) -> Result<Vec<Hash>, Refusal> {
    let items = value.items().ok_or_else(|| schema("erased", "not a list"))?;
    let erased = ordered(items, "erased", digest, |hash: &Hash| *hash)?;
    if erased.is_empty() { Err(schema("erased", "an empty list")) } else { Ok(erased) }
}

impl<'d> Bundle<'d> {
    /// Parses a bundle strictly.
    pub(crate) fn of(root: Value<'d>) -> Result<Self, Refusal> {
        let no_place = String::new;
        let mut fields = fields::of(root, &no_place)?;
        let calls = ordered(fields.list("calls")?, "calls", called, |called: &Called<'d>| called.effect)?;
        let certificates = fields.list("certificates")?.enumerate().map(certificate).collect::<Result<_, _>>()?;
        let erased = fields.optional("erased").map(erased).transpose()?.unwrap_or_default();
        let format = fields.plain("format")?;
        if format != FORMAT {
            return Err(schema("format", &format!("`{}` is not `{FORMAT}`", shown(format))));
        }
        let installation = fields.optional("installation").map(installation).transpose()?;
        let issuer = fields.optional("issuer");
        let (checkpoint, records) = log(fields.value("log")?)?;
        let openings = ordered(fields.list("openings")?, "openings", opening, |opening: &Opening<'d>| opening.commitment)?;
        let policies = ordered(fields.list("policies")?, "policies", policies, |policies: &Policies<'d>| policies.bundle)?;
        let ended = match fields.plain("state")? {
            "ended" => true,
            "open" => false,
            other => return Err(schema("state", &format!("`{}` is neither `ended` nor `open`", shown(other)))),
        };
        let submission = fields.value("submission")?;
        let (task, tenant) = (fields.plain("task")?, fields.plain("tenant")?);
        let tools = ordered(fields.list("tools")?, "tools", defined, |defined: &Defined<'d>| defined.digest)?;
        let trust_domain = fields.plain("trust_domain")?;
        let withheld = ordered(fields.list("withheld")?, "withheld", digest, |hash: &Hash| *hash)?;
        fields.done()?;
        Ok(Self {
            calls,
            certificates,
            installation,
            issuer,
            checkpoint,
            records,
            openings,
            policies,
            ended,
            submission,
            task,
            tenant,
            tools,
            trust_domain,
            withheld,
            erased,
        })
    }

    /// What opens a commitment.
    pub(crate) fn opening(&self, commitment: &Hash) -> Option<&[u8]> {
        self.opened(commitment).map(|opening| opening.bytes.as_ref())
    }

    /// The same with its salt.
    pub(crate) fn opened(&self, commitment: &Hash) -> Option<&Opening<'d>> {
        let at = self.openings.binary_search_by_key(commitment, |opening| opening.commitment).ok()?;
        self.openings.get(at)
    }

    /// The records of the task's events, in order.
    pub(crate) fn story(&self) -> impl Iterator<Item = &Record<'d>> {
        self.records.iter().map(|entry| &entry.record).filter(|record| record.seq.is_some())
    }

    /// The record of the submission.
    pub(crate) fn submitted(&self) -> Option<&Record<'d>> {
        self.story().next()
    }
}

fn log(value: Value<'_>) -> Result<(Cow<'_, str>, Vec<Entry<'_>>), Refusal> {
    let place = || "log".to_owned();
    let mut fields = fields::of(value, &place)?;
    let checkpoint = fields.value("checkpoint")?.text().ok_or_else(|| schema("log.checkpoint", "not a text"))?;
    let mut records: Vec<Entry<'_>> = Vec::new();
    for (index, value) in fields.list("records")?.enumerate() {
        let place = || format!("log.records[{index}]");
        let entry = entry(value, index, &place)?;
        if records.last().is_some_and(|last| last.index >= entry.index) {
            return Err(schema(&place(), "records are not in order of their index"));
        }
        records.push(entry);
    }
    fields.done()?;
    Ok((checkpoint, records))
}

fn installation(value: Value<'_>) -> Result<Installation<'_>, Refusal> {
    let place = || "installation".to_owned();
    let mut fields = fields::of(value, &place)?;
    let checkpoint = fields.value("checkpoint")?.text().ok_or_else(|| schema("installation.checkpoint", "not a text"))?;
    let head = entry(fields.value("head")?, 0, &|| "installation.head".to_owned())?;
    fields.done()?;
    Ok(Installation { checkpoint, head })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::Document;

    #[test]
    fn what_opens_a_commitment_has_one_form() {
        let (zero, hex) = ("A".repeat(43), "0".repeat(64));
        let read = |before: &str, after: &str| {
            let text = format!(r#"{{{before}"commitment":"{hex}","salt":"{zero}="{after}}}"#);
            let document = Document::read(text.as_bytes()).unwrap();
            opening(document.root(), &|| "openings[0]".to_owned()).map(|opening| opening.bytes.into_owned())
        };
        assert_eq!(read("", r#","text":"a\n""#).unwrap(), b"a\n");
        assert_eq!(read(r#""base64":"/w==","#, "").unwrap(), [0xff]);
        for (before, after) in [
            ("", ""),
            (r#""base64":"YQ==","#, ""),
            (r#""base64":"/x==","#, ""),
            (r#""base64":"_w==","#, ""),
            (r#""base64":"/w==","#, r#","text":"a""#),
            ("", r#","text":1"#),
            ("", r#","text":"a","zeal":1"#),
        ] {
            let refusal = read(before, after).unwrap_err();
            assert_eq!((refusal.reason, refusal.place.starts_with("openings[0]")), ("schema", true), "{before} {after}");
        }
    }
}
