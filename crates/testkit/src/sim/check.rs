//! What must hold when a run is over.

use std::collections::{BTreeMap, BTreeSet};

use scalbotics_core::approval::Status as Row;
use scalbotics_core::audit::{Kind, Record};
use scalbotics_core::ids::{ApprovalId, TaskId};
use scalbotics_core::ports::{ApprovalStore, AuditLog, AuditQuery, StoredEvent, TaskLog};
use scalbotics_core::task::{CallState, Event, Phase, State};
use scalbotics_core::tool::{EffectClass, Tier};

use super::life::Life;
use super::stage::Stage;

/// Whether a task has ended, or waits for a person to settle an effect.
pub(super) fn rests(state: &State) -> bool {
    state.status.is_final() || state.calls.values().any(|call| matches!(call.phase, Phase::InDoubt { .. }))
}

/// Every check.
pub(super) async fn at_end(life: &Life) {
    let stage = &life.stage;
    stage.outside.arrive(None);
    let records = records(stage).await;
    let states = stage.tasks();
    let mut used: BTreeSet<ApprovalId> = BTreeSet::new();
    for state in &states {
        let task = state.envelope.id;
        stage.trace.must(state.status.is_final(), || format!("{task} never ended: {:?} {:?}", state.status, state.calls));
        let over = state.account.taken().calls > state.envelope.budget.calls;
        stage.trace.must(!over, || format!("{task} used more calls than its budget"));
        let events = stage.store().events(&stage.world.tenant, task, 0, 1_000).await.unwrap_or_default();
        audited(stage, task, &events, &records);
        approved(stage, state, &events, &mut used).await;
        state.calls.values().for_each(|call| told_the_truth(stage, call, &events));
    }
    acknowledged(stage, &states);
    suspended(stage, &records);
    let panics = life.metrics.background_panics.get();
    stage.trace.must(panics == 0, || format!("{panics} background tasks panicked"));
}

async fn records(stage: &Stage) -> Vec<Record> {
    let mut records = Vec::new();
    loop {
        let from = u64::try_from(records.len()).unwrap_or(u64::MAX);
        let query = AuditQuery { from, limit: 1_000, ..AuditQuery::default() };
        let page = stage.store().read(&stage.world.tenant, &query).await.unwrap_or_default();
        if page.is_empty() {
            return records;
        }
        records.extend(page.iter().filter_map(|entry| serde_json::from_slice::<Record>(&entry.leaf).ok()));
    }
}

/// Every event has its record, in the order of the journal.
fn audited(stage: &Stage, task: TaskId, events: &[StoredEvent], records: &[Record]) {
    let own: Vec<&Record> = records.iter().filter(|record| record.task == Some(task)).collect();
    stage.trace.must(own.len() == events.len(), || format!("{task}: {} events, {} records", events.len(), own.len()));
    for (record, stored) in own.iter().zip(events) {
        let fits = match &stored.event {
            Event::Intended { intent, .. } => record.kind == Kind::Intent && record.effect == Some(intent.effect),
            Event::Landed { effect, .. }
            | Event::CallFailed { effect, .. }
            | Event::NotLanded { effect, .. }
            | Event::InDoubt { effect, .. }
            | Event::Settled { effect, .. } => record.kind == Kind::Outcome && record.effect == Some(*effect),
            Event::ApprovalRequested { approval, .. } => record.approval == Some(approval.id),
            Event::ApprovalGranted { approval, .. }
            | Event::ApprovalDenied { approval, .. }
            | Event::ApprovalExpired { approval } => record.kind == Kind::Approval && record.approval == Some(*approval),
            Event::CallDenied { .. } | Event::LoginRequested { .. } => record.kind == Kind::Decision,
            Event::Submitted { .. }
            | Event::LoginSeen { .. }
            | Event::LoginExpired
            | Event::CancelRequested { .. }
            | Event::Completed { .. }
            | Event::Failed { .. }
            | Event::Canceled => record.kind == Kind::Task,
        };
        stage.trace.must(fits && record.at == stored.at, || format!("{task}: record {record:?} is not that of {stored:?}"));
    }
}

/// Tier 2: the first intent uses one granted approval that was used nowhere else; nothing denied or lapsed is sent
/// (semantics §5.4).
async fn approved(stage: &Stage, state: &State, events: &[StoredEvent], used: &mut BTreeSet<ApprovalId>) {
    let (task, mut standing) = (state.envelope.id, BTreeMap::new());
    for stored in events {
        match &stored.event {
            Event::ApprovalGranted { approval, .. } => drop(standing.insert(*approval, Row::Granted)),
            Event::ApprovalDenied { approval, .. } => drop(standing.insert(*approval, Row::Denied)),
            Event::ApprovalExpired { approval } => drop(standing.insert(*approval, Row::Expired)),
            Event::Intended { intent, attempt, approval, .. } => {
                let wants = intent.tier == Tier::Risky && *attempt == 1;
                stage.trace.must(wants == approval.is_some(), || format!("{task}: {} sent without approval", intent.effect));
                if let Some(approval) = approval {
                    let granted = standing.insert(*approval, Row::Consumed) == Some(Row::Granted);
                    stage.trace.must(granted && used.insert(*approval), || format!("{task}: {approval} used wrongly"));
                }
            }
            Event::Submitted { .. }
            | Event::ApprovalRequested { .. }
            | Event::CallDenied { .. }
            | Event::LoginRequested { .. }
            | Event::LoginSeen { .. }
            | Event::LoginExpired
            | Event::Landed { .. }
            | Event::CallFailed { .. }
            | Event::NotLanded { .. }
            | Event::InDoubt { .. }
            | Event::Settled { .. }
            | Event::CancelRequested { .. }
            | Event::Completed { .. }
            | Event::Failed { .. }
            | Event::Canceled => {}
        }
    }
    let store = stage.store();
    for (approval, expected) in standing {
        let row = ApprovalStore::get(store.as_ref(), &stage.world.tenant, approval).await.ok().flatten();
        // A granted one that was not used lapses with its task.
        let fits = row.is_some_and(|row| row.status == expected || (expected, row.status) == (Row::Granted, Row::Expired));
        stage.trace.must(fits, || format!("{task}: row of {approval} is not {expected:?}"));
    }
}

/// What the journal says of an effect is what happened outside.
fn told_the_truth(stage: &Stage, call: &CallState, events: &[StoredEvent]) {
    let (effect, times) = (call.intent.effect, stage.outside.times(call.intent.effect));
    if call.intent.class == EffectClass::Pure {
        return;
    }
    // A person who settled as landed looked before a late request arrived or was lost; the machine's own word is exact.
    let fits = match &call.phase {
        Phase::Landed { .. } => times == 1,
        Phase::Failed { .. } | Phase::Ready | Phase::Waiting { .. } | Phase::Approved { .. } => times == 0,
        Phase::Sent | Phase::InDoubt { .. } => false,
    };
    stage.trace.must(fits, || {
        let about: Vec<&Event> = events.iter().map(|stored| &stored.event).collect();
        format!("{effect} is {:?} in the journal and happened {times} times: {about:?}", call.phase)
    });
}

/// Nothing acknowledged is lost, and one key is one task.
fn acknowledged(stage: &Stage, states: &[State]) {
    stage.asked(|asked| {
        for (key, asked) in asked.iter() {
            let of_key: Vec<TaskId> =
                states.iter().filter(|state| state.envelope.idempotency_key == *key).map(|state| state.envelope.id).collect();
            stage.trace.must(of_key.len() <= 1, || format!("{key} is {of_key:?}"));
            if let Some(task) = asked.answered {
                stage.trace.must(of_key.contains(&task), || format!("{key} was acknowledged as {task}, which is lost"));
            }
        }
    });
}

/// No intent after a suspension and before the agent is back.
fn suspended(stage: &Stage, records: &[Record]) {
    let mut suspended = false;
    for (place, record) in records.iter().enumerate() {
        match record.action.as_str() {
            "agent.suspend" => suspended = true,
            "agent.resume" => suspended = false,
            _ => stage
                .trace
                .must(!(suspended && record.kind == Kind::Intent), || format!("leaf {place}: an intent while suspended")),
        }
    }
}
