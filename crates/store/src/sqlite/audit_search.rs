//! Finding audit records.

use std::sync::Arc;

use async_trait::async_trait;
use scalbotics_core::ports::{AuditFound, AuditSearch, Search, StoreError};
use scalbotics_core::tenant::TenantId;

use super::SqliteStore;

#[async_trait]
impl AuditSearch for SqliteStore {
    async fn search(&self, tenant: &TenantId, search: &Search) -> Result<AuditFound, StoreError> {
        let (tenant, search, index) = (tenant.clone(), search.clone(), Arc::clone(self.index()));
        Self::read(self, move |conn| index.search(conn, &tenant, &search)).await
    }
}
