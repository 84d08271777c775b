//! Models over real HTTP: a server that answers well and badly, and the one outcome of each.

use std::sync::Arc;
use std::time::{Duration, Instant};

use scalbotics_adapters::model::openai::OpenAi;
use scalbotics_core::model::{File, Finish, Message, Model, Reply, Request, Role, ToolSpec};
use scalbotics_core::policy::Warrant;
use scalbotics_core::ports::{ModelProvider, NotAnswered};
use scalbotics_core::tenant::{Name, TenantId};
use scalbotics_core::time::Timestamp;
use scalbotics_core::tool::Call;
use scalbotics_testkit::model::{Answer, ScriptedServer, Step, Wish};
use scalbotics_testkit::{FixedClock, MemorySecrets};
use serde_json::{Value, json};

use crate::fixture::{Test, runtime};
use crate::port::{NOW, call, own, warrant_until};

pub(crate) const TESTS: &[Test] = &[
    ("models_answer_in_streams_and_whole", answers),
    ("models_ask_for_calls_in_every_form", calls),
    ("what_is_sent_is_what_was_asked_and_the_key_in_one_header", sent),
    ("connections_are_used_again_and_closed_when_nobody_waits", connections),
    ("a_connection_that_is_closed_when_it_is_used_again_costs_no_answer", closed_under_us),
    ("what_never_left_says_so", never_left),
    ("refusals_say_whether_to_come_back", refusals),
    ("the_older_name_of_the_cap_is_used_where_the_newer_is_refused", older_cap),
    ("a_server_that_says_nothing_is_left_within_its_time", silent),
    ("an_answer_that_breaks_off_is_never_a_reply", cut),
    ("an_answer_without_end_is_left_within_its_bytes", endless),
    ("redirects_proxies_and_the_key_in_answers_lead_nowhere", led_astray),
];

/// The key of every test; a canary.
const KEY: &str = "canary-5f2a9c7e41d8b306";

pub(crate) fn model(base_url: &str, change: Value) -> Model {
    let mut file = json!({
        "id": "small", "base_url": base_url, "model": "tiny", "api_key": "secret://acme/key", "context_tokens": 100_000,
        "output_tokens_max": 1_000, "price": {"input": 1_000_000, "output": 2_000_000},
        "timeouts": {"connect": "1s", "first_token": "400ms", "idle": "400ms", "total": "3s"},
    });
    file.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    let file: File = serde_json::from_value(file).unwrap();
    Model::of_file(file, &TenantId::parse("acme").unwrap()).unwrap()
}

pub(crate) fn request() -> Request {
    let tool = |id: &str| ToolSpec {
        name: Name::parse(id).unwrap(),
        description: "A tool.".to_owned(),
        parameters: json!({"type": "object"}),
    };
    Request {
        route: vec![Name::parse("small").unwrap()],
        messages: vec![Message::text(Role::System, "Be brief."), Message::text(Role::User, "Hi. äöü→😀")],
        tools: vec![tool("fs.read"), tool("scan")],
        tool_choice: None,
        output_schema: None,
        tokens_max: 200,
    }
}

pub(crate) fn provider() -> OpenAi {
    let secrets = MemorySecrets::default();
    secrets.put(&"secret://acme/key".parse().unwrap(), KEY);
    OpenAi::new(Arc::new(FixedClock::at(NOW)), Arc::new(secrets))
}

pub(crate) fn warrant(deadline: Timestamp) -> Warrant<Call> {
    warrant_until(call(&own("opaque", "true", json!({})), &json!({})), deadline)
}

/// What one request to a server with one answer gives, and for how long it took.
fn ask(answer: Answer) -> (Result<Reply, NotAnswered>, Duration, ScriptedServer) {
    let server = ScriptedServer::start([answer]).unwrap();
    let (result, took) = ask_at(&model(&server.base_url(), json!({})), &request());
    (result, took, server)
}

fn ask_at(model: &Model, request: &Request) -> (Result<Reply, NotAnswered>, Duration) {
    let began = Instant::now();
    let result = runtime().block_on(provider().complete(&warrant(NOW.plus_ms(60_000)), model, request));
    let seen = format!("{result:?}");
    assert!(!seen.contains(KEY), "{seen}");
    (result, began.elapsed())
}

fn say(text: &str) -> Answer {
    Answer::Say(text.to_owned())
}

fn answers() {
    let text = "Hello ä→😀 \"world\".\n\tDone.";
    for (answer, finish, estimated) in [
        (say(text), Finish::Stop, false),
        (Answer::SayWhole(text.to_owned()), Finish::Stop, false),
        (Answer::SayUncounted(text.to_owned()), Finish::Stop, true),
        (Answer::SayHalf(text.to_owned()), Finish::Length, false),
    ] {
        let (reply, ..) = ask(answer.clone());
        let reply = reply.unwrap();
        assert_eq!((reply.message.content.as_str(), reply.finish), (text, finish), "{answer:?}");
        assert_eq!((reply.usage.estimated, reply.model.as_str()), (estimated, "small"));
        if estimated {
            assert!(reply.usage.total() <= request().worst_case() && reply.usage.input > 0);
        } else {
            assert_eq!((reply.usage.input, reply.cost), (11, 11 + 2 * reply.usage.output));
        }
    }
    // The same bytes in pieces that split lines and letters.
    let Answer::Steps(steps) = Answer::events(&[
        json!({"choices": [{"delta": {"content": "ä→😀"}}], "new_field": {"x": [1]}}),
        json!({"choices": [{"delta": {}, "finish_reason": "stop"}]}),
    ]) else {
        panic!("no steps")
    };
    let Some(Step::Send(bytes)) = steps.into_iter().next() else { panic!("no bytes") };
    let (reply, ..) = ask(Answer::Steps(vec![Step::Drip(bytes, 0)]));
    assert_eq!(reply.unwrap().message.content, "ä→😀");
}

fn calls() {
    let read = json!({"path": "repo/a file with a long name.txt"});
    let text = read.to_string();
    let in_text = format!("I read.\n```json\n{{\"name\": \"fs.read\", \"arguments\": {text}}}\n```");
    for (answer, seen) in [
        (Answer::Call(vec![Wish::new("fs_read", read.clone())]), vec![("fs.read", text.as_str())]),
        (
            Answer::Call(vec![Wish::new("fs_read", read.clone()), Wish::new("scan", json!({}))]),
            vec![("fs.read", text.as_str()), ("scan", "{}")],
        ),
        (Answer::Call(vec![Wish::new("rm_rf", json!("{\"half"))]), vec![("rm_rf", "{\"half")]),
        (say(&in_text), vec![("fs.read", text.as_str())]),
        (say(&format!("{{\"name\": \"fs_read\", \"parameters\": {text}}}")), vec![("fs.read", text.as_str())]),
        (say("{\"name\": \"rm_rf\", \"arguments\": {}}"), vec![]),
    ] {
        let (reply, ..) = ask(answer.clone());
        let reply = reply.unwrap();
        let calls: Vec<_> = reply.message.tool_calls.iter().map(|call| (call.name.as_str(), call.arguments.as_str())).collect();
        assert_eq!(calls, seen, "{answer:?}");
        assert_eq!(reply.finish, if seen.is_empty() { Finish::Stop } else { Finish::ToolCalls });
    }
}

fn sent() {
    let server = ScriptedServer::start([say("a")]).unwrap();
    let prefixed = format!("{}/prefix/", server.base_url());
    ask_at(&model(&prefixed, json!({})), &request()).0.unwrap();
    let asked = server.asked();
    assert_eq!((asked[0].method.as_str(), asked[0].path.as_str()), ("POST", "/v1/prefix/chat/completions"));
    assert_eq!(asked[0].headers["authorization"], format!("Bearer {KEY}"));
    assert_eq!(asked[0].contents(), ["Be brief.", "Hi. äöü→😀"]);
    assert_eq!(asked[0].body["max_completion_tokens"], 200);
    assert!(!asked[0].body.to_string().contains(KEY));
    let names: Vec<&str> = asked[0].headers.keys().map(String::as_str).collect();
    assert_eq!(names, ["accept", "authorization", "content-length", "content-type", "host", "user-agent"]);
}

fn connections() {
    let server = ScriptedServer::start([say("a"), say("b"), Answer::StallAfter("c".to_owned()), Answer::StallBefore]).unwrap();
    let model =
        model(&server.base_url(), json!({"timeouts": {"connect": "1s", "first_token": "3s", "total": "3s", "idle": "3s"}}));
    runtime().block_on(async {
        let (provider, warrant, request) = (provider(), warrant(NOW.plus_ms(60_000)), request());
        for text in ["a", "b"] {
            let reply = provider.complete(&warrant, &model, &request).await.unwrap();
            assert_eq!(reply.message.content, text);
        }
        assert_eq!(server.connections(), (1, 1, 1), "one connection for both");
        for _ in 0..2 {
            let left = tokio::time::timeout(Duration::from_millis(150), provider.complete(&warrant, &model, &request)).await;
            assert!(left.is_err(), "the answer stalls");
            assert!(server.wait_closed(Duration::from_secs(1)).await, "dropped, it closes the connection");
        }
    });
    assert_eq!(server.asked().len(), 4);
}

fn closed_under_us() {
    // As llama.cpp's server: every stream is the last of its connection, and nothing says so.
    let server = ScriptedServer::choosing(0, |_| Answer::SayAndClose("a".to_owned())).unwrap();
    let model = model(&server.base_url(), json!({}));
    runtime().block_on(async {
        let (provider, warrant, request) = (provider(), warrant(NOW.plus_ms(60_000)), request());
        for _ in 0..200 {
            assert_eq!(provider.complete(&warrant, &model, &request).await.unwrap().message.content, "a");
        }
    });
    assert_eq!(server.asked().len(), 200, "each is answered once");
    // One that closes each connection when it is asked is asked once more, if it had answered before, and no more than that.
    let mut first = true;
    let server = ScriptedServer::choosing(0, move |_| {
        let answers = std::mem::replace(&mut first, false);
        if answers { say("a") } else { Answer::Steps(vec![Step::Close]) }
    })
    .unwrap();
    let model = self::model(&server.base_url(), json!({}));
    runtime().block_on(async {
        let (provider, warrant, request) = (provider(), warrant(NOW.plus_ms(60_000)), request());
        provider.complete(&warrant, &model, &request).await.unwrap();
        let silent = provider.complete(&warrant, &model, &request).await;
        assert!(matches!(silent, Err(NotAnswered::Silent { .. })), "{silent:?}");
    });
    assert_eq!(server.asked().len(), 3);
}

fn never_left() {
    let server = ScriptedServer::start([say("a")]).unwrap();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for base in [format!("http://{free}/v1"), format!("https://{}", server.address())] {
        let error = ask_at(&model(&base, json!({})), &request()).0.unwrap_err();
        let NotAnswered::Unreachable { words } = &error else { panic!("{error:?}") };
        assert!(words.starts_with("no connection") && error.may_try_next() && !error.may_have_spent(), "{words}");
    }
    let long = Request { tokens_max: 1_001, ..request() };
    let none = Request { messages: Vec::new(), ..request() };
    let absent = json!({"api_key": "secret://acme/absent"});
    for (model, request, part) in [
        (model(&server.base_url(), absent), request(), "does not exist"),
        (model(&server.base_url(), json!({})), long, "at most 1000"),
        (model(&server.base_url(), json!({})), none, "messages"),
    ] {
        let error = ask_at(&model, &request).0.unwrap_err();
        let NotAnswered::NeverLeft { words } = &error else { panic!("{error:?}") };
        assert!(words.contains(part) && error.may_try_next() && !error.may_have_spent(), "{words}");
    }
    let late = runtime().block_on(provider().complete(&warrant(NOW), &model(&server.base_url(), json!({})), &request()));
    assert!(matches!(late, Err(NotAnswered::NeverLeft { .. })), "{late:?}");
    assert_eq!(server.asked(), [], "no request was sent");
}

fn refusals() {
    let wait = |text: &str| Answer::Refuse { status: 429, words: "slow down".to_owned(), retry_after: Some(text.to_owned()) };
    let busy = |status, retry_after_ms, words: &str| NotAnswered::Busy { status, retry_after_ms, words: words.to_owned() };
    let refused = |status, words: &str| NotAnswered::Refused { status, words: words.to_owned() };
    for (answer, error) in [
        (wait("7"), busy(429, Some(7_000), "slow down")),
        // The clock stands at 00:16:40.
        (wait("Thu, 01 Jan 1970 00:16:43 GMT"), busy(429, Some(3_000), "slow down")),
        (wait("soon"), busy(429, None, "slow down")),
        (Answer::refuse(500, "broken"), busy(500, None, "broken")),
        (Answer::refuse(503, "broken"), busy(503, None, "broken")),
        (Answer::refuse(401, "wrong key"), refused(401, "wrong key")),
        (Answer::refuse(404, "no such model"), refused(404, "no such model")),
        (Answer::refuse(400, "no"), refused(400, "no")),
        (
            Answer::refuse(401, &format!("wrong key {KEY}")),
            refused(401, "its words are withheld, for they hold a part of the key"),
        ),
        (Answer::refuse(418, &"x".repeat(100_000)), refused(418, "it does not say why")),
    ] {
        let (result, _, server) = ask(answer);
        assert_eq!(result.unwrap_err(), error);
        assert_eq!(server.asked().len(), 1, "asked once");
    }
}

fn older_cap() {
    let server = ScriptedServer::choosing(0, |asked| {
        if asked.body.get("max_tokens").is_some() {
            say("old")
        } else {
            Answer::refuse(400, "Unknown field: max_completion_tokens")
        }
    })
    .unwrap();
    let model = model(&server.base_url(), json!({}));
    runtime().block_on(async {
        let (provider, warrant) = (provider(), warrant(NOW.plus_ms(60_000)));
        for _ in 0..2 {
            let reply = provider.complete(&warrant, &model, &request()).await.unwrap();
            assert_eq!(reply.message.content, "old");
        }
    });
    assert_eq!(server.asked().len(), 3, "learned once");
}

fn silent() {
    let head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
    for answer in [
        Answer::StallBefore,
        Answer::SlowHead,
        Answer::Pings,
        Answer::StallAfter(String::new()),
        Answer::Steps(vec![Step::Send(head.clone()), Step::Stall]),
        Answer::Steps(vec![Step::Close]),
        Answer::Steps(vec![Step::Send(b"\x16\x03\x01 no http\r\n\r\n".to_vec()), Step::Stall]),
        Answer::Steps(vec![Step::Send([head, b"0\r\n\r\n".to_vec()].concat())]),
        Answer::events(&[json!({"error": {"message": "overloaded"}})]),
    ] {
        let (result, took, server) = ask(answer.clone());
        assert!(matches!(result, Err(NotAnswered::Silent { .. })), "{answer:?}: {result:?}");
        assert!(took < Duration::from_millis(1_500), "{answer:?}: {took:?}");
        assert_eq!(server.asked().len(), 1, "{answer:?}: asked once");
    }
}

fn cut() {
    let some = || "some words".to_owned();
    let event = |data: Value| json!({"choices": [data]});
    let half = json!({"id": "x", "choices": [{"message": {"content": "half"}}]}).to_string();
    let whole = |body: &str| {
        Answer::Steps(vec![Step::Send(
            format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}", body.len())
                .into_bytes(),
        )])
    };
    let cut_whole = format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 999\r\n\r\n{half}");
    for answer in [
        Answer::StallAfter(some()),
        Answer::CutAfter(some()),
        Answer::GarbageAfter(some()),
        Answer::events(&[event(json!({"delta": {"content": "some"}}))]),
        Answer::events(&[event(json!({"delta": {"content": "some"}})), json!("?")]),
        Answer::events(&[event(json!({"delta": {"content": "some"}})), json!({"error": "overloaded"})]),
        Answer::events(&[event(json!({"delta": {"content": "some"}, "finish_reason": "mystery"}))]),
        Answer::Steps(vec![Step::Send(cut_whole.into_bytes()), Step::Close]),
        whole(&half),
    ] {
        let (result, took, _) = ask(answer.clone());
        let error = result.unwrap_err();
        assert!(matches!(error, NotAnswered::Cut { .. }), "{answer:?}: {error:?}");
        assert!(!error.may_try_next() && error.may_have_spent() && took < Duration::from_millis(1_500), "{answer:?}: {took:?}");
    }
    for answer in [whole("<html>"), whole("[]"), whole("{\"choices\": 1}"), Answer::events(&[json!([1])])] {
        let (result, ..) = ask(answer.clone());
        assert!(matches!(result, Err(NotAnswered::Malformed { .. })), "{answer:?}: {result:?}");
    }
}

fn endless() {
    let pings = json!({"timeouts": {"connect": "1s", "first_token": "60s", "idle": "60s", "total": "60s"}});
    for (answer, change) in [
        (Answer::Endless("on and on ".repeat(20)), json!({})),
        (Answer::Endless(String::new()), json!({})),
        (Answer::GiantLine(4 << 20), json!({})),
        (Answer::GiantCall(300 << 10), json!({})),
        (Answer::Pings, pings),
    ] {
        let server = ScriptedServer::start([answer.clone()]).unwrap();
        let (result, took) = ask_at(&model(&server.base_url(), change), &request());
        assert!(matches!(result, Err(NotAnswered::TooLong { .. })), "{answer:?}: {result:?}");
        assert!(took < Duration::from_secs(60), "{answer:?}: {took:?}");
        assert!(runtime().block_on(server.wait_closed(Duration::from_secs(2))), "{answer:?}: the connection is left");
    }
}

fn led_astray() {
    let canary = ScriptedServer::start([say("caught")]).unwrap();
    let (result, ..) = ask(Answer::Redirect(format!("{}/chat/completions", canary.base_url())));
    assert!(matches!(result, Err(NotAnswered::Refused { status: 307, .. })), "{result:?}");
    assert_eq!(canary.connections(), (0, 0, 0));
    let (result, ..) = ask(say(&format!("Your key is {KEY}, is it not?")));
    assert!(matches!(result, Err(NotAnswered::Malformed { .. })), "{result:?}");
    let (result, ..) = ask(Answer::Call(vec![Wish::new("scan", json!({ "leak": KEY }))]));
    assert!(matches!(result, Err(NotAnswered::Malformed { .. })), "{result:?}");
}
