use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn schema(value: &Value) -> Schema {
    Schema::parse(value).unwrap()
}

#[test]
fn good_schemas_survive_a_round_trip() {
    for value in [
        json!({"type": "object"}),
        json!({"type": "object", "properties": {"a": {"type": "string", "description": "x"}}, "required": ["a"], "additionalProperties": false}),
        json!({"type": "array", "items": {"type": "integer", "minimum": -1, "maximum": 5}, "minItems": 1, "maxItems": 3}),
        json!({"type": "string", "minLength": 1, "maxLength": 9, "enum": ["a", "b"], "title": "t", "examples": ["a"]}),
        json!({"type": "number"}),
        json!({"type": "boolean"}),
    ] {
        let parsed = schema(&value);
        assert_eq!(schema(&parsed.to_value()), parsed);
        assert_eq!(schema(&serde_json::from_str(&parsed.to_string()).unwrap()), parsed);
    }
}

#[test]
fn bad_schemas() {
    let mut deep = json!({"type": "string"});
    for _ in 0..=DEPTH_MAX {
        deep = json!({"type": "array", "items": deep});
    }
    let wide: serde_json::Map<String, Value> =
        (0..=PROPERTIES_MAX).map(|n| (format!("p{n}"), json!({"type": "string"}))).collect();
    for (value, expected) in [
        (json!(null), "type"),
        (json!({}), "type `none`"),
        (json!({"type": ["string", "null"]}), "type `a list`"),
        (json!({"type": "null"}), "type `null`"),
        (json!({"type": "string", "pattern": "^(a+)+$"}), "keyword `pattern`"),
        (json!({"type": "string", "format": "date"}), "keyword `format`"),
        (json!({"type": "string", "default": "x"}), "keyword `default`"),
        (json!({"type": "string", "minimum": 1}), "keyword `minimum`"),
        (json!({"type": "object", "$ref": "#"}), "keyword `$ref`"),
        (json!({"type": "object", "additionalProperties": true}), "additionalProperties"),
        (json!({"type": "object", "required": ["a"]}), "required property `a`"),
        (json!({"type": "object", "properties": {"a.b": {"type": "string"}}}), "property `a.b`"),
        (json!({"type": "object", "properties": {"а": {"type": "string"}}}), "property"),
        (json!({"type": "object", "properties": wide}), "more than 256"),
        (json!({"type": "array"}), "`items`"),
        (json!({"type": "array", "items": {"type": "string"}, "minItems": 2, "maxItems": 1}), "range"),
        (json!({"type": "string", "enum": []}), "enum"),
        (json!({"type": "string", "enum": ["a", "a"]}), "enum"),
        (json!({"type": "string", "enum": ["abc"], "maxLength": 1}), "range"),
        (json!({"type": "integer", "maximum": 9_007_199_254_740_992_i64}), "2^53"),
        (json!({"type": "integer", "minimum": 2, "maximum": 1}), "range"),
        (json!({"type": "integer", "minimum": 1.5}), "minimum"),
        (deep, "deeper"),
    ] {
        let error = Schema::parse(&value).unwrap_err().to_string();
        assert!(error.contains(expected), "{value}: {error}");
    }
}

#[test]
fn sem_3_3_arguments_hold_no_fractions() {
    let nested = json!({"type": "object", "properties": {"a": {"type": "array", "items": {"type": "number"}}}});
    assert_eq!(Schema::parse_input(&nested), Err(Error::Number { path: "/properties/a/items".to_owned() }));
    assert!(Schema::parse(&nested).is_ok());
    assert_eq!(Schema::parse_input(&json!({"type": "string"})), Err(Error::Root { found: "string" }));
}

#[test]
fn sem_3_3_arguments_conform_exactly() {
    let schema = schema(&json!({"type": "object", "required": ["path"], "properties": {
        "path": {"type": "string", "minLength": 1, "maxLength": 3},
        "mode": {"type": "string", "enum": ["a", "b"]},
        "max": {"type": "integer", "minimum": 1, "maximum": 10},
        "deep": {"type": "boolean"},
        "tags": {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 2},
    }}));
    for good in [json!({"path": "äöü"}), json!({"path": "a", "mode": "b", "max": 10, "deep": false, "tags": ["x", "y"]})] {
        assert_eq!(schema.check(&good), Ok(()), "{good}");
    }
    for (bad, path) in [
        (json!([]), ""),
        (json!({}), ""),
        (json!({"path": ""}), "/path"),
        (json!({"path": "abcd"}), "/path"),
        (json!({"path": 1}), "/path"),
        (json!({"path": null}), "/path"),
        (json!({"path": "a", "other": 1}), ""),
        (json!({"path": "a", "mode": "A"}), "/mode"),
        (json!({"path": "a", "max": 0}), "/max"),
        (json!({"path": "a", "max": 1.0}), "/max"),
        (json!({"path": "a", "max": "1"}), "/max"),
        (json!({"path": "a", "max": 18_446_744_073_709_551_615_u64}), "/max"),
        (json!({"path": "a", "deep": 0}), "/deep"),
        (json!({"path": "a", "tags": []}), "/tags"),
        (json!({"path": "a", "tags": ["a", 1]}), "/tags/1"),
    ] {
        assert_eq!(schema.check(&bad).unwrap_err().path, path, "{bad}");
    }
}

#[test]
fn wiring() {
    let object = |properties: Value, required: Value| json!({"type": "object", "properties": properties, "required": required});
    let text = json!({"type": "string"});
    for (wanted, given, expected) in [
        (text.clone(), text.clone(), true),
        (json!({"type": "string", "maxLength": 3}), text.clone(), true),
        (json!({"type": "string", "maxLength": 3}), json!({"type": "string", "minLength": 4}), false),
        (json!({"type": "string", "enum": ["a"]}), text.clone(), false),
        (json!({"type": "string", "enum": ["a", "b"]}), json!({"type": "string", "enum": ["a"]}), true),
        (json!({"type": "string", "maxLength": 1}), json!({"type": "string", "enum": ["a", "bb"]}), false),
        (json!({"type": "integer"}), json!({"type": "number"}), false),
        (json!({"type": "number"}), json!({"type": "integer"}), true),
        (json!({"type": "integer", "minimum": 5}), json!({"type": "integer", "maximum": 4}), false),
        (json!({"type": "boolean"}), text.clone(), false),
        (json!({"type": "array", "items": text}), json!({"type": "array", "items": {"type": "integer"}}), false),
        (object(json!({"a": text}), json!(["a"])), object(json!({"a": text}), json!([])), false),
        (object(json!({"a": text}), json!([])), object(json!({"a": text}), json!(["a"])), true),
        (object(json!({"a": text}), json!([])), object(json!({"a": text, "b": text}), json!([])), false),
    ] {
        assert_eq!(schema(&wanted).accepts(&schema(&given)), expected, "{wanted} <- {given}");
    }
}

proptest! {
    #[test]
    fn hostile_text_never_panics(text in "[\\[\\]{}:,\"a-z0-9.-]{0,60}", keyword in "type|items|enum|required|minimum", value in any::<i64>()) {
        if let Ok(value) = serde_json::from_str::<Value>(&text) {
            let _ = Schema::parse(&value);
            prop_assert!(Schema::text_output().check(&value).is_err() || value.get("text").is_some());
        }
        let _ = Schema::parse(&json!({"type": "integer", keyword: value}));
    }
}
