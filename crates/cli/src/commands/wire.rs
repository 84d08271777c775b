//! Wire values as JSON values with stable names, and back.

use prost_types::value::Kind;
use scalbotics_core::time::Timestamp;
use serde_json::{Map, Number, Value};

use crate::failure::Failure;

/// RFC 3339 text of a wire time; empty where absent.
pub(super) fn time(time: Option<prost_types::Timestamp>) -> String {
    time.and_then(|t| jiff::Timestamp::new(t.seconds, t.nanos).ok()).map(|t| t.to_string()).unwrap_or_default()
}

/// RFC 3339 text of a time of this side.
pub(super) fn shown(time: Timestamp) -> String {
    jiff::Timestamp::from_millisecond(time.unix_ms()).map(|time| time.to_string()).unwrap_or_default()
}

/// Milliseconds since the Unix epoch of a wire time.
pub(super) fn unix_ms(time: Option<prost_types::Timestamp>) -> i64 {
    time.map_or(0, |t| t.seconds.saturating_mul(1_000).saturating_add(i64::from(t.nanos) / 1_000_000))
}

/// So many findings, in words.
pub(super) fn findings(count: usize) -> String {
    if count == 1 { "1 finding".to_owned() } else { format!("{count} findings") }
}

/// The last part of a resource name.
pub(super) fn short(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

/// A wire value as JSON. Whole numbers become integers again: the wire has only doubles.
pub(super) fn json(value: prost_types::Value) -> Value {
    match value.kind {
        None | Some(Kind::NullValue(_)) => Value::Null,
        Some(Kind::BoolValue(flag)) => Value::Bool(flag),
        Some(Kind::NumberValue(number)) => number_json(number),
        Some(Kind::StringValue(text)) => Value::String(text),
        Some(Kind::ListValue(list)) => Value::Array(list.values.into_iter().map(json).collect()),
        Some(Kind::StructValue(map)) => Value::Object(map.fields.into_iter().map(|(key, value)| (key, json(value))).collect()),
    }
}

fn number_json(number: f64) -> Value {
    let text = format!("{number}");
    match text.parse::<i64>() {
        Ok(integer) => Value::from(integer),
        Err(_) => Number::from_f64(number).map_or(Value::Null, Value::Number),
    }
}

/// A JSON value for the wire.
pub(super) fn value(json: Value) -> prost_types::Value {
    let kind = match json {
        Value::Null => Kind::NullValue(0),
        Value::Bool(flag) => Kind::BoolValue(flag),
        Value::Number(number) => Kind::NumberValue(number.as_f64().unwrap_or(f64::NAN)),
        Value::String(text) => Kind::StringValue(text),
        Value::Array(items) => Kind::ListValue(prost_types::ListValue { values: items.into_iter().map(value).collect() }),
        Value::Object(map) => Kind::StructValue(object(map)),
    };
    prost_types::Value { kind: Some(kind) }
}

fn object(map: Map<String, Value>) -> prost_types::Struct {
    prost_types::Struct { fields: map.into_iter().map(|(key, json)| (key, value(json))).collect() }
}

/// Parses the JSON object of a flag, strictly: duplicate keys and numbers that would be rounded are refused.
pub(super) fn parse_object(flag: &str, text: &str) -> Result<prost_types::Struct, Failure> {
    match parse(flag, text)? {
        Value::Object(map) => Ok(object(map)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Err(Failure::usage(format!("{flag} is not a JSON object"))
                .why(format!("got `{text}`"))
                .next(format!("give {flag} '{{\"key\":\"value\"}}'")))
        }
    }
}

/// Parses the JSON of a flag, strictly.
pub(super) fn parse(flag: &str, text: &str) -> Result<Value, Failure> {
    scalbotics_core::json::parse(text.as_bytes()).map_err(|error| {
        Failure::usage(format!("{flag} is not usable JSON"))
            .why(error.to_string())
            .next(format!("give {flag} '{{\"key\":\"value\"}}'"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_survive_the_wire() {
        for text in ["0", "-1", "9007199254740991", "0.5", "1e-7"] {
            let parsed = parse("--input", text).unwrap();
            assert_eq!(json(value(parsed.clone())).as_f64(), parsed.as_f64(), "{text}");
        }
        assert_eq!(json(value(parse("--input", "[1,{\"a\":null}]").unwrap())).to_string(), "[1,{\"a\":null}]");
    }

    #[test]
    fn inexact_input_is_refused() {
        for text in ["9007199254740993", "{\"a\":1,\"a\":2}", "[1]", "nul"] {
            assert!(parse_object("--input", text).is_err(), "{text}");
        }
    }
}
