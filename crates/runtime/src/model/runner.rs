//! A tool runner that asks models where the tool is `model.call`, and hands everything else on.

use std::sync::Arc;

use async_trait::async_trait;
use scalbotics_core::model::{Model, Request};
use scalbotics_core::policy::Warrant;
use scalbotics_core::ports::{NotAnswered, Stop, ToolRunner};
use scalbotics_core::tenant::TenantId;
use scalbotics_core::tool::{Call, Definition, Kind, NotDone, Outcome, ResolvedInput, Verification};

use super::{NoAnswer, Router};
use crate::reconcile::Board;
use crate::secret::Masks;

/// Asks models for the calls of `model.call`; other tools run through another runner.
#[derive(Debug)]
pub struct Runner {
    inner: Arc<dyn ToolRunner>,
    router: Router,
    masks: Arc<Masks>,
    in_force: Board,
}

impl Runner {
    /// Puts the parts together; the models of a tenant are those on the board.
    #[must_use]
    pub const fn new(inner: Arc<dyn ToolRunner>, router: Router, masks: Arc<Masks>, in_force: Board) -> Self {
        Self { inner, router, masks, in_force }
    }

    /// For how many milliseconds the model is not asked, because it failed again and again; 0 where it is.
    #[must_use]
    pub fn left_alone_ms(&self, model: &Model) -> u64 {
        self.router.left_alone_ms(model)
    }

    /// The models of a route, in its order.
    fn models(&self, tenant: &TenantId, request: &Request) -> Result<Vec<Arc<Model>>, NotDone> {
        let state = self.in_force.of(tenant);
        let model = |id| state.as_ref()?.snapshot.models.get(id).cloned();
        let gone = |id| NotDone::Unavailable { reason: format!("model `{id}` is not in force any more") };
        request.route.iter().map(|id| model(id).ok_or_else(|| gone(id))).collect()
    }

    /// The request, without any value that the tenant keeps secret, and without what looks like a secret: whatever brought one
    /// there, a server does not get it.
    async fn request(&self, call: &Call) -> Result<Request, NotDone> {
        let unreadable = |error| NotDone::Unavailable { reason: format!("secrets cannot be read: {error}") };
        let mask = self.masks.of_prompts(&call.tenant).await.map_err(unreadable)?;
        let mut bytes = call.args.to_vec();
        mask.apply(&mut bytes, false);
        let refuse = || NotDone::Arguments { reason: "they are no request to a model".to_owned() };
        Request::of_payload(&bytes).ok_or_else(refuse)
    }

    async fn ask(&self, warrant: &Warrant<Call>) -> Result<Outcome, NotDone> {
        let request = self.request(warrant.act()).await?;
        let models = self.models(&warrant.act().tenant, &request)?;
        match self.router.complete(warrant, &models, &request).await {
            Ok(reply) => Ok(match reply.to_payload() {
                Ok(output) => Outcome::Landed { output, truncated: false },
                Err(error) => Outcome::Failed { reason: error.to_string() },
            }),
            Err(error) => missed(&error),
        }
    }
}

/// What it means that no model answered: asked again may help where none had begun to, and costs nothing where none was reached.
fn missed(error: &NoAnswer) -> Result<Outcome, NotDone> {
    let tried: Vec<String> = error.tried.iter().map(|tried| format!("{}: {}", tried.model, tried.why)).collect();
    let reason = if tried.is_empty() { error.cause.to_string() } else { tried.join("; ") };
    let spent = error.tried.iter().any(|tried| tried.may_have_spent);
    match &error.cause {
        NotAnswered::NeverLeft { .. } | NotAnswered::Unreachable { .. } | NotAnswered::Busy { .. } if !spent => {
            Err(NotDone::NoModel { reason })
        }
        NotAnswered::NeverLeft { .. }
        | NotAnswered::Unreachable { .. }
        | NotAnswered::Busy { .. }
        | NotAnswered::Silent { .. } => Ok(Outcome::Unknown { reason }),
        NotAnswered::Refused { .. } | NotAnswered::Cut { .. } | NotAnswered::TooLong { .. } | NotAnswered::Malformed { .. } => {
            Ok(Outcome::Failed { reason })
        }
    }
}

#[async_trait]
impl ToolRunner for Runner {
    async fn resolve(&self, tool: &Definition, call: &Call) -> Result<Vec<ResolvedInput>, NotDone> {
        self.inner.resolve(tool, call).await
    }

    async fn run(&self, tool: &Definition, warrant: Warrant<Call>, stop: &dyn Stop) -> Outcome {
        match tool.kind {
            Kind::Builtin(_) | Kind::Process(_) | Kind::Worker(_) | Kind::Http(_) => self.inner.run(tool, warrant, stop).await,
            Kind::Model if tool.digest != warrant.act().tool_digest => {
                let reason = "it was given for another version of the tool".to_owned();
                Outcome::NeverLeft { reason: NotDone::Void { reason } }
            }
            Kind::Model => tokio::select! {
                biased;
                outcome = self.ask(&warrant) => outcome.unwrap_or_else(|reason| Outcome::NeverLeft { reason }),
                // Dropping the question closes its connection, by which servers stop; tokens may have been spent.
                () = stop.stopped() => Outcome::Unknown { reason: "the question was withdrawn".to_owned() },
            },
        }
    }

    async fn verify(&self, tool: &Definition, call: &Call) -> (Verification, Option<Vec<u8>>) {
        self.inner.verify(tool, call).await
    }

    async fn prove_dead(&self, tool: &Definition, call: &Call, attempt: u32) -> bool {
        self.inner.prove_dead(tool, call, attempt).await
    }
}
