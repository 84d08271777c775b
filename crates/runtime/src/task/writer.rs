//! From a draft to durable: the one place where a task's batch is committed.

use scalbotics_core::approval::Request;
use scalbotics_core::policy::{Decision, Warrant};
use scalbotics_core::ports::{Batch, StoreError};
use scalbotics_core::task::{Event, State};
use scalbotics_core::tool::Call;

use super::draft::{Draft, Row};
use super::executor::Shared;
use super::uses;

/// What a commit gave.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) state: State,
    pub(super) warrants: Vec<Warrant<Call>>,
}

impl Shared {
    /// Makes the draft durable, counts it, and tells watchers.
    ///
    /// # Errors
    /// [`StoreError`]: nothing of the draft is durable.
    pub(super) async fn write(&self, draft: Draft) -> Result<Written, StoreError> {
        let corrupt = |what: &str| StoreError::Corrupt { what: what.to_owned() };
        let approvals = self.rows(&draft).await?;
        let state = draft.state.ok_or_else(|| corrupt("a draft without a state"))?;
        // A decision that no record notes could be asked about by nobody, and would be found by no erasure.
        let noted = |decision: &&Decision| {
            draft.audit.iter().filter_map(|record| record.decision.as_ref()).any(|note| note.id == decision.id)
        };
        let sealed = self.vault.seal_decisions(&state.envelope.tenant, draft.decisions.iter().filter(noted));
        let decisions = sealed.map_err(|error| corrupt(&error.to_string()))?;
        let mut audit = draft.audit;
        uses::count(&self.ports, &state, &mut audit).await?;
        audit.iter_mut().filter_map(|record| record.decision.as_mut()).for_each(|note| note.commit_to(&decisions));
        let ends: Vec<Event> = draft.events.iter().filter(|event| is_counted(event)).cloned().collect();
        let batch = Batch {
            task: draft.task,
            base_version: draft.base_version,
            events: draft.events,
            state: state.clone(),
            at: draft.at,
            payloads: draft.payloads,
            approvals,
            audit,
            decisions,
            intents: draft.intents,
            agent_epoch: draft.agent_epoch,
            answer: draft.answer,
        };
        batch.check().map_err(|error| corrupt(&error.to_string()))?;
        self.quota.admit(&batch, self.now())?;
        let begun = tokio::time::Instant::now();
        let committed = self.ports.task_log.commit(batch).await;
        self.metrics.commit_duration.observe(begun.elapsed());
        match committed {
            Ok(committed) => {
                self.count(&ends, &state);
                self.watchers.tell(state.envelope.id, state.version);
                Ok(Written { state, warrants: committed.warrants })
            }
            Err(error) => {
                if matches!(error, StoreError::Full) {
                    self.metrics.commits_full.add(1);
                }
                Err(error)
            }
        }
    }

    async fn rows(&self, draft: &Draft) -> Result<Vec<Request>, StoreError> {
        let mut rows = Vec::with_capacity(draft.rows.len());
        for (id, row) in &draft.rows {
            let (status, by) = match row {
                Row::New(request) => {
                    rows.push(Request::clone(request));
                    continue;
                }
                Row::Change(status, by) => (*status, *by),
            };
            let tenant = draft.state.as_ref().map(|state| &state.envelope.tenant);
            let stored = match tenant {
                Some(tenant) => self.ports.approval_store.get(tenant, *id).await?,
                None => None,
            };
            let stored = stored.ok_or_else(|| StoreError::Corrupt { what: format!("approval `{id}` has no row") })?;
            rows.push(Request { status, answered_by: by.or(stored.answered_by), ..stored });
        }
        Ok(rows)
    }

    fn count(&self, events: &[Event], state: &State) {
        for event in events {
            match event {
                Event::Submitted { .. } => self.metrics.tasks_submitted.add(1),
                Event::ApprovalRequested { .. } => self.metrics.approvals_asked.add(1),
                Event::ApprovalGranted { .. } => self.metrics.approvals_granted.add(1),
                Event::ApprovalDenied { .. } => self.metrics.approvals_denied.add(1),
                Event::ApprovalExpired { .. } => self.metrics.approvals_expired.add(1),
                Event::LoginRequested { .. } => self.metrics.logins_requested.add(1),
                Event::LoginSeen { .. } => self.metrics.logins_seen.add(1),
                Event::LoginExpired => self.metrics.logins_expired.add(1),
                Event::InDoubt { .. } => self.metrics.effects_in_doubt.add(1),
                Event::Completed { .. } | Event::Failed { .. } | Event::Canceled => {
                    self.metrics.count_end(state.status);
                    let trace = state.envelope.trace.as_ref().map(|trace| trace.trace_id.as_str());
                    tracing::info!(task = %state.envelope.id, status = state.status.as_str(), failure = ?state.failure, trace, "task ended");
                }
                Event::Intended { .. }
                | Event::CallDenied { .. }
                | Event::Landed { .. }
                | Event::CallFailed { .. }
                | Event::NotLanded { .. }
                | Event::Settled { .. }
                | Event::CancelRequested { .. } => {}
            }
        }
    }
}

const fn is_counted(event: &Event) -> bool {
    match event {
        Event::Submitted { .. }
        | Event::ApprovalRequested { .. }
        | Event::ApprovalGranted { .. }
        | Event::ApprovalDenied { .. }
        | Event::ApprovalExpired { .. }
        | Event::LoginRequested { .. }
        | Event::LoginSeen { .. }
        | Event::LoginExpired
        | Event::InDoubt { .. }
        | Event::Completed { .. }
        | Event::Failed { .. }
        | Event::Canceled => true,
        Event::Intended { .. }
        | Event::CallDenied { .. }
        | Event::Landed { .. }
        | Event::CallFailed { .. }
        | Event::NotLanded { .. }
        | Event::Settled { .. }
        | Event::CancelRequested { .. } => false,
    }
}
