//! ApprovalService: what people are asked, and their signed answers.

use std::sync::Arc;

use scalbotics_core::ids::ApprovalId;
use scalbotics_core::policy::Resource;
use scalbotics_core::ports::ApprovalFilter;
use scalbotics_core::principal::KeyHolder;
use scalbotics_proto::v1;
use scalbotics_proto::v1::approval_service_server::ApprovalService;
use scalbotics_runtime::approval::SignedAnswer;
use tonic::{Request, Response, Status};

use super::call::Call;
use super::context::Context;
use super::convert::{self, approval_failure, store_failure};
use super::failure::Failure;
use super::names::{self, Named};

/// Items of a page of approvals, where the caller does not say.
const PAGE_DEFAULT: usize = 50;

/// ApprovalService.
#[derive(Debug, Clone)]
pub(super) struct Approvals(pub(super) Arc<Context>);

impl Approvals {
    fn trust_domain(&self) -> &str {
        self.0.installation.trust_domain.as_str()
    }

    async fn enter(&self, call: &Call, name: &str) -> Result<Named<ApprovalId>, Failure> {
        let own = call.tenant()?;
        let named: Named<ApprovalId> = names::parse("name", "approvals", name, own)?;
        let found = if named.foreign {
            None
        } else {
            self.0.ports.approval_store.get(own, named.id).await.map_err(|error| store_failure(&error))?
        };
        let absent = || Resource::absent("Approval", &named.id.to_string());
        let resource = found.as_ref().map_or_else(absent, Resource::approval);
        let _permit = self.0.enter(call, resource, &named).await?;
        if found.is_none() { Err(Failure::not_found(name)) } else { Ok(named) }
    }

    async fn list(&self, call: &Call, request: &v1::ListApprovalsRequest) -> Result<v1::ListApprovalsResponse, Failure> {
        let tenant = call.tenant()?;
        let named = names::parse_parent("parent", &request.parent, tenant)?;
        let filter = ApprovalFilter {
            status: convert::approval_status(request.status)?,
            before: convert::parse_token(&request.page_token)?,
            limit: convert::limit(request.page_size, PAGE_DEFAULT)?,
        };
        let _permit = self.0.enter(call, Resource::tenant(tenant), &named).await?;
        let found = self.0.approvals.list(&call.caller("")?, &filter).await.map_err(|error| store_failure(&error))?;
        Ok(v1::ListApprovalsResponse {
            next_page_token: convert::next_token(found.len(), filter.limit, found.last().map(|request| request.id)),
            approvals: found.iter().map(|request| convert::approval(request, self.trust_domain(), None)).collect(),
        })
    }

    async fn get(&self, call: &Call, request: &v1::GetApprovalRequest) -> Result<v1::Approval, Failure> {
        let named = self.enter(call, &request.name).await?;
        let shown = self.0.approvals.get(&call.caller("")?, named.id).await;
        let shown = shown.map_err(|error| approval_failure(&error, &named.text))?;
        Ok(self.with_names(convert::approval(&shown.request, &shown.trust_domain, Some(&shown))).await)
    }

    /// The same with the names of the humans and services in it, for people; what is signed are the uids.
    async fn with_names(&self, mut approval: v1::Approval) -> v1::Approval {
        for principal in approval.chain.iter_mut().chain(approval.answered_by.as_mut()) {
            let Ok(holder) = principal.uid.parse::<KeyHolder>() else { continue };
            // Without a name the uid is shown alone.
            if let Ok(Some(known)) = self.0.registered(holder).await {
                principal.display_name = known.principal().name.to_string();
            }
        }
        approval
    }

    async fn decide(&self, call: &Call, request: v1::DecideApprovalRequest) -> Result<v1::Approval, Failure> {
        let named = self.enter(call, &request.name).await?;
        let caller = call.caller(&request.request_id)?;
        let signed = SignedAnswer { statement: request.statement, signature: request.signature };
        let decided = self.0.approvals.decide(&caller, named.id, &signed).await;
        let decided = decided.map_err(|error| approval_failure(&error, &named.text))?;
        if !decided.replayed {
            call.audited_by_commit();
        }
        let shown = self.0.approvals.get(&caller, named.id).await.ok();
        Ok(self.with_names(convert::approval(&decided.request, self.trust_domain(), shown.as_ref())).await)
    }
}

#[tonic::async_trait]
impl ApprovalService for Approvals {
    async fn list_approvals(
        &self,
        request: Request<v1::ListApprovalsRequest>,
    ) -> Result<Response<v1::ListApprovalsResponse>, Status> {
        let (call, message) = Call::of(request)?;
        self.0.answer(&call, self.list(&call, &message).await).await
    }

    async fn get_approval(&self, request: Request<v1::GetApprovalRequest>) -> Result<Response<v1::Approval>, Status> {
        let (call, message) = Call::of(request)?;
        self.0.answer(&call, self.get(&call, &message).await).await
    }

    async fn decide_approval(&self, request: Request<v1::DecideApprovalRequest>) -> Result<Response<v1::Approval>, Status> {
        let (call, message) = Call::of(request)?;
        self.0.answer(&call, self.decide(&call, message).await).await
    }
}
