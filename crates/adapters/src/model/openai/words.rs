//! A server's own words, as they may be shown: cut, cleaned, and without the key.

use serde_json::Value;

use super::key::Key;

/// Longest words, in characters; two lines of a terminal.
const LEN_MAX: usize = 200;

/// What an error of a server says: `{"error": {"message": …}}`, or as near to that as servers come.
pub(super) fn of_error(body: &[u8], key: &Key) -> String {
    let value: Option<Value> = serde_json::from_slice(body).ok();
    let said = value.as_ref().and_then(|value| message(value.get("error").unwrap_or(value)));
    said.map_or_else(|| "it does not say why".to_owned(), |said| shown(said, key))
}

/// The message of an error's object.
pub(super) fn of_value(error: &Value, key: &Key) -> String {
    message(error).map_or_else(|| "it does not say why".to_owned(), |said| shown(said, key))
}

fn message(error: &Value) -> Option<&str> {
    match error {
        Value::String(text) => Some(text),
        Value::Object(map) => ["message", "detail", "error"].iter().find_map(|key| map.get(*key)).and_then(Value::as_str),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => None,
    }
}

/// Words that may be shown.
pub(super) fn shown(said: &str, key: &Key) -> String {
    if key.is_in(said.as_bytes()) {
        return "its words are withheld, for they hold a part of the key".to_owned();
    }
    let marks =
        |c: char| c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    said.chars().take(LEN_MAX).map(|c| if marks(c) { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use scalbotics_core::secret::Secret;

    use super::*;

    #[test]
    fn errors() {
        let key = Key::of(Secret::new(b"hunter2-hunter3".to_vec())).unwrap();
        let long = format!(r#"{{"error": "{}"}}"#, "é".repeat(500));
        for (body, words) in [
            (r#"{"error": {"message": "No such model.", "code": 1}}"#, "No such model."),
            (r#"{"error": "busy"}"#, "busy"),
            (r#"{"message": "busy"}"#, "busy"),
            (r#"{"detail": "Not Found"}"#, "Not Found"),
            (r#"{"error": {"message": "a\u001b[31m\u202eb"}}"#, "a\u{fffd}[31m\u{fffd}b"),
            (r#"{"error": {"message": "wrong key hunter2-hunter3"}}"#, "its words are withheld, for they hold a part of the key"),
            (r#"{"error": {"message": "wrong key ****2-hunter3"}}"#, "its words are withheld, for they hold a part of the key"),
            ("<html>hunter2</html>", "it does not say why"),
            ("{}", "it does not say why"),
            ("[1]", "it does not say why"),
            ("", "it does not say why"),
            (&long, &"é".repeat(LEN_MAX)),
        ] {
            assert_eq!(of_error(body.as_bytes(), &key), words, "{body}");
        }
    }
}
