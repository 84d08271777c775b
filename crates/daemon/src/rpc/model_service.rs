//! ModelService: the models in force, and whether they are asked now.

use std::sync::Arc;

use scalbotics_core::policy::Resource;
use scalbotics_proto::v1;
use scalbotics_proto::v1::model_service_server::ModelService;
use tonic::{Request, Response, Status};

use super::call::Call;
use super::context::Context;
use super::convert;
use super::failure::Failure;
use super::names;

/// ModelService.
#[derive(Debug, Clone)]
pub(super) struct Models(pub(super) Arc<Context>);

impl Models {
    async fn list(&self, call: &Call, request: &v1::ListModelsRequest) -> Result<v1::ListModelsResponse, Failure> {
        let tenant = call.tenant()?;
        let named = names::parse_parent("parent", &request.parent, tenant)?;
        let _permit = self.0.enter(call, Resource::tenant(tenant), &named).await?;
        let Some(in_force) = self.0.states.current(tenant) else { return Ok(v1::ListModelsResponse::default()) };
        let snapshot = &in_force.snapshot;
        let shown = |model: &Arc<_>| convert::model(snapshot, model, self.0.models.left_alone_ms(model));
        Ok(v1::ListModelsResponse { models: snapshot.models.values().map(shown).collect() })
    }
}

#[tonic::async_trait]
impl ModelService for Models {
    async fn list_models(&self, request: Request<v1::ListModelsRequest>) -> Result<Response<v1::ListModelsResponse>, Status> {
        let (call, message) = Call::of(request)?;
        self.0.answer(&call, self.list(&call, &message).await).await
    }
}
