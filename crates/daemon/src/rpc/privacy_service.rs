//! PrivacyService: what is erased, and what must not be.

use std::sync::Arc;

use scalbotics_core::ids::{HoldId, TaskId};
use scalbotics_core::policy::Resource;
use scalbotics_core::ports::Human;
use scalbotics_core::privacy::{Erasure, Hold};
use scalbotics_core::tenant::{Name, TenantId};
use scalbotics_proto::v1;
use scalbotics_proto::v1::privacy_service_server::PrivacyService;
use scalbotics_runtime::Changed;
use scalbotics_runtime::privacy::{About, Error, Placed};
use tonic::{Request, Response, Status};

use super::call::Call;
use super::context::Context;
use super::convert;
use super::failure::Failure;
use super::names::{self, Named};

/// PrivacyService.
#[derive(Debug, Clone)]
pub(super) struct Privacy(pub(super) Arc<Context>);

/// What a hold is about, as it was named.
enum Wanted {
    Task(Named<TaskId>),
    Human(Named<Name>),
    Tenant(Named<()>),
}

impl Privacy {
    async fn human(&self, call: &Call, named: &Named<Name>) -> Result<Option<Human>, Failure> {
        if named.foreign {
            return Ok(None);
        }
        self.0.people.human(call.tenant()?, &named.id).await.map_err(|error| convert::store_failure(&error))
    }

    async fn task(&self, call: &Call, named: &Named<TaskId>) -> Result<Option<scalbotics_core::task::State>, Failure> {
        if named.foreign {
            return Ok(None);
        }
        self.0.ports.task_log.state(call.tenant()?, named.id).await.map_err(|error| convert::store_failure(&error))
    }

    async fn erase(
        &self,
        call: &Call,
        about: &About,
        (reason, validate_only, request_id): (&str, bool, &str),
        name: &str,
    ) -> Result<v1::Erasure, Failure> {
        let caller = call.caller(request_id)?;
        let erased = self.0.marked(self.0.served(call.tenant()?)?.privacy.erase(&caller, about, reason, validate_only)).await;
        let erased: Changed<Erasure> = erased.map_err(|error| convert::privacy_failure(&error, name))?;
        settle(call, &erased);
        Ok(convert::erasure(&erased.now, !validate_only))
    }

    async fn erase_a_task(&self, call: &Call, request: &v1::EraseTaskRequest) -> Result<v1::Erasure, Failure> {
        let named: Named<TaskId> = names::parse("name", "tasks", &request.name, call.tenant()?)?;
        let found = self.task(call, &named).await?;
        let resource = found.as_ref().map_or_else(|| Resource::absent("Task", &named.id.to_string()), Resource::task);
        let _permit = self.0.enter(call, resource, &named).await?;
        if found.is_none() {
            return Err(Failure::not_found(&request.name));
        }
        let wanted = (request.reason.as_str(), request.validate_only, request.request_id.as_str());
        self.erase(call, &About::Task(named.id), wanted, &request.name).await
    }

    async fn erase_a_human(&self, call: &Call, request: &v1::EraseHumanRequest) -> Result<v1::Erasure, Failure> {
        let named: Named<Name> = names::parse("name", "humans", &request.name, call.tenant()?)?;
        let found = self.human(call, &named).await?;
        let absent = || Resource::absent("Account", named.id.as_str());
        let resource = found.as_ref().map_or_else(absent, Resource::human);
        let _permit = self.0.enter(call, resource, &named).await?;
        let human = found.ok_or_else(|| Failure::not_found(&request.name))?;
        let wanted = (request.reason.as_str(), request.validate_only, request.request_id.as_str());
        self.erase(call, &About::Human(Box::new(human)), wanted, &request.name).await
    }

    async fn add(&self, call: &Call, request: &v1::AddHoldRequest) -> Result<v1::Hold, Failure> {
        let tenant = call.tenant()?;
        let text = request.about.as_str();
        let wanted = match text.split('/').nth(2) {
            Some("tasks") => Wanted::Task(names::parse("about", "tasks", text, tenant)?),
            Some("humans") => Wanted::Human(names::parse("about", "humans", text, tenant)?),
            Some(_) | None => Wanted::Tenant(names::parse_parent("about", text, tenant)?),
        };
        let resource = Resource::tenant(tenant);
        let about = match &wanted {
            Wanted::Task(named) => {
                let _permit = self.0.enter(call, resource, named).await?;
                self.task(call, named).await?.map(|_| About::Task(named.id))
            }
            Wanted::Human(named) => {
                let _permit = self.0.enter(call, resource, named).await?;
                self.human(call, named).await?.map(|human| About::Human(Box::new(human)))
            }
            Wanted::Tenant(named) => {
                let _permit = self.0.enter(call, resource, named).await?;
                Some(About::Tenant)
            }
        };
        let about = about.ok_or_else(|| Failure::not_found(text))?;
        let caller = call.caller(&request.request_id)?;
        let held = self
            .0
            .marked(self.0.served(call.tenant()?)?.privacy.hold(&caller, &about, &request.reason, request.validate_only))
            .await;
        Ok(show(call, held.map_err(|error| convert::privacy_failure(&error, text))?, &request.reason))
    }

    async fn list(&self, call: &Call, request: &v1::ListHoldsRequest) -> Result<v1::ListHoldsResponse, Failure> {
        let tenant = call.tenant()?;
        let named = names::parse_parent("parent", &request.parent, tenant)?;
        let _permit = self.0.enter(call, Resource::tenant(tenant), &named).await?;
        let holds = self
            .0
            .served(call.tenant()?)?
            .privacy
            .holds()
            .await
            .map_err(|error| convert::privacy_failure(&error, &request.parent))?;
        Ok(v1::ListHoldsResponse { holds: holds.iter().map(convert::hold).collect() })
    }

    async fn remove(&self, call: &Call, request: &v1::RemoveHoldRequest) -> Result<v1::Hold, Failure> {
        let tenant = call.tenant()?;
        let named: Named<HoldId> = names::parse("name", "holds", &request.name, tenant)?;
        let _permit = self.0.enter(call, Resource::tenant(tenant), &named).await?;
        let caller = call.caller(&request.request_id)?;
        let lifted = self
            .0
            .marked(self.0.served(call.tenant()?)?.privacy.lift(&caller, named.id, &request.reason, request.validate_only))
            .await;
        Ok(show(call, lifted.map_err(|error| convert::privacy_failure(&error, &request.name))?, ""))
    }

    async fn retention(&self, call: &Call, parent: &str) -> Result<v1::Retention, Failure> {
        let tenant = call.tenant()?;
        let named = names::parse_parent("parent", parent, tenant)?;
        let _permit = self.0.enter(call, Resource::tenant(tenant), &named).await?;
        self.standing(tenant).await
    }

    async fn standing(&self, tenant: &TenantId) -> Result<v1::Retention, Failure> {
        let standing = self.0.served(tenant)?.privacy.standing().await;
        standing.map(|standing| convert::retention(&standing)).map_err(|error: Error| convert::privacy_failure(&error, ""))
    }

    async fn accept(&self, call: &Call, request: &v1::AcceptClockRequest) -> Result<v1::Retention, Failure> {
        let tenant = call.tenant()?;
        let named = names::parse_parent("parent", &request.parent, tenant)?;
        let _permit = self.0.enter(call, Resource::tenant(tenant), &named).await?;
        let caller = call.caller(&request.request_id)?;
        let accepted = self.0.served(call.tenant()?)?.privacy.accept_clock(&caller).await;
        settle(call, &accepted.map_err(|error| convert::privacy_failure(&error, &request.parent))?);
        self.standing(tenant).await
    }
}

/// Notes that the commit holds the call's record, where it does.
fn settle<T>(call: &Call, changed: &Changed<T>) {
    if changed.audited {
        call.audited_by_commit();
    }
}

fn show(call: &Call, changed: Changed<Hold>, reason: &str) -> v1::Hold {
    settle(call, &changed);
    let reason = (!reason.is_empty()).then(|| reason.to_owned());
    convert::hold(&Placed { hold: changed.now, reason })
}

#[tonic::async_trait]
impl PrivacyService for Privacy {
    async fn erase_task(&self, request: Request<v1::EraseTaskRequest>) -> Result<Response<v1::Erasure>, Status> {
        let (call, message) = Call::of(request)?;
        self.0.answer(&call, self.erase_a_task(&call, &message).await).await
    }

    async fn erase_human(&self, request: Request<v1::EraseHumanRequest>) -> Result<Response<v1::Erasure>, Status> {
        let (call, message) = Call::of(request)?;
        self.0.answer(&call, self.erase_a_human(&call, &message).await).await
    }

    async fn add_hold(&self, request: Request<v1::AddHoldRequest>) -> Result<Response<v1::Hold>, Status> {
        let (call, message) = Call::of(request)?;
        self.0.answer(&call, self.add(&call, &message).await).await
    }

    async fn list_holds(&self, request: Request<v1::ListHoldsRequest>) -> Result<Response<v1::ListHoldsResponse>, Status> {
        let (call, message) = Call::of(request)?;
        self.0.answer(&call, self.list(&call, &message).await).await
    }

    async fn remove_hold(&self, request: Request<v1::RemoveHoldRequest>) -> Result<Response<v1::Hold>, Status> {
        let (call, message) = Call::of(request)?;
        self.0.answer(&call, self.remove(&call, &message).await).await
    }

    async fn get_retention(&self, request: Request<v1::GetRetentionRequest>) -> Result<Response<v1::Retention>, Status> {
        let (call, message) = Call::of(request)?;
        self.0.answer(&call, self.retention(&call, &message.parent).await).await
    }

    async fn accept_clock(&self, request: Request<v1::AcceptClockRequest>) -> Result<Response<v1::Retention>, Status> {
        let (call, message) = Call::of(request)?;
        self.0.answer(&call, self.accept(&call, &message).await).await
    }
}
