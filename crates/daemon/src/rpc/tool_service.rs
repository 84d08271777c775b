//! ToolService: the tools in force.

use std::sync::Arc;

use scalbotics_core::policy::Resource;
use scalbotics_core::tenant::Name;
use scalbotics_proto::v1;
use scalbotics_proto::v1::tool_service_server::ToolService;
use tonic::{Request, Response, Status};

use super::call::Call;
use super::context::Context;
use super::convert;
use super::failure::Failure;
use super::names::{self, Named};

/// ToolService.
#[derive(Debug, Clone)]
pub(super) struct Tools(pub(super) Arc<Context>);

impl Tools {
    async fn list(&self, call: &Call, request: &v1::ListToolsRequest) -> Result<v1::ListToolsResponse, Failure> {
        let tenant = call.tenant()?;
        let named = names::parse_parent("parent", &request.parent, tenant)?;
        let _permit = self.0.enter(call, Resource::tenant(tenant), &named).await?;
        let in_force = self.0.states.current(tenant);
        let tools = in_force.iter().flat_map(|state| state.tools.values());
        Ok(v1::ListToolsResponse { tools: tools.map(|tool| convert::tool(tenant, tool, false)).collect() })
    }

    async fn get(&self, call: &Call, request: &v1::GetToolRequest) -> Result<v1::Tool, Failure> {
        let tenant = call.tenant()?;
        let named: Named<Name> = names::parse("name", "tools", &request.name, tenant)?;
        let in_force = self.0.states.current(tenant).filter(|_| !named.foreign);
        let tool = in_force.as_ref().and_then(|state| state.tools.get(&named.id));
        let resource = tool.map_or_else(|| Resource::absent("Tool", named.id.as_str()), |tool| Resource::tool(tool));
        let _permit = self.0.enter(call, resource, &named).await?;
        tool.map(|tool| convert::tool(tenant, tool, true)).ok_or_else(|| Failure::not_found(&request.name))
    }
}

#[tonic::async_trait]
impl ToolService for Tools {
    async fn list_tools(&self, request: Request<v1::ListToolsRequest>) -> Result<Response<v1::ListToolsResponse>, Status> {
        let (call, message) = Call::of(request)?;
        self.0.answer(&call, self.list(&call, &message).await).await
    }

    async fn get_tool(&self, request: Request<v1::GetToolRequest>) -> Result<Response<v1::Tool>, Status> {
        let (call, message) = Call::of(request)?;
        self.0.answer(&call, self.get(&call, &message).await).await
    }
}
