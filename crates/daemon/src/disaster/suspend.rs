//! Everybody of every tenant, as they are after a restore.

use std::collections::BTreeSet;

use scalbotics_core::agent::Standing;
use scalbotics_core::ports::{PUT_AGENTS_MAX, StoreError, all_agents};
use scalbotics_core::tenant::{Name, TenantId};
use scalbotics_runtime::Ports;

use super::principals;
use super::rewrite::record;
use super::vouched::{self, Vouched};
use crate::anchor::Standings;

/// Who is suspended now: agents by their number, and by name who could act in the backup, with the tenant's where it is not the operating one.
#[derive(Debug, Default)]
pub(super) struct Suspended {
    pub(super) agents: u64,
    pub(super) humans: Vec<String>,
    pub(super) services: Vec<String>,
}

/// Puts everybody of these tenants to where they are after the restore.
///
/// # Errors
/// [`StoreError`].
pub(super) async fn all(
    ports: &Ports,
    (tenants, operating): (&[TenantId], &TenantId),
    (standings, keep): (&Standings, &BTreeSet<Vouched>),
) -> Result<Suspended, StoreError> {
    let (apart, unknown) = (standings.apart(operating), Standings::unknown());
    let mut all = Suspended::default();
    for tenant in tenants {
        let own = apart.get(tenant).unwrap_or(&unknown);
        let shown = |name: &Name| Vouched::of(tenant, name, operating).to_string();
        all.agents += agents(ports, tenant, own).await?;
        let people = humans(ports, tenant, (own, &vouched::of_tenant(keep, tenant, operating))).await?;
        all.humans.extend(people.iter().map(shown));
        all.services.extend(services(ports, tenant, standings).await?.iter().map(shown));
    }
    Ok(all)
}

async fn agents(ports: &Ports, tenant: &TenantId, standings: &Standings) -> Result<u64, StoreError> {
    let known = all_agents(ports.roster.as_ref(), tenant).await?;
    let agents = principals::agents(&known, standings, tenant);
    let suspended = agents.iter().filter(|agent| agent.standing == Standing::Suspended).count();
    let mut changes = agents.into_iter().map(|agent| {
        let note = record(ports, tenant, ("agent.restore", agent.uid.to_string()), agent.standing);
        (agent, note)
    });
    loop {
        let some: Vec<_> = changes.by_ref().take(PUT_AGENTS_MAX).collect();
        if some.is_empty() {
            return Ok(suspended as u64);
        }
        ports.roster.put_agents(some).await?;
    }
}

async fn humans(
    ports: &Ports,
    tenant: &TenantId,
    (standings, keep): (&Standings, &BTreeSet<Name>),
) -> Result<Vec<Name>, StoreError> {
    let mut suspended = Vec::new();
    let known = ports.roster.humans(tenant).await?;
    for gone in principals::unknown_people(&known, standings, tenant) {
        let note = record(ports, tenant, ("human.restore", gone.uid.to_string()), gone.standing);
        ports.registry.put_human(gone, note).await?;
    }
    for old in known {
        let human = principals::human(&old, standings, keep);
        if old.standing == Standing::Active && human.standing != Standing::Active {
            suspended.push(human.name.clone());
        }
        let note = record(ports, tenant, ("human.restore", human.uid.to_string()), human.standing);
        ports.registry.put_human(human, note).await?;
    }
    Ok(suspended)
}

async fn services(ports: &Ports, tenant: &TenantId, standings: &Standings) -> Result<Vec<Name>, StoreError> {
    let mut suspended = Vec::new();
    for old in ports.services.services(tenant).await? {
        let service = principals::service(&old, standings);
        if old.standing == Standing::Active && service.standing != Standing::Active {
            suspended.push(service.name.clone());
        }
        let note = record(ports, tenant, ("service.restore", service.uid.to_string()), service.standing);
        ports.services.put_service(service, note).await?;
    }
    Ok(suspended)
}
