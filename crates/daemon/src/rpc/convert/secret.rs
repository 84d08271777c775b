//! Secrets, without their values.

use scalbotics_core::secret::{Facts, SecretRef};
use scalbotics_proto::v1;

use super::timestamp;
use crate::rpc::names;

/// What is known about a secret.
pub(in crate::rpc) fn secret(facts: &Facts) -> v1::Secret {
    let reference = SecretRef { tenant: facts.tenant.clone(), name: facts.name.clone() };
    v1::Secret {
        name: names::name(&facts.tenant, "secrets", &facts.name),
        uid: facts.id.to_string(),
        version: facts.version,
        create_time: Some(timestamp(facts.created_at)),
        rotate_time: facts.rotated_at.map(timestamp),
        use_time: facts.used_at.map(timestamp),
        by: facts.by.to_string(),
        fingerprint: facts.fingerprint.clone(),
        reference: reference.to_string(),
    }
}
