//! Teams.

use scalbotics_core::desired::{Snapshot, TeamFile};
use scalbotics_core::tenant::TenantId;
use scalbotics_proto::v1;

use crate::rpc::names;

/// A team with the agents that are in it.
pub(in crate::rpc) fn team(tenant: &TenantId, team: &TeamFile, snapshot: &Snapshot) -> v1::Team {
    let members = snapshot.agents.values().filter(|agent| agent.team == team.id);
    v1::Team {
        name: names::name(tenant, "teams", &team.id),
        description: team.description.clone(),
        lead: team.lead.as_ref().map(ToString::to_string).unwrap_or_default(),
        members: members.map(|agent| agent.name.to_string()).collect(),
    }
}
