//! ServiceService: programs of the tenant that call the API by themselves, and the humans who sponsor them.

use std::sync::Arc;

use scalbotics_core::policy::Resource;
use scalbotics_core::service::Service;
use scalbotics_core::tenant::Name;
use scalbotics_core::time::Span;
use scalbotics_core::tool::Tier;
use scalbotics_identity::holder::key::Public;
use scalbotics_proto::v1;
use scalbotics_proto::v1::service_service_server::ServiceService;
use scalbotics_runtime::Changed;
use scalbotics_runtime::people::{Error, Move, NewService, Renewal};
use tonic::{Request, Response, Status};

use super::call::Call;
use super::context::Context;
use super::convert;
use super::failure::Failure;
use super::names::{self, Named};

/// Items of a page of services, where the caller does not say.
const PAGE_DEFAULT: usize = 50;

/// ServiceService.
#[derive(Debug, Clone)]
pub(super) struct Services(pub(super) Arc<Context>);

impl Services {
    /// Parses a service's name, and decides the call about it.
    async fn enter(&self, call: &Call, name: &str) -> Result<(Named<Name>, Option<Service>), Failure> {
        let tenant = call.tenant()?;
        let named: Named<Name> = names::parse("name", "services", name, tenant)?;
        let found = if named.foreign {
            None
        } else {
            self.0.services.get(tenant, &named.id).await.map_err(|error| convert::store_failure(&error))?
        };
        let absent = || Resource::absent("Account", named.id.as_str());
        let resource = found.as_ref().map_or_else(absent, Resource::service);
        let _permit = self.0.enter(call, resource, &named).await?;
        Ok((named, found))
    }

    /// A service with the name of its sponsor.
    async fn shown(&self, service: &Service) -> Result<v1::Service, Failure> {
        let sponsor = self.0.ports.registry.human_by_uid(service.grant.sponsor).await;
        let sponsor = sponsor.map_err(|error| convert::store_failure(&error))?;
        let (trust_domain, now) = (&self.0.installation.trust_domain, self.0.ports.clock.now());
        Ok(convert::service(service, sponsor.as_ref(), trust_domain, now))
    }

    async fn changed(&self, call: &Call, name: &str, made: Result<Changed<Service>, Error>) -> Result<v1::Service, Failure> {
        let changed = made.map_err(|error| convert::people_failure(&error, name))?;
        if changed.audited {
            call.audited_by_commit();
        }
        self.shown(&changed.now).await
    }

    async fn add(&self, call: &Call, request: &v1::AddServiceRequest) -> Result<v1::Service, Failure> {
        let tenant = call.tenant()?;
        let named: Named<Name> = names::parse("name", "services", &request.name, tenant)?;
        let groups = convert::parse_names("groups", &request.groups)?;
        let (tier_max, lifetime) = (tier(request.tier_max)?, lifetime(request.lifetime)?);
        let _permit = self.0.enter(call, Resource::tenant(tenant), &named).await?;
        let key = Public::from_jwk_json(&request.login_key).and_then(|key| key.to_jwk_json());
        let login_key = key.map_err(|error| {
            let refused = Failure::invalid("login_key", format!("it is no public key: {error}"));
            refused.next("make a key pair with `scalbotics service keygen ~/ci.pem`, and give the file that ends with .pub")
        })?;
        let new = NewService { name: named.id, groups, login_key, tier_max, lifetime };
        let added = self.0.marked(self.0.services.add(&call.caller(&request.request_id)?, new, request.validate_only)).await;
        self.changed(call, &named.text, added).await
    }

    async fn list(&self, call: &Call, request: &v1::ListServicesRequest) -> Result<v1::ListServicesResponse, Failure> {
        let tenant = call.tenant()?;
        let named = names::parse_parent("parent", &request.parent, tenant)?;
        let limit = convert::limit(request.page_size, PAGE_DEFAULT)?;
        let after: Option<Name> = convert::parse_token(&request.page_token)?;
        let _permit = self.0.enter(call, Resource::tenant(tenant), &named).await?;
        let mut all = self.0.services.list(tenant).await.map_err(|error| convert::store_failure(&error))?;
        all.retain(|service| after.as_ref().is_none_or(|after| service.name > *after));
        all.truncate(limit);
        let mut services = Vec::with_capacity(all.len());
        for service in &all {
            services.push(self.shown(service).await?);
        }
        let next_page_token = convert::next_token(all.len(), limit, all.last().map(|service| &service.name));
        Ok(v1::ListServicesResponse { services, next_page_token })
    }

    async fn get(&self, call: &Call, request: &v1::GetServiceRequest) -> Result<v1::Service, Failure> {
        match self.enter(call, &request.name).await? {
            (_, Some(found)) => self.shown(&found).await,
            (_, None) => Err(Failure::not_found(&request.name)),
        }
    }

    async fn renew(&self, call: &Call, request: &v1::RenewServiceRequest) -> Result<v1::Service, Failure> {
        let renewal = Renewal { lifetime: lifetime(request.lifetime)?, tier_max: request.tier_max.map(tier).transpose()? };
        let (named, _) = self.enter(call, &request.name).await?;
        let caller = call.caller(&request.request_id)?;
        let renewed = self.0.marked(self.0.services.renew(&caller, &named.id, renewal, request.validate_only)).await;
        self.changed(call, &named.text, renewed).await
    }

    async fn set_standing(&self, call: &Call, request: &v1::ServiceStandingRequest, to: Move) -> Result<v1::Service, Failure> {
        let (named, _) = self.enter(call, &request.name).await?;
        let caller = call.caller(&request.request_id)?;
        let moved = self.0.marked(self.0.services.set_standing(&caller, &named.id, to, request.validate_only)).await;
        self.changed(call, &named.text, moved).await
    }
}

fn tier(number: u32) -> Result<Tier, Failure> {
    let tier = u8::try_from(number).ok().and_then(Tier::from_number);
    tier.ok_or_else(|| Failure::invalid("tier_max", "it is not 0, 1 or 2"))
}

fn lifetime(given: Option<prost_types::Duration>) -> Result<Span, Failure> {
    let given = given.ok_or_else(|| Failure::invalid("lifetime", "a grant ends: say after how long, up to 90 days"))?;
    Ok(Span::from_ms(convert::length_ms("lifetime", given)?))
}

#[tonic::async_trait]
impl ServiceService for Services {
    async fn add_service(&self, request: Request<v1::AddServiceRequest>) -> Result<Response<v1::Service>, Status> {
        let (call, message) = Call::of(request)?;
        self.0.answer(&call, self.add(&call, &message).await).await
    }

    async fn list_services(
        &self,
        request: Request<v1::ListServicesRequest>,
    ) -> Result<Response<v1::ListServicesResponse>, Status> {
        let (call, message) = Call::of(request)?;
        self.0.answer(&call, self.list(&call, &message).await).await
    }

    async fn get_service(&self, request: Request<v1::GetServiceRequest>) -> Result<Response<v1::Service>, Status> {
        let (call, message) = Call::of(request)?;
        self.0.answer(&call, self.get(&call, &message).await).await
    }

    async fn renew_service(&self, request: Request<v1::RenewServiceRequest>) -> Result<Response<v1::Service>, Status> {
        let (call, message) = Call::of(request)?;
        self.0.answer(&call, self.renew(&call, &message).await).await
    }

    async fn suspend_service(&self, request: Request<v1::ServiceStandingRequest>) -> Result<Response<v1::Service>, Status> {
        let (call, message) = Call::of(request)?;
        self.0.answer(&call, self.set_standing(&call, &message, Move::Suspend).await).await
    }

    async fn resume_service(&self, request: Request<v1::ServiceStandingRequest>) -> Result<Response<v1::Service>, Status> {
        let (call, message) = Call::of(request)?;
        self.0.answer(&call, self.set_standing(&call, &message, Move::Resume).await).await
    }

    async fn offboard_service(&self, request: Request<v1::ServiceStandingRequest>) -> Result<Response<v1::Service>, Status> {
        let (call, message) = Call::of(request)?;
        self.0.answer(&call, self.set_standing(&call, &message, Move::Offboard).await).await
    }
}
