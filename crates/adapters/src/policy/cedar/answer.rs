//! From Cedar's response to an answer.
//!
//! **Invariant:** what went wrong is told by kind and by rule, never with the values that met it: answers are stored
//! and shown.

use std::collections::BTreeMap;

use cedar_policy::{AuthorizationError, Decision, EvaluationError, Response};
use scalbotics_core::digest::Digest;
use scalbotics_core::policy::{Answer, Deciding, Verdict};

use super::place::Place;

/// The engine's name in answers, metrics and explanations.
pub(super) const ENGINE: &str = "cedar";

/// The answer for a question that could not be put.
pub(super) fn refusal(bundle: Digest, slice: Digest, error: String) -> Answer {
    Answer { engine: ENGINE.to_owned(), bundle, slice, verdict: Verdict::Deny, deciding: Vec::new(), errors: vec![error] }
}

/// The answer for Cedar's response; an allow with errors is a denial (semantics §3.1).
pub(super) fn of(response: &Response, bundle: Digest, slice: Digest, places: &BTreeMap<String, Place>) -> Answer {
    let place = |policy: &str| places.get(policy).map(Place::to_string).unwrap_or_default();
    let diagnostics = response.diagnostics();
    let mut deciding: Vec<Deciding> = diagnostics
        .reason()
        .map(|policy| {
            let policy = policy.to_string();
            Deciding { place: place(&policy), policy }
        })
        .collect();
    deciding.sort_by(|a, b| (&a.place, &a.policy).cmp(&(&b.place, &b.policy)));
    let mut errors: Vec<String> = diagnostics
        .errors()
        .map(|error| {
            let AuthorizationError::PolicyEvaluationError(error) = error;
            let policy = error.policy_id().to_string();
            format!("rule `{policy}` ({}) {}", place(&policy), kind(error.inner()))
        })
        .collect();
    errors.sort();
    let verdict = match response.decision() {
        Decision::Allow if errors.is_empty() => Verdict::Allow,
        Decision::Allow | Decision::Deny => Verdict::Deny,
    };
    Answer { engine: ENGINE.to_owned(), bundle, slice, verdict, deciding, errors }
}

const fn kind(error: &EvaluationError) -> &'static str {
    match error {
        EvaluationError::EntityDoesNotExist(_) => "needs an entity that is not there",
        EvaluationError::EntityAttrDoesNotExist(_) => "needs an attribute that an entity lacks",
        EvaluationError::RecordAttrDoesNotExist(_) => "needs an attribute that a record lacks",
        EvaluationError::FailedExtensionFunctionLookup(_) => "calls a function that is not there",
        EvaluationError::TypeError(_) => "compares values of other types",
        EvaluationError::WrongNumArguments(_) => "calls a function with too few or too many arguments",
        EvaluationError::IntegerOverflow(_) => "overflows",
        EvaluationError::UnlinkedSlot(_) => "is a template that nobody linked",
        EvaluationError::FailedExtensionFunctionExecution(_) => "calls a function that refuses its argument",
        EvaluationError::NonValue(_) => "has no value",
        EvaluationError::RecursionLimit(_) => "nests too deep",
    }
}
