//! The evidence service.

use std::sync::Arc;

use scalbotics_core::audit::checkpoint::{Checkpoint, origin};
use scalbotics_core::evidence::{Bundle, Cosigned, LEN_MAX, Submission};
use scalbotics_core::ids::TaskId;
use scalbotics_core::json;
use scalbotics_core::ports::{StoreError, StoredEvent};
use scalbotics_core::task::{Event, State};
use scalbotics_core::tenant::TenantId;
use scalbotics_core::time::Timestamp;
use serde_json::Value;

use super::Error;
use super::contents::Contents;
use super::gather::{Gathered, Gatherer};
use super::seen::{self, Seen};
use crate::reconcile::States;
use crate::vault::Vault;
use crate::{Caller, Ports};

/// Events and records that one read takes.
const PAGE: usize = 1_000;

/// What a caller wants of a task's evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// The task.
    pub task: TaskId,
    /// Whether payloads are opened: goal, arguments, results, reasons, decisions, statements, token.
    pub payloads: bool,
    /// Whether a token that is not over goes with it; only for who submitted by it.
    pub live_token: bool,
}

/// What of the installation's authority stands in evidence.
#[derive(Clone)]
pub struct Authority {
    /// The public key of tokens, a JWK.
    pub token_key: Value,
    /// The certificates that the daemon serves with at this moment, DER, its own first.
    pub certificates: Arc<dyn Fn() -> Vec<Vec<u8>> + Send + Sync>,
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authority").field("token_key", &self.token_key).finish_non_exhaustive()
    }
}

/// Evidence, for callers. Cloning shares it.
#[derive(Debug, Clone)]
pub struct Service {
    ports: Ports,
    states: States,
    vault: Vault,
    trust_domain: Arc<str>,
    authority: Authority,
}

impl Service {
    /// A service over these ports.
    #[must_use]
    pub fn new(ports: Ports, states: States, trust_domain: &str, authority: Authority) -> Self {
        let vault = Vault::new(&ports);
        Self { ports, states, vault, trust_domain: trust_domain.into(), authority }
    }

    /// The evidence of a task of the caller's tenant: the text of a bundle.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn export(&self, caller: &Caller, wanted: &Wanted) -> Result<Vec<u8>, Error> {
        let (tenant, task) = (&caller.principal.tenant, wanted.task);
        let events = self.events(tenant, task).await?;
        let submitted = events.first().map(|stored| &stored.event);
        let Some(Event::Submitted { envelope, path }) = submitted else { return Err(Error::NotFound { task }) };
        let submitter = envelope.chain.submitter().map(|principal| principal.uid);
        let gatherer = Gatherer {
            ports: &self.ports,
            states: &self.states,
            vault: &self.vault,
            tenant,
            task,
            contents: Contents::of(&events),
            payloads: wanted.payloads,
            live_token: wanted.live_token && submitter == Some(caller.principal.uid),
            now: self.now(),
        };
        let mut gathered = gatherer.gather(events.len(), path).await?;
        let (checkpoint, installation) = self.checkpoint(tenant, &mut gathered).await?;
        let bundle = Bundle {
            trust_domain: self.trust_domain.to_string(),
            submission: Submission::of(envelope, path),
            ended: ends(&events),
            checkpoint,
            certificates: (self.authority.certificates)(),
            records: gathered.records,
            installation,
            openings: gathered.openings,
            withheld: gathered.withheld,
            erased: gathered.erased,
            calls: gathered.calls,
            policies: gathered.policies,
            tools: gathered.tools,
            issuer: gathered.has_token.then(|| self.authority.token_key.clone()),
        };
        let packed = tokio::task::spawn_blocking(move || bundle.to_bytes()).await;
        match packed {
            Ok(Ok(bytes)) => Ok(bytes),
            Ok(Err(json::Error::TooLong { .. })) => Err(Error::TooLong { task, len_max: LEN_MAX }),
            Ok(Err(error)) => Err(Error::Corrupt { task, what: error.to_string() }),
            Err(error) => Err(Error::Corrupt { task, what: error.to_string() }),
        }
    }

    /// The state of a task, for deciding about the call.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn state(&self, tenant: &TenantId, task: TaskId) -> Result<Option<State>, StoreError> {
        self.ports.task_log.state(tenant, task).await
    }

    fn now(&self) -> Timestamp {
        self.ports.clock.now()
    }

    async fn events(&self, tenant: &TenantId, task: TaskId) -> Result<Vec<StoredEvent>, StoreError> {
        let mut events: Vec<StoredEvent> = Vec::new();
        loop {
            let page = self.ports.task_log.events(tenant, task, events.len() as u64, PAGE).await?;
            if page.is_empty() {
                return Ok(events);
            }
            events.extend(page);
        }
    }

    /// A signed checkpoint over all that was gathered, and the proofs towards it: the newest that a witness saw, or else the newest, or
    /// one that is signed now.
    async fn checkpoint(&self, tenant: &TenantId, gathered: &mut Gathered) -> Result<(String, Option<Cosigned>), Error> {
        let last = gathered.records.last().map_or(0, |entry| entry.index);
        let (note, installation) = match seen::seen(&self.ports, &self.trust_domain, tenant, last).await? {
            Some(Seen { checkpoint, installation }) => (checkpoint, Some(installation)),
            None => (self.newest(tenant, last).await?, None),
        };
        let size = Checkpoint::of_note(&note).map_err(|error| StoreError::Corrupt { what: error.to_string() })?.size;
        let indexes: Vec<u64> = gathered.records.iter().map(|entry| entry.index).collect();
        let proofs = self.ports.audit_tree.inclusion(tenant, size, &indexes).await?;
        gathered.records.iter_mut().zip(proofs).for_each(|(entry, proof)| entry.proof = proof);
        Ok((note, installation))
    }

    /// The newest checkpoint, or one that is signed now where it does not hold the leaf `last`.
    async fn newest(&self, tenant: &TenantId, last: u64) -> Result<String, Error> {
        let head = self.ports.audit_log.head(tenant).await?;
        let stored = head.checkpoint.as_deref().and_then(|note| Some((Checkpoint::of_note(note).ok()?, note)));
        if let Some((_, note)) = stored.filter(|(checkpoint, _)| checkpoint.size > last) {
            return Ok(note.to_owned());
        }
        let checkpoint = Checkpoint { origin: origin(&self.trust_domain, tenant), size: head.size, root: head.root };
        let note = self.ports.signer.sign_note(&checkpoint.text())?;
        self.ports.audit_log.put_checkpoint(tenant, head.size, head.root, &note).await?;
        Ok(note)
    }
}

fn ends(events: &[StoredEvent]) -> bool {
    let last = events.last().map(|stored| &stored.event);
    matches!(last, Some(Event::Completed { .. } | Event::Failed { .. } | Event::Canceled))
}
