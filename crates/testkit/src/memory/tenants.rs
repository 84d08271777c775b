//! The registry of tenants.

use async_trait::async_trait;
use scalbotics_core::audit::Record;
use scalbotics_core::ports::{Human, Note, StoreError, TENANTS_MAX, Tenant, TenantRegistry};
use scalbotics_core::tenant::TenantId;

use super::MemoryStore;
use super::registry::{put_human, takes_away};
use super::state::refused;

#[async_trait]
impl TenantRegistry for MemoryStore {
    async fn tenant(&self, id: &TenantId) -> Result<Option<Tenant>, StoreError> {
        Ok(self.tables().tenants.get(id).cloned())
    }

    async fn tenants(&self) -> Result<Vec<Tenant>, StoreError> {
        Ok(self.tables().tenants.values().cloned().collect())
    }

    async fn put_tenant(
        &self,
        tenant: Tenant,
        record: Record,
        note: Option<Note>,
        first: Option<(Human, Note)>,
    ) -> Result<(), StoreError> {
        self.change(takes_away(tenant.standing), |tables| {
            match tables.tenants.get(&tenant.id) {
                Some(old) if old.created_at != tenant.created_at => {
                    return Err(StoreError::Taken { name: tenant.id.to_string() });
                }
                None if tables.tenants.len() >= TENANTS_MAX => return Err(refused("there are too many tenants")),
                Some(_) | None => {}
            }
            tables.note(&TenantId::system(), record.into())?;
            if let Some(note) = note {
                let whose = note.record.tenant.clone();
                tables.note(&whose, note)?;
            }
            if let Some((human, note)) = first {
                put_human(tables, human, note)?;
            }
            tables.tenants.insert(tenant.id.clone(), tenant);
            Ok(())
        })
    }
}
