//! `model.call`: the built-in tool by which an agent's model is asked, so that a question to a model is decided, journalled, held
//! and audited as any other call (decisions/0022).
//!
//! **Invariant:** its arguments are the canonical [`Request`](super::Request), which nobody but the planner writes: no file and no
//! model names this tool.

use std::sync::{Arc, LazyLock};

use serde_json::json;

use super::{OUTPUT_TOKENS_MAX, REQUEST_LEN_MAX, ROUTE_MAX, TOOLS_MAX};
use crate::digest::Digest;
use crate::json;
use crate::tenant::Name;
use crate::time::Span;
use crate::tool::schema::Schema;
use crate::tool::{Definition, EffectClass, Kind, MODEL_TAG, Tier};

/// The id of the tool.
pub const CALL: &str = "model.call";

/// Longest that a whole route may take, in milliseconds; each model has shorter limits of its own.
const TIMEOUT_MS: u64 = 3_600_000;

/// One sentence for people.
const DESCRIPTION: &str = "Asks the models of the agent's route for the next answer of a task.";

static DEFINITION: LazyLock<Option<Arc<Definition>>> = LazyLock::new(|| define().map(Arc::new));

/// The tool; a test sees to it that there is one.
#[must_use]
pub fn definition() -> Option<&'static Arc<Definition>> {
    DEFINITION.as_ref()
}

fn define() -> Option<Definition> {
    let names = |most: usize| json!({ "type": "array", "maxItems": most, "items": { "type": "string", "maxLength": 63 } });
    let input = json!({ "type": "object", "required": ["route", "tools", "tokens_max", "request_bytes"], "properties": {
        "route": names(ROUTE_MAX),
        "tools": names(TOOLS_MAX),
        "tokens_max": { "type": "integer", "minimum": 1, "maximum": OUTPUT_TOKENS_MAX },
        "request_bytes": { "type": "integer", "minimum": 1, "maximum": REQUEST_LEN_MAX },
    } });
    // Asking again harms nobody, but for the tokens, and those the account holds. It reads: what leaves goes to a server that
    // desired state names, and policy may forbid by route.
    let (tier, effect) = (Tier::Read, EffectClass::Pure);
    let identity = json!({ "id": CALL, "description": DESCRIPTION, "input": input, "tier": tier, "effect": effect });
    let bytes = json::canonical(&identity).ok()?;
    Some(Definition {
        id: Name::parse(CALL).ok()?,
        description: DESCRIPTION.to_owned(),
        tier,
        effect,
        input: Schema::parse_input(&input).ok()?,
        output: None,
        key_ttl: Span::from_ms(0),
        settle_after: Span::from_ms(0),
        timeout: Span::from_ms(TIMEOUT_MS),
        kind: Kind::Model,
        digest: Digest::of_parts(MODEL_TAG, &[&bytes]),
        text: String::from_utf8_lossy(&bytes).into(),
    })
}

#[cfg(test)]
mod tests {
    use super::super::{Message, Request, Role, ToolSpec};
    use super::*;

    #[test]
    fn policy_sees_what_is_asked_of_whom_and_no_word_of_it() {
        let name = |text: &str| Name::parse(text).unwrap();
        let tool = ToolSpec { name: name("fs.read"), description: "Reads.".to_owned(), parameters: json!({"type": "object"}) };
        let request = Request {
            route: vec![name("small")],
            messages: vec![Message::text(Role::User, "a secret plan")],
            tools: vec![tool],
            tool_choice: None,
            output_schema: None,
            tokens_max: 100,
        };
        let bytes = request.to_payload().unwrap();
        let tool = definition().unwrap();
        let seen = tool.seen_by_policy(json::parse(&bytes).unwrap(), bytes.len());
        tool.input.check(&seen).unwrap();
        let all = json!({"route": ["small"], "tools": ["fs.read"], "tokens_max": 100, "request_bytes": bytes.len()});
        assert_eq!(seen, all);
        // What is no request is seen as nothing, which the tool's schema refuses.
        tool.input.check(&tool.seen_by_policy(json!({"route": ["small"]}), 20)).unwrap_err();
    }
}
