//! The provider.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use reqwest::{Client, RequestBuilder};
use scalbotics_core::digest::Digest;
use scalbotics_core::model::{Model, Reply, Request};
use scalbotics_core::policy::Warrant;
use scalbotics_core::ports::{Clock, ModelProvider, NotAnswered, SecretSource};
use scalbotics_core::time::Span;
use scalbotics_core::tool::Call;

use super::clients::Clients;
use super::exchange::{Exchange, from_now};
use super::key::Key;
use super::wire::{Cap, body};
use super::words;

/// Where answers are asked for, below the base.
const PATH: &str = "/chat/completions";

/// Most models of which it is remembered that they know the older name of the cap; forgetting one costs a request.
const PLAIN_MAX: usize = 64;

/// Asks servers that speak the OpenAI-compatible chat API.
#[derive(Debug)]
pub struct OpenAi {
    clients: Clients,
    clock: Arc<dyn Clock>,
    secrets: Arc<dyn SecretSource>,
    /// Models whose servers refused the newer name of the cap.
    plain: Mutex<BTreeSet<Digest>>,
}

impl OpenAi {
    /// A provider that gets keys from `secrets`. It opens nothing before its first request.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, secrets: Arc<dyn SecretSource>) -> Self {
        Self { clients: Clients::default(), clock, secrets, plain: Mutex::default() }
    }

    async fn key(&self, warrant: &Warrant<Call>, model: &Model) -> Result<Key, NotAnswered> {
        let Some(name) = &model.api_key else { return Ok(Key::none()) };
        let never_left = |words: String| NotAnswered::NeverLeft { words };
        let secret = self.secrets.reveal(warrant, name).await.map_err(|error| never_left(error.to_string()))?;
        Key::of(secret).map_err(|_| never_left(format!("`{name}` is no key that could be sent")))
    }

    fn request(client: &Client, model: &Model, key: &Key, body: Vec<u8>) -> RequestBuilder {
        let request = client
            .post(model.base_url.join(PATH))
            .header(CONTENT_TYPE, "application/json")
            .header(ACCEPT, "text/event-stream, application/json");
        let request = match key.header() {
            Some(value) => request.header(AUTHORIZATION, value),
            None => request,
        };
        request.body(body)
    }

    fn cap(&self, model: &Model) -> Cap {
        let plain = self.plain.lock().unwrap_or_else(PoisonError::into_inner);
        if plain.contains(&model.digest) { Cap::Plain } else { Cap::Completion }
    }

    fn remember_plain(&self, model: &Model) {
        let mut plain = self.plain.lock().unwrap_or_else(PoisonError::into_inner);
        if plain.len() >= PLAIN_MAX {
            plain.pop_first();
        }
        plain.insert(model.digest);
    }
}

/// A request that this model cannot be asked.
fn fits(model: &Model, request: &Request) -> Result<(), NotAnswered> {
    let never_left = |words: String| NotAnswered::NeverLeft { words };
    request.check().map_err(|error| never_left(error.to_string()))?;
    if request.tokens_max > model.output_tokens_max {
        let (wanted, most) = (request.tokens_max, model.output_tokens_max);
        return Err(never_left(format!("{wanted} tokens are asked for, and the model answers with at most {most}")));
    }
    Ok(())
}

#[async_trait]
impl ModelProvider for OpenAi {
    async fn complete(&self, warrant: &Warrant<Call>, model: &Model, request: &Request) -> Result<Reply, NotAnswered> {
        let never_left = |words: String| NotAnswered::NeverLeft { words };
        fits(model, request)?;
        let key = self.key(warrant, model).await?;
        let client = self.clients.of(model).map_err(|error| never_left(words::shown(&error.to_string(), &key)))?;
        let now = self.clock.now();
        let left_ms = warrant.deadline().since_ms(now);
        if left_ms == 0 {
            return Err(never_left("its deadline has passed".to_owned()));
        }
        let total = Span::from_ms(model.timeouts.total.as_ms().min(left_ms));
        let (end, first) = (from_now(total), from_now(model.timeouts.first_token));
        let exchange = Exchange { model, request, key: &key, now, end, first };
        let cap = self.cap(model);
        let send = async |cap: Cap| {
            let response = exchange.send(Self::request(&client, model, &key, body(model, request, cap))).await?;
            if response.status().is_success() { Ok(response) } else { Err(exchange.refusal(response).await) }
        };
        let response = match send(cap).await {
            Err(NotAnswered::Refused { status: 400, words }) if cap == Cap::Completion && words.contains(cap.field()) => {
                let response = send(Cap::Plain).await?;
                self.remember_plain(model);
                response
            }
            other => other?,
        };
        let (message, finish, usage) = exchange.answer(response).await?;
        let said = message.tool_calls.iter().flat_map(|call| [&call.id, &call.name, &call.arguments]);
        if said.chain([&message.content]).any(|text| key.is_whole_in(text.as_bytes())) {
            return Err(NotAnswered::Malformed { words: "it is withheld, for it holds the key".to_owned() });
        }
        let cost = model.price.cost(&usage);
        let reply = Reply { message, finish, usage, model: model.id.clone(), superseded: Vec::new(), cost };
        reply.check().map_err(|error| NotAnswered::Malformed { words: error.reason.to_owned() })?;
        Ok(reply)
    }
}
