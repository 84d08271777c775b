//! Whom a filter of the audit log names: names are the registry's, and the log has uids alone (semantics §7.2).

use scalbotics_core::ports::Search;
use scalbotics_core::principal::Uid;
use scalbotics_core::tenant::TenantId;
use scalbotics_runtime::Ports;

use super::convert::{AuditWanted, Named, store_failure};
use super::failure::Failure;
use super::names;

/// Looks names up, in the caller's tenant and in no other.
///
/// # Errors
/// NOT_FOUND for a name that nobody has; those of the store.
pub(super) async fn resolve(ports: &Ports, tenant: &TenantId, wanted: AuditWanted) -> Result<Search, Failure> {
    let AuditWanted { mut search, actor, on_behalf_of } = wanted;
    search.filter.actor = uid(ports, tenant, actor).await?;
    search.filter.on_behalf_of = uid(ports, tenant, on_behalf_of).await?;
    Ok(search)
}

async fn uid(ports: &Ports, tenant: &TenantId, named: Option<Named>) -> Result<Option<Uid>, Failure> {
    let (collection, name, found) = match named {
        None => return Ok(None),
        Some(Named::Uid(uid)) => return Ok(Some(uid)),
        Some(Named::Human(name)) => {
            let human = ports.registry.human(tenant, &name).await;
            ("humans", name, human.map(|human| human.map(|human| Uid::Human(human.uid))))
        }
        Some(Named::Agent(name)) => {
            let agent = ports.registry.agent_by_name(tenant, &name).await;
            ("agents", name, agent.map(|agent| agent.map(|agent| Uid::Agent(agent.uid))))
        }
        Some(Named::Service(name)) => {
            let service = ports.services.service(tenant, &name).await;
            ("services", name, service.map(|service| service.map(|service| Uid::Service(service.uid))))
        }
    };
    let found = found.map_err(|error| store_failure(&error))?;
    found.map(Some).ok_or_else(|| Failure::not_found(&names::name(tenant, collection, &name)))
}
