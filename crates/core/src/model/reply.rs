//! What a model answered.

use serde::{Deserialize, Serialize};

use super::limits::CALL_NAME_LEN_MAX;
use super::{ARGUMENTS_LEN_MAX, CONTENT_LEN_MAX, Message, Miss, ROUTE_MAX, Request, Role, TOOL_CALLS_MAX};
use crate::json;
use crate::payload;
use crate::tenant::Name;

/// One whole answer. Part of one is never made into a reply: it is an error that says so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reply {
    /// What the model said, and the calls that it asks for.
    pub message: Message,
    /// How it ended.
    pub finish: Finish,
    /// What it took.
    pub usage: Usage,
    /// Which model of the route answered.
    pub model: Name,
    /// What was asked before it, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub superseded: Vec<Superseded>,
    /// What it cost by the price table, in micro units of the currency, rounded up.
    pub cost: u64,
}

/// How an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finish {
    /// The model had said everything.
    Stop,
    /// It asks for calls.
    ToolCalls,
    /// It came to the output cap or the end of the context: what it said is not all.
    Length,
    /// The server held back the rest.
    Filtered,
}

impl Finish {
    /// How an answer with so many calls ended: servers say `stop` beside calls, and `tool_calls` beside none.
    #[must_use]
    pub const fn with_calls(self, calls: usize) -> Self {
        match self {
            Self::Stop | Self::ToolCalls if calls > 0 => Self::ToolCalls,
            Self::Stop | Self::ToolCalls => Self::Stop,
            Self::Length => Self::Length,
            Self::Filtered => Self::Filtered,
        }
    }
}

/// Tokens of one answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Usage {
    /// Of the prompt.
    pub input: u64,
    /// Of the answer, with those that were thought.
    pub output: u64,
    /// Those of `input` that the server remembered.
    pub cached: u64,
    /// Those of `output` that were only thought.
    pub reasoning: u64,
    /// Whether the server said nothing, and these are upper bounds.
    pub estimated: bool,
}

impl Usage {
    /// All tokens.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.input.saturating_add(self.output)
    }

    /// Upper bounds for an answer of so many bytes whose server did not count; a byte is at most a token.
    #[must_use]
    pub fn estimate(request: &Request, answer_bytes: usize) -> Self {
        let output = (answer_bytes as u64).min(request.tokens_max);
        Self { input: request.prompt_tokens_max(), output, cached: 0, reasoning: 0, estimated: true }
    }
}

/// A model of the route that was asked and did not answer, before any of its answer had come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Superseded {
    /// Which.
    pub model: Name,
    /// Why, in one sentence.
    pub why: String,
    /// Why, in one word; `None` in replies of before it was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub miss: Option<Miss>,
    /// Whether it may have spent tokens nevertheless.
    pub may_have_spent: bool,
}

/// Why a reply is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("reply is refused: {reason}")]
pub struct ReplyError {
    /// Which rule it breaks.
    pub reason: &'static str,
}

impl Reply {
    /// Checks every limit.
    ///
    /// # Errors
    /// [`ReplyError`], the first that is broken.
    pub fn check(&self) -> Result<(), ReplyError> {
        let calls = &self.message.tool_calls;
        let named = |text: &str| !text.is_empty() && text.len() <= CALL_NAME_LEN_MAX;
        let unique = |(index, call): (usize, &super::ToolCall)| calls.iter().take(index).all(|other| other.id != call.id);
        let rules = [
            (self.message.role == Role::Assistant && self.message.tool_call_id.is_none(), "it is not the assistant's"),
            (self.message.content.len() <= CONTENT_LEN_MAX, "its text is too long"),
            (calls.len() <= TOOL_CALLS_MAX, "it asks for too many calls"),
            (calls.iter().all(|call| named(&call.id) && named(&call.name)), "a call has no name or id, or too long a one"),
            (calls.iter().all(|call| call.arguments.len() <= ARGUMENTS_LEN_MAX), "arguments of a call are too long"),
            (calls.iter().enumerate().all(unique), "two calls have one id"),
            (self.superseded.len() < ROUTE_MAX, "it superseded more models than a route has"),
        ];
        rules.iter().find(|(kept, _)| !kept).map_or(Ok(()), |(_, reason)| Err(ReplyError { reason }))
    }

    /// Tokens that the account is charged: those of the answer, and the whole `hold` of each model that was asked before and may
    /// have spent it (semantics §6.1).
    #[must_use]
    pub fn charged(&self, hold: u64) -> u64 {
        let spent = self.superseded.iter().filter(|before| before.may_have_spent).count();
        let lost = (spent as u64).saturating_mul(hold);
        self.usage.total().saturating_add(lost)
    }

    /// The canonical JSON.
    ///
    /// # Errors
    /// [`json::Error`] when a count is beyond what JSON holds exactly.
    pub fn to_payload(&self) -> Result<Vec<u8>, json::Error> {
        json::canonical_of(self)
    }

    /// The reply from such bytes; `None` when they are none, or break a limit.
    #[must_use]
    pub fn of_payload(bytes: &[u8]) -> Option<Self> {
        // As with a request: our own text, read in one go.
        let reply: Self = serde_json::from_slice(bytes).ok().filter(|_| bytes.len() <= payload::LEN_MAX)?;
        reply.check().is_ok().then_some(reply)
    }
}

#[cfg(test)]
mod tests {
    use super::super::ToolCall;
    use super::*;

    fn reply() -> Reply {
        let call = |id: &str| ToolCall { id: id.to_owned(), name: "fs.read".to_owned(), arguments: "{}".to_owned() };
        let name = |text: &str| Name::parse(text).unwrap();
        Reply {
            message: Message { tool_calls: vec![call("a"), call("b")], ..Message::text(Role::Assistant, "I read.") },
            finish: Finish::ToolCalls,
            usage: Usage { input: 10, output: 5, ..Usage::default() },
            model: name("large"),
            superseded: vec![Superseded {
                model: name("small"),
                why: "it was busy".to_owned(),
                miss: Some(Miss::Busy),
                may_have_spent: true,
            }],
            cost: 7,
        }
    }

    #[test]
    fn payloads_read_back() {
        let reply = reply();
        let bytes = reply.to_payload().unwrap();
        assert_eq!(Reply::of_payload(&bytes), Some(reply));
        assert_eq!(Reply::of_payload(b"{}"), None);
    }

    #[test]
    fn a_reply_of_before_reads_back_and_is_told_without_its_words() {
        let bytes = reply().to_payload().unwrap();
        let before = String::from_utf8(bytes).unwrap().replace("\"miss\":\"busy\",", "");
        let read = Reply::of_payload(before.as_bytes()).unwrap();
        let told = super::super::AnswerNote::of(&read);
        assert_eq!((told.superseded[0].miss, told.input_tokens, told.output_tokens, told.cost_micros), (None, 10, 5, 7));
        let told = serde_json::to_string(&super::super::AnswerNote::of(&reply())).unwrap();
        assert!(told.contains("\"miss\":\"busy\"") && !told.contains("it was") && !told.contains("I read"), "{told}");
    }

    #[test]
    fn limits_are_kept() {
        type Change = fn(&mut Reply);
        let cases: [(Change, &str); 7] = [
            (|r| r.message.role = Role::User, "assistant"),
            (|r| r.message.content = "a".repeat(CONTENT_LEN_MAX + 1), "too long"),
            (|r| r.message.tool_calls = vec![r.message.tool_calls[0].clone(); TOOL_CALLS_MAX + 1], "too many"),
            (|r| r.message.tool_calls[0].name.clear(), "no name"),
            (|r| r.message.tool_calls[0].arguments = "a".repeat(ARGUMENTS_LEN_MAX + 1), "arguments"),
            (|r| r.message.tool_calls[1].id = "a".to_owned(), "one id"),
            (|r| r.superseded = vec![r.superseded[0].clone(); ROUTE_MAX], "superseded"),
        ];
        for (change, part) in cases {
            let mut reply = reply();
            change(&mut reply);
            assert!(reply.check().unwrap_err().reason.contains(part), "{part}");
        }
    }

    #[test]
    fn sem_6_1_a_superseded_model_that_may_have_spent_is_charged_its_hold() {
        let request = Request {
            route: vec![Name::parse("small").unwrap()],
            messages: vec![Message::text(Role::User, "hi")],
            tools: Vec::new(),
            tool_choice: None,
            output_schema: None,
            tokens_max: 50,
        };
        let mut reply = reply();
        assert_eq!(reply.charged(request.worst_case()), 15 + request.worst_case());
        reply.superseded[0].may_have_spent = false;
        assert_eq!(reply.charged(request.worst_case()), 15);
        let guess = Usage::estimate(&request, 1_000);
        assert!(guess.estimated && guess.output == 50 && guess.total() == request.worst_case());
    }

    #[test]
    fn how_an_answer_ended_follows_what_it_holds() {
        for (told, calls, finish) in [
            (Finish::Stop, 0, Finish::Stop),
            (Finish::Stop, 1, Finish::ToolCalls),
            (Finish::ToolCalls, 0, Finish::Stop),
            (Finish::Length, 1, Finish::Length),
            (Finish::Filtered, 0, Finish::Filtered),
        ] {
            assert_eq!(told.with_calls(calls), finish, "{told:?} {calls}");
        }
    }
}
