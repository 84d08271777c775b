//! What a restore does to the tasks of a database before it is served (semantics §7.4).

use std::sync::Arc;

use scalbotics_core::approval::Status;
use scalbotics_core::ids::TaskId;
use scalbotics_core::in_words;
use scalbotics_core::outside::ClaimsAge;
use scalbotics_core::ports::{ApprovalFilter, StoreError};
use scalbotics_core::task::{Command, Event, State};
use scalbotics_core::tenant::TenantId;

use super::draft::{Draft, Trouble};
use super::executor::Shared;
use crate::audit::Quota;
use crate::metrics::Metrics;
use crate::reconcile::States;
use crate::{Ports, Supervisor};

/// Tasks read at once.
const PAGE: usize = 500;

/// What became of the tasks that had not ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PutBack {
    /// Tasks that had not ended.
    pub tasks: u64,
    /// Effects that are in doubt now.
    pub in_doubt: u64,
    /// Approvals that lapsed.
    pub approvals: u64,
}

/// Makes every task that has not ended one of a restored database: nothing of it is sent again by itself. Nothing runs meanwhile.
///
/// # Errors
/// [`StoreError`]; a second run goes on from there. [`StoreError::Corrupt`] where an approval of one of these tenants would still count.
pub async fn put_back(ports: Ports, states: States, tenants: &[TenantId]) -> Result<PutBack, StoreError> {
    let metrics = Arc::new(Metrics::default());
    let shared = Shared::new(
        ports,
        states,
        Supervisor::new(Arc::clone(&metrics)),
        metrics,
        (Arc::new(Quota::default()), ClaimsAge::default()),
    );
    let (mut after, mut done): (Option<TaskId>, PutBack) = (None, PutBack::default());
    loop {
        let page = shared.ports.task_log.unfinished(after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.envelope.id);
        for state in &page {
            let events = one(&shared, state).await?;
            let count = |wanted: fn(&Event) -> bool| events.iter().filter(|event| wanted(event)).count() as u64;
            done.tasks += 1;
            done.in_doubt += count(|event| matches!(event, Event::InDoubt { .. }));
            done.approvals += count(|event| matches!(event, Event::ApprovalExpired { .. }));
        }
    }
    for (tenant, status) in tenants.iter().flat_map(|tenant| [Status::Waiting, Status::Granted].map(|status| (tenant, status))) {
        let filter = ApprovalFilter { status: Some(status), limit: 1, ..ApprovalFilter::default() };
        if let Some(left) = shared.ports.approval_store.list(tenant, &filter).await?.first() {
            return Err(StoreError::Corrupt { what: format!("approval `{}` belongs to no task that has not ended", left.id) });
        }
    }
    Ok(done)
}

async fn one(shared: &Shared, state: &State) -> Result<Vec<Event>, StoreError> {
    let refused = |trouble: Trouble| match trouble {
        Trouble::Store(error) => error,
        other @ (Trouble::Rejected(_) | Trouble::Corrupt(_) | Trouble::Cipher(_)) => {
            StoreError::Corrupt { what: format!("task `{}`: {}", state.envelope.id, in_words(&other)) }
        }
    };
    let mut draft = Draft::on(state, shared.now());
    draft.apply(Command::PutBack).map_err(refused)?;
    let events = draft.events.clone();
    if !events.is_empty() {
        shared.write(draft).await?;
    }
    Ok(events)
}
