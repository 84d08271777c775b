use proptest::prelude::*;
use serde_json::json;

use super::*;

fn offered() -> Vec<ToolSpec> {
    ["fs.read", "scan"]
        .map(|name| ToolSpec { name: Name::parse(name).unwrap(), description: String::new(), parameters: json!({}) })
        .into()
}

/// The text that is left, and `id name arguments` of each call.
fn seen(content: &str) -> Option<(String, Vec<String>)> {
    let found = find(content, &offered(), 3)?;
    let shown = |call: &ToolCall| format!("{} {} {}", call.id, call.name, call.arguments);
    Some((found.text, found.calls.iter().map(shown).collect()))
}

#[test]
fn calls_are_found_as_models_write_them() {
    let read = "call_3 fs.read {\"path\":\"a\"}";
    for (content, text, calls) in [
        (r#"{"name": "fs.read", "arguments": {"path": "a"}}"#, "", vec![read]),
        (r#" {"name": "fs_read", "parameters": {"path": "a"}} "#, "", vec![read]),
        (r#"{"tool": "scan"}"#, "", vec!["call_3 scan {}"]),
        (r#"{"name": "scan", "arguments": "{\"x\":1"}"#, "", vec!["call_3 scan {\"x\":1"]),
        (r#"{"type": "function", "id": "x", "function": {"name": "scan", "arguments": {}}}"#, "", vec!["call_3 scan {}"]),
        (r#"{"function": "scan", "args": {}}"#, "", vec!["call_3 scan {}"]),
        (r#"{"tool_calls": [{"name": "scan"}]}"#, "", vec!["call_3 scan {}"]),
        (r#"[{"name": "fs.read", "arguments": {"path": "a"}}, {"name": "scan"}]"#, "", vec![read, "call_4 scan {}"]),
        ("I read.\n```json\n{\"name\": \"fs.read\", \"arguments\": {\"path\": \"a\"}}\n```\nThen", "I read.\n\nThen", vec![read]),
        ("```\n{\"name\": \"scan\"}\n```", "", vec!["call_3 scan {}"]),
        ("``` {\"name\": \"scan\"} ```", "", vec!["call_3 scan {}"]),
        (
            "Yes <tool_call>\n{\"name\": \"scan\"}\n</tool_call>\n<tool_call>{\"name\": \"scan\"}</tool_call>",
            "Yes",
            vec!["call_3 scan {}", "call_4 scan {}"],
        ),
        ("<tool_call>{\"name\": \"scan\"}", "", vec!["call_3 scan {}"]),
        (
            "<tool_call>{\"name\": \"no\"}</tool_call> ```json\n{\"name\": \"scan\"}```",
            "<tool_call>{\"name\": \"no\"}</tool_call>",
            vec!["call_3 scan {}"],
        ),
    ] {
        let calls: Vec<String> = calls.into_iter().map(str::to_owned).collect();
        assert_eq!(seen(content), Some((text.to_owned(), calls)), "{content}");
    }
}

#[test]
fn anything_else_stays_text() {
    for content in [
        "",
        "I would call scan.",
        "{}",
        "[]",
        r#"{"name": "rm", "arguments": {}}"#,
        r#"{"name": "SCAN"}"#,
        r#"{"name": "sсan"}"#,
        r#"{"name": "scan", "arguments": [1]}"#,
        r#"{"name": "scan", "arguments": {}, "why": "because"}"#,
        r#"{"name": "scan", "name": "fs.read"}"#,
        r#"{"name": "scan"} and more"#,
        r#"Here: {"name": "scan"}"#,
        r#"[{"name": "scan"}, {"name": "rm"}]"#,
        r#"{"name": "scan", "arguments": {"n": 9007199254740993}}"#,
        "```python\n{\"name\": \"scan\"}\n```",
        "```json\n{\"name\": \"scan\"}",
        "<tool_call>scan</tool_call>",
        "</tool_call>{\"name\": \"scan\"}<tool_call>",
    ] {
        assert_eq!(seen(content), None, "{content}");
    }
    assert_eq!(find(r#"{"name": "scan"}"#, &[], 0), None, "nothing is offered");
    let many = format!("[{}]", vec![r#"{"name": "scan"}"#; TOOL_CALLS_MAX + 1].join(","));
    assert_eq!(seen(&many), None);
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(seen(&deep), None);
    assert_eq!(seen(&"```\n".repeat(100_000)), None);
    assert_eq!(seen(&"<tool_call>".repeat(90_000)), None);
    assert_eq!(seen(&" ".repeat(CONTENT_LEN_MAX + 1)), None);
    let long = format!(r#"{{"name": "scan", "arguments": {{"a": "{}"}}}}"#, "a".repeat(ARGUMENTS_LEN_MAX));
    assert_eq!(seen(&long), None);
}

/// Parts of which models' texts are made, so that random ones go deep.
fn text() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        Just("<tool_call>".to_owned()),
        Just("</tool_call>".to_owned()),
        Just("```".to_owned()),
        Just("```json\n".to_owned()),
        Just(r#"{"name": "scan", "arguments": {"x": 1}}"#.to_owned()),
        Just(r#"{"function": {"name": "fs_read"}}"#.to_owned()),
        Just(r#"{"name":"#.to_owned()),
        Just("[,]{}\"\n".to_owned()),
        any::<String>(),
    ];
    prop::collection::vec(part, 0..12).prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn a_random_text_gives_bounded_calls_of_offered_tools_and_loses_no_other_word(content in text()) {
        if let Some(found) = find(&content, &offered(), 0) {
            prop_assert!((1..=TOOL_CALLS_MAX).contains(&found.calls.len()));
            for (number, call) in found.calls.iter().enumerate() {
                prop_assert_eq!(&call.id, &id_of(number));
                prop_assert!(meant(&call.name, &offered()).is_some_and(|name| name.as_str() == call.name));
                prop_assert!(call.arguments.len() <= ARGUMENTS_LEN_MAX);
            }
            prop_assert!(found.text.len() < content.len());
        }
    }
}
