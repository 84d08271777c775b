//! The registry of services.

use async_trait::async_trait;
use scalbotics_core::ids::ServiceUid;
use scalbotics_core::ports::{Note, ServiceRegistry, StoreError};
use scalbotics_core::service::Service;
use scalbotics_core::tenant::{Name, TenantId};

use super::MemoryStore;
use super::registry::{Fixed, check, takes_away};

#[async_trait]
impl ServiceRegistry for MemoryStore {
    async fn service(&self, tenant: &TenantId, name: &Name) -> Result<Option<Service>, StoreError> {
        Ok(self.tables().services.values().find(|service| service.tenant == *tenant && service.name == *name).cloned())
    }

    async fn service_by_uid(&self, uid: ServiceUid) -> Result<Option<Service>, StoreError> {
        Ok(self.tables().services.get(&uid).cloned())
    }

    async fn services(&self, tenant: &TenantId) -> Result<Vec<Service>, StoreError> {
        let mut all: Vec<Service> = self.tables().services.values().filter(|s| s.tenant == *tenant).cloned().collect();
        all.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(all)
    }

    async fn put_service(&self, service: Service, note: Note) -> Result<(), StoreError> {
        self.change(takes_away(service.standing), |tables| {
            let (tenant, name, uid) = (&service.tenant, &service.name, service.uid);
            let taken = tables.services.values().any(|s| s.tenant == *tenant && s.name == *name && s.uid != uid);
            let old: Option<Fixed<'_>> = tables.services.get(&uid).map(|old| (&old.tenant, &old.name, old.epoch, old.standing));
            check(old, (tenant, name, service.epoch, service.standing), taken)?;
            tables.note(tenant, note)?;
            tables.services.insert(uid, service);
            Ok(())
        })
    }
}
