//! `--fields`: the parts of an answer that are wanted, and no others.

use std::str::FromStr;

use serde_json::{Map, Value};

use crate::failure::Failure;

/// Most fields; no answer has half as many.
const FIELDS_MAX: usize = 64;

/// One field: a key, or a path of keys and indices as `args/path`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Field {
    name: String,
    pointer: String,
}

impl Field {
    /// As it was given, which is the key under which it is printed.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Its JSON pointer (RFC 6901).
    pub(super) fn pointer(&self) -> &str {
        &self.pointer
    }
}

/// The fields of `--fields`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fields(Vec<Field>);

/// Why a list of fields is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("fields are 1 to {FIELDS_MAX} keys or paths, joined by commas, each once")]
pub(crate) struct Refused;

impl FromStr for Fields {
    type Err = Refused;

    fn from_str(text: &str) -> Result<Self, Refused> {
        let names: Vec<&str> = text.split(',').map(|name| name.trim().trim_start_matches('/')).collect();
        let doubled = names.iter().enumerate().any(|(at, name)| names.iter().take(at).any(|other| other == name));
        if names.len() > FIELDS_MAX || doubled || names.iter().any(|name| name.is_empty()) {
            return Err(Refused);
        }
        let field = |name: &&str| Field { name: (*name).to_owned(), pointer: format!("/{name}") };
        Ok(Self(names.iter().map(field).collect()))
    }
}

impl Fields {
    /// The fields in their order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Field> {
        self.0.iter()
    }

    /// Refuses a field that none of the items has, and says which there are.
    pub(super) fn check(&self, items: &[Value]) -> Result<(), Failure> {
        let Some(Value::Object(first)) = items.first() else { return Ok(()) };
        let unknown = self.iter().find(|field| items.iter().all(|item| item.pointer(field.pointer()).is_none()));
        let Some(field) = unknown else { return Ok(()) };
        let known: Vec<&str> = first.keys().map(String::as_str).collect();
        Err(Failure::usage(format!("the answer has no field {}", field.name))
            .why(format!("it has: {}", known.join(", ")))
            .next("name some of these with --fields"))
    }

    /// The item with these fields only, each under its name.
    pub(super) fn of(&self, item: &Value) -> Value {
        let part = |field: &Field| (field.name.clone(), item.pointer(field.pointer()).cloned().unwrap_or(Value::Null));
        Value::Object(self.iter().map(part).collect::<Map<_, _>>())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lists_of_fields() {
        for (text, wanted) in [("a", true), ("a, /b/0", true), ("", false), ("a,,b", false), ("a,a", false), ("a,/a", false)] {
            assert_eq!(text.parse::<Fields>().is_ok(), wanted, "{text}");
        }
    }

    #[test]
    fn parts_stand_under_their_names() {
        let fields: Fields = "b/0,a".parse().unwrap();
        let item = json!({ "a": 1, "b": ["x"], "c": null });
        assert_eq!(fields.of(&item), json!({ "b/0": "x", "a": 1 }));
        assert!(fields.check(std::slice::from_ref(&item)).is_ok() && fields.check(&[]).is_ok());
        let failure = "d".parse::<Fields>().unwrap().check(&[item]).unwrap_err();
        assert!(failure.why.contains("a, b, c"), "{}", failure.why);
    }
}
