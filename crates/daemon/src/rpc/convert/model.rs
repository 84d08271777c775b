//! Models.

use scalbotics_core::desired::Snapshot;
use scalbotics_core::model::Model;
use scalbotics_proto::v1;

use crate::rpc::names;

/// A model, with the routes that name it; for how many milliseconds it is left alone.
pub(in crate::rpc) fn model(snapshot: &Snapshot, model: &Model, left_alone_ms: u64) -> v1::Model {
    let tenant = &snapshot.tenant;
    let place = |agent: &scalbotics_core::desired::Agent| {
        let place = agent.model.as_ref()?.models.iter().position(|id| *id == model.id)?;
        Some(v1::ModelPlace { agent: names::name(tenant, "agents", &agent.name), place: u32::try_from(place + 1).ok()? })
    };
    let price =
        v1::ModelPrice { input_micros: model.price.input, output_micros: model.price.output, cached_micros: model.price.cached };
    v1::Model {
        name: names::name(tenant, "models", &model.id),
        base_url: model.base_url.as_str().to_owned(),
        model: model.model.clone(),
        api_key: model.api_key.as_ref().map(ToString::to_string).unwrap_or_default(),
        context_tokens: model.context_tokens,
        output_tokens_max: model.output_tokens_max,
        price: Some(price),
        places: snapshot.agents.values().filter_map(|agent| place(agent)).collect(),
        breaker: if left_alone_ms == 0 { "closed" } else { "open" }.to_owned(),
        left_alone_ms,
        digest: model.digest.to_string(),
    }
}
