//! Verbs of `model`.

use clap::Subcommand;
use scalbotics_proto::v1;
use scalbotics_proto::v1::model_service_client::ModelServiceClient;
use serde_json::{Value, json};

use crate::commands::wire;
use crate::failure::Failure;
use crate::output::{Printer, column, money, wide};
use crate::session::Session;

/// Verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// List models: their server, the routes that name them, prices of a million tokens, and whether they are asked now.
    #[command(alias = "ls", before_help = "Example: scalbotics model list -o wide")]
    List,
}

/// Runs a verb.
pub(crate) async fn run(session: &Session, verb: &Verb, printer: &Printer) -> Result<(), Failure> {
    let Verb::List = verb;
    let mut client = ModelServiceClient::new(session.channel.clone());
    let answer = client.list_models(session.request(v1::ListModelsRequest::default())?).await?.into_inner();
    let people = printer.is_for_people();
    let items: Vec<Value> = answer.models.iter().map(|model| if people { in_words(model) } else { model_json(model) }).collect();
    let columns = [
        column("MODEL", "/name"),
        column("AT", "/base_url"),
        column("CALLED", "/model"),
        column("ROUTES", "/routes"),
        column("INPUT", "/input"),
        column("OUTPUT", "/output"),
        column("BREAKER", "/state"),
        wide("CONTEXT", "/context_tokens"),
        wide("ANSWER", "/output_tokens_max"),
        wide("KEY", "/api_key"),
        wide("DIGEST", "/digest"),
    ];
    printer.list(&items, &columns)
}

fn model_json(model: &v1::Model) -> Value {
    let price = model.price.unwrap_or_default();
    let place = |place: &v1::ModelPlace| json!({ "agent": wire::short(&place.agent), "place": place.place });
    json!({
        "name": wire::short(&model.name),
        "base_url": model.base_url,
        "model": model.model,
        "api_key": model.api_key,
        "context_tokens": model.context_tokens,
        "output_tokens_max": model.output_tokens_max,
        "price": {
            "input_micros": price.input_micros,
            "output_micros": price.output_micros,
            "cached_micros": price.cached_micros,
        },
        "places": model.places.iter().map(place).collect::<Vec<_>>(),
        "breaker": model.breaker,
        "left_alone_ms": model.left_alone_ms,
        "digest": model.digest,
    })
}

/// A model as people read it: `clerk 1` is the first of the clerk's route.
fn in_words(model: &v1::Model) -> Value {
    let mut value = model_json(model);
    let price = model.price.unwrap_or_default();
    let routes: Vec<String> = model.places.iter().map(|at| format!("{} {}", wire::short(&at.agent), at.place)).collect();
    let seconds = model.left_alone_ms.div_ceil(1_000);
    let state = if seconds == 0 { model.breaker.clone() } else { format!("{}, {seconds} s", model.breaker) };
    if let Some(map) = value.as_object_mut() {
        map.insert("routes".to_owned(), json!(routes));
        map.insert("input".to_owned(), json!(money(price.input_micros)));
        map.insert("output".to_owned(), json!(money(price.output_micros)));
        map.insert("state".to_owned(), json!(state));
    }
    value
}
