//! What of a request's context a set of policies looks at: where that is the same, the answer is.
//!
//! **Invariant:** every mention of `context` in a policy is found. What is not understood counts as everything.

use std::collections::BTreeSet;

use cedar_policy::Policy;
use serde_json::{Map, Value};

/// Parts that are long and seldom come again: an answer that depends on one is not kept.
const PASSING: [&str; 2] = ["args", "url"];

/// What a set of policies looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reads {
    /// These parts of the context, perhaps none.
    Parts(BTreeSet<String>),
    /// The context as a whole.
    Everything,
}

impl Reads {
    /// What these policies look at together.
    pub(super) fn of<'a>(policies: impl IntoIterator<Item = &'a Policy>) -> Self {
        let mut parts = BTreeSet::new();
        for policy in policies {
            let known = policy.to_json().is_ok_and(|policy| collect(&policy, &mut parts));
            if !known {
                return Self::Everything;
            }
        }
        Self::Parts(parts)
    }

    /// What is read of this context; `None` where an answer that depends on it is not worth keeping.
    pub(super) fn part_of(&self, context: &Value) -> Option<Value> {
        let Self::Parts(parts) = self else { return None };
        if parts.iter().any(|part| PASSING.contains(&part.as_str())) {
            return None;
        }
        let read = parts.iter().filter_map(|part| Some((part.clone(), context.get(part)?.clone())));
        Some(Value::Object(read.collect::<Map<_, _>>()))
    }
}

/// Collects the parts of the context that an expression in Cedar's JSON form reads; `false` where it reads more than parts.
fn collect(expression: &Value, parts: &mut BTreeSet<String>) -> bool {
    match expression {
        Value::Object(map) if is_context(expression) || map.contains_key("Slot") => false,
        Value::Object(map) => map.iter().all(|(operator, operands)| match operator.as_str() {
            "." | "has" if operands.get("left").is_some_and(is_context) => part(operands, parts),
            _ => collect(operands, parts),
        }),
        Value::Array(items) => items.iter().all(|item| collect(item, parts)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => true,
    }
}

/// Notes the attribute of `context.attr` or `context has attr`.
fn part(operands: &Value, parts: &mut BTreeSet<String>) -> bool {
    let Some(Value::String(name)) = operands.get("attr") else { return false };
    parts.insert(name.clone());
    true
}

fn is_context(expression: &Value) -> bool {
    expression.get("Var").is_some_and(|name| name == "context")
}

#[cfg(test)]
mod tests {
    use std::str::FromStr as _;

    use cedar_policy::PolicySet;
    use serde_json::json;

    use super::*;

    fn reads(text: &str) -> Reads {
        Reads::of(PolicySet::from_str(text).unwrap().policies())
    }

    fn parts<const N: usize>(names: [&str; N]) -> Reads {
        Reads::Parts(names.map(str::to_owned).into())
    }

    #[test]
    fn every_mention_of_the_context_is_found() {
        let when = |condition: &str| reads(&format!("forbid (principal, action, resource) when {{ {condition} }};"));
        for (condition, read) in [
            ("true", parts([])),
            ("resource.name == \"context.args\"", parts([])),
            ("resource has context", parts([])),
            ("principal.context.taint", parts([])),
            ("!context.taint.isEmpty()", parts(["taint"])),
            ("context[\"taint\"].isEmpty()", parts(["taint"])),
            ("context has url && context.url.host like \"a*\"", parts(["url"])),
            ("if context.args has a then context.args.a == 1 else context.task.team == \"x\"", parts(["args", "task"])),
            ("[context.taint].contains(context.task)", parts(["task", "taint"])),
            ("{ \"Var\": context.args }.Var == 1", parts(["args"])),
            ("{ \"left\": context.args, \"attr\": 1 }.left == 1", parts(["args"])),
            ("principal == resource || context == {}", Reads::Everything),
            ("[context].isEmpty()", Reads::Everything),
            ("{ \"a\": context }.a.args == 1", Reads::Everything),
        ] {
            assert_eq!(when(condition), read, "{condition}");
        }
        assert_eq!(reads("permit (principal, action, resource) unless { context.taint == [] };"), parts(["taint"]));
        let two =
            "permit (principal, action, resource) when { context.a }; forbid (principal, action, resource) when { context.b };";
        assert_eq!(reads(two), parts(["a", "b"]));
        assert_eq!(reads(""), parts([]));
    }

    #[test]
    fn the_part_of_a_context_is_what_is_read_of_it() {
        let context = json!({"args": {"a": 1}, "taint": ["file"], "task": {"team": "x"}});
        assert_eq!(parts([]).part_of(&context), Some(json!({})));
        assert_eq!(parts(["taint", "gone"]).part_of(&context), Some(json!({"taint": ["file"]})));
        assert_eq!(parts(["taint", "args"]).part_of(&context), None);
        assert_eq!(parts(["url"]).part_of(&context), None);
        assert_eq!(Reads::Everything.part_of(&context), None);
        assert_eq!(parts(["taint"]).part_of(&json!([])), Some(json!({})));
    }
}
