//! A record of the audit log, version 1 or 2: in version 1 `call` is the call digest, in version 2 a commitment to it.

use crate::Refusal;
use crate::bundle::Opening;
use crate::fields::{self, shown};
use crate::hash::{self, Hash};
use crate::json::Value;

/// What a decision came to, as the record shows it.
#[derive(Debug)]
pub(crate) struct Note<'d> {
    pub(crate) allow: bool,
    /// Digests of the policy bundles that were asked.
    pub(crate) bundles: Vec<Hash>,
    pub(crate) commitment: Option<Hash>,
    pub(crate) denial: Option<&'d str>,
    pub(crate) id: &'d str,
    /// Places of the policies that decided, as the list stands.
    pub(crate) policies: &'d str,
    /// Digests of the entity slices.
    pub(crate) slices: Vec<Hash>,
}

/// What became of it.
#[derive(Debug)]
pub(crate) struct Became<'d> {
    pub(crate) attempt: Option<u64>,
    pub(crate) commitment: Option<Hash>,
    pub(crate) word: &'d str,
}

/// A tenant's head, in the installation log.
#[derive(Debug)]
pub(crate) struct Head<'d> {
    pub(crate) origin: &'d str,
    pub(crate) root: Hash,
    pub(crate) size: u64,
}

/// A restore, as a log tells of it.
#[derive(Debug)]
pub(crate) struct Restored<'d> {
    /// Of each log: whose, and how many records the backup had.
    pub(crate) kept: Vec<(&'d str, u64)>,
}

/// Who acted: what kind, and the id; the daemon has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Uid<'d> {
    pub(crate) kind: &'d str,
    pub(crate) text: &'d str,
}

/// A record.
#[derive(Debug)]
pub(crate) struct Record<'d> {
    /// Where it stands in the bundle, for messages.
    pub(crate) place: usize,
    pub(crate) action: &'d str,
    pub(crate) actor: Uid<'d>,
    pub(crate) approval: Option<&'d str>,
    pub(crate) args: Option<Hash>,
    pub(crate) at: i64,
    /// What it names its call by; see [`Record::is_of`].
    pub(crate) call: Option<Hash>,
    /// The chain, as it stands.
    pub(crate) chain: &'d str,
    pub(crate) decision: Option<Note<'d>>,
    pub(crate) effect: Option<&'d str>,
    /// The ids of the grants, as they stand.
    pub(crate) grants: &'d str,
    pub(crate) head: Option<Head<'d>>,
    pub(crate) kind: &'d str,
    pub(crate) outcome: Option<Became<'d>>,
    pub(crate) restored: Option<Restored<'d>>,
    /// How many uses of secrets by its effect stand before it.
    pub(crate) secrets: Option<u64>,
    pub(crate) seq: Option<u64>,
    pub(crate) submission: Option<Hash>,
    /// The target, where it is a plain text.
    pub(crate) target: Option<&'d str>,
    pub(crate) task: Option<&'d str>,
    pub(crate) tenant: &'d str,
    pub(crate) tier: Option<u64>,
    pub(crate) version: u64,
}

impl<'d> Uid<'d> {
    /// Parses `{"kind":"human","uid":"hum_…"}` or `{"kind":"daemon"}`.
    pub(crate) fn parse(value: Value<'d>) -> Option<Self> {
        let mut fields = value.fields()?;
        let (name, kind) = fields.next()?;
        let kind = kind.plain().filter(|_| name.plain() == Some("kind"))?;
        let text = match (fields.next(), kind) {
            (None, "daemon") => "daemon",
            (Some((name, uid)), "human" | "agent" | "service") if name.plain() == Some("uid") => uid.plain()?,
            (Some(_) | None, _) => return None,
        };
        if fields.next().is_some() { None } else { Some(Self { kind, text }) }
    }
}

fn hashes<'d>(list: impl Iterator<Item = Value<'d>>) -> Option<Vec<Hash>> {
    list.map(|item| item.plain().and_then(crate::base::hash_of_hex)).collect()
}

fn note<'d>(value: Value<'d>, place: &dyn Fn() -> String) -> Result<Note<'d>, Refusal> {
    let mut fields = fields::of(value, place)?;
    let schema = |what: &str| Refusal::new("schema", place(), what);
    let allow = fields.value("allow")?.boolean().ok_or_else(|| schema("`allow` is neither yes nor no"))?;
    let bundles = hashes(fields.list("bundles")?).ok_or_else(|| schema("`bundles` are not digests"))?;
    let commitment = fields.optional_hash("commitment")?;
    let denial = fields.optional_plain("denial")?;
    let (id, policies) = (fields.plain("id")?, fields.value("policies")?.raw());
    let slices = hashes(fields.list("slices")?).ok_or_else(|| schema("`slices` are not digests"))?;
    fields.done()?;
    Ok(Note { allow, bundles, commitment, denial, id, policies, slices })
}

fn became<'d>(value: Value<'d>, place: &dyn Fn() -> String) -> Result<Became<'d>, Refusal> {
    let mut fields = fields::of(value, place)?;
    let attempt = fields.optional_natural("attempt")?;
    let (commitment, word) = (fields.optional_hash("commitment")?, fields.plain("word")?);
    fields.done()?;
    Ok(Became { attempt, commitment, word })
}

fn head<'d>(value: Value<'d>, place: &dyn Fn() -> String) -> Result<Head<'d>, Refusal> {
    let mut fields = fields::of(value, place)?;
    let (origin, root, size) = (fields.plain("origin")?, fields.hash("root")?, fields.natural("size")?);
    fields.done()?;
    Ok(Head { origin, root, size })
}

fn restored<'d>(value: Value<'d>, place: &dyn Fn() -> String) -> Result<Restored<'d>, Refusal> {
    let mut fields = fields::of(value, place)?;
    fields.hash("backup")?;
    fields.moment("backup_at")?;
    fields.optional("checkpoint").map(|value| head(value, place)).transpose()?;
    fields.natural("incarnation")?;
    let lost = |value: Value<'d>| {
        let mut fields = fields::of(value, place)?;
        let kept = fields.natural("kept")?;
        fields.optional_hash("root")?;
        fields.optional_natural("size")?;
        let tenant = fields.plain("tenant")?;
        fields.done()?;
        Ok((tenant, kept))
    };
    let kept = fields.list("lost")?.map(lost).collect::<Result<_, _>>()?;
    fields.done()?;
    Ok(Restored { kept })
}

/// The kinds that a record has.
const KINDS: [&str; 9] = ["rpc", "decision", "intent", "outcome", "approval", "secret", "task", "installation", "head"];

impl<'d> Record<'d> {
    /// Parses a record strictly: nothing unknown, nothing of another type.
    pub(crate) fn parse(value: Value<'d>, index: usize, place: &dyn Fn() -> String) -> Result<Self, Refusal> {
        let schema = |what: String| Refusal::new("schema", place(), what);
        let uid = |value: Value<'d>| Uid::parse(value).ok_or_else(|| schema("an actor that is not one".to_owned()));
        let mut fields = fields::of(value, place)?;
        let (action, actor) = (fields.plain("action")?, uid(fields.value("actor")?)?);
        let (approval, args) = (fields.optional_plain("approval")?, fields.optional_hash("args")?);
        let (at, call) = (fields.moment("at")?, fields.optional_hash("call")?);
        let chain = fields.optional("chain").map_or("[]", Value::raw);
        let decision = fields.optional("decision").map(|value| note(value, place)).transpose()?;
        let effect = fields.optional_plain("effect")?;
        let grants = fields.optional("grants").map_or("[]", Value::raw);
        let head = fields.optional("head").map(|value| head(value, place)).transpose()?;
        let kind = fields.plain("kind")?;
        let outcome = fields.optional("outcome").map(|value| became(value, place)).transpose()?;
        let _request = fields.optional_plain("request")?;
        let restored = fields.optional("restored").map(|value| restored(value, place)).transpose()?;
        let secrets = fields.optional_natural("secrets")?;
        let (seq, submission) = (fields.optional_natural("seq")?, fields.optional_hash("submission")?);
        let target = fields.optional("target").and_then(Value::plain);
        let (task, tenant) = (fields.optional_plain("task")?, fields.plain("tenant")?);
        let tier = fields.optional_natural("tier")?;
        let _trace = fields.optional_plain("trace")?;
        let version = fields.natural("version")?;
        fields.done()?;
        if version == 1 && secrets.is_some() {
            return Err(schema("`secrets` is not a field of version 1".to_owned()));
        }
        if !(1..=2).contains(&version) || !KINDS.contains(&kind) {
            return Err(schema(format!("version {version} or kind `{}` is not known", shown(kind))));
        }
        Ok(Self {
            place: index,
            action,
            actor,
            approval,
            args,
            at,
            call,
            chain,
            decision,
            effect,
            grants,
            head,
            kind,
            outcome,
            restored,
            secrets,
            seq,
            submission,
            target,
            task,
            tenant,
            tier,
            version,
        })
    }

    /// A refusal for `reason` at this record.
    pub(crate) fn refuse(&self, reason: &'static str, what: impl Into<String>) -> Refusal {
        Refusal::new(reason, format!("log.records[{}].record", self.place), what)
    }

    /// Whether it is about the call with this digest; `args` is what opens the arguments that it commits to. `None` where that cannot be
    /// told: the salt is theirs, and they are withheld.
    pub(crate) fn is_of(&self, digest: &Hash, args: Option<&Opening<'_>>) -> Option<bool> {
        match (self.version, args) {
            (1, _) => Some(self.call == Some(*digest)),
            (_, Some(args)) => Some(self.call == Some(hash::of_call(&args.salt, digest))),
            (_, None) => None,
        }
    }

    /// The word of its outcome.
    pub(crate) fn word(&self) -> &'d str {
        self.outcome.as_ref().map_or("", |outcome| outcome.word)
    }

    /// The commitments that it holds.
    pub(crate) fn commitments(&self) -> impl Iterator<Item = Hash> + '_ {
        let outcome = self.outcome.as_ref().and_then(|outcome| outcome.commitment);
        let decision = self.decision.as_ref().and_then(|decision| decision.commitment);
        self.args.into_iter().chain(outcome).chain(decision)
    }
}
