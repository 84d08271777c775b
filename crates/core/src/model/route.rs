//! `model:` of an agent: which models drive it, in which order, and how far.

use serde::{Deserialize, Serialize};

use super::{OUTPUT_TOKENS_MAX, ROUTE_MAX, TURNS_MAX, ToolChoice};
use crate::tenant::Name;

/// Most tokens of one answer where nothing is said: a long page.
const OUTPUT_TOKENS: u64 = 4_096;

/// What is written for any tool at all.
const REQUIRED: &str = "required";

/// Most turns of one task where nothing is said.
const TURNS: u64 = 30;

/// Which models drive an agent, as it is written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Route")]
pub struct RouteFile {
    /// Ids of models, most preferred first: the next is asked when one cannot be reached, is busy or broken before it answers.
    pub route: Vec<Name>,
    /// Most tokens of one answer; not above that of any model of the route, and where nothing is said 4096 or what they allow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_tokens_max: Option<u64>,
    /// Most turns of one task, 1 to 200; 30 where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turns_max: Option<u64>,
    /// What the first answer of a task has to call: one of the agent's tools, one of its workflows as `workflow.ID`, or `required`
    /// for any of them. From the second turn on the model chooses; it does from the first where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool_choice: Option<Name>,
}

/// Which models drive an agent.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Route {
    /// Ids of models, most preferred first; all exist.
    pub models: Vec<Name>,
    /// Most tokens of one answer.
    pub output_tokens_max: u64,
    /// Most turns of one task.
    pub turns_max: u64,
    /// What the first answer of a task has to call.
    pub tool_choice: Option<ToolChoice>,
}

impl RouteFile {
    /// The route, given the smallest output cap of its models; or the field that is wrong, and why.
    pub(crate) fn resolve(&self, cap: u64) -> Result<Route, (&'static str, String)> {
        let twice = self.route.iter().enumerate().any(|(at, name)| self.route.iter().take(at).any(|other| other == name));
        if self.route.is_empty() || self.route.len() > ROUTE_MAX || twice {
            return Err(("route", format!("a route names 1 to {ROUTE_MAX} models, each once")));
        }
        let output_tokens_max = self.output_tokens_max.unwrap_or_else(|| OUTPUT_TOKENS.min(cap));
        if !(1..=OUTPUT_TOKENS_MAX).contains(&output_tokens_max) || output_tokens_max > cap {
            return Err(("output_tokens_max", format!("the models of the route answer with 1 to {cap} tokens")));
        }
        let turns_max = self.turns_max.unwrap_or(TURNS);
        if !(1..=TURNS_MAX).contains(&turns_max) {
            return Err(("turns_max", format!("a task has 1 to {TURNS_MAX} turns")));
        }
        let choice = |name: Name| if name.as_str() == REQUIRED { ToolChoice::Required } else { ToolChoice::Tool(name) };
        let tool_choice = self.tool_choice.clone().map(choice);
        Ok(Route { models: self.route.clone(), output_tokens_max, turns_max, tool_choice })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes() {
        let route = |ids: &[&str], output_tokens_max, turns_max| RouteFile {
            route: ids.iter().map(|id| Name::parse(id).unwrap()).collect(),
            output_tokens_max,
            turns_max,
            tool_choice: None,
        };
        let plain = route(&["a", "b"], None, None).resolve(10_000).unwrap();
        assert_eq!((plain.output_tokens_max, plain.turns_max, plain.models.len()), (4_096, 30, 2));
        assert_eq!(route(&["a"], None, None).resolve(512).unwrap().output_tokens_max, 512);
        for (written, wanted) in [
            (None, None),
            (Some("required"), Some(ToolChoice::Required)),
            (Some("fs.read"), Some(ToolChoice::Tool(Name::parse("fs.read").unwrap()))),
        ] {
            let tool_choice = written.map(|text| Name::parse(text).unwrap());
            let file = RouteFile { tool_choice, ..route(&["a"], None, None) };
            assert_eq!(file.resolve(512).unwrap().tool_choice, wanted);
        }
        for (file, field) in [
            (route(&[], None, None), "route"),
            (route(&["a", "a"], None, None), "route"),
            (route(&["a", "b", "c", "d", "e", "f", "g", "h", "i"], None, None), "route"),
            (route(&["a"], Some(0), None), "output_tokens_max"),
            (route(&["a"], Some(513), None), "output_tokens_max"),
            (route(&["a"], None, Some(0)), "turns_max"),
            (route(&["a"], None, Some(201)), "turns_max"),
        ] {
            assert_eq!(file.resolve(512).unwrap_err().0, field, "{file:?}");
        }
    }
}
