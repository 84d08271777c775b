//! The ordered list of models.

use std::sync::Arc;

use scalbotics_core::failpoint;
use scalbotics_core::model::{Model, Reply, Request, Superseded};
use scalbotics_core::policy::Warrant;
use scalbotics_core::ports::{Clock, ModelProvider, NotAnswered};
use scalbotics_core::tool::Call;

use super::breaker::{Breakers, Health};
use crate::metrics::Metrics;

/// Asks the models of a route in their order.
#[derive(Debug)]
pub struct Router {
    model_provider: Arc<dyn ModelProvider>,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
    breakers: Breakers,
}

/// No model of the route answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no model of the route answered")]
pub struct NoAnswer {
    /// Why the last one did not.
    #[source]
    pub cause: NotAnswered,
    /// Every model that was asked or passed over, the last one included.
    pub tried: Vec<Superseded>,
}

impl NoAnswer {
    /// Tokens that the account is charged: the whole hold of each model that was asked and may have spent it (semantics §6.1).
    #[must_use]
    pub fn charged(&self, request: &Request) -> u64 {
        let spent = self.tried.iter().filter(|tried| tried.may_have_spent).count();
        (spent as u64).saturating_mul(request.worst_case())
    }
}

impl Router {
    /// A router with closed breakers.
    #[must_use]
    pub fn new(model_provider: Arc<dyn ModelProvider>, clock: Arc<dyn Clock>, metrics: Arc<Metrics>) -> Self {
        Self { model_provider, clock, metrics, breakers: Breakers::default() }
    }

    /// Asks the first model whose breaker lets the request pass; the next one while no part of an answer had come. The reply says
    /// which models were superseded, and why.
    ///
    /// # Errors
    /// [`NoAnswer`].
    ///
    /// # Cancel safety
    /// As [`ModelProvider::complete`]: tokens may have been spent.
    pub async fn complete(&self, warrant: &Warrant<Call>, models: &[Arc<Model>], request: &Request) -> Result<Reply, NoAnswer> {
        let mut tried = Vec::new();
        let mut cause = NotAnswered::NeverLeft { words: "the route names no model".to_owned() };
        for model in models {
            let error = match self.ask(warrant, model, request).await {
                Ok(reply) => return Ok(Reply { superseded: tried, ..reply }),
                Err(error) => error,
            };
            let may_have_spent = error.may_have_spent();
            let miss = Some(error.miss());
            tried.push(Superseded { model: model.id.clone(), why: error.to_string(), miss, may_have_spent });
            let goes_on = error.may_try_next();
            cause = error;
            if !goes_on {
                break;
            }
        }
        Err(NoAnswer { cause, tried })
    }

    /// For how many milliseconds the model is not asked; 0 where it is.
    pub(super) fn left_alone_ms(&self, model: &Model) -> u64 {
        self.breakers.left_alone_ms(&model.digest, self.clock.now())
    }

    /// Asks one model, if its breaker lets the request pass.
    async fn ask(&self, warrant: &Warrant<Call>, model: &Model, request: &Request) -> Result<Reply, NotAnswered> {
        if let Err(wait_ms) = self.breakers.admit(&model.digest, self.clock.now()) {
            self.metrics.models_passed_over.add(1);
            let words = format!("it failed before and is left alone for another {wait_ms} ms");
            return Err(NotAnswered::NeverLeft { words });
        }
        let begun = tokio::time::Instant::now();
        failpoint!("effect.send.before");
        let result = self.model_provider.complete(warrant, model, request).await;
        failpoint!("effect.send.after");
        self.metrics.model_duration.observe(begun.elapsed());
        self.metrics.count_answer(&model.id, &result);
        let health = result.as_ref().map_or_else(Health::of, |_| Health::Good);
        self.breakers.note(&model.digest, health, self.clock.now());
        result
    }
}
