//! Random hostile answers over the wire: each ends in one of the outcomes that there are, within its time, and none in half an answer.

use std::time::Duration;

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use scalbotics_core::model::{Finish, Reply};
use scalbotics_core::ports::{ModelProvider, NotAnswered};
use scalbotics_testkit::model::{Answer, ScriptedServer, Step};
use serde_json::{Value, json};

use crate::fixture::{Test, runtime};
use crate::models::{model, provider, request, warrant};
use crate::port::NOW;

pub(crate) const TESTS: &[Test] = &[("two_thousand_random_hostile_answers_each_end_in_a_defined_outcome", two_thousand)];

/// How many answers are tried; issue 3 asks for as many.
const CASES: u32 = 2_000;

/// Longest that one may take: the time of the model below, and room for a busy machine.
const MOST: Duration = Duration::from_secs(5);

/// Most of them that are asked a second time.
const AGAIN_MAX: usize = 100;

/// The word by which a whole answer is known.
const LAST: &str = "[end]";

/// A piece of an answer, sound or not.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    let event = |data: Value| format!("data: {data}\n\n").into_bytes();
    let said = move |text: String| event(json!({"choices": [{"delta": {"content": text}}]}));
    let called = move |(index, id, arguments): (u8, String, String)| {
        let function = json!({"name": "scan", "arguments": arguments});
        event(json!({"choices": [{"delta": {"tool_calls": [{"index": index, "id": id, "function": function}]}}]}))
    };
    let reason = prop_oneof![Just("stop"), Just("tool_calls"), Just("length"), Just("mystery"), Just("")];
    prop_oneof![
        3 => any::<String>().prop_map(said),
        2 => (any::<u8>(), any::<String>(), any::<String>()).prop_map(called),
        2 => reason.prop_map(move |reason| event(json!({"choices": [{"delta": {"content": LAST}, "finish_reason": reason}]}))),
        1 => Just(b"data: [DONE]\n\n".to_vec()),
        1 => Just(event(json!({"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 18_446_744_073_709_551_615_u64}}))),
        1 => Just(event(json!({"error": {"message": "no"}}))),
        1 => Just(b": ping\r\n\r\n".to_vec()),
        1 => Just(format!("data: {}\n\n", "[".repeat(5_000)).into_bytes()),
        2 => prop::collection::vec(any::<u8>(), 0..40),
    ]
}

/// An answer: a head, which may be wrong, pieces of a body, and how it ends.
fn answer() -> impl Strategy<Value = Vec<Step>> {
    let head = |kind: &str, length: &str| format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\n{length}\r\n").into_bytes();
    let heads = prop_oneof![
        6 => Just(head("text/event-stream", "connection: close\r\n")),
        2 => Just(head("text/event-stream", "content-length: 300\r\n")),
        1 => Just(head("application/json", "connection: close\r\n")),
        1 => Just(head("text/html", "transfer-encoding: chunked\r\n")),
        1 => Just(b"HTTP/1.1 429 No\r\nretry-after: x\r\ncontent-length: 99999\r\n\r\n".to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..60),
    ];
    let end = prop_oneof![9 => Just(Step::Close), 1 => Just(Step::Stall)];
    (heads, prop::collection::vec(piece(), 0..8), end).prop_map(|(head, pieces, end)| {
        let body = pieces.into_iter().map(Step::Send);
        std::iter::once(Step::Send(head)).chain(body).chain([end]).collect()
    })
}

fn two_thousand() {
    let server = ScriptedServer::choosing(0, {
        let mut runner = TestRunner::deterministic();
        let strategy = answer();
        move |_| Answer::Steps(strategy.new_tree(&mut runner).unwrap().current())
    })
    .unwrap();
    let timeouts = json!({"timeouts": {"connect": "1s", "first_token": "40ms", "idle": "40ms", "total": "1s"}});
    let model = model(&server.base_url(), timeouts);
    let mut seen = std::collections::BTreeMap::<&str, u32>::new();
    runtime().block_on(async {
        let (provider, warrant, request) = (provider(), warrant(NOW.plus_ms(60_000)), request());
        for case in 0..CASES {
            let result = tokio::time::timeout(MOST, provider.complete(&warrant, &model, &request)).await;
            let result = result.unwrap_or_else(|_| panic!("case {case} went on"));
            *seen.entry(kind(&result)).or_default() += 1;
            if let Ok(reply) = result {
                assert_eq!(reply.check(), Ok(()), "case {case}");
                // A whole answer said its last word; one cut at the cap says so.
                let last = reply.message.content.contains(LAST) || reply.finish != Finish::Stop;
                assert!(last, "case {case}: {reply:?}");
            }
        }
    });
    // Each is asked once, but one that closes its connection without a byte once more, if the server had answered just before.
    let asked = server.asked().len();
    assert!((CASES as usize..CASES as usize + AGAIN_MAX).contains(&asked), "{asked} requests");
    for outcome in ["replied", "silent", "cut", "malformed", "busy"] {
        assert!(seen.get(outcome).is_some_and(|count| *count > 10), "{outcome} is hardly reached: {seen:?}");
    }
}

fn kind(result: &Result<Reply, NotAnswered>) -> &'static str {
    match result {
        Ok(_) => "replied",
        Err(NotAnswered::NeverLeft { .. }) => "never left",
        Err(NotAnswered::Unreachable { .. }) => "unreachable",
        Err(NotAnswered::Busy { .. }) => "busy",
        Err(NotAnswered::Silent { .. }) => "silent",
        Err(NotAnswered::Refused { .. }) => "refused",
        Err(NotAnswered::Cut { .. }) => "cut",
        Err(NotAnswered::TooLong { .. }) => "too long",
        Err(NotAnswered::Malformed { .. }) => "malformed",
    }
}
