//! Changes of meaning: the text stays canonical, what it says does not.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::mutations::Dice;

/// The canonical text of a value without fractions: keys in order, whatever order the map keeps.
pub(crate) fn text(value: &Value) -> String {
    match value {
        Value::Array(items) => format!("[{}]", items.iter().map(text).collect::<Vec<_>>().join(",")),
        Value::Object(map) => {
            let sorted: BTreeMap<&String, &Value> = map.iter().collect();
            let field = |(key, value): (&String, &Value)| format!("{}:{}", Value::from(key.as_str()), text(value));
            format!("{{{}}}", sorted.into_iter().map(field).collect::<Vec<_>>().join(","))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.to_string(),
    }
}

/// Every place of a value: the way to it, as a JSON pointer.
pub(crate) fn places(value: &Value) -> Vec<String> {
    fn walk(value: &Value, at: String, found: &mut Vec<String>) {
        match value {
            Value::Array(items) => items.iter().enumerate().for_each(|(index, item)| walk(item, format!("{at}/{index}"), found)),
            Value::Object(map) => {
                map.iter()
                    .for_each(|(key, item)| walk(item, format!("{at}/{}", key.replace('~', "~0").replace('/', "~1")), found));
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
        found.push(at);
    }
    let mut found = Vec::new();
    walk(value, String::new(), &mut found);
    found
}

/// Changes one place, somehow.
pub(crate) fn change(value: &mut Value, place: &str, dice: &mut Dice) {
    let Some(at) = value.pointer_mut(place) else { return };
    match at {
        Value::Array(items) => list(items, dice),
        Value::Object(map) => object(map, dice),
        Value::String(text) => *text = other_text(text, dice),
        Value::Number(number) => {
            let number = number.as_i64().unwrap_or_default();
            *at = Value::from(number + [1, -1, 1_000, -1_000][dice.below(4)]);
        }
        Value::Bool(bit) => *bit = !*bit,
        Value::Null => *at = Value::from(0),
    }
}

fn list(items: &mut Vec<Value>, dice: &mut Dice) {
    let len = items.len();
    match (len, dice.below(4)) {
        (0, _) => items.push(Value::from("x")),
        (_, 0) => drop(items.remove(dice.below(len))),
        (_, 1) => items.push(items[dice.below(len)].clone()),
        (_, 2) if len > 1 => items.swap(0, 1 + dice.below(len - 1)),
        (_, _) => items.clear(),
    }
}

fn object(map: &mut Map<String, Value>, dice: &mut Dice) {
    let keys: Vec<String> = map.keys().cloned().collect();
    if keys.is_empty() {
        map.insert("x".to_owned(), Value::Null);
        return;
    }
    let key = keys[dice.below(keys.len())].clone();
    match dice.below(4) {
        0 => drop(map.remove(&key)),
        1 => drop(map.insert(format!("{key}_"), Value::from(1))),
        2 => {
            let value = map.remove(&key).unwrap_or_default();
            map.insert(format!("x{key}"), value);
        }
        _ => drop(map.insert(key, Value::Null)),
    }
}

fn other_text(text: &str, dice: &mut Dice) -> String {
    let chars: Vec<char> = text.chars().collect();
    if chars.is_empty() {
        return "x".to_owned();
    }
    let at = dice.below(chars.len());
    let mut other = chars.clone();
    match dice.below(4) {
        0 => drop(other.remove(at)),
        1 => other.insert(at, chars[dice.below(chars.len())]),
        2 => {
            let c = other[at];
            other[at] = if c.is_ascii_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() };
        }
        _ => other[at] = char::from(b'!' + dice.below(90) as u8),
    }
    other.into_iter().collect()
}
