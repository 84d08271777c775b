//! The audit log.

use std::ops::Range;

use async_trait::async_trait;
use scalbotics_core::audit::checkpoint::Checkpoint;
use scalbotics_core::audit::merkle;
use scalbotics_core::audit::{Facts, Order, Record};
use scalbotics_core::digest::Digest;
use scalbotics_core::ports::{
    AuditEntry, AuditFound, AuditLog, AuditQuery, AuditSearch, AuditTree, LogHead, SealedDecision, Search, StoreError,
};
use scalbotics_core::tenant::TenantId;

use super::MemoryStore;
use super::state::refused;

/// Most entries of one read.
const PAGE_MAX: usize = 1_000;

#[async_trait]
impl AuditLog for MemoryStore {
    async fn append(&self, records: Vec<Record>, decisions: Vec<SealedDecision>) -> Result<u64, StoreError> {
        let tenant = records.first().map(|record| record.tenant.clone()).ok_or_else(|| refused("there is no record"))?;
        self.change(false, |tables| {
            tables.decide(&tenant, decisions)?;
            tables.append(&tenant, &records)
        })
    }

    async fn read(&self, tenant: &TenantId, query: &AuditQuery) -> Result<Vec<AuditEntry>, StoreError> {
        let tables = self.tables();
        let Some(log) = tables.logs.get(tenant) else { return Ok(Vec::new()) };
        let wanted = |index: u64, record: &Record| {
            index >= query.from
                && query.task.is_none_or(|task| record.task == Some(task))
                && query.kind.is_none_or(|kind| record.kind == kind)
                && query.since.is_none_or(|since| record.at >= since)
        };
        let entries = (0..).zip(&log.records).filter(|(index, (record, _))| wanted(*index, record));
        let entries = entries.map(|(index, (_, leaf))| AuditEntry { index, leaf: leaf.clone() });
        Ok(entries.take(query.limit.clamp(1, PAGE_MAX)).collect())
    }

    async fn head(&self, tenant: &TenantId) -> Result<LogHead, StoreError> {
        let tables = self.tables();
        let Some(log) = tables.logs.get(tenant) else {
            return Ok(LogHead { size: 0, root: merkle::root(&[]), checkpoint: None });
        };
        let size = log.records.len() as u64;
        let root = log.root_at(size).unwrap_or_else(|| merkle::root(&[]));
        Ok(LogHead { size, root, checkpoint: log.checkpoints.values().next_back().cloned() })
    }

    async fn put_checkpoint(&self, tenant: &TenantId, size: u64, root: Digest, note: &str) -> Result<(), StoreError> {
        let said = Checkpoint::of_note(note).map_err(|error| refused(&error.to_string()))?;
        self.change(false, |tables| {
            let log = tables.logs.get_mut(tenant).ok_or_else(|| refused("there is no log"))?;
            let reached = size > 0 && log.root_at(size) == Some(root);
            if !reached || (said.size, said.root) != (size, root) {
                return Err(refused("the log never had that size and root"));
            }
            log.checkpoints.insert(size, note.to_owned());
            Ok(())
        })
    }

    async fn checkpoints(&self, tenant: &TenantId) -> Result<Vec<String>, StoreError> {
        Ok(self.tables().logs.get(tenant).map(|log| log.checkpoints.values().cloned().collect()).unwrap_or_default())
    }

    async fn grown(&self, tenant: &TenantId, size: u64) -> Result<(), StoreError> {
        let longer = |_: &u64| self.tables().logs.get(tenant).is_some_and(|log| log.records.len() as u64 > size);
        self.commits.subscribe().wait_for(longer).await.map(|_| ()).map_err(|_| StoreError::Closing)
    }
}

#[async_trait]
impl AuditSearch for MemoryStore {
    async fn search(&self, tenant: &TenantId, search: &Search) -> Result<AuditFound, StoreError> {
        let tables = self.tables();
        let Some(log) = tables.logs.get(tenant) else { return Ok(AuditFound::default()) };
        let all = (0..).zip(&log.records).map(|(index, (_, leaf))| AuditEntry { index, leaf: leaf.clone() });
        let wanted = |entry: &AuditEntry| Facts::of_leaf(&entry.leaf).is_some_and(|facts| search.filter.wants(&facts));
        let mut found: Vec<AuditEntry> = all.filter(wanted).collect();
        match search.order {
            Order::OldestFirst => found.retain(|entry| search.start.is_none_or(|start| entry.index >= start)),
            Order::NewestFirst => {
                found.retain(|entry| search.start.is_none_or(|start| entry.index <= start));
                found.reverse();
            }
        }
        let next = found.get(search.limit.clamp(1, PAGE_MAX)).map(|entry| entry.index);
        found.truncate(search.limit.clamp(1, PAGE_MAX));
        Ok(AuditFound { entries: found, next })
    }
}

#[async_trait]
impl AuditTree for MemoryStore {
    async fn roots(&self, tenant: &TenantId, ranges: Vec<Range<u64>>) -> Result<Vec<Digest>, StoreError> {
        let tables = self.tables();
        let log = tables.logs.get(tenant).ok_or_else(|| refused("there is no log"))?;
        let hashes: Vec<Digest> = log.records.iter().map(|(_, leaf)| merkle::leaf_hash(leaf)).collect();
        let root = |range: &Range<u64>| {
            let (start, end) = (usize::try_from(range.start).ok()?, usize::try_from(range.end).ok()?);
            hashes.get(start..end).filter(|part| !part.is_empty()).map(merkle::root)
        };
        ranges.iter().map(|range| root(range).ok_or_else(|| refused("the log has not these leaves"))).collect()
    }

    async fn checkpoint_from(&self, tenant: &TenantId, size: u64) -> Result<Option<String>, StoreError> {
        let tables = self.tables();
        Ok(tables.logs.get(tenant).and_then(|log| log.checkpoints.range(size..).next().map(|(_, note)| note.clone())))
    }

    async fn inclusion(&self, tenant: &TenantId, size: u64, indexes: &[u64]) -> Result<Vec<Vec<Digest>>, StoreError> {
        let tables = self.tables();
        let records = tables.logs.get(tenant).map(|log| log.records.as_slice()).unwrap_or_default();
        let of_size = usize::try_from(size).ok().and_then(|size| records.get(..size));
        let leaves: Vec<Digest> = of_size
            .ok_or_else(|| refused("the log never had that size"))?
            .iter()
            .map(|(_, leaf)| merkle::leaf_hash(leaf))
            .collect();
        let proof = |index: &u64| usize::try_from(*index).ok().and_then(|index| merkle::inclusion_proof(&leaves, index));
        indexes.iter().map(|index| proof(index).ok_or_else(|| refused("there is no such leaf"))).collect()
    }
}
