//! What can be known of a run from its input alone, before the first effect.

use serde_json::Value;

use super::environment::Environment;
use super::reference::{Reference, Root};
use super::template::{Piece, Template};
use super::{EvalError, Workflow};

impl Workflow {
    /// How many calls a run with this input makes at least: conditions and lists from results may add more, never take away.
    ///
    /// # Errors
    /// [`EvalError`] for what would end the run whatever its tools answer: an input that does not conform, a `for_each` over the
    /// input with more items than its limit, arguments from the input alone that their tool refuses.
    pub fn calls_min(&self, input: &Value) -> Result<u64, EvalError> {
        self.check_input(input).map_err(EvalError::Input)?;
        let environment = Environment::new(input);
        let mut calls: u64 = 0;
        for step in &self.steps {
            let count = match &step.each {
                _ if step.answer.is_some() => 0,
                None => 1,
                Some(each) if each.over.is_of_input() => each.items(&step.id, &environment)?.len(),
                Some(_) => 0,
            };
            if step.condition.is_some() {
                continue;
            }
            calls = calls.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
            if step.each.is_none() && step.args.is_of_input() {
                let args = environment.fill(&step.args)?;
                let refused = |source| EvalError::Arguments { step: step.id.clone(), source };
                step.wanted.check(&args).map_err(refused)?;
            }
        }
        Ok(calls)
    }
}

impl Template {
    /// Whether it draws on nothing but the input.
    pub(super) fn is_of_input(&self) -> bool {
        let is_input = |reference: &Reference| reference.root == Root::Input;
        match self {
            Self::Literal(_) => true,
            Self::Reference(reference) => is_input(reference),
            Self::Text(pieces) => pieces.iter().all(|piece| match piece {
                Piece::Plain(_) => true,
                Piece::Reference(reference) => is_input(reference),
            }),
            Self::List(items) => items.iter().all(Self::is_of_input),
            Self::Object(members) => members.values().all(Self::is_of_input),
        }
    }
}
