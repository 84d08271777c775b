//! From JSON Schema text, already parsed as JSON, to a [`Schema`].

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::{
    Array, DEPTH_MAX, ENUM_MAX, Error, INTEGER_MAX, Integer, Kind, Object, PROPERTIES_MAX, PROPERTY_LEN_MAX, Schema, Text,
};

/// Keywords that say nothing about values; legal everywhere.
const ANNOTATIONS: [&str; 3] = ["description", "title", "examples"];

/// Which schemas a reader takes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Argument,
    Result,
}

struct Reader {
    side: Side,
    properties: usize,
}

impl Schema {
    /// Parses the schema of a result.
    ///
    /// `title` and `examples` are allowed and dropped, `description` is kept.
    ///
    /// # Errors
    /// [`Error`], the first thing that is outside the subset.
    pub fn parse(value: &Value) -> Result<Self, Error> {
        Reader { side: Side::Result, properties: 0 }.schema(value, "", 0)
    }

    /// Parses the schema of arguments: an object, without `number` anywhere in it.
    ///
    /// # Errors
    /// [`Error`], the first thing that is outside the subset.
    pub fn parse_input(value: &Value) -> Result<Self, Error> {
        let schema = Reader { side: Side::Argument, properties: 0 }.schema(value, "", 0)?;
        match schema.kind() {
            Kind::Object(_) => Ok(schema),
            other @ (Kind::Array(_) | Kind::Text(_) | Kind::Integer(_) | Kind::Number | Kind::Boolean) => {
                Err(Error::Root { found: other.keyword() })
            }
        }
    }
}

impl Reader {
    fn schema(&mut self, value: &Value, path: &str, depth: usize) -> Result<Schema, Error> {
        if depth > DEPTH_MAX {
            return Err(Error::Depth { path: path.to_owned() });
        }
        let map = value.as_object().ok_or_else(|| Error::Type { path: path.to_owned(), found: brief(value) })?;
        let kind = match map.get("type").and_then(Value::as_str) {
            Some("object") => self.object(map, path, depth)?,
            Some("array") => self.array(map, path, depth)?,
            Some("string") => text(map, path)?,
            Some("integer") => integer(map, path)?,
            Some("number") if self.side == Side::Argument => return Err(Error::Number { path: path.to_owned() }),
            Some("number") => bare(map, path, Kind::Number)?,
            Some("boolean") => bare(map, path, Kind::Boolean)?,
            _ => {
                return Err(Error::Type {
                    path: path.to_owned(),
                    found: map.get("type").map_or_else(|| "none".to_owned(), brief),
                });
            }
        };
        let description = match map.get("description") {
            None => None,
            Some(Value::String(text)) => Some(text.clone()),
            Some(_) => return Err(Error::Value { path: path.to_owned(), keyword: "description", expected: "a text" }),
        };
        Ok(Schema { description, kind })
    }

    fn object(&mut self, map: &Map<String, Value>, path: &str, depth: usize) -> Result<Kind, Error> {
        only(map, path, &["properties", "required", "additionalProperties"])?;
        if map.get("additionalProperties").is_some_and(|value| value != &Value::Bool(false)) {
            return Err(Error::Value { path: path.to_owned(), keyword: "additionalProperties", expected: "false" });
        }
        let mut properties = BTreeMap::new();
        match map.get("properties") {
            None => {}
            Some(Value::Object(members)) => {
                for (name, value) in members {
                    self.properties += 1;
                    if self.properties > PROPERTIES_MAX {
                        return Err(Error::Properties { path: path.to_owned() });
                    }
                    if !is_property(name) {
                        return Err(Error::Property { path: path.to_owned(), name: name.chars().take(80).collect() });
                    }
                    let schema = self.schema(value, &format!("{path}/properties/{name}"), depth + 1)?;
                    properties.insert(name.clone(), schema);
                }
            }
            Some(_) => return Err(Error::Value { path: path.to_owned(), keyword: "properties", expected: "an object" }),
        }
        let required = match map.get("required") {
            None => BTreeSet::new(),
            Some(value) => texts(value, path, "required")?,
        };
        match required.iter().find(|name| !properties.contains_key(*name)) {
            Some(name) => Err(Error::Required { path: path.to_owned(), name: name.clone() }),
            None => Ok(Kind::Object(Object { properties, required })),
        }
    }

    fn array(&mut self, map: &Map<String, Value>, path: &str, depth: usize) -> Result<Kind, Error> {
        only(map, path, &["items", "minItems", "maxItems"])?;
        let missing = || Error::Value { path: path.to_owned(), keyword: "items", expected: "a schema" };
        let items = self.schema(map.get("items").ok_or_else(missing)?, &format!("{path}/items"), depth + 1)?;
        let (items_min, items_max) = lengths(map, path, "minItems", "maxItems")?;
        Ok(Kind::Array(Array { items: Box::new(items), items_min, items_max }))
    }
}

fn text(map: &Map<String, Value>, path: &str) -> Result<Kind, Error> {
    only(map, path, &["minLength", "maxLength", "enum"])?;
    let (len_min, len_max) = lengths(map, path, "minLength", "maxLength")?;
    let values = map.get("enum").map(|value| texts(value, path, "enum")).transpose()?;
    let text = Text { len_min, len_max, values };
    match &text.values {
        Some(values) if !values.iter().any(|value| text.fits(value)) => {
            Err(Error::Range { path: path.to_owned(), keyword: "enum" })
        }
        Some(_) | None => Ok(Kind::Text(text)),
    }
}

fn integer(map: &Map<String, Value>, path: &str) -> Result<Kind, Error> {
    only(map, path, &["minimum", "maximum"])?;
    let bound = |keyword: &'static str, default: i64| match map.get(keyword) {
        None => Ok(default),
        Some(value) => value
            .as_i64()
            .filter(|number| number.unsigned_abs() <= INTEGER_MAX.unsigned_abs())
            .ok_or_else(|| Error::Value { path: path.to_owned(), keyword, expected: "an integer within ±(2^53 − 1)" }),
    };
    let (min, max) = (bound("minimum", -INTEGER_MAX)?, bound("maximum", INTEGER_MAX)?);
    if min > max {
        Err(Error::Range { path: path.to_owned(), keyword: "minimum" })
    } else {
        Ok(Kind::Integer(Integer { min, max }))
    }
}

fn bare(map: &Map<String, Value>, path: &str, kind: Kind) -> Result<Kind, Error> {
    only(map, path, &[])?;
    Ok(kind)
}

fn only(map: &Map<String, Value>, path: &str, legal: &[&str]) -> Result<(), Error> {
    let known = |keyword: &str| keyword == "type" || ANNOTATIONS.contains(&keyword) || legal.contains(&keyword);
    match map.keys().find(|keyword| !known(keyword)) {
        Some(keyword) => Err(Error::Keyword { path: path.to_owned(), keyword: keyword.chars().take(80).collect() }),
        None => Ok(()),
    }
}

fn lengths(map: &Map<String, Value>, path: &str, low: &'static str, high: &'static str) -> Result<(u64, Option<u64>), Error> {
    let bound = |keyword: &'static str| match map.get(keyword) {
        None => Ok(None),
        Some(value) => value.as_u64().map(Some).ok_or_else(|| Error::Value {
            path: path.to_owned(),
            keyword,
            expected: "a whole number from 0",
        }),
    };
    let (min, max) = (bound(low)?.unwrap_or(0), bound(high)?);
    if max.is_some_and(|max| max < min) { Err(Error::Range { path: path.to_owned(), keyword: low }) } else { Ok((min, max)) }
}

fn texts(value: &Value, path: &str, keyword: &'static str) -> Result<BTreeSet<String>, Error> {
    let refuse = || Error::Value { path: path.to_owned(), keyword, expected: "a list of different texts" };
    let items = value.as_array().filter(|items| items.len() <= ENUM_MAX).ok_or_else(refuse)?;
    let set = items.iter().map(|item| item.as_str().map(str::to_owned)).collect::<Option<BTreeSet<_>>>().ok_or_else(refuse)?;
    if set.len() == items.len() && (keyword != "enum" || !set.is_empty()) { Ok(set) } else { Err(refuse()) }
}

fn is_property(name: &str) -> bool {
    let bytes = name.as_bytes();
    bytes.len() <= PROPERTY_LEN_MAX
        && bytes.first().is_some_and(|b| b.is_ascii_alphabetic() || *b == b'_')
        && bytes.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
}

fn brief(value: &Value) -> String {
    match value {
        Value::String(text) => text.chars().take(40).collect(),
        Value::Null => "null".to_owned(),
        Value::Bool(_) => "a boolean".to_owned(),
        Value::Number(_) => "a number".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}
