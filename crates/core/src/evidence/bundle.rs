//! The bundle, and its one text.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::Submission;
use crate::desired::PolicyFile;
use crate::digest::Digest;
use crate::ids::EffectId;
use crate::json::Error;
use crate::payload::Salt;
use crate::tool::ResolvedInput;

/// What a bundle of this form begins to be told by.
pub const FORMAT: &str = "scalbotics/evidence/v1";

/// Largest bundle, in bytes: a task of thousands of calls fits, and a verifier reads it into memory at once.
pub const LEN_MAX: usize = 64 << 20;

/// A record with its place in a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Index in the log.
    pub index: u64,
    /// The leaf: canonical JSON of the record.
    pub leaf: Vec<u8>,
    /// Its inclusion proof in the log's checkpoint (RFC 6962 §2.1.1).
    pub proof: Vec<Digest>,
}

/// What opens a commitment.
#[derive(Clone, PartialEq, Eq)]
pub struct Opening {
    /// The salt.
    pub salt: Salt,
    /// The bytes.
    pub bytes: Vec<u8>,
}

impl std::fmt::Debug for Opening {
    /// Prints the length, never the bytes.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Opening").field("len", &self.bytes.len()).finish_non_exhaustive()
    }
}

/// What a call digest is made of beside what its record says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Called {
    /// The tool's digest.
    pub tool_digest: Digest,
    /// What the call depends on beside its arguments.
    pub inputs: Vec<ResolvedInput>,
}

/// What a tool was: what its digest is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Defined {
    /// The domain tag of the digest.
    pub tag: &'static str,
    /// The canonical JSON of the definition.
    pub text: Arc<str>,
}

/// The tenant's checkpoint as the installation log holds it (semantics §7.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cosigned {
    /// The record in the installation log that names the size and root of the tenant's checkpoint.
    pub head: Entry,
    /// The installation log's checkpoint, a C2SP signed note with the witnesses' signatures.
    pub checkpoint: String,
}

/// The evidence of one task.
#[derive(Debug, Clone, PartialEq)]
pub struct Bundle {
    /// The installation's trust domain.
    pub trust_domain: String,
    /// What was submitted; it names tenant and task.
    pub submission: Submission,
    /// Whether the task has ended.
    pub ended: bool,
    /// The tenant's checkpoint, a C2SP signed note.
    pub checkpoint: String,
    /// The daemon's certificate and the one of the CA that issued it, as it serves with them: DER, the daemon's first.
    pub certificates: Vec<Vec<u8>>,
    /// The task's records, in order of index; uses of secrets among them.
    pub records: Vec<Entry>,
    /// The installation log's part, if there is one.
    pub installation: Option<Cosigned>,
    /// What opens commitments of the records, by commitment.
    pub openings: BTreeMap<Digest, Opening>,
    /// Digests that the records name and nothing here opens: withheld, or erased.
    pub withheld: BTreeSet<Digest>,
    /// Those of the withheld that were erased: nobody can open them any more.
    pub erased: BTreeSet<Digest>,
    /// Of each effect whose arguments are opened: what its call digest is made of beside them.
    pub calls: BTreeMap<EffectId, Called>,
    /// Texts of the policies that were asked, by digest of their bundle.
    pub policies: BTreeMap<Digest, Vec<PolicyFile>>,
    /// What the tools were that the task was submitted under and that it called, by digest.
    pub tools: BTreeMap<Digest, Defined>,
    /// The public key that signed the human's token, a JWK; only where the token is opened.
    pub issuer: Option<Value>,
}

fn hash(digest: &Digest) -> String {
    STANDARD.encode(digest.as_bytes())
}

fn entry(entry: &Entry) -> Result<Value, Error> {
    let proof: Vec<String> = entry.proof.iter().map(hash).collect();
    Ok(json!({ "index": entry.index, "proof": proof, "record": crate::json::parse(&entry.leaf)? }))
}

/// Bytes that are text stand as text, so that a person reads them; there is no choice of form.
fn opening((commitment, opening): (&Digest, &Opening)) -> Value {
    let (key, bytes) = match std::str::from_utf8(&opening.bytes) {
        Ok(text) => ("text", text.to_owned()),
        Err(_) => ("base64", STANDARD.encode(&opening.bytes)),
    };
    json!({ "commitment": commitment, "salt": STANDARD.encode(opening.salt), key: bytes })
}

fn called((effect, called): (&EffectId, &Called)) -> Value {
    json!({ "effect": effect, "tool_digest": called.tool_digest, "inputs": called.inputs })
}

fn bundle((digest, files): (&Digest, &Vec<PolicyFile>)) -> Value {
    let mut sorted: Vec<&PolicyFile> = files.iter().collect();
    sorted.sort_by(|a, b| (&a.path, &a.text).cmp(&(&b.path, &b.text)));
    let files: Vec<Value> = sorted.iter().map(|file| json!({ "path": file.path, "text": file.text })).collect();
    json!({ "bundle": digest, "files": files })
}

fn defined((digest, defined): (&Digest, &Defined)) -> Value {
    json!({ "digest": digest, "tag": defined.tag, "text": &*defined.text })
}

impl Bundle {
    /// The bundle's text.
    ///
    /// # Errors
    /// [`Error::TooLong`] beyond [`LEN_MAX`]; [`Error`] when a record is not one.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        let submission = serde_json::to_value(&self.submission).map_err(|error| Error::Refused { reason: error.to_string() })?;
        let of_submission = |field: &str| submission.get(field).cloned().unwrap_or_default();
        let records = self.records.iter().map(entry).collect::<Result<Vec<_>, _>>()?;
        let mut fields = Map::new();
        let mut put = |field: &str, value: Value| fields.insert(field.to_owned(), value);
        put("format", FORMAT.into());
        put("trust_domain", self.trust_domain.clone().into());
        put("tenant", of_submission("tenant"));
        put("task", of_submission("task"));
        put("state", if self.ended { "ended" } else { "open" }.into());
        put("log", json!({ "checkpoint": self.checkpoint, "records": records }));
        put("openings", self.openings.iter().map(opening).collect());
        put("withheld", self.withheld.iter().map(Digest::to_string).collect());
        if !self.erased.is_empty() {
            put("erased", self.erased.iter().map(Digest::to_string).collect());
        }
        put("calls", self.calls.iter().map(called).collect());
        put("certificates", self.certificates.iter().map(|der| STANDARD.encode(der)).collect());
        put("policies", self.policies.iter().map(bundle).collect());
        put("tools", self.tools.iter().map(defined).collect());
        if let Some(issuer) = &self.issuer {
            put("issuer", issuer.clone());
        }
        if let Some(installation) = &self.installation {
            put("installation", json!({ "checkpoint": installation.checkpoint, "head": entry(&installation.head)? }));
        }
        put("submission", submission);
        let bytes = crate::json::canonical(&Value::Object(fields))?;
        if bytes.len() > LEN_MAX { Err(Error::TooLong { len: bytes.len(), len_max: LEN_MAX }) } else { Ok(bytes) }
    }
}

#[cfg(test)]
mod tests;
