//! How many uses of secrets an outcome comes behind, said in its record: evidence that leaves one out is noticed (semantics §1.2).
//!
//! A call that landed got every secret that its tool gets, so the definition says how many; any other got as many as it came to.

use std::collections::BTreeMap;

use scalbotics_core::audit::{Kind, Record};
use scalbotics_core::ids::{EffectId, TaskId};
use scalbotics_core::ports::{AuditQuery, StoreError};
use scalbotics_core::task::State;
use scalbotics_core::tenant::TenantId;
use scalbotics_core::tool::EffectClass;

use crate::Ports;

/// Records that one read takes.
const PAGE: usize = 1_000;

/// Counts the uses in the log for those of `records`, which become durable now, that have to say it. Nothing of their calls runs any more.
pub(super) async fn count(ports: &Ports, state: &State, records: &mut [Record]) -> Result<(), StoreError> {
    if !records.iter().any(|record| tells(state, record)) {
        return Ok(());
    }
    let uses = of_task(ports, (&state.envelope.tenant, state.envelope.id)).await?;
    for record in records.iter_mut().filter(|record| tells(state, record)) {
        record.secrets = record.effect.map(|effect| uses.get(&effect).copied().unwrap_or(0));
    }
    Ok(())
}

/// Whether a record has to say it. An intent comes behind earlier attempts without an outcome of their own; where a target is asked
/// afterwards, what landed may be another attempt than the last.
fn tells(state: &State, record: &Record) -> bool {
    let Some(outcome) = &record.outcome else { return false };
    let class = || record.effect.and_then(|effect| state.calls.get(&effect)).map(|call| call.intent.class);
    match record.kind {
        // Records of version 1 have no such field.
        _ if record.version == 1 => false,
        Kind::Intent => outcome.attempt.is_some_and(|attempt| attempt > 1),
        Kind::Outcome => outcome.word != "landed" || class() == Some(EffectClass::Verifiable),
        Kind::Rpc | Kind::Decision | Kind::Approval | Kind::Secret | Kind::Task | Kind::Installation | Kind::Head => false,
    }
}

async fn of_task(ports: &Ports, (tenant, task): (&TenantId, TaskId)) -> Result<BTreeMap<EffectId, u32>, StoreError> {
    let (mut uses, mut from): (BTreeMap<EffectId, u32>, u64) = (BTreeMap::new(), 0);
    loop {
        let query = AuditQuery { from, limit: PAGE, task: Some(task), kind: Some(Kind::Secret), ..AuditQuery::default() };
        let page = ports.audit_log.read(tenant, &query).await?;
        let Some(last) = page.last() else { return Ok(uses) };
        from = last.index.saturating_add(1);
        for entry in page {
            let record: Record = serde_json::from_slice(&entry.leaf)
                .map_err(|error| StoreError::Corrupt { what: format!("record {}: {error}", entry.index) })?;
            if let Some(effect) = record.effect {
                let count = uses.entry(effect).or_default();
                *count = count.saturating_add(1);
            }
        }
    }
}
