//! Tenants.

use scalbotics_core::agent::Standing;
use scalbotics_core::ports::Tenant;
use scalbotics_proto::v1;
use scalbotics_runtime::reconcile::Status;
use scalbotics_runtime::tenants;

use super::failure::change_failure;
use super::timestamp;
use crate::rpc::codes;
use crate::rpc::failure::Failure;
use crate::tenants::Place;

/// A tenant with its place; `seen` is what became of its repository, where it is served.
pub(in crate::rpc) fn tenant(tenant: &Tenant, place: &Place, seen: Option<&Status>) -> v1::Tenant {
    v1::Tenant {
        name: format!("tenants/{}", tenant.id),
        standing: match tenant.standing {
            Standing::Active => "active",
            Standing::Suspended | Standing::Offboarded => "suspended",
        }
        .to_owned(),
        operating: place.is_operating,
        create_time: (tenant.created_at.unix_ms() > 0).then(|| timestamp(tenant.created_at)),
        directory: place.directory.display().to_string(),
        branch: place.branch.clone(),
        remote: place.remote.clone().unwrap_or_default(),
        overlay: place.overlay.as_ref().map(ToString::to_string).unwrap_or_default(),
        desired_state: desired_state(seen).to_owned(),
        admin_uid: String::new(),
        host_access: tenant.host_access || place.is_operating,
    }
}

fn desired_state(seen: Option<&Status>) -> &'static str {
    match seen {
        Some(Status { in_force: None, .. }) | None => "absent",
        Some(Status { unreadable: Some(_), .. }) => "unreadable",
        Some(Status { findings, .. }) if !findings.is_empty() => "refused",
        Some(_) => "in_force",
    }
}

/// The tenancy service's; `name` is the tenant's as the caller gave it.
pub(in crate::rpc) fn tenant_failure(error: &tenants::Error, name: &str) -> Failure {
    use tenants::Error as Refused;
    let refuse = |code| Failure::new(code, error.to_string());
    match error {
        Refused::NotFound { .. } => Failure::not_found(name),
        Refused::Taken { .. } => refuse(codes::NAME_TAKEN)
            .why("what is in its log, and under its name elsewhere, would count for another")
            .next("choose another name"),
        Refused::Own { .. } => refuse(codes::INVALID_ARGUMENT).next("choose another name"),
        Refused::TooMany => refuse(codes::TOO_MANY).next("make another installation: a tenant that is gone keeps its name here"),
        Refused::Operating { .. } => refuse(codes::CONFLICT)
            .why("its people hold the installation verbs, `tenant resume` among them")
            .next("stop the daemon to stop everybody; `scalbotics tenant list` shows who else is served"),
        Refused::Premises { id, source } => {
            tracing::error!(tenant = %id, error = scalbotics_core::in_words(source.as_ref()), "the place of a tenant cannot be made");
            refuse(codes::TENANT_UNFOUNDED)
                .why(scalbotics_core::in_words(source.as_ref()))
                .next("mend it, and add the tenant again: what was made of it is used")
        }
        Refused::Change(error) => change_failure(error),
    }
}
