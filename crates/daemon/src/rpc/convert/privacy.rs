//! Erasures, legal holds, and how the work of erasing stands.

use scalbotics_core::in_words;
use scalbotics_core::privacy::{Class, Erasure, Scope};
use scalbotics_core::tenant::TenantId;
use scalbotics_core::time::Span;
use scalbotics_proto::v1;
use scalbotics_runtime::privacy::{Error, Placed, Standing};

use super::failure::change_failure;
use super::timestamp;
use crate::rpc::codes::{self, Code};
use crate::rpc::failure::Failure;
use crate::rpc::names;

/// What something is about; a human by identity, for the name may be gone.
fn about(tenant: &TenantId, scope: Scope) -> String {
    match scope {
        Scope::Task(task) => names::name(tenant, "tasks", &task),
        Scope::Human(human) => names::name(tenant, "humans", &human),
        Scope::Tenant => format!("tenants/{tenant}"),
    }
}

/// An order to erase; `ordered` unless it is a trial.
pub(in crate::rpc) fn erasure(erasure: &Erasure, ordered: bool) -> v1::Erasure {
    v1::Erasure {
        id: if ordered { erasure.id.to_string() } else { String::new() },
        about: about(&erasure.tenant, erasure.scope),
        payloads: erasure.destroyed,
        by: erasure.by.to_string(),
        create_time: Some(timestamp(erasure.at)),
        done_time: erasure.done_at.map(timestamp),
    }
}

/// A legal hold.
pub(in crate::rpc) fn hold(placed: &Placed) -> v1::Hold {
    let hold = &placed.hold;
    v1::Hold {
        name: names::name(&hold.tenant, "holds", &hold.id),
        about: about(&hold.tenant, hold.scope),
        reason: placed.reason.clone().unwrap_or_default(),
        by: hold.by.to_string(),
        create_time: Some(timestamp(hold.at)),
    }
}

fn duration(span: Span) -> prost_types::Duration {
    let (seconds, ms) = (span.as_ms() / 1_000, span.as_ms() % 1_000);
    prost_types::Duration {
        seconds: i64::try_from(seconds).unwrap_or(i64::MAX),
        nanos: i32::try_from(ms.saturating_mul(1_000_000)).unwrap_or_default(),
    }
}

/// How the work of erasing stands.
pub(in crate::rpc) fn retention(standing: &Standing) -> v1::Retention {
    let Standing { terms, marks, believed_at, under_way, retired } = standing;
    let kept = |class: Class| v1::KeptFor { class: class.as_str().to_owned(), span: terms.keep.of(class).map(duration) };
    v1::Retention {
        kept: Class::ALL.into_iter().map(kept).collect(),
        backups: Some(duration(terms.backups)),
        believed_time: believed_at.map(timestamp),
        jump_time: marks.jumped_at.map(timestamp),
        aged: marks.aged,
        under_way: u32::try_from(*under_way).unwrap_or(u32::MAX),
        rotate_time: marks.rotated_at.map(timestamp),
        rotation_under_way: marks.rewrapping || marks.rotation_due.is_some(),
        retired_key_times: retired.iter().map(|at| timestamp(*at)).collect(),
    }
}

/// The privacy service's; `name` is what the caller named.
pub(in crate::rpc) fn privacy_failure(error: &Error, name: &str) -> Failure {
    let refuse = |code: Code| Failure::new(code, error.to_string());
    match error {
        Error::NotFound { .. } => Failure::not_found(name),
        Error::Held { .. } => refuse(codes::LEGAL_HOLD).next("scalbotics admin hold list"),
        Error::Unfinished { task, .. } => {
            refuse(codes::TASK_STATE).why("it needs what would be erased").next(format!("scalbotics task cancel {task}"))
        }
        Error::StillThere { name } => refuse(codes::HUMAN_ACTIVE)
            .why("who may still act makes new matter while the old goes: offboard them first, which is for good")
            .next(format!("scalbotics human show {name}")),
        Error::Reason { .. } => Failure::invalid("reason", error.to_string()),
        Error::TooMany => refuse(codes::TOO_MANY).next("scalbotics admin hold list"),
        Error::Change(error) => change_failure(error),
        Error::Cipher(source) => Failure::internal("seal a reason", source),
        Error::Keys(source) => Failure::internal("turn wrapping keys", &in_words(source)),
        Error::Record { source, .. } => Failure::internal("read the audit log", source),
        Error::Draining => Failure::new(codes::SHUTTING_DOWN, "the daemon is ending")
            .why("what was ordered is carried on with at the next start")
            .next("try again in a minute"),
    }
}
