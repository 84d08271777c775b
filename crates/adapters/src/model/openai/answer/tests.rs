use proptest::prelude::*;
use scalbotics_core::model::{Reply, ToolChoice};
use serde_json::json;

use super::super::wire::tests::{name, request};
use super::*;

/// Text, `id name arguments` of the calls, and how it ended.
type Seen = (String, Vec<String>, Finish);

fn put_together(request: &Request, events: &[Value]) -> Result<Seen, Fault> {
    let mut answer = Answer::new(request);
    for event in events {
        answer.take(event.to_string().as_bytes())?;
    }
    let (message, finish, _) = answer.whole()?;
    let shown = |call: &ToolCall| format!("{} {} {}", call.id, call.name, call.arguments);
    Ok((message.content.clone(), message.tool_calls.iter().map(shown).collect(), finish))
}

fn delta(delta: Value) -> Value {
    json!({"choices": [{"index": 0, "delta": delta, "finish_reason": null}]})
}

fn end(reason: &str) -> Value {
    json!({"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})
}

fn call(index: Value, id: Value, name: Value, arguments: Value) -> Value {
    delta(json!({"tool_calls": [{"index": index, "id": id, "function": {"name": name, "arguments": arguments}}]}))
}

#[track_caller]
fn check(events: &[Value], text: &str, calls: &[&str], finish: Finish) {
    let calls = calls.iter().map(|call| (*call).to_owned()).collect();
    assert_eq!(put_together(&request(), events), Ok((text.to_owned(), calls, finish)), "{events:?}");
}

fn text(text: &str) -> Value {
    delta(json!({ "content": text }))
}

fn whole(message: Value) -> Value {
    json!({"choices": [{"message": message, "finish_reason": "stop"}], "x": 1})
}

#[test]
fn texts_are_put_together() {
    let first = delta(json!({"role": "assistant", "content": null}));
    check(&[first, text("a"), text("b"), end("stop")], "ab", &[], Finish::Stop);
    let parts = delta(json!({"content": [{"type": "text", "text": "a"}, {"type": "image"}]}));
    check(&[parts, end("stop")], "a", &[], Finish::Stop);
    let thought = delta(json!({"reasoning_content": "hm", "content": ""}));
    check(&[thought, text("a"), end("stop")], "a", &[], Finish::Stop);
    check(&[text("half"), end("length")], "half", &[], Finish::Length);
    check(&[delta(json!({"refusal": "No."})), end("stop")], "No.", &[], Finish::Filtered);
    check(&[end("content_filter")], "", &[], Finish::Filtered);
    check(&[json!({"choices": []}), end("stop")], "", &[], Finish::Stop);
    check(&[json!({"choices": [{"index": 1, "delta": {"content": "other"}}]}), end("stop")], "", &[], Finish::Stop);
    check(&[whole(json!({"content": "a"}))], "a", &[], Finish::Stop);
}

#[test]
fn calls_are_put_together() {
    let null = || Value::Null;
    let more = |index: u64, arguments: &str| call(json!(index), null(), null(), json!(arguments));
    let begins = |index: u64, id: &str, arguments: &str| call(json!(index), json!(id), json!("scan"), json!(arguments));
    let read = call(json!(0), json!("a"), json!("fs_read"), json!("{\"pa"));
    check(&[read, more(0, "th\":1}"), end("tool_calls")], "", &["a fs.read {\"path\":1}"], Finish::ToolCalls);
    let parallel = [begins(0, "a", ""), begins(1, "b", "{\"x\":"), more(0, "{}"), more(1, "2}"), end("stop")];
    check(&parallel, "", &["a scan {}", "b scan {\"x\":2}"], Finish::ToolCalls);
    let one_index = [begins(0, "a", "{}"), begins(0, "b", "{}"), end("stop")];
    check(&one_index, "", &["a scan {}", "b scan {}"], Finish::ToolCalls);
    let bare = call(null(), null(), json!("scan"), json!({"x": 1}));
    check(&[bare, end("stop")], "", &["call_0 scan {\"x\":1}"], Finish::ToolCalls);
    check(&[begins(0, "a", ""), begins(0, "a", ""), end("stop")], "", &["a scan {}"], Finish::ToolCalls);
    let unknown = call(json!(7), json!("a"), json!("no.such"), json!("{"));
    check(&[unknown, end("stop")], "", &["a no.such {"], Finish::ToolCalls);
    let scan = json!({"id": "x", "type": "function", "function": {"name": "scan", "arguments": "{}"}});
    let three = json!({"content": "I do.", "tool_calls": [scan, scan, {"function": {"name": "scan"}}]});
    check(&[whole(three)], "I do.", &["x scan {}", "call_0 scan {}", "call_1 scan {}"], Finish::ToolCalls);
    let in_text = whole(json!({"content": "{\"name\": \"fs_read\", \"arguments\": {}}"}));
    check(&[in_text], "", &["call_0 fs.read {}"], Finish::ToolCalls);
}

#[test]
fn what_was_cut_off_or_forbidden_is_never_called() {
    check(&[call(json!(0), json!("a"), json!("scan"), json!("{}")), end("length")], "", &[], Finish::Length);
    let wish = "{\"name\": \"scan\"}";
    check(&[text(wish), end("length")], wish, &[], Finish::Length);
    let none = Request { tool_choice: Some(ToolChoice::None), ..request() };
    assert_eq!(put_together(&none, &[text(wish), end("stop")]), Ok((wish.to_owned(), vec![], Finish::Stop)));
    assert_eq!(request().tools[0].name, name("fs.read"));
}

#[test]
fn what_is_no_answer() {
    let many: Vec<Value> =
        (0..=TOOL_CALLS_MAX).map(|n| call(json!(n), json!(format!("i{n}")), json!("scan"), json!(""))).collect();
    for (events, part) in [
        (vec![], "without saying why"),
        (vec![text("a")], "without saying why"),
        (vec![text("a"), end("")], "without saying why"),
        (vec![text("a"), end("insufficient_system_resource")], "unknown reason"),
        (vec![json!(1)], "no part of an answer"),
        (vec![json!({"choices": {}})], "no part of an answer"),
        (vec![delta(json!({"content": 1}))], "no part of an answer"),
        (vec![json!({"error": {"message": "overloaded"}})], "overloaded"),
        (vec![call(json!(0), json!("a"), json!(""), json!("{}")), end("stop")], "no name"),
        (many, "more calls"),
        (vec![text(&"a".repeat(64 * 256 + 4_097))], "beyond the output cap"),
        (vec![delta(json!({"reasoning": "a".repeat(64 * 256 + 4_097)}))], "beyond the output cap"),
        (vec![call(json!(0), json!("a".repeat(129)), json!("scan"), json!(""))], "too long"),
        (vec![json!({"choices": []}); 2_000], "more events"),
    ] {
        let fault = put_together(&request(), &events).unwrap_err();
        assert!(format!("{fault:?}").contains(part), "{fault:?}");
    }
}

#[test]
fn usage_is_what_the_server_says_or_an_upper_bound() {
    let request = request();
    let of = |usage: Value| {
        let mut answer = Answer::new(&request);
        for event in [delta(json!({"content": "four"})), end("stop"), json!({"choices": [], "usage": usage})] {
            answer.take(event.to_string().as_bytes()).unwrap();
        }
        answer.whole().unwrap().2
    };
    let told = json!({
        "prompt_tokens": 9, "completion_tokens": 4, "prompt_tokens_details": {"cached_tokens": 5},
        "completion_tokens_details": {"reasoning_tokens": 99},
    });
    assert_eq!(of(told), Usage { input: 9, output: 4, cached: 5, reasoning: 4, estimated: false });
    let plain = of(json!({"prompt_tokens": 9, "completion_tokens": 4, "prompt_tokens_details": null}));
    assert_eq!(plain, Usage { input: 9, output: 4, ..Usage::default() });
    let most = of(json!({"prompt_tokens": u64::MAX, "completion_tokens": 0}));
    assert_eq!(most.input, COUNT_MAX);
    for untold in [
        Value::Null,
        json!({}),
        json!({"prompt_tokens": -1, "completion_tokens": 4}),
        json!({"prompt_tokens": "9", "completion_tokens": 1}),
    ] {
        assert_eq!(of(untold), Usage::estimate(&request, 4));
    }
}

fn event() -> impl Strategy<Value = Vec<u8>> {
    let index = prop_oneof![Just(json!(null)), (0..3_u64).prop_map(|n| json!(n))];
    let id = prop_oneof![Just(json!(null)), Just(json!("")), Just(json!("a")), Just(json!("call_0")), Just(json!("x\n"))];
    let name = prop_oneof![Just(json!(null)), Just(json!("scan")), any::<String>().prop_map(|text| json!(text))];
    prop_oneof![
        any::<String>().prop_map(|text| delta(json!({ "content": text })).to_string().into_bytes()),
        (index, id, name, any::<String>())
            .prop_map(|(index, id, name, arguments)| call(index, id, name, json!(arguments)).to_string().into_bytes()),
        prop_oneof![Just("stop"), Just("length"), Just("tool_calls")].prop_map(|reason| end(reason).to_string().into_bytes()),
        prop::collection::vec(any::<u8>(), 0..20),
    ]
}

proptest! {
    #[test]
    fn whatever_comes_an_answer_keeps_every_limit(events in prop::collection::vec(event(), 0..12)) {
        let request = request();
        let mut answer = Answer::new(&request);
        let taken = events.iter().try_for_each(|event| answer.take(event));
        if let (Ok(()), Ok((message, finish, usage))) = (taken, answer.whole()) {
            let reply = Reply { message, finish, usage, model: name("small"), superseded: Vec::new(), cost: 0 };
            prop_assert_eq!(reply.check(), Ok(()));
            let bytes = reply.to_payload().unwrap();
            prop_assert_eq!(Reply::of_payload(&bytes), Some(reply));
        }
    }
}
