//! What the server answers to one request.

use serde::Deserialize;
use serde_json::{Value, json};

use super::Asked;
use super::events::{self, event};

/// One answer. In a file, `{"say": "text"}` and the like.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Answer {
    /// Says a text, word by word, with usage.
    Say(String),
    /// Asks for calls, in parallel, the arguments in pieces.
    Call(Vec<Wish>),
    /// Says a text in one piece that is no stream.
    SayWhole(String),
    /// Says a text and says nothing of usage.
    SayUncounted(String),
    /// Says a text and comes to the output cap.
    SayHalf(String),
    /// Refuses with a status, words, and for how long to stay away.
    Refuse {
        /// The status.
        status: u16,
        /// The words of the error.
        words: String,
        /// `Retry-After`, if any.
        #[serde(default)]
        retry_after: Option<String>,
    },
    /// Redirects to an address.
    Redirect(String),
    /// Waits without a word until the client leaves.
    StallBefore,
    /// Says the text, then nothing until the client leaves.
    StallAfter(String),
    /// Says the text, then closes the connection in the middle of an event.
    CutAfter(String),
    /// Goes on saying the text without an end.
    Endless(String),
    /// Says a text, and closes the connection that could have been used again.
    SayAndClose(String),
    /// Sends comments without an end, and no word.
    Pings,
    /// Says the text, then bytes that are no event.
    GarbageAfter(String),
    /// Sends a line of so many bytes.
    GiantLine(usize),
    /// Sends its head a byte every 100 milliseconds.
    SlowHead,
    /// Calls with arguments of so many bytes.
    GiantCall(usize),
    /// Exactly these steps.
    #[serde(skip)]
    Steps(Vec<Step>),
}

/// A call that is asked for.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wish {
    /// The function.
    pub name: String,
    /// Its arguments: an object, or a text that need not be JSON.
    #[serde(default)]
    pub arguments: Value,
}

/// One thing that the server does with the connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Sends bytes.
    Send(Vec<u8>),
    /// Sends bytes a byte at a time, so many milliseconds apart.
    Drip(Vec<u8>, u64),
    /// Waits until the client leaves.
    Stall,
    /// Sends bytes again and again until the client leaves.
    Forever(Vec<u8>),
    /// Closes the connection.
    Close,
}

impl Wish {
    /// A call with an object of arguments.
    #[must_use]
    pub fn new(name: &str, arguments: Value) -> Self {
        Self { name: name.to_owned(), arguments }
    }

    pub(super) fn arguments_text(&self) -> String {
        match &self.arguments {
            Value::Null => "{}".to_owned(),
            Value::String(text) => text.clone(),
            other @ (Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => other.to_string(),
        }
    }
}

impl Answer {
    /// A refusal with words.
    #[must_use]
    pub fn refuse(status: u16, words: &str) -> Self {
        Self::Refuse { status, words: words.to_owned(), retry_after: None }
    }

    /// A stream of exactly these events, well-formed to its end.
    #[must_use]
    pub fn events(events: &[Value]) -> Self {
        let data: String = events.iter().map(event).collect();
        Self::Steps(vec![Step::Send(streamed(&[data, events::DONE.to_owned()].concat()))])
    }

    /// What is done, in order; whoever asked for no stream gets texts and calls in one piece.
    pub(super) fn steps(&self, asked: &Asked) -> Vec<Step> {
        let streams = asked.body.get("stream").is_some_and(|stream| *stream == Value::Bool(true));
        if streams {
            return self.streamed();
        }
        if let Self::Say(text) = self {
            return vec![Step::Send(plain(200, "", &events::whole(text)))];
        }
        if let Self::Call(wishes) = self {
            return vec![Step::Send(plain(200, "", &events::whole_calls(wishes)))];
        }
        self.streamed()
    }

    fn streamed(&self) -> Vec<Step> {
        let begun = |text: &str| Step::Send([head(), chunk(&events::words(text))].concat());
        let send = |text: String| vec![Step::Send(streamed(&text))];
        match self {
            Self::Say(text) => send(events::said(text, "stop", true)),
            Self::SayAndClose(text) => [send(events::said(text, "stop", true)), vec![Step::Close]].concat(),
            Self::SayUncounted(text) => send(events::said(text, "stop", false)),
            Self::SayHalf(text) => send(events::said(text, "length", true)),
            Self::Call(wishes) => send(events::called(wishes)),
            Self::SayWhole(text) => vec![Step::Send(plain(200, "", &events::whole(text)))],
            Self::Refuse { status, words, retry_after } => {
                let more = retry_after.as_ref().map(|wait| format!("retry-after: {wait}\r\n")).unwrap_or_default();
                vec![Step::Send(plain(*status, &more, &json!({"error": {"message": words, "type": "error"}})))]
            }
            Self::Redirect(to) => vec![Step::Send(plain(307, &format!("location: {to}\r\n"), &json!({})))],
            Self::StallBefore => vec![Step::Stall],
            Self::StallAfter(text) => vec![begun(text), Step::Stall],
            Self::CutAfter(text) => vec![begun(text), Step::Send(b"40\r\ndata: {\"choi".to_vec()), Step::Close],
            Self::Endless(text) => vec![Step::Send(head()), Step::Forever(chunk(&events::words(text)))],
            Self::Pings => vec![Step::Send(head()), Step::Forever(chunk(": ping\n\n"))],
            Self::GarbageAfter(text) => vec![begun(text), Step::Send(chunk("\u{1}not an event\n")), Step::Stall],
            Self::GiantLine(len) => {
                vec![Step::Send([head(), chunk(&format!("data: {}", "a".repeat(*len)))].concat()), Step::Stall]
            }
            Self::SlowHead => vec![Step::Drip(streamed(&events::said("late", "stop", true)), 100)],
            Self::GiantCall(len) => send(events::called(&[Wish { name: "scan".to_owned(), arguments: "a".repeat(*len).into() }])),
            Self::Steps(steps) => steps.clone(),
        }
    }
}

fn head() -> Vec<u8> {
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n".to_vec()
}

/// A piece of a body of unknown length.
fn chunk(text: &str) -> Vec<u8> {
    format!("{:x}\r\n{text}\r\n", text.len()).into_bytes()
}

/// A whole stream of events.
fn streamed(text: &str) -> Vec<u8> {
    [head(), chunk(text), b"0\r\n\r\n".to_vec()].concat()
}

fn plain(status: u16, more: &str, body: &Value) -> Vec<u8> {
    let body = body.to_string();
    let len = body.len();
    format!("HTTP/1.1 {status} Scripted\r\ncontent-type: application/json\r\ncontent-length: {len}\r\n{more}\r\n{body}")
        .into_bytes()
}
