//! Reading decisions; they stay sealed here.

use async_trait::async_trait;
use scalbotics_core::ids::DecisionId;
use scalbotics_core::payload::Sealed;
use scalbotics_core::ports::{DecisionStore, StoreError};
use scalbotics_core::tenant::TenantId;

use super::SqliteStore;
use super::column::blob;
use super::payloads;

#[async_trait]
impl DecisionStore for SqliteStore {
    async fn get(&self, tenant: &TenantId, id: DecisionId) -> Result<Option<Sealed>, StoreError> {
        let tenant = tenant.clone();
        self.read(move |conn| payloads::read(conn, &tenant, blob(id.as_u128()))).await
    }
}
