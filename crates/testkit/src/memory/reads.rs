//! Payloads, approvals, decisions and epochs.

use async_trait::async_trait;
use scalbotics_core::approval::Request;
use scalbotics_core::ids::{AgentUid, ApprovalId, DecisionId, PayloadId};
use scalbotics_core::payload::Sealed;
use scalbotics_core::ports::{ApprovalFilter, ApprovalStore, DecisionStore, Epochs, EpochsNow, PayloadStore, StoreError};
use scalbotics_core::tenant::TenantId;

use super::MemoryStore;

/// Most rows of one read.
const PAGE_MAX: usize = 1_000;

#[async_trait]
impl PayloadStore for MemoryStore {
    async fn get(&self, tenant: &TenantId, id: PayloadId) -> Result<Option<Sealed>, StoreError> {
        Ok(self.tables().payloads.get(&id).filter(|sealed| sealed.tenant == *tenant).cloned())
    }
}

#[async_trait]
impl ApprovalStore for MemoryStore {
    async fn get(&self, tenant: &TenantId, id: ApprovalId) -> Result<Option<Request>, StoreError> {
        Ok(self.tables().approvals.get(&id).filter(|request| request.tenant == *tenant).cloned())
    }

    async fn list(&self, tenant: &TenantId, filter: &ApprovalFilter) -> Result<Vec<Request>, StoreError> {
        let wanted = |request: &&Request| {
            request.tenant == *tenant
                && filter.status.is_none_or(|status| request.status == status)
                && filter.before.is_none_or(|before| request.id < before)
        };
        Ok(self.tables().approvals.values().rev().filter(wanted).take(filter.limit.clamp(1, PAGE_MAX)).cloned().collect())
    }
}

#[async_trait]
impl DecisionStore for MemoryStore {
    async fn get(&self, tenant: &TenantId, id: DecisionId) -> Result<Option<Sealed>, StoreError> {
        Ok(self.tables().decisions.get(&id).filter(|sealed| sealed.tenant == *tenant).cloned())
    }
}

#[async_trait]
impl Epochs for MemoryStore {
    async fn now(&self, agent: AgentUid) -> Result<EpochsNow, StoreError> {
        Ok(EpochsNow { writer: self.writer_epoch, agent: self.tables().agents.get(&agent).cloned() })
    }
}
