//! What stays the same in a whole conversation.

use std::collections::BTreeMap;

use serde_json::Value;

use super::offer::{self, Offer};
use super::{Stuck, opening};
use crate::desired::{Agent, Snapshot};
use crate::json;
use crate::model::{Message, REQUEST_LEN_MAX, Request, Role, Route, ToolSpec, Written};
use crate::task::Failure;
use crate::tenant::Name;

/// Bytes of a request that are taken for one token of a model's context: texts have four, schemas and numbers fewer.
const BYTES_PER_TOKEN: u64 = 3;

/// What is said behind a question of a workflow; servers that know no schemas need the words.
const ANSWER_ONLY: &str = "Answer with nothing but JSON that conforms to this schema: ";

/// What stays the same in a whole conversation: who is asked, as whom, and what is on offer.
#[derive(Debug)]
pub struct Frame {
    pub(super) route: Route,
    /// Longest request, in bytes of canonical JSON.
    pub(super) len_max: usize,
    pub(super) opening: Vec<Message>,
    pub(super) specs: Vec<ToolSpec>,
    /// Bytes of `specs` as canonical JSON.
    pub(super) specs_len: usize,
    pub(super) offers: BTreeMap<Name, Offer>,
}

impl Frame {
    /// The frame of a task of `agent`, whose models and tools are those of `snapshot`; `None` where no model drives the agent.
    #[must_use]
    pub fn new(snapshot: &Snapshot, agent: &Agent, goal: &str, input: &Value) -> Option<Self> {
        let route = agent.model.as_deref()?.clone();
        let models: Vec<_> = snapshot.route_of(&agent.name).into_iter().collect();
        let context = models.iter().map(|model| model.context_tokens.saturating_sub(route.output_tokens_max)).min()?;
        let len_max = usize::try_from(context.saturating_mul(BYTES_PER_TOKEN)).unwrap_or(REQUEST_LEN_MAX).min(REQUEST_LEN_MAX);
        let offers = offer::of(snapshot, agent);
        let specs: Vec<ToolSpec> = offers.iter().map(|(name, offer)| offer.spec(name)).collect();
        let specs_len = json::canonical_of(&specs).ok()?.len();
        Some(Self { route, len_max, opening: opening::of(agent, goal, input), specs, specs_len, offers })
    }

    /// The request of one question within a workflow.
    pub(super) fn question(&self, prompt: &str, answer: Value) -> Result<Written, Stuck> {
        question(&self.route, self.opening.first().cloned(), prompt, answer)
    }
}

/// What a model is asked in a step of a workflow: one question, no tool, and an answer of a known type.
///
/// # Errors
/// [`Stuck`] when the question is longer than a request may be.
pub fn ask(route: &Route, agent: &Agent, prompt: &str, answer: Value) -> Result<Written, Stuck> {
    question(route, Some(opening::system(agent)), prompt, answer)
}

fn question(route: &Route, system: Option<Message>, prompt: &str, answer: Value) -> Result<Written, Stuck> {
    let prompt = Message::text(Role::User, format!("{prompt}\n\n{ANSWER_ONLY}{answer}"));
    let request = Request {
        route: route.models.clone(),
        messages: system.into_iter().chain([prompt]).collect(),
        tools: Vec::new(),
        tool_choice: None,
        output_schema: Some(answer),
        tokens_max: route.output_tokens_max,
    };
    Written::of(request).map_err(|error| Stuck::new(Failure::WorkflowFailed, error.to_string()))
}
