//! The reader of models' answers, from its source files: the crate around it would bring git and the policy engine.

use scalbotics_core::model::{Finish, Message, Request, Usage};

#[path = "../../crates/adapters/src/model/openai/answer.rs"]
mod answer;
#[path = "../../crates/adapters/src/model/openai/chunk.rs"]
mod chunk;
#[path = "../../crates/adapters/src/model/openai/limits.rs"]
mod limits;
#[path = "../../crates/adapters/src/model/openai/sse.rs"]
mod sse;

/// The events of a stream that comes in pieces of one size, or nothing when it is refused.
pub fn events(bytes: &[u8], size: usize) -> Option<Vec<String>> {
    let mut parser = sse::Parser::new(limits::LINE_LEN_MAX, limits::EVENT_LEN_MAX);
    let mut events = Vec::new();
    for piece in bytes.chunks(size.max(1)) {
        events.extend(parser.push(piece).ok()?);
    }
    events.extend(parser.end().ok()?);
    Some(events)
}

/// The whole answer that the events make, or nothing when they make none.
pub fn answer(request: &Request, events: &[String]) -> Option<(Message, Finish, Usage)> {
    let mut answer = answer::Answer::new(request);
    for event in events {
        answer.take(event.as_bytes()).ok()?;
        let (begun, ended) = (answer.has_begun(), answer.has_ended());
        assert!(begun || !ended, "an answer ended that had not begun");
    }
    answer.whole().ok()
}
