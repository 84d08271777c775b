//! Between the wire and the domain: parse, don't validate. No decision is taken here.

mod agent;
mod approval;
mod audit;
mod audit_filter;
mod authority;
mod decision;
mod failure;
mod filter;
mod human;
mod identity;
mod json;
mod model;
mod page;
mod privacy;
mod repository;
mod secret;
mod service;
mod task;
mod team;
mod tenant;
mod time;
mod tool;
mod worker;

pub(super) use agent::agent;
pub(super) use approval::{approval, approval_status};
pub(super) use audit::{audit_record, proof_failure, verified};
pub(super) use audit_filter::{AuditWanted, Named, audit_search};
pub(super) use authority::{authority, authority_failure};
pub(super) use decision::{decision, erased_decision};
pub(super) use failure::{
    approval_failure, decision_failure, evidence_failure, people_failure, secret_failure, store_failure, submit_failure,
    task_failure,
};
pub(super) use filter::task_filter;
pub(super) use human::{human, parse_names};
pub(super) use identity::identity_failure;
pub(super) use json::{from_struct, from_value, to_value};
pub(super) use model::model;
pub(super) use page::{limit, next_token, parse_token};
pub(super) use privacy::{erasure, hold, privacy_failure, retention};
pub(super) use repository::{finding, repository};
pub(super) use secret::secret;
pub(super) use service::service;
pub(super) use task::{submit, summary, task, task_event, validated};
pub(super) use team::team;
pub(super) use tenant::{tenant, tenant_failure};
pub(super) use time::{length_ms, timestamp};
pub(super) use tool::tool;
pub(super) use worker::{attempt_name, key_of, report};
