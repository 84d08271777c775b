//! What servers write, read tolerantly: unknown fields are passed over, known ones may be missing or `null`.

use serde::Deserialize;
use serde_json::Value;

/// One event of a stream, or a whole answer.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Chunk {
    pub(super) choices: Option<Vec<Choice>>,
    pub(super) usage: Option<Counts>,
    pub(super) error: Option<Value>,
}

/// One of the answers; only the first was asked for.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Choice {
    pub(super) index: Option<u64>,
    /// Of a stream.
    pub(super) delta: Option<Delta>,
    /// Of a whole answer.
    pub(super) message: Option<Delta>,
    pub(super) finish_reason: Option<String>,
}

/// A part of an answer.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Delta {
    pub(super) content: Option<Content>,
    pub(super) refusal: Option<String>,
    pub(super) tool_calls: Option<Vec<CallDelta>>,
    /// What a model thinks before it answers; two names are in use.
    pub(super) reasoning_content: Option<String>,
    pub(super) reasoning: Option<String>,
}

/// Text, plain or in parts.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Content {
    Text(String),
    Parts(Vec<Part>),
}

/// A part of a text; parts of other kinds have none.
#[derive(Debug, Deserialize)]
pub(super) struct Part {
    text: Option<String>,
}

impl Content {
    pub(super) fn text(self) -> String {
        match self {
            Self::Text(text) => text,
            Self::Parts(parts) => parts.into_iter().filter_map(|part| part.text).collect(),
        }
    }
}

/// A part of a call.
#[derive(Debug, Default, Deserialize)]
pub(super) struct CallDelta {
    pub(super) index: Option<u64>,
    pub(super) id: Option<String>,
    pub(super) function: Option<Function>,
}

/// What is called.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Function {
    pub(super) name: Option<String>,
    /// A text by the API, an object by some servers.
    pub(super) arguments: Option<Value>,
}

/// Counts of tokens; each may be anything.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Counts {
    pub(super) prompt_tokens: Option<Value>,
    pub(super) completion_tokens: Option<Value>,
    pub(super) prompt_tokens_details: Option<Details>,
    pub(super) completion_tokens_details: Option<Details>,
}

/// What of them was remembered or only thought.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Details {
    pub(super) cached_tokens: Option<Value>,
    pub(super) reasoning_tokens: Option<Value>,
}
