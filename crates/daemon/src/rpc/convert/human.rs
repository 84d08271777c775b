//! People.

use scalbotics_core::agent::Standing;
use scalbotics_core::ports::Human;
use scalbotics_core::tenant::Name;
use scalbotics_proto::v1;

use crate::rpc::failure::Failure;
use crate::rpc::names;

/// A human without their key, in the groups bound here and in those that their issuer says.
pub(in crate::rpc) fn human(human: &Human) -> v1::Human {
    v1::Human {
        name: names::name(&human.tenant, "humans", &human.name),
        uid: human.uid.to_string(),
        groups: human.principal().groups.iter().map(ToString::to_string).collect(),
        standing: standing(human.standing).to_owned(),
        can_approve: human.enrolment.is_some(),
        epoch: human.epoch,
    }
}

/// The word for a standing.
pub(in crate::rpc) const fn standing(standing: Standing) -> &'static str {
    match standing {
        Standing::Active => "active",
        Standing::Suspended => "suspended",
        Standing::Offboarded => "offboarded",
    }
}

/// Parses a list of names.
///
/// # Errors
/// INVALID_ARGUMENT for the first that is none.
pub(in crate::rpc) fn parse_names(field: &str, texts: &[String]) -> Result<Vec<Name>, Failure> {
    texts.iter().map(|text| names::bare(field, text)).collect()
}
