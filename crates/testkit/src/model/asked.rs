//! What the server was asked.

use std::collections::BTreeMap;

use serde_json::Value;

/// One request.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    /// The method.
    pub method: String,
    /// The path with its query.
    pub path: String,
    /// Headers by name in lower case.
    pub headers: BTreeMap<String, String>,
    /// The body; `null` when it is no JSON.
    pub body: Value,
    /// Which connection it came on, from 0.
    pub connection: usize,
}

impl Asked {
    /// The contents of the messages, in order.
    #[must_use]
    pub fn contents(&self) -> Vec<&str> {
        let messages = self.body.get("messages").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        messages.iter().map(|message| message.get("content").and_then(Value::as_str).unwrap_or_default()).collect()
    }
}
