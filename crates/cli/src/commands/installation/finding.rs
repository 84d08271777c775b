//! What a check of `doctor` found.

use serde_json::{Value, json};

use crate::failure::Failure;

/// One check and what it found.
#[derive(Debug)]
pub(super) struct Finding {
    item: Value,
    is_about_this_side: bool,
}

impl Finding {
    /// A check of this side or of the daemon.
    pub(super) fn of(check: &'static str, outcome: Result<String, Failure>) -> Self {
        let (result, detail, next) = match outcome {
            Ok(detail) => ("ok", detail, String::new()),
            Err(failure) => {
                let why = if failure.why.is_empty() { String::new() } else { format!(": {}", failure.why) };
                ("fail", format!("{}{why}", failure.what), failure.next.clone())
            }
        };
        let item = json!({ "name": check, "result": result, "detail": detail, "next": next, "fixed": "" });
        Self { item, is_about_this_side: true }
    }

    /// A check that passes since `done`.
    pub(super) fn mended(check: &'static str, detail: String, done: String) -> Self {
        let item = json!({ "name": check, "result": "ok", "detail": detail, "next": "", "fixed": done });
        Self { item, is_about_this_side: true }
    }

    /// One that `scalboticsd` printed about the installation.
    pub(super) const fn printed(item: Value) -> Self {
        Self { item, is_about_this_side: false }
    }

    /// Whether a daemon elsewhere can be asked only if this one passes.
    pub(super) const fn is_about_this_side(&self) -> bool {
        self.is_about_this_side
    }

    /// Whether it failed.
    pub(super) fn failed(&self) -> bool {
        self.item.get("result").and_then(Value::as_str) == Some("fail")
    }

    /// For the printer.
    pub(super) fn json(&self) -> Value {
        self.item.clone()
    }
}
