//! A mutation whose whole effect is one commit of ours: what is noted in that commit, and how a repeated request is answered.
//!
//! **Invariant:** a change has one audit record, in its own commit, with the decision that let it in (semantics §1.2); the first
//! answer to a request id is the answer to all of them (semantics §9.1).

use std::sync::Arc;

use scalbotics_core::audit::{DecisionNote, Kind, OutcomeNote, Record};
use scalbotics_core::ports::{CipherError, Note, StoreError};
use scalbotics_core::time::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::audit::Quota;
use crate::task::Repeat;
use crate::vault::{SealError, Vault};
use crate::{Caller, Ports};

/// Why a change was not made.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// The request id was used for another request.
    #[error("request id was used for another request")]
    KeyReused,
    /// Something to be noted cannot be.
    #[error("change could not be noted")]
    Note {
        /// What is wrong.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The store did not take it; nothing is durable.
    #[error("change was not stored")]
    Store(#[from] StoreError),
}

impl From<SealError> for ChangeError {
    fn from(source: SealError) -> Self {
        Self::Note { source: source.into() }
    }
}

impl From<CipherError> for ChangeError {
    fn from(source: CipherError) -> Self {
        Self::Note { source: source.into() }
    }
}

impl From<serde_json::Error> for ChangeError {
    fn from(source: serde_json::Error) -> Self {
        Self::Note { source: source.into() }
    }
}

/// What was changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed<T> {
    /// As it is after the change.
    pub now: T,
    /// Whether the commit holds the call's audit record: not for a replayed answer, nor where nothing was to be changed.
    pub audited: bool,
}

/// Makes changes.
#[derive(Debug, Clone)]
pub(crate) struct Changes {
    pub(crate) ports: Ports,
    pub(crate) vault: Vault,
    quota: Arc<Quota>,
}

/// One change that a caller asks for.
#[derive(Debug)]
pub(crate) struct Change<'a> {
    changes: &'a Changes,
    caller: &'a Caller,
    action: &'static str,
    repeat: Option<Repeat>,
    pub(crate) at: Timestamp,
}

impl Changes {
    pub(crate) fn new(ports: Ports, quota: Arc<Quota>) -> Self {
        Self { vault: Vault::new(&ports), ports, quota }
    }

    /// Takes the bytes of a record that no caller's change notes.
    pub(crate) fn admit(&self, record: &Record, at: Timestamp) -> Result<(), ChangeError> {
        Ok(self.quota.admit_call(record, &[], at)?)
    }

    /// Begins a change; `body` tells this request from others.
    pub(crate) fn begin<'a>(&'a self, caller: &'a Caller, action: &'static str, body: &[u8]) -> Result<Change<'a>, ChangeError> {
        let repeat = Repeat::of(&self.vault, caller, action, body)?;
        Ok(Change { changes: self, caller, action, repeat, at: self.ports.clock.now() })
    }
}

impl Change<'_> {
    /// The first answer to the same request, if there was one.
    pub(crate) async fn known<T: DeserializeOwned>(&self) -> Result<Option<Changed<T>>, ChangeError> {
        let Some(repeat) = &self.repeat else { return Ok(None) };
        let Some(stored) = self.changes.ports.task_log.answer(&repeat.key, self.at).await? else { return Ok(None) };
        if stored.body != repeat.body {
            return Err(ChangeError::KeyReused);
        }
        Ok(Some(Changed { now: serde_json::from_slice(&stored.answer)?, audited: false }))
    }

    /// What becomes durable with the change, which is about `target` and answered with `answer`.
    pub(crate) fn note<T: Serialize>(&self, target: &str, answer: &T) -> Result<Note, ChangeError> {
        let principal = &self.caller.principal;
        let mut record = Record::new(Kind::Rpc, self.at, principal.tenant.clone(), principal.uid, self.action);
        record.target = Some(target.to_owned());
        record.decision = self.caller.decision.as_ref().map(DecisionNote::of);
        record.outcome = Some(OutcomeNote { word: "ok".to_owned(), attempt: None, commitment: None });
        record.request = Some(self.caller.request);
        record.trace = self.caller.trace.as_ref().map(|trace| trace.trace_id.clone());
        let decisions = self.changes.vault.seal_decisions(&principal.tenant, self.caller.decision.as_slice())?;
        self.changes.quota.admit_call(&record, &decisions, self.at)?;
        let text = serde_json::to_string(answer)?;
        let answer = self.repeat.clone().map(|repeat| repeat.answered(text, self.at));
        Ok(Note { record, decisions, answer })
    }
}
