//! What administrators do with services: a grant is given, renewed and taken away.

use std::sync::Arc;

use scalbotics_core::agent::Standing;
use scalbotics_core::ids::{GrantId, ServiceUid};
use scalbotics_core::ports::StoreError;
use scalbotics_core::principal::Uid;
use scalbotics_core::service::{GRANT_LIFETIME_MAX_MS, HUMAN_GROUPS, Service, StandingGrant};
use scalbotics_core::tenant::{Name, TenantId};
use scalbotics_core::time::{Span, Timestamp};
use scalbotics_core::tool::Tier;
use serde_json::json;

use super::roll::{self, Newcomer};
use super::service::{joined, made};
use super::standing::Moved;
use super::turn::Turns;
use super::{Error, Move, Roles};
use crate::change::{Change, ChangeError, Changed, Changes};
use crate::metrics::Metrics;
use crate::{Caller, task};

/// Shortest life of a standing grant, in milliseconds.
const GRANT_LIFETIME_MIN_MS: u64 = 1_000;

/// A service that is not there yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewService {
    /// The name, of no other service and never of one before.
    pub name: Name,
    /// Groups.
    pub groups: Vec<Name>,
    /// Public login key, as a JWK in JSON; the caller has parsed it.
    pub login_key: String,
    /// Highest tier of a tool that is called for it.
    pub tier_max: Tier,
    /// How long its grant lasts.
    pub lifetime: Span,
}

/// What a new grant says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Renewal {
    /// How long it lasts from now.
    pub lifetime: Span,
    /// Highest tier of a tool that is called under it; that of the grant before where nothing is said.
    pub tier_max: Option<Tier>,
}

/// Services, for administrators, beside [`super::Service::services`] of the people. Cloning shares it.
#[derive(Debug, Clone)]
pub struct Services {
    pub(super) changes: Changes,
    pub(super) tasks: task::Service,
    pub(super) metrics: Arc<Metrics>,
    /// One change at a time, so that none is made on what another has changed.
    pub(super) turns: Turns,
}

impl Services {
    /// Services of a tenant, by name.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn list(&self, tenant: &TenantId) -> Result<Vec<Service>, StoreError> {
        self.changes.ports.services.services(tenant).await
    }

    /// One service.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn get(&self, tenant: &TenantId, name: &Name) -> Result<Option<Service>, StoreError> {
        self.changes.ports.services.service(tenant, name).await
    }

    /// Registers a service, which the caller sponsors; with `only_check` says which would be.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn add(&self, caller: &Caller, new: NewService, only_check: bool) -> Result<Changed<Service>, Error> {
        let NewService { name, groups, login_key, tier_max, lifetime } = new;
        let body = json!({
            "name": name, "groups": groups, "key": login_key, "tier_max": tier_max, "lifetime_ms": lifetime.as_ms(),
        });
        let change = self.changes.begin(caller, "service.add", body.to_string().as_bytes())?;
        if let Some(known) = change.known().await? {
            return Ok(known);
        }
        let _turn = self.turns.of(caller, &self.changes.ports).await?;
        let tenant = caller.principal.tenant.clone();
        if self.get(&tenant, &name).await.map_err(ChangeError::from)?.is_some() {
            return Err(Error::Taken { name });
        }
        if let Some(group) = groups.iter().find(|group| HUMAN_GROUPS.contains(&group.as_str())) {
            return Err(Error::HumanGroup { name, group: group.clone() });
        }
        let grant = self.grant(caller, lifetime, tier_max, change.at)?;
        roll::check(&self.changes.ports, &tenant, (Newcomer::Service, &name), &login_key).await?;
        let service = Service {
            uid: ServiceUid::from_u128(self.changes.ports.ids.next()),
            tenant,
            groups: joined(&name, &[], &Roles { add: groups, remove: Vec::new() })?,
            name,
            login_key,
            standing: Standing::Active,
            epoch: 0,
            grant,
        };
        let target = format!("{}/{}", service.uid, service.grant.id);
        self.put(&change, &target, service, only_check).await
    }

    /// Gives a service a new grant in place of its old one; the caller sponsors it from now on. What runs under the old grant goes on
    /// under that one.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn renew(&self, caller: &Caller, name: &Name, new: Renewal, only_check: bool) -> Result<Changed<Service>, Error> {
        let body = json!({"name": name, "tier_max": new.tier_max, "lifetime_ms": new.lifetime.as_ms()}).to_string();
        let change = self.changes.begin(caller, "service.renew", body.as_bytes())?;
        if let Some(known) = change.known().await? {
            return Ok(known);
        }
        let _turn = self.turns.of(caller, &self.changes.ports).await?;
        let old = self.present(&caller.principal.tenant, name).await?;
        if old.standing == Standing::Offboarded {
            return Err(Error::Gone { name: name.clone() });
        }
        let grant = self.grant(caller, new.lifetime, new.tier_max.unwrap_or(old.grant.tier_max), change.at)?;
        let target = format!("{}/{}", old.uid, grant.id);
        self.put(&change, &target, Service { grant, ..old }, only_check).await
    }

    /// Suspends, resumes or offboards a service; what runs for it is stopped when this returns, or about to be.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn set_standing(
        &self,
        caller: &Caller,
        name: &Name,
        to: Move,
        only_check: bool,
    ) -> Result<Changed<Service>, Error> {
        let change = self.changes.begin(caller, to.of_service(), name.as_str().as_bytes())?;
        if let Some(known) = change.known().await? {
            return Ok(known);
        }
        let _turn = self.turns.of(caller, &self.changes.ports).await?;
        let old = self.present(&caller.principal.tenant, name).await?;
        let service = match to.from(old.standing, old.epoch) {
            // Recorded all the same, as a human's.
            Moved::Same => old.clone(),
            Moved::Gone => return Err(Error::Gone { name: name.clone() }),
            Moved::To(standing, epoch) => Service { standing, epoch, ..old.clone() },
        };
        let moved = self.put(&change, &service.uid.to_string(), service, only_check).await?;
        if moved.audited && moved.now != old {
            self.metrics.identity.happened(to.event());
            if moved.now.standing != Standing::Active {
                self.tasks.halt(Uid::Service(moved.now.uid));
            }
        }
        Ok(moved)
    }

    /// A grant of the caller's that begins now.
    fn grant(&self, caller: &Caller, lifetime: Span, tier_max: Tier, now: Timestamp) -> Result<StandingGrant, Error> {
        let Uid::Human(sponsor) = caller.principal.uid else { return Err(Error::NotSponsor) };
        if !(GRANT_LIFETIME_MIN_MS..=GRANT_LIFETIME_MAX_MS).contains(&lifetime.as_ms()) {
            return Err(Error::Lifetime);
        }
        let id = GrantId::from_u128(self.changes.ports.ids.next());
        Ok(StandingGrant { id, sponsor, tier_max, granted_at: now, expires_at: now.plus_ms(lifetime.as_ms()) })
    }

    async fn present(&self, tenant: &TenantId, name: &Name) -> Result<Service, Error> {
        let service = self.get(tenant, name).await.map_err(ChangeError::from)?;
        service.ok_or_else(|| Error::NotFound { kind: "service", name: name.clone() })
    }

    /// Makes the change durable; `target` is what the audit record says that it is about.
    async fn put(
        &self,
        change: &Change<'_>,
        target: &str,
        service: Service,
        only_check: bool,
    ) -> Result<Changed<Service>, Error> {
        let services = &self.changes.ports.services;
        made(change, (target, service), only_check, |service, note| services.put_service(service, note)).await
    }
}
