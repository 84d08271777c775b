//! `google.protobuf.Struct` and `Value` as JSON. Their numbers are doubles: whole ones up to 2^53 become integers again.

use prost_types::value::Kind;
use prost_types::{ListValue, Struct};
use serde_json::{Map, Number, Value};

use crate::rpc::failure::Failure;

/// Deepest nesting that is taken; canonical JSON of the core allows no more.
const DEPTH_MAX: usize = 64;

/// Largest whole number that a double holds exactly.
const WHOLE_MAX: f64 = 9_007_199_254_740_991.0;

/// A struct from the wire; nothing is an empty object.
///
/// # Errors
/// INVALID_ARGUMENT for NaN, infinity, or nesting beyond the limit.
pub(in crate::rpc) fn from_struct(field: &str, value: Option<Struct>) -> Result<Value, Failure> {
    match value {
        None => Ok(Value::Object(Map::new())),
        Some(fields) => object(field, fields, 0),
    }
}

/// A value from the wire; nothing is `null`.
///
/// # Errors
/// As [`from_struct`].
pub(in crate::rpc) fn from_value(field: &str, value: prost_types::Value) -> Result<Value, Failure> {
    one(field, value, 0)
}

fn object(field: &str, fields: Struct, depth: usize) -> Result<Value, Failure> {
    let entries = fields.fields.into_iter().map(|(name, value)| Ok((name, one(field, value, depth + 1)?)));
    entries.collect::<Result<Map<_, _>, _>>().map(Value::Object)
}

fn one(field: &str, value: prost_types::Value, depth: usize) -> Result<Value, Failure> {
    if depth > DEPTH_MAX {
        return Err(Failure::invalid(field, format!("it is nested deeper than {DEPTH_MAX}")));
    }
    match value.kind {
        None | Some(Kind::NullValue(_)) => Ok(Value::Null),
        Some(Kind::BoolValue(flag)) => Ok(Value::Bool(flag)),
        Some(Kind::StringValue(text)) => Ok(Value::String(text)),
        Some(Kind::NumberValue(number)) => self::number(field, number),
        Some(Kind::StructValue(fields)) => object(field, fields, depth),
        Some(Kind::ListValue(list)) => {
            let items = list.values.into_iter().map(|value| one(field, value, depth + 1));
            items.collect::<Result<Vec<_>, _>>().map(Value::Array)
        }
    }
}

fn number(field: &str, number: f64) -> Result<Value, Failure> {
    if number.fract() == 0.0 && number.abs() <= WHOLE_MAX {
        // The text of a whole double is exact, where a cast would have to be trusted.
        return format!("{number:.0}")
            .parse::<i64>()
            .map(Value::from)
            .map_err(|error| Failure::invalid(field, error.to_string()));
    }
    Number::from_f64(number).map(Value::Number).ok_or_else(|| Failure::invalid(field, "a number is not finite"))
}

/// A value for the wire.
pub(in crate::rpc) fn to_value(value: Value) -> prost_types::Value {
    let kind = match value {
        Value::Null => Kind::NullValue(0),
        Value::Bool(flag) => Kind::BoolValue(flag),
        Value::Number(number) => Kind::NumberValue(number.as_f64().unwrap_or(f64::NAN)),
        Value::String(text) => Kind::StringValue(text),
        Value::Array(items) => Kind::ListValue(ListValue { values: items.into_iter().map(to_value).collect() }),
        Value::Object(fields) => {
            Kind::StructValue(Struct { fields: fields.into_iter().map(|(name, value)| (name, to_value(value))).collect() })
        }
    };
    prost_types::Value { kind: Some(kind) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn there_and_back() {
        for value in [
            json!(null),
            json!(true),
            json!("text"),
            json!(0),
            json!(-9_007_199_254_740_991_i64),
            json!(9_007_199_254_740_991_i64),
            json!(1.5),
            json!([1, "a", [null]]),
            json!({"a": {"b": [1, 2, {"c": false}]}}),
        ] {
            assert_eq!(from_value("x", to_value(value.clone())).unwrap(), value);
        }
        assert_eq!(from_struct("x", None).unwrap(), json!({}));
    }

    #[test]
    fn hostile_values_are_refused() {
        let number = |number| prost_types::Value { kind: Some(Kind::NumberValue(number)) };
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert!(from_value("x", number(bad)).is_err(), "{bad}");
        }
        let mut deep = number(1.0);
        for _ in 0..=DEPTH_MAX {
            deep = prost_types::Value { kind: Some(Kind::ListValue(ListValue { values: vec![deep] })) };
        }
        assert!(from_value("x", deep).is_err());
    }
}
