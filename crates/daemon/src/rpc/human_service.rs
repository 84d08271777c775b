//! HumanService: people of the tenant.

use std::sync::Arc;

use scalbotics_core::policy::Resource;
use scalbotics_core::ports::Human;
use scalbotics_core::tenant::Name;
use scalbotics_identity::holder::key::Public;
use scalbotics_proto::v1;
use scalbotics_proto::v1::human_service_server::HumanService;
use scalbotics_runtime::Changed;
use scalbotics_runtime::people::{Move, NewHuman, Roles};
use tonic::{Request, Response, Status};

use super::call::Call;
use super::context::Context;
use super::convert;
use super::failure::Failure;
use super::names::{self, Named};

/// Items of a page of humans, where the caller does not say.
const PAGE_DEFAULT: usize = 50;

/// HumanService.
#[derive(Debug, Clone)]
pub(super) struct Humans(pub(super) Arc<Context>);

impl Humans {
    /// Parses a human's name, and decides the call about them.
    async fn enter(&self, call: &Call, name: &str) -> Result<(Named<Name>, Option<Human>), Failure> {
        let tenant = call.tenant()?;
        let named: Named<Name> = names::parse("name", "humans", name, tenant)?;
        let found = if named.foreign {
            None
        } else {
            self.0.people.human(tenant, &named.id).await.map_err(|error| convert::store_failure(&error))?
        };
        let absent = || Resource::absent("Account", named.id.as_str());
        let resource = found.as_ref().map_or_else(absent, Resource::human);
        let _permit = self.0.enter(call, resource, &named).await?;
        Ok((named, found))
    }

    fn show(call: &Call, changed: &Changed<Human>) -> v1::Human {
        if changed.audited {
            call.audited_by_commit();
        }
        convert::human(&changed.now)
    }

    async fn add(&self, call: &Call, request: &v1::AddHumanRequest) -> Result<v1::Human, Failure> {
        let tenant = call.tenant()?;
        let named: Named<Name> = names::parse("name", "humans", &request.name, tenant)?;
        let groups = convert::parse_names("groups", &request.groups)?;
        let _permit = self.0.enter(call, Resource::tenant(tenant), &named).await?;
        let key = Public::from_jwk_json(&request.login_key).and_then(|key| key.to_jwk_json());
        let login_key = key.map_err(|error| {
            let refused = Failure::invalid("login_key", format!("it is no public key: {error}"));
            refused.next("make a key pair with `scalbotics human keygen ~/login.pem`, and give the file that ends with .pub")
        })?;
        let new = NewHuman { name: named.id, groups, login_key };
        let added = self.0.marked(self.0.people.add(&call.caller(&request.request_id)?, new, request.validate_only)).await;
        Ok(Self::show(call, &added.map_err(|error| convert::people_failure(&error, &named.text))?))
    }

    async fn list(&self, call: &Call, request: &v1::ListHumansRequest) -> Result<v1::ListHumansResponse, Failure> {
        let tenant = call.tenant()?;
        let named = names::parse_parent("parent", &request.parent, tenant)?;
        let limit = convert::limit(request.page_size, PAGE_DEFAULT)?;
        let after: Option<Name> = convert::parse_token(&request.page_token)?;
        let _permit = self.0.enter(call, Resource::tenant(tenant), &named).await?;
        let mut all = self.0.people.humans(tenant).await.map_err(|error| convert::store_failure(&error))?;
        all.retain(|human| after.as_ref().is_none_or(|after| human.name > *after));
        all.truncate(limit);
        Ok(v1::ListHumansResponse {
            next_page_token: convert::next_token(all.len(), limit, all.last().map(|human| &human.name)),
            humans: all.iter().map(convert::human).collect(),
        })
    }

    async fn get(&self, call: &Call, request: &v1::GetHumanRequest) -> Result<v1::Human, Failure> {
        let (_, found) = self.enter(call, &request.name).await?;
        found.as_ref().map(convert::human).ok_or_else(|| Failure::not_found(&request.name))
    }

    async fn bind(&self, call: &Call, request: &v1::BindHumanRequest) -> Result<v1::Human, Failure> {
        let (add, remove) = (&request.add_groups, &request.remove_groups);
        let roles =
            Roles { add: convert::parse_names("add_groups", add)?, remove: convert::parse_names("remove_groups", remove)? };
        let (named, _) = self.enter(call, &request.name).await?;
        let caller = call.caller(&request.request_id)?;
        let bound = self.0.marked(self.0.people.bind(&caller, &named.id, &roles, request.validate_only)).await;
        Ok(Self::show(call, &bound.map_err(|error| convert::people_failure(&error, &named.text))?))
    }

    async fn enroll(&self, call: &Call, request: &v1::EnrollApproverRequest) -> Result<v1::Human, Failure> {
        let (named, _) = self.enter(call, &request.name).await?;
        let caller = call.caller(&request.request_id)?;
        let enrolled = self.0.marked(self.0.people.enroll(&caller, &named.id, &request.enrolment, request.validate_only)).await;
        Ok(Self::show(call, &enrolled.map_err(|error| convert::people_failure(&error, &named.text))?))
    }

    async fn set_standing(&self, call: &Call, request: &v1::HumanStandingRequest, to: Move) -> Result<v1::Human, Failure> {
        let (named, _) = self.enter(call, &request.name).await?;
        let caller = call.caller(&request.request_id)?;
        let moved = self.0.marked(self.0.people.move_human(&caller, &named.id, to, request.validate_only)).await;
        Ok(Self::show(call, &moved.map_err(|error| convert::people_failure(&error, &named.text))?))
    }
}

#[tonic::async_trait]
impl HumanService for Humans {
    async fn add_human(&self, request: Request<v1::AddHumanRequest>) -> Result<Response<v1::Human>, Status> {
        let (call, message) = Call::of(request)?;
        self.0.answer(&call, self.add(&call, &message).await).await
    }

    async fn list_humans(&self, request: Request<v1::ListHumansRequest>) -> Result<Response<v1::ListHumansResponse>, Status> {
        let (call, message) = Call::of(request)?;
        self.0.answer(&call, self.list(&call, &message).await).await
    }

    async fn get_human(&self, request: Request<v1::GetHumanRequest>) -> Result<Response<v1::Human>, Status> {
        let (call, message) = Call::of(request)?;
        self.0.answer(&call, self.get(&call, &message).await).await
    }

    async fn bind_human(&self, request: Request<v1::BindHumanRequest>) -> Result<Response<v1::Human>, Status> {
        let (call, message) = Call::of(request)?;
        self.0.answer(&call, self.bind(&call, &message).await).await
    }

    async fn enroll_approver(&self, request: Request<v1::EnrollApproverRequest>) -> Result<Response<v1::Human>, Status> {
        let (call, message) = Call::of(request)?;
        self.0.answer(&call, self.enroll(&call, &message).await).await
    }

    async fn suspend_human(&self, request: Request<v1::HumanStandingRequest>) -> Result<Response<v1::Human>, Status> {
        let (call, message) = Call::of(request)?;
        self.0.answer(&call, self.set_standing(&call, &message, Move::Suspend).await).await
    }

    async fn resume_human(&self, request: Request<v1::HumanStandingRequest>) -> Result<Response<v1::Human>, Status> {
        let (call, message) = Call::of(request)?;
        self.0.answer(&call, self.set_standing(&call, &message, Move::Resume).await).await
    }

    async fn offboard_human(&self, request: Request<v1::HumanStandingRequest>) -> Result<Response<v1::Human>, Status> {
        let (call, message) = Call::of(request)?;
        self.0.answer(&call, self.set_standing(&call, &message, Move::Offboard).await).await
    }
}
