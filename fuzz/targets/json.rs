//! Strict JSON: what is accepted has a canonical form, which is accepted, denotes the same and is its own canonical form.
#![no_main]

use libfuzzer_sys::fuzz_target;
use scalbotics_core::json;
use serde_json::Value;

fuzz_target!(|data: &[u8]| {
    let Ok(value) = json::parse(data) else { return };
    let bytes = json::canonical(&value).expect("what is accepted has a canonical form");
    let again = json::parse_within(&bytes, usize::MAX).expect("a canonical form is accepted");
    assert!(same(&value, &again), "{value} became {again}");
    assert_eq!(json::canonical(&again).expect("a canonical form"), bytes);
});

/// Equal, numbers by value: `1.0` is written `1`.
fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => left.as_f64() == right.as_f64(),
        (Value::Array(left), Value::Array(right)) => left.len() == right.len() && left.iter().zip(right).all(|(l, r)| same(l, r)),
        (Value::Object(left), Value::Object(right)) => {
            left.len() == right.len() && left.iter().all(|(key, value)| right.get(key).is_some_and(|other| same(value, other)))
        }
        (left, right) => left == right,
    }
}
