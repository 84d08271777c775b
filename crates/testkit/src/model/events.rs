//! Events of the chat API, as its best-known servers write them.

use serde_json::{Value, json};

use super::Wish;

/// The last event of a stream.
pub(super) const DONE: &str = "data: [DONE]\n\n";

/// Longest piece of arguments, in characters: calls come in pieces.
const PIECE_LEN: usize = 16;

/// One event.
pub(super) fn event(data: &Value) -> String {
    format!("data: {data}\n\n")
}

fn delta(delta: &Value, finish: Option<&str>) -> String {
    event(&json!({
        "id": "chatcmpl-scripted", "object": "chat.completion.chunk", "created": 1, "model": "scripted",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
    }))
}

/// A text word by word, without an end.
pub(super) fn words(text: &str) -> String {
    let first = delta(&json!({"role": "assistant", "content": ""}), None);
    let words = text.split_inclusive(' ').map(|word| delta(&json!({ "content": word }), None));
    std::iter::once(first).chain(words).collect()
}

fn usage(output: usize) -> Value {
    json!({"prompt_tokens": 11, "completion_tokens": output, "total_tokens": output + 11})
}

/// A whole answer of text.
pub(super) fn said(text: &str, finish: &str, counted: bool) -> String {
    let end = delta(&json!({}), Some(finish));
    let count = if counted { event(&json!({"choices": [], "usage": usage(text.split(' ').count())})) } else { String::new() };
    [words(text), end, count, DONE.to_owned()].concat()
}

/// A whole answer of calls: first their names, then their arguments piece by piece and in turn.
pub(super) fn called(wishes: &[Wish]) -> String {
    let mut text = delta(&json!({"role": "assistant", "content": null}), None);
    for (index, wish) in wishes.iter().enumerate() {
        let function = json!({"name": wish.name, "arguments": ""});
        let call = json!({"index": index, "id": format!("call_scripted_{index}"), "type": "function", "function": function});
        text.push_str(&delta(&json!({"tool_calls": [call]}), None));
    }
    let mut rests: Vec<Vec<char>> = wishes.iter().map(|wish| wish.arguments_text().chars().rev().collect()).collect();
    while rests.iter().any(|rest| !rest.is_empty()) {
        for (index, rest) in rests.iter_mut().enumerate().filter(|(_, rest)| !rest.is_empty()) {
            // Long ones in longer pieces, that a giant is no million of events.
            let len = PIECE_LEN.max(rest.len() / 8).min(rest.len());
            let piece: String = rest.drain(rest.len() - len..).rev().collect();
            let call = json!({"index": index, "function": {"arguments": piece}});
            text.push_str(&delta(&json!({"tool_calls": [call]}), None));
        }
    }
    let end = delta(&json!({}), Some("tool_calls"));
    let count = event(&json!({"choices": [], "usage": usage(wishes.len() * 8)}));
    [text, end, count, DONE.to_owned()].concat()
}

/// A whole answer that is no stream.
pub(super) fn whole(text: &str) -> Value {
    completion(&json!({"role": "assistant", "content": text}), "stop", text.split(' ').count())
}

/// A whole answer of calls that is no stream.
pub(super) fn whole_calls(wishes: &[Wish]) -> Value {
    let call = |(index, wish): (usize, &Wish)| {
        let function = json!({"name": wish.name, "arguments": wish.arguments_text()});
        json!({"id": format!("call_scripted_{index}"), "type": "function", "function": function})
    };
    let calls: Vec<Value> = wishes.iter().enumerate().map(call).collect();
    completion(&json!({"role": "assistant", "content": null, "tool_calls": calls}), "tool_calls", wishes.len() * 8)
}

fn completion(message: &Value, finish: &str, output: usize) -> Value {
    json!({
        "id": "chatcmpl-scripted", "object": "chat.completion", "created": 1, "model": "scripted",
        "choices": [{"index": 0, "message": message, "finish_reason": finish}], "usage": usage(output),
    })
}
