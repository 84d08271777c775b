//! What a model is asked.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{MESSAGES_MAX, Message, OUTPUT_TOKENS_MAX, REQUEST_LEN_MAX, ROUTE_MAX, Role, TOOLS_MAX};
use crate::json;
use crate::tenant::Name;

/// Tokens that a server's own template may add: preambles about tools and dates of known servers stay under 400.
const TEMPLATE_TOKENS: u64 = 1_024;

/// One request. Its canonical JSON is what is decided, journalled and sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// The models that may answer, in the order in which they are asked.
    pub route: Vec<Name>,
    /// The conversation.
    pub messages: Vec<Message>,
    /// The tools that the model may ask for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<ToolSpec>,
    /// Whether the model has to call a tool; it may where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool_choice: Option<ToolChoice>,
    /// JSON Schema that the text of the answer has to fit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_schema: Option<Value>,
    /// Most tokens of the answer, 1 to [`OUTPUT_TOKENS_MAX`].
    pub tokens_max: u64,
}

/// A tool as a model sees it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToolSpec {
    /// The tool's id.
    pub name: Name,
    /// One sentence.
    pub description: String,
    /// JSON Schema of the arguments.
    pub parameters: Value,
}

/// Whether a tool has to be called.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToolChoice {
    /// None may be called.
    None,
    /// Any one must be.
    Required,
    /// This one must be.
    Tool(Name),
}

impl ToolChoice {
    /// What is to be called, in words for a person.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Self::None => "no tool".to_owned(),
            Self::Required => "a tool".to_owned(),
            Self::Tool(name) => format!("`{name}`"),
        }
    }
}

/// Why a request is not sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// The route is empty, too long, or names a model twice.
    #[error("a route names 1 to {ROUTE_MAX} models, each once")]
    Route,
    /// There are no messages, or too many.
    #[error("a request has 1 to {MESSAGES_MAX} messages, not {count}")]
    Messages {
        /// How many there are.
        count: usize,
    },
    /// Calls stand beside another role than the assistant's, or a result names no call that was asked for before it.
    #[error("message {index} is a result without its call, or has calls that its role may not ask for")]
    Order {
        /// Which message, from 0.
        index: usize,
    },
    /// There are too many tools, or one stands twice.
    #[error("a request offers at most {TOOLS_MAX} tools, each once")]
    Tools,
    /// The choice names a tool that is not offered, or needs one where none is.
    #[error("the tool that must be called is not offered")]
    Choice,
    /// The output cap is 0 or too large.
    #[error("an output cap is 1 to {OUTPUT_TOKENS_MAX} tokens, not {tokens}")]
    Cap {
        /// The cap.
        tokens: u64,
    },
    /// The canonical form is too long, or there is none.
    #[error("a request has at most {REQUEST_LEN_MAX} bytes of canonical json")]
    Len,
}

impl Request {
    /// Checks every limit.
    ///
    /// # Errors
    /// [`RequestError`], the first that is broken.
    pub fn check(&self) -> Result<(), RequestError> {
        self.check_parts()?;
        match self.to_payload() {
            Ok(bytes) if bytes.len() <= REQUEST_LEN_MAX => Ok(()),
            Ok(_) | Err(_) => Err(RequestError::Len),
        }
    }

    /// Checks every limit but that of the whole, which who has the bytes knows.
    ///
    /// # Errors
    /// [`RequestError`], the first that is broken.
    pub fn check_parts(&self) -> Result<(), RequestError> {
        if self.route.is_empty() || self.route.len() > ROUTE_MAX || twice(&self.route) {
            return Err(RequestError::Route);
        }
        if self.messages.is_empty() || self.messages.len() > MESSAGES_MAX {
            return Err(RequestError::Messages { count: self.messages.len() });
        }
        self.check_order()?;
        let names: Vec<Name> = self.tools.iter().map(|tool| tool.name.clone()).collect();
        if names.len() > TOOLS_MAX || twice(&names) {
            return Err(RequestError::Tools);
        }
        match &self.tool_choice {
            Some(ToolChoice::Required) if names.is_empty() => return Err(RequestError::Choice),
            Some(ToolChoice::Tool(name)) if !names.contains(name) => return Err(RequestError::Choice),
            Some(ToolChoice::None | ToolChoice::Required | ToolChoice::Tool(_)) | None => {}
        }
        if !(1..=OUTPUT_TOKENS_MAX).contains(&self.tokens_max) {
            return Err(RequestError::Cap { tokens: self.tokens_max });
        }
        Ok(())
    }

    /// What policy sees of a request of `len` bytes: the route, the tools on offer, the output cap and the size. The words of a
    /// conversation decide nothing (architecture, rule 6).
    #[must_use]
    pub fn view(&self, len: usize) -> Value {
        let tools: Vec<&str> = self.tools.iter().map(|tool| tool.name.as_str()).collect();
        json!({ "route": self.route, "tools": tools, "tokens_max": self.tokens_max, "request_bytes": len })
    }

    /// Results follow the calls that they are of, and only the assistant asks for calls.
    fn check_order(&self) -> Result<(), RequestError> {
        let mut asked = std::collections::BTreeSet::new();
        for (index, message) in self.messages.iter().enumerate() {
            let sound = match message.role {
                Role::Tool => {
                    message.tool_calls.is_empty() && message.tool_call_id.as_ref().is_some_and(|id| asked.contains(id.as_str()))
                }
                Role::Assistant => message.tool_call_id.is_none(),
                Role::System | Role::User => message.tool_calls.is_empty() && message.tool_call_id.is_none(),
            };
            if !sound {
                return Err(RequestError::Order { index });
            }
            asked.extend(message.tool_calls.iter().map(|call| call.id.as_str()));
        }
        Ok(())
    }

    /// Most tokens that one answer can be charged for: what is held before it is asked for (semantics §6.1).
    ///
    /// No tokenizer in use makes more than one token of a byte, so the prompt has no more tokens than its canonical JSON has
    /// bytes: that holds every text, and the punctuation of a message is longer than what a template puts around it. Tools count
    /// twice, since templates print their schemas with indentation; [`TEMPLATE_TOKENS`] is for what a template says by itself. A
    /// server that charges more nevertheless makes debt, which is the account's matter.
    #[must_use]
    pub fn worst_case(&self) -> u64 {
        self.prompt_tokens_max().saturating_add(self.tokens_max)
    }

    /// The prompt's part of [`Self::worst_case`].
    #[must_use]
    pub fn prompt_tokens_max(&self) -> u64 {
        // A request without canonical form is never sent; the largest is then as good as any.
        let whole = self.to_payload().map_or(REQUEST_LEN_MAX, |bytes| bytes.len());
        let tools = json::canonical_of(&self.tools).map_or(REQUEST_LEN_MAX, |bytes| bytes.len());
        Self::prompt_tokens_of(whole, tools)
    }

    /// The same of a request and tools of so many bytes.
    pub(super) fn prompt_tokens_of(whole: usize, tools: usize) -> u64 {
        (whole as u64).saturating_add(tools as u64).saturating_add(TEMPLATE_TOKENS)
    }

    /// How many calls the conversation holds so far: ids that a server leaves out are numbered on from here.
    #[must_use]
    pub fn calls_so_far(&self) -> usize {
        self.messages.iter().map(|message| message.tool_calls.len()).sum()
    }

    /// The canonical JSON.
    ///
    /// # Errors
    /// [`json::Error`] when a schema holds a number that would be rounded.
    pub fn to_payload(&self) -> Result<Vec<u8>, json::Error> {
        json::canonical_of(self)
    }

    /// The request from such bytes; `None` when they are none, or break a limit.
    #[must_use]
    pub fn of_payload(bytes: &[u8]) -> Option<Self> {
        // They are our own text, and long: read in one go, without a tree of values first.
        let request: Self = serde_json::from_slice(bytes).ok().filter(|_| bytes.len() <= REQUEST_LEN_MAX)?;
        request.check_parts().is_ok().then_some(request)
    }
}

fn twice(names: &[Name]) -> bool {
    names.iter().enumerate().any(|(index, name)| names.iter().take(index).any(|other| other == name))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::ToolCall;
    use super::*;

    fn name(text: &str) -> Name {
        Name::parse(text).unwrap()
    }

    fn request() -> Request {
        let call = ToolCall { id: "call_0".to_owned(), name: "fs.read".to_owned(), arguments: "{".to_owned() };
        let asks = Message { tool_calls: vec![call.clone()], ..Message::text(Role::Assistant, "") };
        let tool = ToolSpec { name: name("fs.read"), description: "Reads.".to_owned(), parameters: json!({"type": "object"}) };
        Request {
            route: vec![name("small"), name("large")],
            messages: vec![Message::text(Role::User, "Read ä."), asks, Message::result(&call, "no")],
            tools: vec![tool],
            tool_choice: Some(ToolChoice::Tool(name("fs.read"))),
            output_schema: Some(json!({"type": "object"})),
            tokens_max: 100,
        }
    }

    #[test]
    fn payloads_are_canonical_and_read_back() {
        let request = request();
        assert_eq!(request.check(), Ok(()));
        let bytes = request.to_payload().unwrap();
        assert_eq!(Request::of_payload(&bytes), Some(request.clone()));
        assert_eq!(Request::of_payload(&bytes[1..]), None);
        assert!(!format!("{request:?}").contains("Read ä"));
    }

    #[test]
    fn limits_are_kept() {
        type Change = fn(&mut Request);
        let cases: [(Change, RequestError); 14] = [
            (|r| r.route.clear(), RequestError::Route),
            (|r| r.route.push(name("small")), RequestError::Route),
            (|r| r.messages.clear(), RequestError::Messages { count: 0 }),
            (|r| r.messages = vec![Message::text(Role::User, ""); MESSAGES_MAX + 1], RequestError::Messages { count: 4_097 }),
            (|r| r.messages[0].tool_call_id = Some("call_0".to_owned()), RequestError::Order { index: 0 }),
            (|r| r.messages[0].tool_calls = r.messages[1].tool_calls.clone(), RequestError::Order { index: 0 }),
            (|r| r.messages[2].tool_call_id = Some("call_1".to_owned()), RequestError::Order { index: 2 }),
            (|r| r.messages.swap(1, 2), RequestError::Order { index: 1 }),
            (|r| r.tools.push(r.tools[0].clone()), RequestError::Tools),
            (|r| r.tool_choice = Some(ToolChoice::Tool(name("gone"))), RequestError::Choice),
            (|r| (r.tools.clear(), r.tool_choice = Some(ToolChoice::Required)).1, RequestError::Choice),
            (|r| r.tokens_max = 0, RequestError::Cap { tokens: 0 }),
            (|r| r.tokens_max = OUTPUT_TOKENS_MAX + 1, RequestError::Cap { tokens: 1_000_001 }),
            (|r| r.messages[0].content = "a".repeat(REQUEST_LEN_MAX), RequestError::Len),
        ];
        for (number, (change, error)) in cases.into_iter().enumerate() {
            let mut request = request();
            change(&mut request);
            assert_eq!(request.check(), Err(error), "case {number}");
        }
    }

    #[test]
    fn sem_6_1_the_worst_case_is_above_every_byte_and_the_cap() {
        let request = request();
        let bytes: usize = request.messages.iter().map(|message| message.content.len()).sum();
        assert!(request.worst_case() > bytes as u64 + 100 + TEMPLATE_TOKENS);
        let longer = Request { messages: vec![Message::text(Role::User, "ﷺ".repeat(1_000))], ..request.clone() };
        assert!(longer.worst_case() >= 3_000 + 100);
        assert_eq!(Request { tokens_max: u64::MAX, ..request }.worst_case(), u64::MAX);
    }
}
