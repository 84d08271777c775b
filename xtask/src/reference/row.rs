//! A JSON Schema as rows of a table: a row a key, with its whole path.

use serde_json::{Map, Value};

/// A key.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Row {
    /// From the file's root: `mounts[].name`, `agents.<id>.tools`.
    key: String,
    kind: String,
    default: String,
    meaning: String,
}

impl Row {
    /// As a line of a table.
    pub(super) fn line(&self) -> String {
        let cells = [&self.kind, &self.default, &self.meaning].map(|cell| cell.replace('|', "\\|"));
        format!("| `{}` | {} |\n", self.key, cells.join(" | "))
    }
}

/// The rows of a schema.
pub(super) fn rows(schema: &Value) -> Vec<Row> {
    let mut rows = Vec::new();
    let reader = Reader { definitions: schema.get("$defs") };
    reader.descend(schema, "", &mut Vec::new(), &mut rows);
    rows
}

struct Reader<'a> {
    definitions: Option<&'a Value>,
}

impl<'a> Reader<'a> {
    /// What a schema says by another name, and that name; of a choice between something and nothing, the something.
    fn resolve(&self, schema: &'a Value) -> (&'a Value, Option<&'a str>) {
        if let Some(name) = schema.get("$ref").and_then(Value::as_str).and_then(|path| path.rsplit('/').next()) {
            let found = self.definitions.and_then(|all| all.get(name));
            return (found.unwrap_or(schema), Some(name));
        }
        let choices = schema.get("anyOf").and_then(Value::as_array);
        match choices.and_then(|choices| choices.iter().find(|choice| choice["type"] != "null")) {
            Some(choice) => self.resolve(choice),
            None => (schema, None),
        }
    }

    fn descend(&self, schema: &'a Value, prefix: &str, above: &mut Vec<&'a str>, rows: &mut Vec<Row>) {
        let variants = schema.get("oneOf").and_then(Value::as_array).map_or_else(|| vec![schema], |all| all.iter().collect());
        for variant in variants {
            let Some(properties) = variant.get("properties").and_then(Value::as_object) else { continue };
            // A variant of a choice has one key, and that one is not asked for where another is there.
            let required = if std::ptr::eq(variant, schema) { names(variant.get("required")) } else { Vec::new() };
            for (key, value) in in_order(properties, &required) {
                self.key(format!("{prefix}{key}"), value, required.contains(&key.as_str()), above, rows);
            }
        }
    }

    fn key(&self, key: String, schema: &'a Value, required: bool, above: &mut Vec<&'a str>, rows: &mut Vec<Row>) {
        let (found, name) = self.resolve(schema);
        let default = match schema.get("default") {
            _ if required => "required".to_owned(),
            Some(Value::Object(_) | Value::Null) | None => String::new(),
            Some(value) => format!("`{value}`"),
        };
        let meaning = schema.get("description").or_else(|| found.get("description"));
        let meaning = [in_a_line(meaning), choices(found)].concat();
        let (inner, inside) = inner(found).map_or((found, ""), |(inner, inside)| (inner, inside));
        rows.push(Row { kind: self.kind(schema), default, meaning, key: key.clone() });
        let (inner, inner_name) = if inside.is_empty() { (inner, name) } else { self.resolve(inner) };
        if inner_name.is_some_and(|name| above.contains(&name)) {
            return;
        }
        above.extend(inner_name);
        self.descend(inner, &format!("{key}{inside}."), above, rows);
        if inner_name.is_some() {
            above.pop();
        }
    }

    /// What may stand there.
    fn kind(&self, schema: &'a Value) -> String {
        let (found, name) = self.resolve(schema);
        let range = ["minimum", "maximum"].map(|end| found.get(end).and_then(Value::as_u64));
        match (kind_word(found), inner(found)) {
            ("array", Some((inner, _))) => format!("list of {}", self.kind(inner)),
            ("object", Some((inner, _))) => format!("{} by name", self.kind(inner)),
            ("integer", _) => match range {
                [Some(least), Some(most)] => format!("{least} to {most}"),
                [Some(0) | None, None] | [None, Some(_)] => "whole number".to_owned(),
                [Some(least), None] => format!("whole number from {least}"),
            },
            ("string", _) => match name {
                Some("Span") => "duration: `500ms`, `30s`, `5m`, `24h`".to_owned(),
                Some("SecretRef") => "`secret://TENANT/NAME`".to_owned(),
                Some("Name") => "name".to_owned(),
                Some("BaseUrl") => "URL".to_owned(),
                Some(_) | None => "text".to_owned(),
            },
            ("boolean", _) => "`true` or `false`".to_owned(),
            ("object", None) => "keys below".to_owned(),
            _ if found.get("oneOf").is_some() => "one of".to_owned(),
            _ => "any".to_owned(),
        }
    }
}

fn kind_word(schema: &Value) -> &str {
    match schema.get("type") {
        Some(Value::String(word)) => word,
        Some(Value::Array(words)) => words.iter().filter_map(Value::as_str).find(|word| *word != "null").unwrap_or_default(),
        _ => "",
    }
}

/// The schema of the parts of a list or a map, and how its keys show that.
fn inner(schema: &Value) -> Option<(&Value, &'static str)> {
    let patterns = schema.get("patternProperties").and_then(Value::as_object);
    let of_map = patterns.and_then(|patterns| patterns.values().next()).or_else(|| schema.get("additionalProperties"));
    let of_list = schema.get("items").map(|items| (items, "[]"));
    of_list.or_else(|| of_map.map(|map| (map, ".<name>"))).filter(|(inner, _)| inner.is_object())
}

fn names(required: Option<&Value>) -> Vec<&str> {
    required.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
}

/// The keys that are asked for in the order in which the file has them, then the others by name: the order of a parsed object depends on
/// what else the build links.
fn in_order<'a>(properties: &'a Map<String, Value>, required: &[&str]) -> Vec<(&'a String, &'a Value)> {
    let mut all: Vec<_> = properties.iter().collect();
    all.sort_by_key(|(key, _)| (required.iter().position(|name| name == key).unwrap_or(required.len()), key.as_str()));
    all
}

fn in_a_line(text: Option<&Value>) -> String {
    let words = text.and_then(Value::as_str).unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ");
    // Links of the code's own documentation lead nowhere here.
    words.replace("[`", "`").replace("`]", "`")
}

/// The words of a choice, each with its meaning.
fn choices(schema: &Value) -> String {
    let plain = schema.get("enum").and_then(Value::as_array).into_iter().flatten().map(|word| (Some(word), None));
    let described = schema.get("oneOf").and_then(Value::as_array).into_iter().flatten();
    let described = described.map(|choice| (choice.get("const"), choice.get("description")));
    let words = plain.chain(described).filter_map(|(word, meaning)| Some((word?.as_str()?, meaning)));
    words
        .map(|(word, meaning)| {
            let meaning = in_a_line(meaning);
            if meaning.is_empty() { format!(" `{word}`.") } else { format!(" `{word}`: {meaning}") }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::rows;

    fn check(schema: &Value, wanted: &[&str]) {
        let found: Vec<String> = rows(schema).iter().map(|row| row.line().trim_end().to_owned()).collect();
        assert_eq!(found, wanted);
    }

    #[test]
    fn keys_by_their_whole_path() {
        let schema = json!({
            "properties": {
                "b": {"anyOf": [{"$ref": "#/$defs/B"}, {"type": "null"}], "description": "A\nb."},
                "a": {"type": "array", "items": {"$ref": "#/$defs/A"}, "description": "As."},
                "m": {"type": "object", "patternProperties": {"^x$": {"$ref": "#/$defs/A"}}},
                "e": {"oneOf": [{"const": "x", "description": "An x."}, {"const": "y", "description": "A y|z."}], "default": "x"},
            },
            "required": ["b"],
            "$defs": {
                "A": {"type": "object", "properties": {"n": {"type": ["integer", "null"], "minimum": 1, "maximum": 3}, "again": {"$ref": "#/$defs/A"}}},
                "B": {"type": "object", "properties": {"s": {"type": "string"}}},
            },
        });
        check(
            &schema,
            &[
                "| `b` | keys below | required | A b. |",
                "| `b.s` | text |  |  |",
                "| `a` | list of keys below |  | As. |",
                "| `a[].again` | keys below |  |  |",
                "| `a[].n` | 1 to 3 |  |  |",
                "| `e` | one of | `\"x\"` |  `x`: An x. `y`: A y\\|z. |",
                "| `m` | keys below by name |  |  |",
                "| `m.<name>.again` | keys below |  |  |",
                "| `m.<name>.n` | 1 to 3 |  |  |",
            ],
        );
    }
}
