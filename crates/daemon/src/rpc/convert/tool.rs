//! Tools.

use scalbotics_core::tenant::TenantId;
use scalbotics_core::tool::{Definition, EffectClass, Kind};
use scalbotics_proto::v1;

use crate::rpc::names;

/// The word of an effect class.
pub(super) const fn effect_class(class: EffectClass) -> &'static str {
    match class {
        EffectClass::Pure => "pure",
        EffectClass::Keyed => "keyed",
        EffectClass::Verifiable => "verifiable",
        EffectClass::Opaque => "opaque",
    }
}

/// A tool; its schemas only when asked for.
pub(in crate::rpc) fn tool(tenant: &TenantId, tool: &Definition, with_schemas: bool) -> v1::Tool {
    let kind = match &tool.kind {
        Kind::Builtin(_) | Kind::Model => "builtin",
        Kind::Process(_) => "process",
        Kind::Worker(_) => "worker",
        Kind::Http(_) => "http",
    };
    let output = tool.output.as_ref().filter(|_| with_schemas).map(|schema| schema.to_value().to_string());
    v1::Tool {
        name: names::name(tenant, "tools", &tool.id),
        description: tool.description.clone(),
        tier: tool.tier.number().into(),
        effect_class: effect_class(tool.effect).to_owned(),
        digest: tool.digest.to_string(),
        kind: kind.to_owned(),
        input_schema: if with_schemas { tool.input.to_value().to_string() } else { String::new() },
        output_schema: output.unwrap_or_default(),
    }
}
