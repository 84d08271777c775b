//! A batch made ready for the writer: checked, encoded and hashed on the caller's thread.

use std::sync::Arc;

use scalbotics_core::agent::Standing;
use scalbotics_core::approval;
use scalbotics_core::audit::{Kind, Record};
use scalbotics_core::ids::{EffectId, TaskId};
use scalbotics_core::payload::Sealed;
use scalbotics_core::ports::{Batch, IntentPermit, SealedDecision, StoreError, StoredAnswer};
use scalbotics_core::task::{Event, State};
use scalbotics_core::tenant::TenantId;

use super::column::{blob, document, integer, word};
use super::failure::corrupt;
use super::job::Class;
use super::journal::check_decisions;
use super::leaves::{Leaves, leaves};
use super::reserve::{Change, room};
use super::snapshot;

/// A row of an approval.
#[derive(Debug)]
pub(super) struct ApprovalRow {
    pub(super) id: [u8; 16],
    pub(super) status: &'static str,
    pub(super) request: Vec<u8>,
}

/// What the row of a task says beside its journal.
#[derive(Debug)]
pub(super) struct TaskRow {
    pub(super) id: [u8; 16],
    pub(super) status: &'static str,
    pub(super) ended: bool,
    pub(super) agent: String,
    pub(super) workflow: String,
    pub(super) base_version: i64,
    pub(super) version: i64,
    /// The whole state, when it is due to be written whole.
    pub(super) snapshot: Option<Vec<u8>>,
    pub(super) submitted_at: i64,
    pub(super) updated_at: i64,
}

/// The right of the acting agent that intents need at the commit.
#[derive(Debug)]
pub(super) struct Authority {
    pub(super) agent: [u8; 16],
    pub(super) epoch: i64,
    pub(super) standing: String,
}

/// A batch without its permits.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) task: TaskId,
    pub(super) tenant: TenantId,
    pub(super) row: TaskRow,
    pub(super) at: i64,
    pub(super) events: Vec<Vec<u8>>,
    pub(super) payloads: Vec<Sealed>,
    pub(super) approvals: Vec<ApprovalRow>,
    pub(super) decisions: Vec<SealedDecision>,
    pub(super) leaves: Arc<Leaves>,
    pub(super) authority: Option<Authority>,
    pub(super) change: Change,
    pub(super) answer: Option<(String, StoredAnswer)>,
}

/// What stays with the caller until the batch is durable.
#[derive(Debug)]
pub(super) struct Intents {
    /// Each permit, and how many records stand before its intent's in the batch.
    pub(super) permits: Vec<(IntentPermit, u64)>,
    /// The epoch that they were decided under.
    pub(super) epoch: u64,
}

/// Takes a batch apart.
pub(super) fn prepare(batch: Batch) -> Result<(Prepared, Intents), StoreError> {
    batch.check().map_err(|error| corrupt(error.to_string()))?;
    check_versions(&batch)?;
    let Batch { task, base_version, events, state, at, payloads, approvals, audit, decisions, intents, agent_epoch, answer } =
        batch;
    let tenant = state.envelope.tenant.clone();
    check_tenant(&tenant, &payloads, &approvals)?;
    check_decisions(&tenant, &decisions)?;
    let change = change(&events, &intents);
    let authority = (!intents.is_empty()).then(|| authority(&state, agent_epoch)).transpose()?;
    let permits = intents.into_iter().map(|intent| {
        let place = place_of(&audit, intent.permit.act().effect)?;
        Ok((intent, place))
    });
    let intents = Intents { permits: permits.collect::<Result<_, StoreError>>()?, epoch: agent_epoch };
    let prepared = Prepared {
        task,
        row: row(&state, base_version)?,
        at: at.unix_ms(),
        events: events.iter().map(document).collect::<Result<_, _>>()?,
        payloads,
        approvals: approvals.iter().map(approval_row).collect::<Result<_, _>>()?,
        decisions,
        leaves: leaves(&tenant, audit)?,
        authority,
        change,
        answer,
        tenant,
    };
    Ok((prepared, intents))
}

/// The room that is needed more and less after the batch.
fn change(events: &[Event], intents: &[IntentPermit]) -> Change {
    let key = |effect: EffectId| blob(effect.as_u128());
    let opens = intents.iter().map(|intent| (key(intent.permit.act().effect), room(intent.outcome_len_max)));
    let closes = events.iter().filter_map(|event| match event {
        Event::Landed { effect, .. }
        | Event::CallFailed { effect, .. }
        | Event::NotLanded { effect, .. }
        | Event::InDoubt { effect, .. } => Some(key(*effect)),
        Event::Submitted { .. }
        | Event::ApprovalRequested { .. }
        | Event::ApprovalGranted { .. }
        | Event::ApprovalDenied { .. }
        | Event::ApprovalExpired { .. }
        | Event::Intended { .. }
        | Event::CallDenied { .. }
        | Event::LoginRequested { .. }
        | Event::LoginSeen { .. }
        | Event::LoginExpired
        | Event::Settled { .. }
        | Event::CancelRequested { .. }
        | Event::Completed { .. }
        | Event::Failed { .. }
        | Event::Canceled => None,
    });
    Change { opens: opens.collect(), closes: closes.collect() }
}

fn check_versions(batch: &Batch) -> Result<(), StoreError> {
    let expected = batch.base_version.saturating_add(batch.events.len() as u64);
    let begins = batch.base_version > 0 || !batch.events.is_empty();
    if batch.state.version == expected && batch.state.envelope.id == batch.task && begins {
        Ok(())
    } else {
        Err(corrupt(format!("a batch whose state is not that of task `{}` after its events", batch.task)))
    }
}

fn check_tenant(tenant: &TenantId, payloads: &[Sealed], approvals: &[approval::Request]) -> Result<(), StoreError> {
    let foreign = payloads.iter().any(|p| p.tenant != *tenant) || approvals.iter().any(|a| a.tenant != *tenant);
    if foreign { Err(corrupt(format!("a batch of tenant `{tenant}` with rows of another"))) } else { Ok(()) }
}

fn place_of(audit: &[Record], effect: EffectId) -> Result<u64, StoreError> {
    let place = audit.iter().position(|record| record.kind == Kind::Intent && record.effect == Some(effect));
    place.map(|place| place as u64).ok_or_else(|| corrupt(format!("a batch without the audit record of effect `{effect}`")))
}

fn authority(state: &State, epoch: u64) -> Result<Authority, StoreError> {
    Ok(Authority { agent: blob(state.envelope.agent.as_u128()), epoch: integer(epoch)?, standing: word(&Standing::Active)? })
}

fn row(state: &State, base_version: u64) -> Result<TaskRow, StoreError> {
    let snapshot = snapshot::is_due(state, base_version).then(|| document(state)).transpose()?;
    Ok(TaskRow {
        id: blob(state.envelope.id.as_u128()),
        status: state.status.as_str(),
        ended: state.status.is_final(),
        agent: state.envelope.agent_name.to_string(),
        workflow: state.path.workflow().map(ToString::to_string).unwrap_or_default(),
        base_version: integer(base_version)?,
        version: integer(state.version)?,
        snapshot,
        submitted_at: state.envelope.submitted_at.unix_ms(),
        updated_at: state.updated_at.unix_ms(),
    })
}

fn approval_row(request: &approval::Request) -> Result<ApprovalRow, StoreError> {
    Ok(ApprovalRow { id: blob(request.id.as_u128()), status: request.status.as_str(), request: document(request)? })
}

impl Prepared {
    /// How the writer has to treat it. What neither begins a task nor sends anything is an outcome, which must always find room.
    pub(super) fn class(&self) -> Class {
        let payloads = self.payloads.iter().map(|p| p.ciphertext.len());
        let documents = self.events.iter().chain(&self.row.snapshot).map(Vec::len);
        let decisions = self.decisions.iter().map(|decision| decision.sealed.ciphertext.len());
        Class {
            weight: payloads.chain(documents).chain(decisions).fold(self.leaves.weight(), usize::saturating_add),
            essential: self.authority.is_none() && self.row.base_version > 0,
            change: self.change.clone(),
        }
    }
}
