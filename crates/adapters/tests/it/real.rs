//! The provider against a model server that others wrote: llama.cpp's with SmolLM2-135M-Instruct. Started by `cargo xtask models`,
//! which brings both: this program with `real-model` and the server's base address.
//!
//! What such a small model says is worth nothing; how it is carried is what is looked at.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use scalbotics_adapters::model::openai::OpenAi;
use scalbotics_core::model::{Finish, Message, Model, Reply, Request, Role, ToolCall, ToolChoice, ToolSpec};
use scalbotics_core::ports::{ModelProvider, NotAnswered};
use scalbotics_core::tenant::Name;
use serde_json::{Value, json};

use crate::fixture::runtime;
use crate::models::{model, provider, request, warrant};
use crate::port::NOW;

/// First argument that makes this program the check of a real server.
pub(crate) const REAL: &str = "real-model";

/// Time for one answer: a hundred tokens on a slow and busy machine.
const SLOW: Duration = Duration::from_secs(60);

struct Server {
    provider: OpenAi,
    model: Model,
}

impl Server {
    async fn ask(&self, request: &Request) -> Result<Reply, NotAnswered> {
        self.provider.complete(&warrant(NOW.plus_ms(600_000)), &self.model, request).await
    }

    async fn reply(&self, request: &Request) -> Reply {
        let reply = self.ask(request).await.unwrap();
        assert!(!reply.usage.estimated && reply.usage.input > 0, "{reply:?}");
        assert!(reply.usage.output <= request.tokens_max, "{reply:?}");
        reply
    }
}

fn of(base_url: &str) -> Model {
    model(base_url, json!({"timeouts": {"connect": "5s", "first_token": "60s", "idle": "30s", "total": "120s"}}))
}

fn plain(text: &str, tokens_max: u64) -> Request {
    Request { messages: vec![Message::text(Role::User, text)], tools: Vec::new(), tokens_max, ..request() }
}

pub(crate) fn main(args: &[String]) -> ExitCode {
    let base_url = args.first().expect("the server's base address");
    let server = Server { provider: provider(), model: of(base_url) };
    runtime().block_on(async {
        let said = server.reply(&plain("Say hello.", 64)).await;
        assert!(!said.message.content.is_empty(), "{said:?}");
        println!("    streaming and usage: {} tokens in, {} out, {:?}", said.usage.input, said.usage.output, said.finish);

        let cut = server.reply(&plain("Count from 1 to 100.", 5)).await;
        assert_eq!((cut.finish, cut.usage.output), (Finish::Length, 5));
        println!("    the output cap: told as {:?}", cut.finish);

        chosen_call(&server).await;
        forced_call(&server).await;
        structured(&server).await;
        canceled(&server).await;

        let nowhere = Server { provider: provider(), model: of(&format!("{base_url}/nowhere")) };
        let refused = nowhere.ask(&plain("hi", 5)).await;
        assert!(matches!(refused, Err(NotAnswered::Refused { status: 404, .. })), "{refused:?}");
        println!("    a wrong path: {}", refused.unwrap_err());
    });
    println!("    model server: sound");
    ExitCode::SUCCESS
}

/// A call in its own field, piece by piece: that a tool is to be called is said by `tool_choice`, and what a call of it looks like
/// by the tool's schema. And an answer to its result.
async fn chosen_call(server: &Server) {
    let path = json!({"type": "string", "maxLength": 40});
    let parameters = json!({"type": "object", "properties": {"path": path}, "required": ["path"], "additionalProperties": false});
    let tool = ToolSpec { name: Name::parse("fs.read").unwrap(), description: "Reads a file.".to_owned(), parameters };
    let messages = vec![Message::text(Role::System, "Be brief."), Message::text(Role::User, "Read the file work/notes.txt")];
    for choice in [ToolChoice::Required, ToolChoice::Tool(tool.name.clone())] {
        let tool_choice = Some(choice.clone());
        let asked = Request { messages: messages.clone(), tools: vec![tool.clone()], tool_choice, tokens_max: 200, ..request() };
        let reply = server.reply(&asked).await;
        let [call] = reply.message.tool_calls.as_slice() else { panic!("{reply:?}") };
        assert_eq!((reply.finish, call.name.as_str()), (Finish::ToolCalls, "fs.read"));
        let arguments: Value = serde_json::from_str(&call.arguments).unwrap();
        assert!(arguments["path"].is_string(), "{arguments}");
        println!("    a call by tool_choice {choice:?}: {} {arguments}", call.name);

        let asks = Message { tool_calls: vec![call.clone()], ..Message::text(Role::Assistant, "") };
        let heard = Message::result(call, json!({"data": "The lighthouse is green.", "from": "fs.read"}).to_string());
        let next = Request { messages: [messages.clone(), vec![asks, heard]].concat(), tool_choice: None, ..asked };
        let last = server.reply(&next).await;
        println!("    and an answer to its result: {:?} {}", last.finish, last.message.content);
    }
}

/// A call as small models write one, in their text; this server's grammar leaves it no other way. And an answer to its result.
async fn forced_call(server: &Server) {
    let path = json!({"type": "string", "maxLength": 20});
    let arguments = json!({"type": "object", "properties": {"path": path}, "required": ["path"], "additionalProperties": false});
    let wish = json!({
        "type": "object", "properties": {"name": {"enum": ["fs_read"]}, "arguments": arguments}, "required": ["name", "arguments"],
        "additionalProperties": false,
    });
    let messages = vec![Message::text(Role::User, "Read the file notes.txt.")];
    let asked = Request { messages, output_schema: Some(wish), tokens_max: 100, ..request() };
    let reply = server.reply(&asked).await;
    let [call] = reply.message.tool_calls.as_slice() else { panic!("{reply:?} {}", reply.message.content) };
    assert_eq!((reply.finish, call.name.as_str()), (Finish::ToolCalls, "fs.read"));
    let arguments: Value = serde_json::from_str(&call.arguments).unwrap();
    assert!(arguments["path"].is_string(), "{arguments}");
    println!("    a call in its text: {} {arguments}", call.name);

    let broken = ToolCall { arguments: "{\"half".to_owned(), ..call.clone() };
    for call in [call.clone(), broken] {
        let asks = Message { tool_calls: vec![call.clone()], ..Message::text(Role::Assistant, "") };
        let messages = [asked.messages.clone(), vec![asks, Message::result(&call, "It is clean.")]].concat();
        let next = Request { messages, output_schema: None, tool_choice: Some(ToolChoice::None), ..asked.clone() };
        assert!(server.reply(&next).await.message.tool_calls.is_empty(), "none may be called");
    }
    println!("    results of calls, sound and broken ones");
}

async fn structured(server: &Server) {
    let city = json!({"type": "string", "maxLength": 20});
    let schema = json!({"type": "object", "properties": {"city": city}, "required": ["city"], "additionalProperties": false});
    let asked = Request { output_schema: Some(schema), ..plain("Name a city as JSON.", 80) };
    let reply = server.reply(&asked).await;
    let value: Value = serde_json::from_str(&reply.message.content).unwrap();
    assert!(reply.finish == Finish::Stop && value["city"].is_string(), "{}", reply.message.content);
    println!("    structured output: fits its schema");
}

/// An answer that nobody waits for any more: the server's only place is free again before it could have said everything.
async fn canceled(server: &Server) {
    let long = plain("Tell me a very long story about a lighthouse. Do not stop.", 1_000);
    let began = Instant::now();
    let left = tokio::time::timeout(Duration::from_millis(700), server.ask(&long)).await;
    assert!(left.is_err(), "{left:?}");
    let next = tokio::time::timeout(SLOW, server.reply(&plain("Say hello.", 8))).await.unwrap();
    let took = began.elapsed();
    let whole = {
        let began = Instant::now();
        let story = server.reply(&plain("Tell me a very long story about a lighthouse. Do not stop.", 300)).await;
        began.elapsed().mul_f64(1_000.0 / f64::from(u32::try_from(story.usage.output.max(1)).unwrap()))
    };
    assert!(took < whole, "canceled and answered in {took:?}, a whole one takes {whole:?}");
    println!("    canceled in mid-stream: {} more tokens after {took:.1?}; all thousand take {whole:.1?}", next.usage.output);
}
