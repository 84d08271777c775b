//! One request and its answer, within every limit of bytes and time.

use std::io::ErrorKind;
use std::time::Duration;

use reqwest::{Response, StatusCode};
use scalbotics_core::model::{Finish, Message, Model, Request, Usage};
use scalbotics_core::ports::NotAnswered;
use scalbotics_core::time::{Span, Timestamp};
use tokio::time::{Instant, timeout, timeout_at};

use super::answer::{Answer, Fault};
use super::key::Key;
use super::limits::{EVENT_LEN_MAX, LINE_LEN_MAX};
use super::{retry_after, sse, words};

/// The last event of a stream.
const DONE: &str = "[DONE]";

/// Longest answer of any kind, in bytes; the largest output cap in events of one token.
const STREAM_LEN_MAX: u64 = 64 << 20;

/// Bytes of a stream before and beside its tokens.
const STREAM_LEN_BASE: u64 = 256 << 10;

/// Bytes of a stream for one token: an event with the filter results of the wordiest server has about 1000.
const STREAM_LEN_A_TOKEN: u64 = 4 << 10;

/// Longest body of an error that is read, in bytes.
const ERROR_LEN_MAX: usize = 16 << 10;

/// For how long the body of an error is waited for, in milliseconds; its words are a courtesy.
const ERROR_WAIT_MS: u64 = 2_000;

/// For how long the count of tokens is waited for behind the end of an answer, in milliseconds.
const USAGE_WAIT_MS: u64 = 2_000;

/// For how long the end of the stream is waited for behind its last event, in milliseconds: then the connection can be used again.
const DRAIN_WAIT_MS: u64 = 20;

/// One request that is on its way.
#[derive(Debug)]
pub(super) struct Exchange<'a> {
    pub(super) model: &'a Model,
    pub(super) request: &'a Request,
    pub(super) key: &'a Key,
    /// Now by the clock, to read dates against.
    pub(super) now: Timestamp,
    /// When everything has to be over.
    pub(super) end: Instant,
    /// When the answer has to have begun.
    pub(super) first: Instant,
}

/// A request without an answer's head.
#[derive(Debug)]
pub(super) struct Failed {
    /// What that means.
    pub(super) error: NotAnswered,
    /// Whether the server closed the connection without a byte: it may have done so before it saw the request.
    pub(super) closed: bool,
}

/// Whether the connection was closed before any of the answer.
fn was_closed(error: &reqwest::Error) -> bool {
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        if cause.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_incomplete_message) {
            return true;
        }
        let kind = cause.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
        if matches!(kind, Some(ErrorKind::ConnectionReset | ErrorKind::BrokenPipe)) {
            return true;
        }
        source = cause.source();
    }
    false
}

/// The moment a span from now.
pub(super) fn from_now(span: Span) -> Instant {
    Instant::now() + Duration::from_millis(span.as_ms())
}

/// How far the reading of a body is.
enum Read {
    /// Bytes came.
    Bytes(bytes::Bytes),
    /// It ended.
    End,
    /// The connection broke.
    Broke,
    /// Nothing came in time.
    Late,
}

impl Exchange<'_> {
    /// Sends the request; the answer's head.
    pub(super) async fn send(&self, request: reqwest::RequestBuilder) -> Result<Response, Failed> {
        let failed = |error| Failed { error, closed: false };
        match timeout_at(self.first.min(self.end), request.send()).await {
            Err(_) => Err(failed(NotAnswered::Silent { words: "its answer did not begin in time".to_owned() })),
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) if error.is_connect() => Err(failed(NotAnswered::Unreachable { words: self.causes(&error) })),
            Ok(Err(error)) if error.is_builder() => Err(failed(NotAnswered::NeverLeft { words: self.causes(&error) })),
            Ok(Err(error)) => {
                Err(Failed { error: NotAnswered::Silent { words: self.causes(&error) }, closed: was_closed(&error) })
            }
        }
    }

    /// What the transport says, without addresses that hold more than they should.
    fn causes(&self, error: &reqwest::Error) -> String {
        let mut said = if error.is_connect() { "no connection".to_owned() } else { "the connection failed".to_owned() };
        let mut source = std::error::Error::source(error);
        while let Some(cause) = source {
            said = format!("{said}: {cause}");
            source = cause.source();
        }
        words::shown(&said, self.key)
    }

    /// What a status other than success means.
    pub(super) async fn refusal(&self, mut response: Response) -> NotAnswered {
        let status = response.status();
        let retry_after_ms = response.headers().get(reqwest::header::RETRY_AFTER).and_then(|value| value.to_str().ok());
        let retry_after_ms = retry_after_ms.and_then(|text| retry_after::parse(text, self.now));
        let mut body = Vec::new();
        let wait = (Instant::now() + Duration::from_millis(ERROR_WAIT_MS)).min(self.end);
        while body.len() < ERROR_LEN_MAX {
            let Ok(Ok(Some(bytes))) = timeout_at(wait, response.chunk()).await else { break };
            body.extend(bytes.iter().take(ERROR_LEN_MAX.saturating_sub(body.len())));
        }
        let words = if status.is_redirection() {
            "it redirects, which is not followed".to_owned()
        } else {
            words::of_error(&body, self.key)
        };
        let busy = status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error();
        let status = status.as_u16();
        if busy { NotAnswered::Busy { status, retry_after_ms, words } } else { NotAnswered::Refused { status, words } }
    }

    /// Reads the answer, a stream or one whole.
    pub(super) async fn answer(&self, mut response: Response) -> Result<(Message, Finish, Usage), NotAnswered> {
        let mut answer = Answer::new(self.request);
        let streamed = !is_json(&response);
        let done =
            if streamed { self.stream(&mut response, &mut answer).await } else { self.whole(&mut response, &mut answer).await };
        let begun = answer.has_begun();
        let result = done.and_then(|()| answer.whole().map_err(|fault| self.fault(begun, fault)));
        if result.is_ok() {
            // Read to its end, the connection serves the next request.
            let _end = timeout(Duration::from_millis(DRAIN_WAIT_MS), response.chunk()).await;
        }
        result
    }

    async fn stream(&self, response: &mut Response, answer: &mut Answer<'_>) -> Result<(), NotAnswered> {
        let mut parser = sse::Parser::new(LINE_LEN_MAX, EVENT_LEN_MAX);
        let (mut read, mut active) = (0_u64, Instant::now());
        loop {
            let wait = self.wait(answer, active);
            let bytes = match self.read(response, wait).await {
                Read::Bytes(bytes) => bytes,
                Read::End => {
                    let left = parser.end().map_err(|error| self.unreadable(answer, error))?;
                    return self.last(answer, left.as_deref());
                }
                // The answer is whole, only its count is missing.
                Read::Broke | Read::Late if answer.has_ended() => return Ok(()),
                Read::Broke => return Err(self.lost(answer, "the connection broke")),
                Read::Late => return Err(self.lost(answer, self.late(answer))),
            };
            read = read.saturating_add(bytes.len() as u64);
            if read > self.bytes_max() {
                return Err(NotAnswered::TooLong { words: "the stream goes on far beyond the output cap".to_owned() });
            }
            for event in parser.push(&bytes).map_err(|error| self.unreadable(answer, error))? {
                if event == DONE {
                    return Ok(());
                }
                answer.take(event.as_bytes()).map_err(|fault| self.fault(answer.has_begun(), fault))?;
                active = Instant::now();
            }
        }
    }

    /// The event that the end of the stream left open.
    fn last(&self, answer: &mut Answer<'_>, left: Option<&str>) -> Result<(), NotAnswered> {
        if let Some(event) = left.filter(|event| *event != DONE) {
            answer.take(event.as_bytes()).map_err(|fault| self.fault(answer.has_begun(), fault))?;
        }
        if answer.has_ended() { Ok(()) } else { Err(self.lost(answer, "the stream ended before its answer did")) }
    }

    async fn whole(&self, response: &mut Response, answer: &mut Answer<'_>) -> Result<(), NotAnswered> {
        let mut body = Vec::new();
        loop {
            let begun = !body.is_empty();
            let wait = if begun { from_now(self.model.timeouts.idle).min(self.end) } else { self.first.min(self.end) };
            let words = match self.read(response, wait).await {
                Read::Bytes(bytes) => {
                    if (body.len() as u64).saturating_add(bytes.len() as u64) > self.bytes_max() {
                        return Err(NotAnswered::TooLong { words: "it goes on far beyond the output cap".to_owned() });
                    }
                    body.extend_from_slice(&bytes);
                    continue;
                }
                Read::End if begun => break,
                Read::End => "it is empty",
                Read::Broke => "the connection broke",
                Read::Late => "nothing more came in time",
            };
            let words = words.to_owned();
            return Err(if begun { NotAnswered::Cut { words } } else { NotAnswered::Silent { words } });
        }
        answer.take(&body).map_err(|fault| self.fault(answer.has_begun(), fault))
    }

    async fn read(&self, response: &mut Response, wait: Instant) -> Read {
        match timeout_at(wait, response.chunk()).await {
            Err(_) => Read::Late,
            Ok(Err(_)) => Read::Broke,
            Ok(Ok(Some(bytes))) => Read::Bytes(bytes),
            Ok(Ok(None)) => Read::End,
        }
    }

    /// Until when the next part is waited for. Comments and empty events keep nothing alive.
    fn wait(&self, answer: &Answer<'_>, active: Instant) -> Instant {
        let idle = active + Duration::from_millis(self.model.timeouts.idle.as_ms());
        let wait = if answer.has_ended() {
            idle.min(active + Duration::from_millis(USAGE_WAIT_MS))
        } else if answer.has_begun() {
            idle
        } else {
            self.first
        };
        wait.min(self.end)
    }

    fn late(&self, answer: &Answer<'_>) -> &'static str {
        if Instant::now() >= self.end {
            "its time was up"
        } else if answer.has_begun() {
            "it stalled"
        } else {
            "its answer did not begin in time"
        }
    }

    /// Most bytes of the answer.
    fn bytes_max(&self) -> u64 {
        let tokens = self.request.tokens_max.saturating_mul(STREAM_LEN_A_TOKEN);
        tokens.saturating_add(STREAM_LEN_BASE).min(STREAM_LEN_MAX)
    }

    fn lost(&self, answer: &Answer<'_>, words: &str) -> NotAnswered {
        let words = words.to_owned();
        if answer.has_begun() { NotAnswered::Cut { words } } else { NotAnswered::Silent { words } }
    }

    fn unreadable(&self, answer: &Answer<'_>, error: sse::Error) -> NotAnswered {
        match error {
            sse::Error::TooLong => NotAnswered::TooLong { words: error.to_string() },
            sse::Error::Encoding | sse::Error::Garbage => self.fault(answer.has_begun(), Fault::Garbage(error.to_string())),
        }
    }

    fn fault(&self, begun: bool, fault: Fault) -> NotAnswered {
        match fault {
            Fault::TooLong(words) => NotAnswered::TooLong { words: words.to_owned() },
            Fault::Garbage(words) if begun => NotAnswered::Cut { words: words::shown(&words, self.key) },
            Fault::Garbage(words) => NotAnswered::Malformed { words: words::shown(&words, self.key) },
            Fault::Told(error) if begun => NotAnswered::Cut { words: words::of_value(&error, self.key) },
            Fault::Told(error) => NotAnswered::Silent { words: words::of_value(&error, self.key) },
        }
    }
}

/// Whether the server answers in one piece, though it was asked for a stream.
fn is_json(response: &Response) -> bool {
    let kind = response.headers().get(reqwest::header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    kind.trim_start().to_ascii_lowercase().starts_with("application/json")
}
