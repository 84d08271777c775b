//! One record of the audit log.

use serde::{Deserialize, Serialize};

use super::{RestoreNote, line};
use crate::digest::Digest;
use crate::ids::{ApprovalId, DecisionId, EffectId, GrantId, RequestId, TaskId};
use crate::json::{Error, INTEGER_MAX};
use crate::policy::{Decision, Denial, Ruling};
use crate::ports::SealedDecision;
use crate::principal::{Chain, Uid};
use crate::tenant::TenantId;
use crate::time::Timestamp;
use crate::tool::{Mark, Tier};

/// Longest record, in bytes: the limit of an entry in C2SP tlog-tiles.
pub const RECORD_LEN_MAX: usize = 65_535;

/// The version of records: since 2, `call` is a commitment.
const VERSION: u16 = 2;

/// The action of the record of a restore.
pub const RESTORE_ACTION: &str = "installation.restore";

/// What kind of thing is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A call of the API: one record, also when denied.
    Rpc,
    /// A decision about a tool call that was not sent.
    Decision,
    /// An effect is about to leave the process.
    Intent,
    /// What became of an effect.
    Outcome,
    /// An approval was asked, answered, or lapsed.
    Approval,
    /// A secret was handed to a call: before it left.
    Secret,
    /// A task began or ended.
    Task,
    /// The installation itself: start, keys, desired state, clock.
    Installation,
    /// The head of a tenant's log, in the installation log (semantics §7.3).
    Head,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 9] = [
        Self::Rpc,
        Self::Decision,
        Self::Intent,
        Self::Outcome,
        Self::Approval,
        Self::Secret,
        Self::Task,
        Self::Installation,
        Self::Head,
    ];

    /// The kind of a word, if it is one.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }

    /// The word for it in a leaf.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rpc => "rpc",
            Self::Decision => "decision",
            Self::Intent => "intent",
            Self::Outcome => "outcome",
            Self::Approval => "approval",
            Self::Secret => "secret",
            Self::Task => "task",
            Self::Installation => "installation",
            Self::Head => "head",
        }
    }
}

/// A decision as the log shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecisionNote {
    /// Whether it allows.
    pub allow: bool,
    /// Digests of the policy bundles asked.
    pub bundles: Vec<Digest>,
    /// Commitment to the whole decision, as it is sealed; only where a task's commit seals it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commitment: Option<Digest>,
    /// The word for the denial.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub denial: Option<String>,
    /// Its id; the whole of it is in the decision store.
    pub id: DecisionId,
    /// Policies that determined it, as `policies/ops.cedar:14`.
    pub policies: Vec<String>,
    /// Digests of the entity slices asked with.
    pub slices: Vec<Digest>,
}

impl DecisionNote {
    /// The note of a decision.
    #[must_use]
    pub fn of(decision: &Decision) -> Self {
        let answers = || decision.answers.iter().flatten();
        let denial = match &decision.ruling {
            Ruling::Allow => None,
            Ruling::Deny(Denial::Policy { .. }) => Some("policy"),
            Ruling::Deny(Denial::Error { .. }) => Some("error"),
            Ruling::Deny(Denial::Grant { .. }) => Some("grant"),
            Ruling::Deny(Denial::Chain { .. }) => Some("chain"),
            Ruling::Deny(Denial::Unanswered) => Some("unanswered"),
        };
        let distinct = |items: Vec<Digest>| {
            let mut items = items;
            items.sort_unstable();
            items.dedup();
            items
        };
        let mut policies: Vec<String> = answers().flat_map(|a| a.deciding.iter().map(|d| d.place.clone())).collect();
        policies.sort_unstable();
        policies.dedup();
        Self {
            id: decision.id,
            allow: decision.allows(),
            denial: denial.map(str::to_owned),
            policies,
            bundles: distinct(answers().map(|a| a.bundle).collect()),
            slices: distinct(answers().map(|a| a.slice).collect()),
            commitment: None,
        }
    }

    /// Takes the commitment to its decision, if that one is among the sealed.
    pub fn commit_to(&mut self, sealed: &[SealedDecision]) {
        if let Some(own) = sealed.iter().find(|sealed| sealed.id == self.id) {
            self.commitment = Some(own.sealed.reference.commitment);
        }
    }
}

/// An outcome as the log shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutcomeNote {
    /// Which attempt, for an effect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    /// Commitment to the result or reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commitment: Option<Digest>,
    /// The word: `ok`, `landed`, `failed`, `not_landed`, `in_doubt`, `denied`, `waiting`, …
    pub word: String,
}

/// The head of another log, as the installation log shows it: what witnesses cosign covers it too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeadNote {
    /// Origin of that log.
    pub origin: String,
    /// RFC 6962 root over them.
    pub root: Digest,
    /// Number of its leaves.
    pub size: u64,
}

/// One record. Absent fields are left out of the canonical JSON.
///
/// Fields stand here, and in the notes, by name, as the leaf has them: they are written as they come, and none has to be moved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// The policy action: `task.submit`, `tool/fs.read`.
    pub action: String,
    /// Who acted.
    pub actor: Uid,
    /// The approval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<ApprovalId>,
    /// Commitment to the arguments.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub args: Option<Digest>,
    /// When.
    pub at: Timestamp,
    /// The commitment to the call digest ([`Mark`]); in version 1 the call digest itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<Digest>,
    /// For whom, the human first; empty when the actor acts for itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub chain: Vec<Uid>,
    /// The decision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<DecisionNote>,
    /// The effect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effect: Option<EffectId>,
    /// The grants between them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub grants: Vec<GrantId>,
    /// The head of another log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head: Option<HeadNote>,
    /// What kind of thing.
    pub kind: Kind,
    /// What became of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<OutcomeNote>,
    /// The request that caused it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<RequestId>,
    /// A restore.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restored: Option<Box<RestoreNote>>,
    /// Uses of secrets by the calls of its effect that stand before it in the log, where what a tool gets does not say how many there
    /// must be: none is left out unseen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secrets: Option<u32>,
    /// Sequence number of the event of the task that this is the record of, from 0: none is left out unseen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seq: Option<u64>,
    /// Of a submission: digest of what was submitted ([`crate::evidence::Submission`]).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub submission: Option<Digest>,
    /// The resource: an id, or a commitment where the id is a name of a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// The task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<TaskId>,
    /// Whose log.
    pub tenant: TenantId,
    /// The tier of the called tool.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tier: Option<Tier>,
    /// W3C trace id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<String>,
    /// 2; 1 where `call` is a call digest.
    pub version: u16,
}

impl Record {
    /// A record of `kind` with everything optional left out.
    #[must_use]
    pub fn new(kind: Kind, at: Timestamp, tenant: TenantId, actor: Uid, action: &str) -> Self {
        Self {
            version: VERSION,
            at,
            tenant,
            kind,
            actor,
            chain: Vec::new(),
            grants: Vec::new(),
            action: action.to_owned(),
            target: None,
            task: None,
            secrets: None,
            seq: None,
            submission: None,
            effect: None,
            tier: None,
            call: None,
            args: None,
            decision: None,
            approval: None,
            outcome: None,
            request: None,
            trace: None,
            head: None,
            restored: None,
        }
    }

    /// The record of another log's head in the installation log, which is the log of `tenant`.
    #[must_use]
    pub fn of_head(at: Timestamp, tenant: TenantId, head: HeadNote) -> Self {
        Self { head: Some(head), ..Self::new(Kind::Head, at, tenant, Uid::Daemon, "log.head") }
    }

    /// The record of a restore in the log of `tenant`.
    #[must_use]
    pub fn of_restore(at: Timestamp, tenant: TenantId, note: RestoreNote) -> Self {
        let mut record = Self::new(Kind::Installation, at, tenant, Uid::Daemon, RESTORE_ACTION);
        record.outcome = Some(OutcomeNote { word: "ok".to_owned(), attempt: None, commitment: None });
        Self { restored: Some(Box::new(note)), ..record }
    }

    /// Names the call that it is about; the version follows.
    pub const fn name_call(&mut self, mark: &Mark) {
        self.call = Some(*mark.shown());
        self.version = if mark.is_salted() { VERSION } else { 1 };
    }

    /// The same record with the chain that acts.
    #[must_use]
    pub fn on_behalf(mut self, chain: &Chain) -> Self {
        self.chain = chain.principals.iter().map(|p| p.uid).collect();
        self.grants = chain.grants.iter().map(|g| g.id).collect();
        self
    }

    /// The leaf: canonical JSON.
    ///
    /// # Errors
    /// [`crate::json::Error`] when it is longer than [`RECORD_LEN_MAX`] or has no canonical form.
    pub fn canonical(&self) -> Result<Vec<u8>, Error> {
        let bytes = line::of(self).map_or_else(|| crate::json::canonical_of(self), Ok)?;
        check_len(bytes.len())?;
        Ok(bytes)
    }

    /// The length of the leaf, in bytes, without making it: the order of keys changes no length.
    ///
    /// # Errors
    /// Those of [`Record::canonical`].
    pub fn canonical_len(&self) -> Result<usize, Error> {
        // No other number of a record is larger than 32 bits.
        if self.at.unix_ms().unsigned_abs() > INTEGER_MAX {
            return Err(Error::Number { number: self.at.unix_ms().to_string() });
        }
        let head = self.head.as_ref().map(|head| head.size);
        let restored = self.restored.iter().flat_map(|note| note.numbers());
        if let Some(number) = head.into_iter().chain(self.seq).chain(restored).find(|number| *number > INTEGER_MAX) {
            return Err(Error::Number { number: number.to_string() });
        }
        let mut length = Length(0);
        serde_json::to_writer(&mut length, self).map_err(|error| Error::Refused { reason: error.to_string() })?;
        check_len(length.0)?;
        Ok(length.0)
    }
}

const fn check_len(len: usize) -> Result<(), Error> {
    if len > RECORD_LEN_MAX { Err(Error::TooLong { len, len_max: RECORD_LEN_MAX }) } else { Ok(()) }
}

/// Counts what would be written.
struct Length(usize);

impl std::io::Write for Length {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 = self.0.saturating_add(bytes.len());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::HumanUid;

    fn record(at: i64, target: &str) -> Record {
        let tenant = TenantId::parse("acme").unwrap();
        let mut record =
            Record::new(Kind::Rpc, Timestamp::from_unix_ms(at), tenant, Uid::Human(HumanUid::from_u128(7)), "task.read");
        record.target = Some(target.to_owned());
        record.outcome = Some(OutcomeNote { word: "ok".to_owned(), attempt: Some(u32::MAX), commitment: None });
        record
    }

    #[test]
    fn the_length_of_a_leaf_is_known_before_it_is_made() {
        let long = "x".repeat(RECORD_LEN_MAX);
        for (at, target) in [
            (0, ""),
            (-1, "task_1"),
            (1_798_000_000_000, "\"\\/\u{0}\u{1f}\u{7f}\n\t\u{8}\u{c}\u{2028}"),
            (1, "\u{fffd}\u{1f600}é"),
            (i64::MAX, "x"),
            (i64::MIN, "x"),
            (9_007_199_254_740_991, "x"),
            (-9_007_199_254_740_992, "x"),
            (1, long.as_str()),
        ] {
            let record = record(at, target);
            match (record.canonical(), record.canonical_len()) {
                (Ok(leaf), Ok(len)) => assert_eq!(leaf.len(), len, "{at} {target:?}"),
                (Err(one), Err(other)) => assert_eq!(one.to_string(), other.to_string()),
                (one, other) => panic!("{at}: {one:?} and {other:?}"),
            }
        }
    }

    #[test]
    fn issue_4_control_characters_are_a_leaf_as_long_as_they_are_written() {
        let controls =
            |len: usize| ('\u{0}'..='\u{1f}').chain(['\u{7f}', '\u{9b}', '\u{202e}']).cycle().take(len).collect::<String>();
        // Most of them take six bytes.
        let refused = record(1, &controls(1_000_000)).canonical().unwrap_err();
        assert!(matches!(refused, Error::TooLong { len: 4_500_000.., len_max: RECORD_LEN_MAX }), "{refused}");
        assert_eq!(record(1, &controls(1_000_000)).canonical_len().unwrap_err().to_string(), refused.to_string());
        let longest = (12_000..14_000).rev().map(|len| record(1, &controls(len))).find(|record| record.canonical_len().is_ok());
        let longest = longest.unwrap();
        let leaf = longest.canonical().unwrap();
        assert!(leaf.len() <= RECORD_LEN_MAX && leaf.len() > RECORD_LEN_MAX - 8, "{}", leaf.len());
        assert!(!leaf.iter().any(|byte| *byte < 0x20), "a leaf is one line");
        assert_eq!(serde_json::from_slice::<Record>(&leaf).unwrap(), longest);
    }

    #[test]
    fn the_version_says_what_a_call_is_named_by() {
        let digest = Digest::from_bytes([7; 32]);
        let mut record = record(1, "x");
        record.name_call(&Mark::of(&digest, Some(&[1; 32])));
        assert!(record.version == 2 && record.call != Some(digest));
        record.name_call(&Mark::of(&digest, None));
        assert_eq!((record.version, record.call), (1, Some(digest)));
        // A leaf of before is read as it is.
        assert_eq!(serde_json::from_slice::<Record>(&record.canonical().unwrap()).unwrap(), record);
    }

    #[test]
    fn a_kind_has_one_word() {
        for kind in Kind::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
            assert_eq!(Kind::of_word(kind.as_str()), Some(kind));
        }
        assert_eq!(Kind::of_word("Rpc"), None);
    }

    #[test]
    fn fields_of_a_leaf_come_in_order() {
        let mut full = record(1, "x");
        full.chain = vec![full.actor];
        full.grants = vec![GrantId::from_u128(1)];
        full.task = Some(TaskId::from_u128(2));
        full.effect = Some(EffectId::from_u128(3));
        full.request = Some(RequestId::from_u128(4));
        full.approval = Some(ApprovalId::from_u128(5));
        let digest = Some(Digest::from_bytes([7; 32]));
        (full.submission, full.call, full.args) = (digest, digest, digest);
        full.decision = Some(DecisionNote {
            id: DecisionId::from_u128(6),
            allow: false,
            denial: Some("policy".to_owned()),
            policies: vec!["policies/ops.cedar:14".to_owned()],
            bundles: digest.into_iter().collect(),
            slices: digest.into_iter().collect(),
            commitment: digest,
        });
        full.outcome = Some(OutcomeNote { word: "ok".to_owned(), attempt: Some(1), commitment: digest });
        full.head = Some(HeadNote { origin: "o".to_owned(), size: 1, root: Digest::from_bytes([8; 32]) });
        (full.seq, full.secrets, full.tier, full.trace) =
            (Some(7), Some(2), Some(Tier::Risky), Some("0af7651916cd43dd8448eb211c80319c".to_owned()));
        assert_eq!(full.canonical().unwrap(), serde_json::to_vec(&full).unwrap());
    }

    fn head(size: u64) -> Record {
        let head = HeadNote { origin: "example.org/audit/acme".to_owned(), size, root: Digest::from_bytes([7; 32]) };
        Record::of_head(Timestamp::from_unix_ms(5), TenantId::parse("system").unwrap(), head)
    }

    #[test]
    fn sem_7_3_a_head_is_a_record_of_the_installation_log() {
        let leaf = String::from_utf8(head(1_234).canonical().unwrap()).unwrap();
        let wanted = format!(
            r#"{{"action":"log.head","actor":{{"kind":"daemon"}},"at":5,"head":{{"origin":"example.org/audit/acme","root":"{}","size":1234}},"kind":"head","tenant":"system","version":2}}"#,
            "07".repeat(32)
        );
        assert_eq!(leaf, wanted);
        assert_eq!(serde_json::from_str::<Record>(&leaf).unwrap(), head(1_234));
        assert!(serde_json::from_str::<Record>(&leaf.replace("\"size\"", "\"more\":1,\"size\"")).is_err());
        for size in [0, INTEGER_MAX, INTEGER_MAX + 1, u64::MAX] {
            let (leaf, len) = (head(size).canonical(), head(size).canonical_len());
            assert_eq!(leaf.map(|leaf| leaf.len()).ok(), len.ok(), "{size}");
            assert_eq!(head(size).canonical().is_ok(), size <= INTEGER_MAX, "{size}");
        }
    }
}
