//! The body of a request.

use std::borrow::Cow;

use scalbotics_core::model::tool_calls::spell;
use scalbotics_core::model::{Message, Model, Request, Role, ToolCall, ToolChoice, ToolSpec};
use scalbotics_core::tenant::Name;
use serde::Serialize;
use serde_json::{Map, Value, json};

/// Longest name of a function that the API takes, in bytes.
const FUNCTION_LEN_MAX: usize = 64;

/// How the output cap is named; servers know one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cap {
    /// `max_completion_tokens`, the name of today.
    Completion,
    /// `max_tokens`, the name before it.
    Plain,
}

impl Cap {
    pub(super) const fn field(self) -> &'static str {
        match self {
            Self::Completion => "max_completion_tokens",
            Self::Plain => "max_tokens",
        }
    }
}

/// The body, as it is written.
#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    messages: Vec<Said<'a>>,
    stream: bool,
    stream_options: StreamOptions,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_completion_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<Typed<Function<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_choice: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_format: Option<Value>,
}

#[derive(Serialize)]
struct StreamOptions {
    include_usage: bool,
}

/// A message; its content is null where it has none.
#[derive(Serialize)]
struct Said<'a> {
    role: &'static str,
    content: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_call_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<Typed<Asked<'a>>>,
}

/// Anything about a function.
#[derive(Serialize)]
struct Typed<T> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    #[serde(rename = "type")]
    kind: &'static str,
    function: T,
}

/// A function that is offered.
#[derive(Serialize)]
struct Function<'a> {
    name: String,
    description: &'a str,
    parameters: &'a Value,
}

/// A function that was asked for.
#[derive(Serialize)]
struct Asked<'a> {
    name: String,
    arguments: Cow<'a, str>,
}

impl<T> Typed<T> {
    const fn of(id: Option<String>, function: T) -> Self {
        Self { id, kind: "function", function }
    }
}

/// The bytes of the body.
pub(super) fn body(model: &Model, request: &Request, cap: Cap) -> Vec<u8> {
    let tool_choice = match &request.tool_choice {
        // Without tools there is nothing to choose, and servers refuse the field.
        Some(_) if request.tools.is_empty() => None,
        Some(ToolChoice::None) => Some("none".into()),
        Some(ToolChoice::Required) => Some("required".into()),
        Some(ToolChoice::Tool(name)) => Some(json!({"type": "function", "function": {"name": spell(name)}})),
        None => None,
    };
    let format = |schema| json!({"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}});
    let limit = |named: Cap| (cap == named).then_some(request.tokens_max);
    let body = Body {
        model: model.model.as_str(),
        messages: request.messages.iter().map(message).collect(),
        stream: true,
        stream_options: StreamOptions { include_usage: true },
        max_completion_tokens: limit(Cap::Completion),
        max_tokens: limit(Cap::Plain),
        tools: request.tools.iter().map(tool).collect(),
        tool_choice,
        response_format: request.output_schema.as_ref().map(format),
    };
    // Texts, numbers and values of JSON: nothing in it can fail to be written.
    serde_json::to_vec(&body).unwrap_or_default()
}

fn message(message: &Message) -> Said<'_> {
    let content = message.content.as_str();
    let said = |role| Said { role, content: Some(content), tool_call_id: None, tool_calls: Vec::new() };
    match message.role {
        Role::System => said("system"),
        Role::User => said("user"),
        Role::Tool => Said { tool_call_id: message.tool_call_id.as_deref(), ..said("tool") },
        Role::Assistant if message.tool_calls.is_empty() => said("assistant"),
        Role::Assistant => {
            let content = Some(content).filter(|content| !content.is_empty());
            Said { content, tool_calls: message.tool_calls.iter().map(call).collect(), ..said("assistant") }
        }
    }
}

fn tool(tool: &ToolSpec) -> Typed<Function<'_>> {
    Typed::of(None, Function { name: spell(&tool.name), description: &tool.description, parameters: &tool.parameters })
}

/// A call as the model asked for it, in a form that every server can read: templates parse the arguments.
fn call(call: &ToolCall) -> Typed<Asked<'_>> {
    let readable = serde_json::from_str::<Map<String, Value>>(&call.arguments).is_ok();
    let unreadable = || json!({"unreadable": call.arguments}).to_string().into();
    let arguments = if readable { call.arguments.as_str().into() } else { unreadable() };
    Typed::of(Some(call.id.clone()), Asked { name: function_name(&call.name), arguments })
}

/// The name of a function as the API allows it, also of one that the model made up.
fn function_name(name: &str) -> String {
    if let Ok(name) = Name::parse(name) {
        return spell(&name);
    }
    let legal = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '_' | '-') { c } else { '_' };
    name.chars().take(FUNCTION_LEN_MAX).map(legal).collect()
}

#[cfg(test)]
pub(super) mod tests {
    use scalbotics_core::model::File;
    use scalbotics_core::tenant::TenantId;

    use super::*;

    pub(in super::super) fn name(text: &str) -> Name {
        Name::parse(text).unwrap()
    }

    pub(in super::super) fn request() -> Request {
        let parameters = json!({"type": "object", "properties": {"path": {"type": "string"}}});
        let tool = |id: &str| ToolSpec { name: name(id), description: "A tool.".to_owned(), parameters: parameters.clone() };
        Request {
            route: vec![name("small")],
            messages: vec![Message::text(Role::User, "hi")],
            tools: vec![tool("fs.read"), tool("scan")],
            tool_choice: None,
            output_schema: None,
            tokens_max: 64,
        }
    }

    fn model() -> Model {
        let file = json!({
            "id": "small", "base_url": "http://127.0.0.1:1/v1", "model": "tiny", "context_tokens": 2_048, "output_tokens_max": 64,
        });
        let file: File = serde_json::from_value(file).unwrap();
        Model::of_file(file, &TenantId::parse("acme").unwrap()).unwrap()
    }

    fn sent(request: &Request, cap: Cap) -> Value {
        serde_json::from_slice(&body(&model(), request, cap)).unwrap()
    }

    #[test]
    fn every_part_is_sent() {
        let call = |id: &str, name: &str, arguments: &str| ToolCall {
            id: id.to_owned(),
            name: name.to_owned(),
            arguments: arguments.to_owned(),
        };
        let calls = vec![call("a", "fs.read", "{\"path\":1}"), call("b", "rm -rf", "{")];
        let mut request = request();
        request.messages = vec![
            Message::text(Role::System, "Be brief."),
            Message::text(Role::User, "Read."),
            Message { tool_calls: calls.clone(), ..Message::text(Role::Assistant, "") },
            Message::result(&calls[0], "text"),
            Message::result(&calls[1], "no such tool"),
            Message::text(Role::Assistant, "Done."),
        ];
        request.tool_choice = Some(ToolChoice::Tool(name("fs.read")));
        request.output_schema = Some(json!({"type": "object"}));
        let sent = sent(&request, Cap::Completion);
        assert_eq!((&sent["model"], &sent["stream"], &sent["max_completion_tokens"]), (&json!("tiny"), &json!(true), &json!(64)));
        assert_eq!(sent["stream_options"], json!({"include_usage": true}));
        assert_eq!(sent["tools"][0]["function"]["name"], "fs_read");
        assert_eq!(sent["tool_choice"], json!({"type": "function", "function": {"name": "fs_read"}}));
        assert_eq!(sent["response_format"]["json_schema"]["schema"], json!({"type": "object"}));
        let messages = json!([
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Read."},
            {"role": "assistant", "content": null, "tool_calls": [
                {"id": "a", "type": "function", "function": {"name": "fs_read", "arguments": "{\"path\":1}"}},
                {"id": "b", "type": "function", "function": {"name": "rm_-rf", "arguments": "{\"unreadable\":\"{\"}"}},
            ]},
            {"role": "tool", "content": "text", "tool_call_id": "a"},
            {"role": "tool", "content": "no such tool", "tool_call_id": "b"},
            {"role": "assistant", "content": "Done."},
        ]);
        assert_eq!(sent["messages"], messages);
    }

    #[test]
    fn what_is_not_asked_for_is_not_sent() {
        let mut request = request();
        for (choice, field) in
            [(None, Value::Null), (Some(ToolChoice::None), json!("none")), (Some(ToolChoice::Required), json!("required"))]
        {
            request.tool_choice = choice;
            assert_eq!(sent(&request, Cap::Plain).get("tool_choice").cloned().unwrap_or_default(), field);
        }
        request.tools.clear();
        let sent = sent(&request, Cap::Plain);
        let keys: Vec<&str> = sent.as_object().unwrap().keys().map(String::as_str).collect();
        for absent in ["tools", "tool_choice", "response_format", "max_completion_tokens"] {
            assert!(!keys.contains(&absent), "{absent}");
        }
        assert_eq!(sent["max_tokens"], 64);
    }
}
