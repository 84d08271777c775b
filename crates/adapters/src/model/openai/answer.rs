//! Puts an answer together from its parts. Pure.
//!
//! **Invariant:** an answer that its server did not declare ended, or ended for a reason that nobody knows, is no answer.

use scalbotics_core::model::tool_calls::{self, id_of, meant};
use scalbotics_core::model::{
    ARGUMENTS_LEN_MAX, CONTENT_LEN_MAX, Finish, Message, Request, Role, TOOL_CALLS_MAX, ToolCall, ToolChoice, Usage,
};
use serde_json::Value;

use super::chunk::{CallDelta, Chunk, Counts, Delta, Details};
use super::limits::{EVENTS_BASE, TEXT_LEN_BASE, TOKEN_LEN_MAX};

/// Largest count of tokens that is believed: what JSON holds exactly.
const COUNT_MAX: u64 = (1 << 53) - 1;

/// Longest name or id of a call, in bytes; names have at most 63.
const NAME_LEN_MAX: usize = 128;

/// An answer that is being put together.
#[derive(Debug)]
pub(super) struct Answer<'a> {
    request: &'a Request,
    text: String,
    refused: bool,
    calls: Vec<Partial>,
    finish: Option<Finish>,
    usage: Option<Usage>,
    /// Bytes of everything that the model wrote, what it thought included.
    written: u64,
    events: u64,
    begun: bool,
}

/// A call of which more may come.
#[derive(Debug, Default)]
struct Partial {
    slot: u64,
    id: String,
    name: String,
    arguments: String,
}

/// What is wrong with a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fault {
    /// A limit is broken.
    TooLong(&'static str),
    /// It is no part of an answer.
    Garbage(String),
    /// The server tells of an error of its own.
    Told(Value),
}

impl<'a> Answer<'a> {
    pub(super) const fn new(request: &'a Request) -> Self {
        Self {
            request,
            text: String::new(),
            refused: false,
            calls: Vec::new(),
            finish: None,
            usage: None,
            written: 0,
            events: 0,
            begun: false,
        }
    }

    /// Whether any part of the answer has come.
    pub(super) const fn has_begun(&self) -> bool {
        self.begun
    }

    /// Whether the server said that the answer has ended.
    pub(super) const fn has_ended(&self) -> bool {
        self.finish.is_some()
    }

    /// Takes the data of one event, or a whole answer.
    pub(super) fn take(&mut self, data: &[u8]) -> Result<(), Fault> {
        self.events = self.events.saturating_add(1);
        if self.events > self.request.tokens_max.saturating_mul(2).saturating_add(EVENTS_BASE) {
            return Err(Fault::TooLong("there are more events than tokens were asked for"));
        }
        let chunk: Chunk = serde_json::from_slice(data).map_err(|error| Fault::Garbage(place_of(&error)))?;
        if let Some(error) = chunk.error.filter(|error| !error.is_null()) {
            return Err(Fault::Told(error));
        }
        if let Some(counts) = chunk.usage {
            self.usage = usage(&counts).or(self.usage);
        }
        let first = chunk.choices.into_iter().flatten().find(|choice| choice.index.unwrap_or(0) == 0);
        let Some(choice) = first else { return Ok(()) };
        for delta in [choice.delta, choice.message].into_iter().flatten() {
            self.add(delta)?;
        }
        if let Some(reason) = choice.finish_reason.filter(|reason| !reason.is_empty()) {
            self.begun = true;
            self.finish = Some(finish(&reason)?);
        }
        Ok(())
    }

    fn add(&mut self, delta: Delta) -> Result<(), Fault> {
        for thought in [delta.reasoning_content, delta.reasoning].into_iter().flatten() {
            self.count(thought.len())?;
        }
        if let Some(refusal) = delta.refusal.filter(|refusal| !refusal.is_empty()) {
            self.refused = true;
            self.write(&refusal)?;
        }
        if let Some(content) = delta.content {
            self.write(&content.text())?;
        }
        for (position, call) in (0..).zip(delta.tool_calls.into_iter().flatten()) {
            self.add_call(position, call)?;
        }
        Ok(())
    }

    fn write(&mut self, text: &str) -> Result<(), Fault> {
        self.count(text.len())?;
        if self.text.len().saturating_add(text.len()) > CONTENT_LEN_MAX {
            return Err(Fault::TooLong("the text is longer than any answer"));
        }
        self.text.push_str(text);
        Ok(())
    }

    /// Counts what the model wrote; no server may write more than so many of the longest tokens.
    fn count(&mut self, len: usize) -> Result<(), Fault> {
        self.begun |= len > 0;
        self.written = self.written.saturating_add(len as u64);
        let most = self.request.tokens_max.saturating_mul(TOKEN_LEN_MAX).saturating_add(TEXT_LEN_BASE);
        if self.written > most { Err(Fault::TooLong("it goes on far beyond the output cap")) } else { Ok(()) }
    }

    fn add_call(&mut self, position: u64, delta: CallDelta) -> Result<(), Fault> {
        self.begun = true;
        let slot = delta.index.unwrap_or(position);
        let id = delta.id.unwrap_or_default();
        // Some servers give every call the same index: another id is another call.
        let known =
            self.calls.iter().rposition(|call| call.slot == slot && (id.is_empty() || call.id.is_empty() || call.id == id));
        if known.is_none() {
            if self.calls.len() == TOOL_CALLS_MAX {
                return Err(Fault::TooLong("it asks for more calls than one answer may"));
            }
            self.calls.push(Partial { slot, ..Partial::default() });
        }
        let function = delta.function.unwrap_or_default();
        let name = function.name.unwrap_or_default();
        let arguments = match function.arguments {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(text)) => text,
            Some(other @ (Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_))) => other.to_string(),
        };
        self.count(name.len().saturating_add(arguments.len()))?;
        let at = known.unwrap_or(self.calls.len().saturating_sub(1));
        let Some(call) = self.calls.get_mut(at) else { return Ok(()) };
        if call.id.is_empty() {
            call.id = id;
        }
        // Sent once by most, repeated by some, in pieces by few.
        if call.name != name {
            call.name.push_str(&name);
        }
        call.arguments.push_str(&arguments);
        if call.id.len() > NAME_LEN_MAX || call.name.len() > NAME_LEN_MAX || call.arguments.len() > ARGUMENTS_LEN_MAX {
            return Err(Fault::TooLong("a name, an id or arguments of a call are too long"));
        }
        Ok(())
    }

    /// The whole answer, if it is one.
    pub(super) fn whole(self) -> Result<(Message, Finish, Usage), Fault> {
        let Some(finish) = self.finish else { return Err(Fault::Garbage("it ended without saying why".to_owned())) };
        let finish = if self.refused { Finish::Filtered } else { finish };
        let written = usize::try_from(self.written).unwrap_or(usize::MAX);
        let usage = self.usage.unwrap_or_else(|| Usage::estimate(self.request, written));
        let (text, calls) = match finish {
            // What was cut off may look whole: `rm a` of `rm abc`. Calls of an answer that has not ended by itself are not made.
            Finish::Length | Finish::Filtered => (self.text, Vec::new()),
            Finish::Stop | Finish::ToolCalls => self.calls_and_text()?,
        };
        let finish = finish.with_calls(calls.len());
        Ok((Message { tool_calls: calls, ..Message::text(Role::Assistant, text) }, finish, usage))
    }

    fn calls_and_text(self) -> Result<(String, Vec<ToolCall>), Fault> {
        let first = self.request.calls_so_far();
        if self.calls.is_empty() {
            let may_call = self.request.tool_choice != Some(ToolChoice::None);
            let found = if may_call { tool_calls::find(&self.text, &self.request.tools, first) } else { None };
            return Ok(found.map_or((self.text, Vec::new()), |found| (found.text, found.calls)));
        }
        let mut calls: Vec<ToolCall> = Vec::new();
        let mut next = first;
        for Partial { mut id, name, arguments, .. } in self.calls {
            if name.is_empty() {
                return Err(Fault::Garbage("a call has no name".to_owned()));
            }
            while id.is_empty() || id.chars().any(char::is_control) || calls.iter().any(|call| call.id == id) {
                id = id_of(next);
                next = next.saturating_add(1);
            }
            let name = meant(&name, &self.request.tools).map_or(name, |tool| tool.as_str().to_owned());
            let arguments = if arguments.trim().is_empty() { "{}".to_owned() } else { arguments };
            calls.push(ToolCall { id, name, arguments });
        }
        Ok((self.text, calls))
    }
}

/// Where JSON went wrong, without its text.
fn place_of(error: &serde_json::Error) -> String {
    format!("an event is no part of an answer, at line {} column {}", error.line(), error.column())
}

fn finish(reason: &str) -> Result<Finish, Fault> {
    match reason {
        "stop" | "eos" | "end_turn" | "stop_sequence" => Ok(Finish::Stop),
        "tool_calls" | "function_call" | "tool_use" => Ok(Finish::ToolCalls),
        "length" | "max_tokens" | "model_length" => Ok(Finish::Length),
        "content_filter" => Ok(Finish::Filtered),
        other => Err(Fault::Garbage(format!("it ended for an unknown reason, `{other}`"))),
    }
}

/// The counts, if both that matter are there.
fn usage(counts: &Counts) -> Option<Usage> {
    let count = |value: &Option<Value>| value.as_ref().and_then(Value::as_u64).map(|count| count.min(COUNT_MAX));
    let of = |details: &Option<Details>, which: fn(&Details) -> &Option<Value>| {
        details.as_ref().and_then(|details| count(which(details))).unwrap_or_default()
    };
    let (input, output) = (count(&counts.prompt_tokens)?, count(&counts.completion_tokens)?);
    Some(Usage {
        input,
        output,
        cached: of(&counts.prompt_tokens_details, |details| &details.cached_tokens).min(input),
        reasoning: of(&counts.completion_tokens_details, |details| &details.reasoning_tokens).min(output),
        estimated: false,
    })
}

#[cfg(test)]
#[path = "answer/tests.rs"]
mod tests;
