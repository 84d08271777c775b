//! The exact check of a value.

use serde_json::Value;

use super::{Array, Integer, Kind, Object, Schema, Text};

/// Where and how a value differs from its schema; holds nothing of the value but names of properties.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("value {}{reason}", at(path))]
pub struct Violation {
    /// JSON pointer into the value, empty for its root.
    pub path: String,
    /// What is wrong, as `is not an integer`.
    pub reason: String,
}

/// Where, and nothing for the root, which has no pointer to show.
fn at(path: &str) -> String {
    if path.is_empty() { String::new() } else { format!("at `{path}` ") }
}

impl Schema {
    /// Checks that `value` conforms exactly: nothing is converted, nothing unknown is let through (semantics §3.3).
    ///
    /// # Errors
    /// [`Violation`], the first one in order of the schema.
    pub fn check(&self, value: &Value) -> Result<(), Violation> {
        self.check_at(value, "")
    }

    fn check_at(&self, value: &Value, path: &str) -> Result<(), Violation> {
        let refuse = |reason: String| Err(Violation { path: path.to_owned(), reason });
        match (self.kind(), value) {
            (Kind::Object(object), Value::Object(map)) => object.check(map, path),
            (Kind::Array(array), Value::Array(items)) => array.check(items, path),
            (Kind::Text(text), Value::String(value)) => match text.fault(value) {
                Some(reason) => refuse(reason),
                None => Ok(()),
            },
            (Kind::Integer(Integer { min, max }), Value::Number(number)) => match number.as_i64() {
                Some(n) if n >= *min && n <= *max => Ok(()),
                Some(_) => refuse(format!("is not between {min} and {max}")),
                None => refuse("is not an integer within ±(2^53 − 1)".to_owned()),
            },
            (Kind::Number, Value::Number(_)) | (Kind::Boolean, Value::Bool(_)) => Ok(()),
            (kind, _) => refuse(format!("is not of type {}", kind.keyword())),
        }
    }
}

impl Object {
    fn check(&self, map: &serde_json::Map<String, Value>, path: &str) -> Result<(), Violation> {
        if let Some(name) = self.required.iter().find(|name| !map.contains_key(*name)) {
            return Err(Violation { path: path.to_owned(), reason: format!("lacks the required property `{name}`") });
        }
        for (name, value) in map {
            let Some(schema) = self.properties.get(name) else {
                let name: String = name.chars().take(80).collect();
                return Err(Violation { path: path.to_owned(), reason: format!("has the unknown property `{name}`") });
            };
            schema.check_at(value, &format!("{path}/{name}"))?;
        }
        Ok(())
    }
}

impl Array {
    fn check(&self, items: &[Value], path: &str) -> Result<(), Violation> {
        let len = items.len() as u64;
        if len < self.items_min || self.items_max.is_some_and(|max| len > max) {
            return Err(Violation { path: path.to_owned(), reason: format!("has {len} items, which is out of range") });
        }
        items.iter().enumerate().try_for_each(|(index, item)| self.items.check_at(item, &format!("{path}/{index}")))
    }
}

impl Text {
    /// Whether `value` conforms.
    pub(super) fn fits(&self, value: &str) -> bool {
        self.fault(value).is_none()
    }

    fn fault(&self, value: &str) -> Option<String> {
        // Counting is skipped where the length in bytes already decides.
        let bytes = value.len() as u64;
        if self.len_min > 0 || self.len_max.is_some_and(|max| bytes > max) {
            let len = value.chars().count() as u64;
            if len < self.len_min || self.len_max.is_some_and(|max| len > max) {
                return Some(format!("has {len} characters, which is out of range"));
            }
        }
        match &self.values {
            Some(values) if !values.contains(value) => Some("is none of the values of its enum".to_owned()),
            Some(_) | None => None,
        }
    }
}
