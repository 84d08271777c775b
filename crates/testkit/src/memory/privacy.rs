//! Holds, orders to erase, the destruction of payloads, and wrapped keys.

use async_trait::async_trait;
use scalbotics_core::ids::PayloadId;
use scalbotics_core::payload::Sealed;
use scalbotics_core::ports::{Forgotten, Orders, PrivacyChange, PrivacyStore, Rewrapped, StoreError, WrapStore};
use scalbotics_core::privacy::{ERASURES_MAX, Erasure, HOLDS_MAX, Hold, Marks};
use scalbotics_core::tenant::TenantId;

use super::MemoryStore;
use super::state::{Tables, corrupt, refused};

/// Most rows of one read.
const PAGE_MAX: usize = 1_000;

#[async_trait]
impl PrivacyStore for MemoryStore {
    async fn change(&self, change: PrivacyChange) -> Result<u64, StoreError> {
        self.change(false, |tables| apply(tables, change))
    }

    async fn holds(&self, tenant: &TenantId) -> Result<Vec<Hold>, StoreError> {
        Ok(holds(&self.tables(), tenant))
    }

    async fn orders(&self, tenant: &TenantId, which: Orders) -> Result<Vec<Erasure>, StoreError> {
        let tables = self.tables();
        let own = tables.erasures.values().filter(|order| order.tenant == *tenant);
        Ok(match which {
            Orders::UnderWay => own.filter(|order| order.done_at.is_none()).take(PAGE_MAX).cloned().collect(),
            Orders::Done => own.filter(|order| order.done_at.is_some()).rev().take(ERASURES_MAX).cloned().collect(),
        })
    }

    async fn marks(&self, tenant: &TenantId) -> Result<Marks, StoreError> {
        Ok(self.tables().marks.get(tenant).cloned().unwrap_or_default())
    }

    async fn is_destroyed(&self, tenant: &TenantId, id: PayloadId) -> Result<bool, StoreError> {
        Ok(self.tables().destroyed.get(&id) == Some(tenant))
    }

    async fn scrub(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

fn holds(tables: &Tables, tenant: &TenantId) -> Vec<Hold> {
    tables.holds.values().filter(|hold| hold.tenant == *tenant).cloned().collect()
}

fn apply(tables: &mut Tables, change: PrivacyChange) -> Result<u64, StoreError> {
    let tenant = change.tenant;
    if let Some(scopes) = &change.unless_held
        && let Some(hold) = Hold::find(&holds(tables, &tenant), scopes)
    {
        return Err(StoreError::Taken { name: hold.id.to_string() });
    }
    if let Some(id) = change.lift {
        let own = tables.holds.remove(&id).is_some_and(|hold| hold.tenant == tenant);
        if !own {
            return Err(StoreError::Taken { name: id.to_string() });
        }
    }
    let mut destroyed = 0;
    for id in change.destroy {
        destroyed += u64::from(destroy(tables, &tenant, id));
    }
    for forgotten in &change.forget_answers {
        tables.answers.retain(|key, _| match forgotten {
            Forgotten::Key(whole) => key != whole,
            Forgotten::Beginning(beginning) => !key.starts_with(beginning.as_str()),
        });
    }
    for sealed in change.payloads {
        if sealed.tenant != tenant {
            return Err(corrupt("a payload of another tenant"));
        }
        tables.payloads.insert(sealed.reference.id, sealed);
    }
    if let Some(hold) = change.hold {
        if hold.tenant != tenant {
            return Err(corrupt("a hold of another tenant"));
        }
        if holds(tables, &tenant).len() >= HOLDS_MAX {
            return Err(refused("the tenant has as many as it may have"));
        }
        tables.holds.insert(hold.id, hold);
    }
    if let Some(erasure) = change.erasure {
        if erasure.tenant != tenant {
            return Err(corrupt("an order of another tenant"));
        }
        tables.erasures.insert(erasure.id, erasure);
    }
    if let Some(marks) = change.marks {
        tables.marks.insert(tenant.clone(), marks);
    }
    if let Some(record) = change.record {
        tables.append(&tenant, &[record])?;
    }
    change.note.map_or(Ok(()), |note| tables.note(&tenant, note))?;
    Ok(destroyed)
}

fn destroy(tables: &mut Tables, tenant: &TenantId, id: PayloadId) -> bool {
    let as_decision = scalbotics_core::ids::DecisionId::from_u128(id.as_u128());
    let own = |sealed: &Sealed| sealed.tenant == *tenant;
    let payload = tables.payloads.get(&id).is_some_and(own) && tables.payloads.remove(&id).is_some();
    let decision = tables.decisions.get(&as_decision).is_some_and(own) && tables.decisions.remove(&as_decision).is_some();
    if payload || decision {
        tables.destroyed.insert(id, tenant.clone());
    }
    payload || decision
}

#[async_trait]
impl WrapStore for MemoryStore {
    async fn wrapped(&self, tenant: &TenantId, after: Option<PayloadId>, limit: usize) -> Result<Vec<Sealed>, StoreError> {
        let tables = self.tables();
        let all = tables.payloads.values().chain(tables.decisions.values()).filter(|sealed| sealed.tenant == *tenant);
        let mut wanted: Vec<Sealed> =
            all.filter(|sealed| after.is_none_or(|after| sealed.reference.id > after)).cloned().collect();
        wanted.sort_by_key(|sealed| sealed.reference.id);
        wanted.truncate(limit.clamp(1, PAGE_MAX));
        wanted.iter_mut().for_each(|sealed| sealed.ciphertext.clear());
        Ok(wanted)
    }

    async fn rewrap(&self, tenant: &TenantId, keys: Vec<Rewrapped>, marks: Marks) -> Result<(), StoreError> {
        self.change(false, |tables| {
            for key in keys {
                let payloads = tables.payloads.values_mut().chain(tables.decisions.values_mut());
                let all = payloads.chain(tables.secrets.values_mut().map(|secret| &mut secret.sealed));
                let mut own = all.filter(|sealed| sealed.tenant == *tenant && sealed.reference.id == key.id);
                if let Some(sealed) = own.find(|sealed| sealed.wrapped_key == key.old) {
                    sealed.wrapped_key = key.new;
                }
            }
            tables.marks.insert(tenant.clone(), marks);
            Ok(())
        })
    }
}
