//! Gathering: records, what opens them, and the texts that they name by digest.

use std::collections::{BTreeMap, BTreeSet};

use scalbotics_core::audit::{Kind, Record};
use scalbotics_core::desired::PolicyFile;
use scalbotics_core::digest::Digest;
use scalbotics_core::evidence::{Called, Defined, Entry, Opening};
use scalbotics_core::ids::{DecisionId, EffectId, TaskId};
use scalbotics_core::payload::Payload;
use scalbotics_core::ports::{AuditEntry, AuditQuery, CipherError};
use scalbotics_core::task::Path;
use scalbotics_core::tenant::TenantId;
use scalbotics_core::time::Timestamp;
use serde::Deserialize;

use super::Error;
use super::contents::Contents;
use super::token::is_over;
use crate::Ports;
use crate::reconcile::States;
use crate::vault::{OpenError, Vault};

/// Records that one read takes.
const PAGE: usize = 1_000;

/// What of an approver's evidence leads to another record.
#[derive(Deserialize)]
struct Answered {
    #[serde(default)]
    self_approval: Option<DecisionId>,
}

/// Gathers the evidence of one task.
#[derive(Debug)]
pub(super) struct Gatherer<'a> {
    pub(super) ports: &'a Ports,
    pub(super) states: &'a States,
    pub(super) vault: &'a Vault,
    pub(super) tenant: &'a TenantId,
    pub(super) task: TaskId,
    pub(super) contents: Contents,
    pub(super) payloads: bool,
    pub(super) live_token: bool,
    pub(super) now: Timestamp,
}

/// What was gathered; the proofs of its records are empty.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    pub(super) records: Vec<Entry>,
    pub(super) openings: BTreeMap<Digest, Opening>,
    pub(super) withheld: BTreeSet<Digest>,
    pub(super) erased: BTreeSet<Digest>,
    pub(super) calls: BTreeMap<EffectId, Called>,
    pub(super) policies: BTreeMap<Digest, Vec<PolicyFile>>,
    pub(super) tools: BTreeMap<Digest, Defined>,
    pub(super) has_token: bool,
}

/// Records of one task, in order of index.
#[derive(Debug, Default)]
struct Found {
    /// One for each of its first events.
    numbered: Vec<(AuditEntry, Record)>,
    /// Uses of secrets between them, which are no events.
    uses: Vec<(AuditEntry, Record)>,
}

/// What became of a commitment.
#[derive(Debug)]
enum Opened {
    /// It is opened.
    With(Opening),
    /// It is left out.
    Withheld,
    /// Nobody can open it any more.
    Erased,
}

impl Gathered {
    fn open(&mut self, commitment: Digest, opened: Opened) {
        match opened {
            Opened::With(opening) => drop(self.openings.insert(commitment, opening)),
            Opened::Withheld => drop(self.withheld.insert(commitment)),
            Opened::Erased => {
                self.withheld.insert(commitment);
                self.erased.insert(commitment);
            }
        }
    }
}

impl Gatherer<'_> {
    /// Gathers the evidence of the first `count` events; `path` is what the task runs under.
    pub(super) async fn gather(&self, count: usize, path: &Path) -> Result<Gathered, Error> {
        let Found { numbered: records, uses } = self.records(count).await?;
        let mut gathered = Gathered::default();
        for (_, record) in &records {
            let outcome = record.outcome.as_ref().and_then(|outcome| outcome.commitment);
            for commitment in record.args.iter().chain(&outcome) {
                let opened = self.payload(commitment).await?;
                gathered.open(*commitment, opened);
            }
            self.decision(record, &mut gathered).await?;
        }
        self.goal_and_token(&mut gathered).await?;
        let answers = self.self_approvals(&records, &gathered).await?;
        for (_, record) in &answers {
            self.decision(record, &mut gathered).await?;
        }
        self.calls(&mut gathered).await?;
        let restore = self.restore(&records).await?;
        let mut all = [records, answers, uses, restore].concat();
        all.sort_by_key(|(entry, _)| entry.index);
        self.texts(&all, path, &mut gathered).await;
        let entry = |(entry, _): (AuditEntry, Record)| Entry { index: entry.index, leaf: entry.leaf, proof: Vec::new() };
        gathered.records = all.into_iter().map(entry).collect();
        Ok(gathered)
    }

    fn corrupt(&self, what: &str) -> Error {
        Error::Corrupt { task: self.task, what: what.to_owned() }
    }

    fn parsed(&self, entry: AuditEntry) -> Result<(AuditEntry, Record), Error> {
        let record = serde_json::from_slice(&entry.leaf).map_err(|error| self.corrupt(&error.to_string()))?;
        Ok((entry, record))
    }

    /// The records of the task's first `count` events, and of the secrets that its calls got between them.
    async fn records(&self, count: usize) -> Result<Found, Error> {
        let (mut found, mut from) = (Found { numbered: Vec::with_capacity(count), uses: Vec::new() }, 0);
        while found.numbered.len() < count {
            let query = AuditQuery { from, limit: PAGE, task: Some(self.task), ..AuditQuery::default() };
            let page = self.ports.audit_log.read(self.tenant, &query).await?;
            let Some(last) = page.last() else { return Err(Error::Unnumbered { task: self.task }) };
            from = last.index.saturating_add(1);
            for entry in page {
                let (entry, record) = self.parsed(entry)?;
                let done = found.numbered.len();
                match (record.seq, record.kind) {
                    (Some(seq), _) if seq == done as u64 && done < count => found.numbered.push((entry, record)),
                    (Some(seq), _) if seq < count as u64 => {
                        return Err(self.corrupt("records are not in the order of their events"));
                    }
                    // What comes behind the last event of the bundle belongs to a later one.
                    (None, Kind::Secret) if done < count => found.uses.push((entry, record)),
                    (Some(_) | None, _) => {}
                }
            }
        }
        Ok(found)
    }

    /// What opens a commitment of the journal.
    async fn payload(&self, commitment: &Digest) -> Result<Opened, Error> {
        let reference = self.contents.payloads.get(commitment);
        let reference = reference.ok_or_else(|| self.corrupt("a record commits to what the journal does not refer to"))?;
        if !self.payloads {
            return Ok(Opened::Withheld);
        }
        match self.vault.reveal(self.tenant, reference).await {
            Ok(payload) => Ok(Opened::With(Opening { salt: payload.salt, bytes: payload.bytes })),
            Err(OpenError::Erased(_)) => Ok(Opened::Erased),
            Err(OpenError::Store(error)) => Err(error.into()),
            Err(OpenError::Cipher(error)) => Err(error.into()),
        }
    }

    async fn goal_and_token(&self, gathered: &mut Gathered) -> Result<(), Error> {
        let known: Vec<Digest> = self.contents.payloads.keys().copied().collect();
        for commitment in known {
            let is_open = gathered.openings.contains_key(&commitment) || gathered.withheld.contains(&commitment);
            if is_open {
                continue;
            }
            let opened = self.payload(&commitment).await?;
            let is_token = self.contents.token == Some(commitment);
            let opened = match opened {
                Opened::With(token) if is_token && !self.live_token && !is_over(&token.bytes, self.now) => Opened::Withheld,
                opened @ (Opened::With(_) | Opened::Withheld | Opened::Erased) => opened,
            };
            gathered.has_token |= is_token && matches!(opened, Opened::With(_));
            gathered.open(commitment, opened);
        }
        Ok(())
    }

    async fn decision(&self, record: &Record, gathered: &mut Gathered) -> Result<(), Error> {
        let Some((note, commitment)) = record.decision.as_ref().and_then(|note| Some((note, note.commitment?))) else {
            return Ok(());
        };
        if !self.payloads {
            gathered.open(commitment, Opened::Withheld);
            return Ok(());
        }
        let sealed = self.ports.decision_store.get(self.tenant, note.id).await?;
        let opened = match sealed.map(|sealed| self.ports.cipher.open(&sealed)).transpose() {
            Err(CipherError::KeyGone) => None,
            opened => opened?,
        };
        let with = |payload: Payload| Opened::With(Opening { salt: payload.salt, bytes: payload.bytes });
        gathered.open(commitment, opened.map_or(Opened::Erased, with));
        Ok(())
    }

    /// The records of decisions that let somebody approve their own call: they are no events of the task.
    async fn self_approvals(
        &self,
        records: &[(AuditEntry, Record)],
        gathered: &Gathered,
    ) -> Result<Vec<(AuditEntry, Record)>, Error> {
        let mut found = Vec::new();
        for commitment in &self.contents.statements {
            let bytes = gathered.openings.get(commitment).map(|opening| opening.bytes.as_slice());
            let answered: Option<Answered> = bytes.and_then(|bytes| serde_json::from_slice(bytes).ok());
            let Some(decision) = answered.and_then(|answered| answered.self_approval) else { continue };
            let answer = |record: &Record| record.outcome.as_ref().is_some_and(|outcome| outcome.commitment == Some(*commitment));
            let Some((until, granted)) = records.iter().find(|(_, record)| answer(record)) else { continue };
            let asked = records.iter().find(|(_, record)| record.approval == granted.approval);
            let from = asked.map_or(0, |(entry, _)| entry.index);
            let record = self.decision_between(decision, from, until.index).await?;
            found.push(record.ok_or_else(|| self.corrupt("the decision about a self-approval has no record"))?);
        }
        Ok(found)
    }

    /// The record of the restore that let an approval lapse: without it nobody sees why a call that was never sent is in doubt.
    async fn restore(&self, records: &[(AuditEntry, Record)]) -> Result<Vec<(AuditEntry, Record)>, Error> {
        let lapsed = self.contents.put_back.and_then(|seq| records.iter().find(|(_, record)| record.seq == Some(seq)));
        let (Some((first, _)), Some((lapsed, _))) = (records.first(), lapsed) else { return Ok(Vec::new()) };
        let (mut from, mut found) = (first.index, None);
        while from < lapsed.index {
            let query = AuditQuery { from, limit: PAGE, kind: Some(Kind::Installation), ..AuditQuery::default() };
            let page = self.ports.audit_log.read(self.tenant, &query).await?;
            let Some(last) = page.last() else { break };
            from = last.index.saturating_add(1);
            for entry in page.into_iter().filter(|entry| entry.index < lapsed.index) {
                let (entry, record) = self.parsed(entry)?;
                if record.restored.is_some() {
                    found = Some((entry, record));
                }
            }
        }
        found.map_or_else(|| Err(self.corrupt("a restore has no record")), |restore| Ok(vec![restore]))
    }

    async fn decision_between(&self, id: DecisionId, from: u64, until: u64) -> Result<Option<(AuditEntry, Record)>, Error> {
        let mut from = from;
        while from < until {
            let query = AuditQuery { from, limit: PAGE, kind: Some(Kind::Decision), ..AuditQuery::default() };
            let page = self.ports.audit_log.read(self.tenant, &query).await?;
            let Some(last) = page.last() else { return Ok(None) };
            from = last.index.saturating_add(1);
            for entry in page {
                let (entry, record) = self.parsed(entry)?;
                if record.decision.as_ref().is_some_and(|note| note.id == id) {
                    return Ok(Some((entry, record)));
                }
            }
        }
        Ok(None)
    }

    /// What call digests are made of, where the arguments are opened.
    async fn calls(&self, gathered: &mut Gathered) -> Result<(), Error> {
        for (effect, intent) in &self.contents.calls {
            if !gathered.openings.contains_key(&intent.args.commitment) {
                continue;
            }
            let inputs = match self.vault.open_inputs(self.tenant, intent.inputs.as_ref()).await {
                Ok(inputs) => inputs,
                Err(OpenError::Store(error)) => return Err(error.into()),
                // Without its inputs the call digest cannot be recomputed, so the arguments are not shown either.
                Err(OpenError::Erased(_) | OpenError::Cipher(_)) => {
                    gathered.openings.remove(&intent.args.commitment);
                    gathered.withheld.insert(intent.args.commitment);
                    continue;
                }
            };
            gathered.calls.insert(*effect, Called { tool_digest: intent.tool_digest, inputs });
        }
        Ok(())
    }
}
