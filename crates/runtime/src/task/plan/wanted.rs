//! What is wanted next, checked for everything that can be refused before policy is asked.

use std::sync::Arc;

use scalbotics_core::model::{CALL, Written};
use scalbotics_core::payload::Salt;
use scalbotics_core::task::{Failure, State, Usage};
use scalbotics_core::tenant::Name;
use scalbotics_core::tool::Definition;
use serde_json::Value;

use super::super::executor::Shared;
use crate::reconcile::InForce;

/// What the task fails with, in words.
type Refused = (Failure, String);

/// A call that is wanted.
pub(super) struct Wanted {
    pub(super) step: String,
    pub(super) tool: Arc<Definition>,
    /// What policy sees of the arguments.
    pub(super) args: Value,
    /// All of them.
    pub(super) canonical: Arc<[u8]>,
    /// The salt of the payload that they are, or will be: the call is named by a commitment under it before they are sealed.
    pub(super) salt: Salt,
    pub(super) in_force: Arc<InForce>,
    /// The most that it may be charged for.
    pub(super) worst: Usage,
}

impl Wanted {
    /// A call of a tool.
    pub(super) fn call(shared: &Shared, state: &State, (step, tool, args): (String, &Name, Value)) -> Result<Self, Refused> {
        let (in_force, tool) = pinned(shared, state, tool)?;
        let refuse = |words: String| (Failure::WorkflowFailed, format!("arguments of step `{step}` are refused: {words}"));
        tool.input.check(&args).map_err(|violation| refuse(violation.to_string()))?;
        scalbotics_core::egress::facts(&tool, &args).map_err(|error| refuse(error.to_string()))?;
        let canonical = scalbotics_core::json::canonical(&args).map_err(|error| refuse(error.to_string()))?;
        if canonical.len() > scalbotics_core::json::LEN_MAX {
            return Err(refuse(format!("{} bytes are more than {}", canonical.len(), scalbotics_core::json::LEN_MAX)));
        }
        afford(state, &step, Usage::ONE_CALL)?;
        let salt = shared.ports.ids.salt();
        Ok(Self { step, tool, args, canonical: canonical.into(), salt, in_force, worst: Usage::ONE_CALL })
    }

    /// A question to the models of the agent's route.
    pub(super) fn question(shared: &Shared, state: &State, step: String, request: &Written) -> Result<Self, Refused> {
        let gone = |words: String| (Failure::Unavailable, words);
        let name = Name::parse(CALL).map_err(|error| gone(error.to_string()))?;
        let (in_force, tool) = pinned(shared, state, &name)?;
        let same = |id: &Name| {
            let digest = in_force.snapshot.models.get(id).map(|model| model.digest);
            digest.is_some_and(|digest| state.path.models.contains(&(id.clone(), digest)))
        };
        if let Some(model) = request.request().route.iter().find(|id| !same(id)) {
            return Err(gone(format!("model `{model}` was changed since the task was submitted; submit it again")));
        }
        let worst = Usage { calls: 0, tokens: request.worst_case() };
        afford(state, &step, worst)?;
        let (args, canonical) = (request.request().view(request.bytes().len()), Arc::clone(request.bytes()));
        let salt = shared.ports.ids.salt();
        Ok(Self { step, tool, args, canonical, salt, in_force, worst })
    }
}

/// The tool in force, which is the one that the task was submitted under.
fn pinned(shared: &Shared, state: &State, tool: &Name) -> Result<(Arc<InForce>, Arc<Definition>), Refused> {
    let gone = |words: String| (Failure::Unavailable, words);
    let in_force =
        shared.states.current(&state.envelope.tenant).ok_or_else(|| gone("no desired state is in force".to_owned()))?;
    let found = in_force.tools.get(tool).ok_or_else(|| gone(format!("tool `{tool}` is not in force any more")))?;
    if !state.path.names(tool, &found.digest) {
        return Err(gone(format!("tool `{tool}` was changed since the task was submitted; submit it again")));
    }
    let found = Arc::clone(found);
    Ok((in_force, found))
}

/// Whether the budget has room for a step that is new.
fn afford(state: &State, step: &str, worst: Usage) -> Result<(), Refused> {
    let budget = &state.envelope.budget;
    if state.steps.contains_key(step) || state.account.affords(worst, budget) {
        return Ok(());
    }
    let words = match worst.tokens {
        0 => format!("{} calls are used up", budget.calls),
        tokens => {
            let left = budget.tokens.saturating_sub(state.account.taken().tokens);
            format!("the next answer may take {tokens} tokens, and {left} of {} are left", budget.tokens)
        }
    };
    Err((Failure::BudgetExhausted, words))
}
