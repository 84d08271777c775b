//! An approver's statement and the enrolment of its key (semantics §5.1–5.3).

use crate::base::{from_base64, from_base64url, hash_of_hex};
use crate::fields;
use crate::json::{Document, Value};
use crate::key::{Algorithm, Key};
use crate::trust::Trust;

/// What is signed as an approval begins with.
const APPROVAL_TAG: &[u8] = b"scalbotics/approval/v1\0";

/// What is signed as an enrolment begins with.
const ENROLMENT_TAG: &[u8] = b"scalbotics/enrolment/v1\0";

/// What the records hold of an answer, taken apart.
pub(super) struct Answered {
    pub(super) statement: Vec<u8>,
    signature: Vec<u8>,
    /// Thumbprint of the key that signed.
    key: String,
    enrolment: Option<Vec<u8>>,
    /// The decision that let somebody answer for a call of their own.
    pub(super) self_approval: Option<String>,
    pub(super) stamp: Option<String>,
}

/// Reads what was kept of an answer.
pub(super) fn read(bytes: &[u8]) -> Option<Answered> {
    let document = Document::read(bytes).ok()?;
    let no_place = String::new;
    let mut fields = fields::of(document.root(), &no_place).ok()?;
    let is_cli = fields.plain("assurance").ok()? == "cli";
    let enrolment = match fields.value("enrolment").ok()?.plain() {
        Some(text) => Some(from_base64(text)?),
        None => None,
    };
    let key = fields.plain("key").ok()?.to_owned();
    let self_approval = fields.optional_plain("self_approval").ok()?.map(str::to_owned);
    let signature = from_base64(fields.plain("signature").ok()?)?;
    let stamp = fields.optional_plain("stamp").ok()?.map(str::to_owned);
    let statement = from_base64(fields.plain("statement").ok()?)?;
    let version = fields.natural("version").ok()?;
    fields.done().ok()?;
    (is_cli && version == 1).then_some(Answered { statement, signature, key, enrolment, self_approval, stamp })
}

/// Whose key signed, and what an approver-admin says about it.
pub(super) struct Enrolled {
    pub(super) approver: String,
    pub(super) tenant: String,
    pub(super) issued_at: i64,
    key: Key,
}

/// The enrolment of the key that signed, if an approver-admin of the trust file signed it.
pub(super) fn enrolled(answered: &Answered, trust: &Trust) -> Result<Enrolled, &'static str> {
    let envelope = answered.enrolment.as_deref().ok_or("there is no enrolment statement of its key")?;
    let (statement, signer, signature) = envelope_of(envelope).ok_or("its enrolment is malformed")?;
    let admin = trust.approver_admins.iter().find(|key| key.thumbprint() == signer);
    let admin = admin.ok_or("its enrolment is signed by no approver-admin of the trust file")?;
    let message = [ENROLMENT_TAG, &statement].concat();
    if admin.algorithm() != Algorithm::Ed25519 || !admin.verifies(&message, &signature) {
        return Err("the signature of its enrolment does not verify");
    }
    let enrolled =
        enrolment_of(&statement, &trust.trust_domain).ok_or("its enrolment is malformed, or of another installation")?;
    if enrolled.key.thumbprint() != answered.key {
        return Err("its key is not the enrolled one");
    }
    Ok(enrolled)
}

fn envelope_of(bytes: &[u8]) -> Option<(Vec<u8>, String, Vec<u8>)> {
    let document = Document::read(bytes).ok()?;
    let no_place = String::new;
    let mut fields = fields::of(document.root(), &no_place).ok()?;
    let signature = from_base64url(fields.plain("signature").ok()?)?;
    let signer = fields.plain("signer").ok()?.to_owned();
    let statement = from_base64url(fields.plain("statement").ok()?)?;
    fields.done().ok()?;
    Some((statement, signer, signature))
}

fn enrolment_of(bytes: &[u8], trust_domain: &str) -> Option<Enrolled> {
    let document = Document::read(bytes).ok()?;
    let no_place = String::new;
    let mut fields = fields::of(document.root(), &no_place).ok()?;
    let approver = fields.plain("approver").ok()?.to_owned();
    let issued_at = fields.moment("issued_at").ok()?;
    let key = Key::of_jwk(fields.value("key").ok()?).filter(|key| key.algorithm() == Algorithm::Ed25519)?;
    let tenant = fields.plain("tenant").ok()?.to_owned();
    let thumbprint = fields.plain("thumbprint").ok()?;
    let domain = fields.plain("trust_domain").ok()?;
    let version = fields.natural("version").ok()?;
    fields.done().ok()?;
    let is_sound = version == 1 && domain == trust_domain && thumbprint == key.thumbprint();
    is_sound.then_some(Enrolled { approver, tenant, issued_at, key })
}

impl Enrolled {
    /// Whether the statement is signed by the enrolled key.
    pub(super) fn signed(&self, answered: &Answered) -> bool {
        self.key.verifies(&[APPROVAL_TAG, &answered.statement].concat(), &answered.signature)
    }
}

/// A statement, as the approver's program rebuilt it from what it displayed.
pub(super) struct Statement<'d> {
    pub(super) agent: &'d str,
    pub(super) answer: &'d str,
    pub(super) approval: &'d str,
    pub(super) approver: &'d str,
    pub(super) args: &'d str,
    pub(super) call: &'d str,
    pub(super) chain: Value<'d>,
    pub(super) effect: &'d str,
    pub(super) expires_at: i64,
    pub(super) grants: Value<'d>,
    pub(super) inputs: Vec<(String, String)>,
    pub(super) task: &'d str,
    pub(super) tenant: &'d str,
    pub(super) tier: u64,
    pub(super) tool: &'d str,
    pub(super) tool_digest: &'d str,
    pub(super) trust_domain: &'d str,
}

impl<'d> Statement<'d> {
    /// Reads a statement strictly.
    pub(super) fn read(document: &'d Document<'d>) -> Option<Self> {
        let no_place = String::new;
        let mut fields = fields::of(document.root(), &no_place).ok()?;
        let agent = fields.plain("agent").ok()?;
        fields.plain("agent_name").ok()?;
        let (answer, approval) = (fields.plain("answer").ok()?, fields.plain("approval").ok()?);
        let (approver, args) = (fields.plain("approver").ok()?, fields.value("args").ok()?.raw_json());
        let (call, chain) = (fields.plain("call").ok()?, fields.value("chain").ok()?);
        let (effect, expires_at) = (fields.plain("effect").ok()?, fields.moment("expires_at").ok()?);
        let grants = fields.value("grants").ok()?;
        let inputs = crate::bundle::inputs(fields.list("inputs").ok()?, &no_place).ok()?;
        let inputs = inputs.into_iter().map(|(name, digest)| (name.into_owned(), digest.to_owned())).collect();
        fields.hash("nonce").ok()?;
        fields.value("reason").ok()?.text()?;
        let (task, tenant) = (fields.plain("task").ok()?, fields.plain("tenant").ok()?);
        let (tier, tool) = (fields.natural("tier").ok()?, fields.plain("tool").ok()?);
        let tool_digest = fields.plain("tool_digest").ok().filter(|digest| hash_of_hex(digest).is_some())?;
        let trust_domain = fields.plain("trust_domain").ok()?;
        let version = fields.natural("version").ok()?;
        fields.done().ok()?;
        let statement = Self {
            agent,
            answer,
            approval,
            approver,
            args,
            call,
            chain,
            effect,
            expires_at,
            grants,
            inputs,
            task,
            tenant,
            tier,
            tool,
            tool_digest,
            trust_domain,
        };
        (version == 1).then_some(statement)
    }
}
