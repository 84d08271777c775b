//! The provider.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use reqwest::{Client, RequestBuilder, Response};
use scalbotics_core::digest::Digest;
use scalbotics_core::egress::Roots;
use scalbotics_core::model::{Model, Reply, Request};
use scalbotics_core::policy::Warrant;
use scalbotics_core::ports::{Clock, ModelProvider, NotAnswered, SecretSource};
use scalbotics_core::time::Span;
use scalbotics_core::tool::Call;
use tokio::time::Instant;

use super::clients::{Clients, IDLE};
use super::exchange::{Exchange, Failed, from_now};
use super::key::Key;
use super::wire::{Cap, body};
use super::words;

/// Where answers are asked for, below the base.
const PATH: &str = "/chat/completions";

/// Most models of which something is remembered; forgetting one costs a request.
const REMEMBERED_MAX: usize = 64;

/// Asks servers that speak the OpenAI-compatible chat API.
#[derive(Debug)]
pub struct OpenAi {
    clients: Clients,
    clock: Arc<dyn Clock>,
    secrets: Arc<dyn SecretSource>,
    /// Models whose servers refused the newer name of the cap.
    plain: Mutex<BTreeSet<Digest>>,
    /// When models answered last: until [`IDLE`] later a connection of theirs may be used again.
    warm: Mutex<BTreeMap<Digest, Instant>>,
}

impl OpenAi {
    /// A provider that gets keys from `secrets`. It opens nothing before its first request.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, secrets: Arc<dyn SecretSource>) -> Self {
        Self { clients: Clients::default(), clock, secrets, plain: Mutex::default(), warm: Mutex::default() }
    }

    /// The same, which believes these authorities beside the system's.
    #[must_use]
    pub fn trusting(self, roots: Roots) -> Self {
        Self { clients: Clients::trusting(roots), ..self }
    }

    async fn key(&self, warrant: &Warrant<Call>, model: &Model) -> Result<Key, NotAnswered> {
        let Some(name) = &model.api_key else { return Ok(Key::none()) };
        let never_left = |words: String| NotAnswered::NeverLeft { words };
        let secret = self.secrets.reveal(warrant, name).await.map_err(|error| never_left(error.to_string()))?;
        Key::of(secret).map_err(|_| never_left(format!("`{name}` is no key that could be sent")))
    }

    /// Sends the request with a name of the cap; anything but success is an error.
    ///
    /// A server may close a connection at the moment in which it is used again (llama.cpp's closes each after a stream, and says that it
    /// would not). What it closed without a byte it has not answered; a request has no effect but its tokens, and is sent once more.
    async fn send(&self, client: &Client, exchange: &Exchange<'_>, cap: Cap) -> Result<Response, NotAnswered> {
        let request = || Self::request(client, exchange.model, exchange.key, body(exchange.model, exchange.request, cap));
        let sent = match exchange.send(request()).await {
            Err(Failed { closed: true, .. }) if self.is_warm(exchange.model) => exchange.send(request()).await,
            other => other,
        };
        let response = sent.map_err(|failed| failed.error)?;
        if response.status().is_success() { Ok(response) } else { Err(exchange.refusal(response).await) }
    }

    fn is_warm(&self, model: &Model) -> bool {
        let warm = self.warm.lock().unwrap_or_else(PoisonError::into_inner);
        warm.get(&model.digest).is_some_and(|at| at.elapsed() < IDLE)
    }

    fn remember_warm(&self, model: &Model) {
        let mut warm = self.warm.lock().unwrap_or_else(PoisonError::into_inner);
        if warm.len() >= REMEMBERED_MAX && !warm.contains_key(&model.digest) {
            warm.retain(|_, at| at.elapsed() < IDLE);
            if warm.len() >= REMEMBERED_MAX {
                warm.pop_first();
            }
        }
        warm.insert(model.digest, Instant::now());
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
        if plain.len() >= REMEMBERED_MAX {
            plain.pop_first();
        }
        plain.insert(model.digest);
    }
}

/// A request that this model cannot be asked.
fn fits(model: &Model, request: &Request) -> Result<(), NotAnswered> {
    let never_left = |words: String| NotAnswered::NeverLeft { words };
    request.check_parts().map_err(|error| never_left(error.to_string()))?;
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
        let response = match self.send(&client, &exchange, cap).await {
            Err(NotAnswered::Refused { status: 400, words }) if cap == Cap::Completion && words.contains(cap.field()) => {
                let response = self.send(&client, &exchange, Cap::Plain).await?;
                self.remember_plain(model);
                response
            }
            other => other?,
        };
        let (message, finish, usage) = exchange.answer(response).await?;
        self.remember_warm(model);
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
