//! RepositoryService: which commit is in force, and what is wrong with a newer one.

use std::sync::Arc;

use scalbotics_core::policy::Resource;
use scalbotics_proto::v1;
use scalbotics_proto::v1::repository_service_server::RepositoryService;
use scalbotics_runtime::reconcile::{self, Status as Seen};
use tonic::{Request, Response, Status};

use super::call::Call;
use super::context::Context;
use super::convert;
use super::failure::Failure;
use super::names;

/// RepositoryService.
#[derive(Debug, Clone)]
pub(super) struct Repositories(pub(super) Arc<Context>);

impl Repositories {
    async fn enter(&self, call: &Call, name: &str) -> Result<(), Failure> {
        let tenant = call.tenant()?;
        let named = names::parse_repository("name", name, tenant)?;
        self.0.enter(call, Resource::only("Repository", tenant), &named).await.map(drop)
    }

    async fn show(&self, call: &Call, seen: &Seen) -> Result<v1::Repository, Failure> {
        let tenant = call.tenant()?;
        let in_force = self.0.states.current(tenant);
        let gone = match &in_force {
            Some(state) => {
                reconcile::gone(&self.0.ports, &state.snapshot).await.map_err(|error| convert::store_failure(&error))?
            }
            None => Vec::new(),
        };
        let repository = convert::repository(tenant, seen, in_force.as_deref());
        let notes = gone.iter().map(|agent| convert::finding(&reconcile::binds_nobody(agent))).collect();
        let served = self.0.served(tenant)?;
        let (directory, remote) = match &served.remote {
            Some(remote) => (String::new(), remote.clone()),
            None => (served.directory.display().to_string(), String::new()),
        };
        Ok(v1::Repository { remote, directory, notes, ..repository })
    }

    async fn get(&self, call: &Call, request: &v1::GetRepositoryRequest) -> Result<v1::Repository, Failure> {
        self.enter(call, &request.name).await?;
        self.show(call, &self.0.served(call.tenant()?)?.reconciler.status()).await
    }

    /// A repeated reload is a reload: it changes nothing that the first did not, so its request id needs no memory.
    async fn reload(&self, call: &Call, request: &v1::ReloadRepositoryRequest) -> Result<v1::Repository, Failure> {
        self.enter(call, &request.name).await?;
        let _checked = call.caller(&request.request_id)?;
        self.show(call, &self.0.served(call.tenant()?)?.reconciler.look().await).await
    }
}

#[tonic::async_trait]
impl RepositoryService for Repositories {
    async fn get_repository(&self, request: Request<v1::GetRepositoryRequest>) -> Result<Response<v1::Repository>, Status> {
        let (call, message) = Call::of(request)?;
        self.0.answer(&call, self.get(&call, &message).await).await
    }

    async fn reload_repository(&self, request: Request<v1::ReloadRepositoryRequest>) -> Result<Response<v1::Repository>, Status> {
        let (call, message) = Call::of(request)?;
        self.0.answer(&call, self.reload(&call, &message).await).await
    }
}
