//! Steps that need not wait for the one before them.

use serde_json::Value;

use super::Workflow;
use super::environment::Environment;
use super::evaluate::Next;
use crate::tenant::Name;

impl Workflow {
    /// The calls right behind the plain step `first` that draw on nothing but the input, up to the first one that does, that is
    /// conditional, walks a list, or calls a tool for which `may` does not hold.
    ///
    /// Whether they may be made before `first` is done is for the caller to say: their tools must change nothing, and see nothing
    /// that another of them changes.
    #[must_use]
    pub fn beside(&self, first: &str, input: &Value, may: impl Fn(&Name) -> bool) -> Vec<Next> {
        let mut steps = self.steps.iter().skip_while(|step| step.id != first);
        if steps.next().is_none_or(|step| step.each.is_some()) {
            return Vec::new();
        }
        let environment = Environment::new(input);
        let calls = steps.map_while(|step| {
            let plain = step.each.is_none()
                && step.condition.is_none()
                && step.answer.is_none()
                && step.args.is_of_input()
                && may(&step.tool);
            environment.forget_copies();
            let args = plain.then(|| environment.fill(&step.args).ok())??;
            step.wanted.check(&args).ok()?;
            Some(Next::Call { step: step.id.clone(), tool: step.tool.clone(), args })
        });
        calls.collect()
    }
}
