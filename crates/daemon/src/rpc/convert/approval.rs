//! Approvals.

use scalbotics_core::approval::{Request, Status};
use scalbotics_core::principal::Uid;
use scalbotics_proto::v1;
use scalbotics_runtime::approval::Shown;

use super::timestamp;
use crate::rpc::failure::Failure;
use crate::rpc::names;

/// A request for approval, with its arguments and inputs where they are shown.
pub(in crate::rpc) fn approval(request: &Request, trust_domain: &str, shown: Option<&Shown>) -> v1::Approval {
    let inputs = shown.map(|shown| shown.contents.inputs.as_slice()).unwrap_or_default().iter();
    v1::Approval {
        name: names::name(&request.tenant, "approvals", &request.id),
        status: wire_status(request.status).into(),
        trust_domain: trust_domain.to_owned(),
        task: request.task.to_string(),
        effect: request.effect.to_string(),
        step: request.step.clone(),
        agent_uid: request.agent.to_string(),
        agent: request.agent_name.to_string(),
        chain: request.chain.iter().map(principal).collect(),
        tool: request.tool.to_string(),
        tool_digest: request.tool_digest.to_string(),
        tier: request.tier.number().into(),
        args_json: shown.map(|shown| String::from_utf8_lossy(&shown.canonical).into_owned()).unwrap_or_default(),
        inputs: inputs.map(|input| v1::ResolvedInput { name: input.name.clone(), digest: input.digest.to_string() }).collect(),
        call_digest: shown.map(|shown| shown.contents.call.to_string()).unwrap_or_default(),
        nonce: request.nonce.to_string(),
        create_time: Some(timestamp(request.asked_at)),
        expire_time: Some(timestamp(request.expires_at)),
        answered_by: request.answered_by.as_ref().map(principal),
        grants: request.grants.iter().map(ToString::to_string).collect(),
    }
}

/// A principal without its name, which is the registry's.
fn principal(uid: &Uid) -> v1::Principal {
    v1::Principal { kind: uid.kind().to_owned(), uid: uid.to_string(), display_name: String::new() }
}

const fn wire_status(status: Status) -> v1::ApprovalStatus {
    match status {
        Status::Waiting => v1::ApprovalStatus::Waiting,
        Status::Granted => v1::ApprovalStatus::Granted,
        Status::Consumed => v1::ApprovalStatus::Consumed,
        Status::Denied => v1::ApprovalStatus::Denied,
        Status::Expired => v1::ApprovalStatus::Expired,
    }
}

/// The status that a list is limited to; `None` for any.
///
/// # Errors
/// INVALID_ARGUMENT for a number that is no status.
pub(in crate::rpc) fn approval_status(status: i32) -> Result<Option<Status>, Failure> {
    match v1::ApprovalStatus::try_from(status) {
        Ok(v1::ApprovalStatus::Unspecified) => Ok(None),
        Ok(v1::ApprovalStatus::Waiting) => Ok(Some(Status::Waiting)),
        Ok(v1::ApprovalStatus::Granted) => Ok(Some(Status::Granted)),
        Ok(v1::ApprovalStatus::Consumed) => Ok(Some(Status::Consumed)),
        Ok(v1::ApprovalStatus::Denied) => Ok(Some(Status::Denied)),
        Ok(v1::ApprovalStatus::Expired) => Ok(Some(Status::Expired)),
        Err(_) => Err(Failure::invalid("status", "it is no status")),
    }
}
