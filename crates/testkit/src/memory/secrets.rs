//! Secrets.

use async_trait::async_trait;
use scalbotics_core::audit::Record;
use scalbotics_core::ids::SecretId;
use scalbotics_core::ports::{Note, SealedSecret, SecretStore, StoreError};
use scalbotics_core::secret::SECRETS_MAX;
use scalbotics_core::tenant::{Name, TenantId};
use scalbotics_core::time::Timestamp;

use super::MemoryStore;
use super::state::{Tables, corrupt, refused};

/// The stored secret, which has to be there in this version.
fn stored<'a>(
    tables: &'a mut Tables,
    tenant: &TenantId,
    (id, version): (SecretId, Option<u64>),
) -> Result<&'a mut SealedSecret, StoreError> {
    let fits = |secret: &&mut SealedSecret| {
        secret.facts.tenant == *tenant && version.is_none_or(|version| secret.facts.version == version)
    };
    tables.secrets.get_mut(&id).filter(fits).ok_or(StoreError::Taken { name: id.to_string() })
}

#[async_trait]
impl SecretStore for MemoryStore {
    async fn put(&self, secret: SealedSecret, note: Note) -> Result<(), StoreError> {
        self.change(false, |tables| {
            let facts = &secret.facts;
            if secret.sealed.tenant != facts.tenant {
                return Err(corrupt("a secret of another tenant"));
            }
            let own: Vec<&SealedSecret> = tables.secrets.values().filter(|s| s.facts.tenant == facts.tenant).collect();
            if own.iter().any(|other| other.facts.name == facts.name) {
                return Err(StoreError::Taken { name: facts.name.to_string() });
            }
            if own.len() >= SECRETS_MAX {
                return Err(refused("the tenant has as many as it may have"));
            }
            tables.note(&facts.tenant, note)?;
            tables.secrets.insert(facts.id, secret);
            Ok(())
        })
    }

    async fn rotate(&self, secret: SealedSecret, note: Note) -> Result<(), StoreError> {
        self.change(false, |tables| {
            let (facts, tenant) = (secret.facts.clone(), secret.facts.tenant.clone());
            if secret.sealed.tenant != tenant {
                return Err(corrupt("a secret of another tenant"));
            }
            let old = stored(tables, &tenant, (facts.id, facts.version.checked_sub(1)))?;
            if old.facts.name != facts.name {
                return Err(StoreError::Taken { name: facts.name.to_string() });
            }
            let used_at = old.facts.used_at;
            *old = secret;
            old.facts.used_at = used_at;
            tables.note(&tenant, note)
        })
    }

    async fn remove(&self, tenant: &TenantId, id: SecretId, note: Note) -> Result<(), StoreError> {
        self.change(true, |tables| {
            stored(tables, tenant, (id, None))?;
            tables.secrets.remove(&id);
            tables.note(tenant, note)
        })
    }

    async fn get(&self, tenant: &TenantId, name: &Name) -> Result<Option<SealedSecret>, StoreError> {
        let tables = self.tables();
        Ok(tables.secrets.values().find(|s| s.facts.tenant == *tenant && s.facts.name == *name).cloned())
    }

    async fn list(&self, tenant: &TenantId) -> Result<Vec<SealedSecret>, StoreError> {
        let mut own: Vec<SealedSecret> =
            self.tables().secrets.values().filter(|secret| secret.facts.tenant == *tenant).cloned().collect();
        own.sort_by(|a, b| a.facts.name.cmp(&b.facts.name));
        Ok(own)
    }

    async fn note_use(&self, (id, version): (SecretId, u64), at: Timestamp, record: Record) -> Result<(), StoreError> {
        let tenant = record.tenant.clone();
        self.change(false, |tables| {
            stored(tables, &tenant, (id, Some(version)))?.facts.used_at = Some(at);
            tables.append(&tenant, &[record]).map(|_| ())
        })
    }
}
