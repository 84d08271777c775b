//! Messages of a conversation.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The installation: what the agent is and may do.
    System,
    /// The task.
    User,
    /// The model.
    Assistant,
    /// A tool's result; data, whatever it says.
    Tool,
}

/// One message.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// The text; may be empty beside tool calls.
    pub content: String,
    /// The calls that the model asks for; of the assistant only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tool_calls: Vec<ToolCall>,
    /// Which call this is the result of; of a tool only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool_call_id: Option<String>,
}

/// A call that a model asks for.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToolCall {
    /// The id by which the result refers to it; unique in its conversation.
    pub id: String,
    /// The tool, as the model named it; it need not exist.
    pub name: String,
    /// The arguments as the model wrote them; need not be JSON.
    pub arguments: String,
}

impl Message {
    /// A text of anyone.
    #[must_use]
    pub fn text(role: Role, content: impl Into<String>) -> Self {
        Self { role, content: content.into(), tool_calls: Vec::new(), tool_call_id: None }
    }

    /// The result of a call.
    #[must_use]
    pub fn result(call: &ToolCall, content: impl Into<String>) -> Self {
        Self { tool_call_id: Some(call.id.clone()), ..Self::text(Role::Tool, content) }
    }
}

impl fmt::Debug for Message {
    /// Prints who speaks and how much, never what.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}({} bytes, calls: {:?})", self.role, self.content.len(), self.tool_calls)
    }
}

impl fmt::Debug for ToolCall {
    /// Prints sizes, never what the model wrote.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ToolCall({} bytes)", self.arguments.len())
    }
}
