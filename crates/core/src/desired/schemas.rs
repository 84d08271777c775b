//! JSON Schemas of the files, generated from the types that read them.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{AgentFile, OverlayFile, SkillFile, TeamFile};
use crate::egress::Destination;
use crate::model;
use crate::tool::Manifest;
use crate::workflow;

/// The published JSON Schemas (draft 2020-12), by the kind of file: `agent`, `destination`, `model`, `overlay`, `skill`, `team`, `tool`, `workflow`.
#[must_use]
pub fn schemas() -> BTreeMap<&'static str, Value> {
    BTreeMap::from([
        ("agent", schemars::schema_for!(AgentFile).to_value()),
        ("destination", schemars::schema_for!(Destination).to_value()),
        ("model", schemars::schema_for!(model::File).to_value()),
        ("overlay", schemars::schema_for!(OverlayFile).to_value()),
        ("skill", schemars::schema_for!(SkillFile).to_value()),
        ("team", schemars::schema_for!(TeamFile).to_value()),
        ("tool", schemars::schema_for!(Manifest).to_value()),
        ("workflow", schemars::schema_for!(workflow::File).to_value()),
    ])
}
