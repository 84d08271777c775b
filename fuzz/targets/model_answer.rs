//! A model's answer as a stream of events: pieces do not matter, and a whole answer keeps every limit of a reply.
#![no_main]

use libfuzzer_sys::fuzz_target;
use scalbotics_core::model::{Finish, Message, Reply, Request, Role, ToolSpec};
use scalbotics_core::tenant::Name;
use scalbotics_fuzz::openai;
use serde_json::json;

fuzz_target!(|data: &[u8]| {
    let (size, stream) = data.split_first().map_or((1, data), |(size, rest)| (usize::from(*size), rest));
    let events = openai::events(stream, size);
    assert_eq!(events, openai::events(stream, usize::MAX), "pieces of {size} bytes matter");
    let Some(events) = events else { return };
    let name = |text: &str| Name::parse(text).expect("a name");
    let tool = |id: &str| ToolSpec { name: name(id), description: String::new(), parameters: json!({}) };
    let request = Request {
        route: vec![name("small")],
        messages: vec![Message::text(Role::User, "hi")],
        tools: vec![tool("fs.read"), tool("scan")],
        tool_choice: None,
        output_schema: None,
        tokens_max: 100,
    };
    let Some((message, finish, usage)) = openai::answer(&request, &events) else { return };
    let cut = matches!(finish, Finish::Length | Finish::Filtered);
    assert!(!cut || message.tool_calls.is_empty(), "calls of an answer that was cut");
    let reply = Reply { message, finish, usage, model: name("small"), superseded: Vec::new(), cost: 0 };
    assert_eq!(reply.check(), Ok(()));
    let bytes = reply.to_payload().expect("a reply has a canonical form");
    assert_eq!(Reply::of_payload(&bytes), Some(reply));
});
