//! The configuration as text: with origins, as defaults, as JSON Schema.

use std::collections::BTreeMap;

use serde_json::json;

use super::{Config, KEYS, Settings};

impl Settings {
    /// The value of every key that has one, in TOML's notation.
    pub(super) fn table(&self) -> BTreeMap<&'static str, String> {
        let table = toml::Table::try_from(self).unwrap_or_default();
        let value = |path: &str| {
            let mut parts = path.split('.');
            let mut value = table.get(parts.next()?)?;
            for part in parts {
                value = value.get(part)?;
            }
            Some(value.to_string())
        };
        KEYS.iter().filter_map(|key| Some((key.path, value(key.path)?))).collect()
    }
}

/// Every key with its value and origin, one a line.
#[must_use]
pub fn origins_text(config: &Config) -> String {
    let values = config.settings.table();
    let mut text = String::new();
    for key in KEYS {
        let value = values.get(key.path).map_or("(not set)", String::as_str);
        text.push_str(&format!("{} = {value}   # {}\n", key.path, config.origin(key.path)));
    }
    text
}

/// The same as JSON: of each key its value, `null` where there is none, and its origin.
#[must_use]
pub fn origins_json(config: &Config) -> serde_json::Value {
    let table = serde_json::to_value(&config.settings).unwrap_or_default();
    let of = |key: &super::Key| {
        let value = key.path.split('.').try_fold(&table, |value, part| value.get(part));
        (key.path.to_owned(), json!({ "value": value, "origin": config.origin(key.path).to_string() }))
    };
    serde_json::Value::Object(KEYS.iter().map(of).collect())
}

/// A file with every default; the keys that have none stand in comments.
#[must_use]
pub fn defaults_text() -> String {
    let defaults = Settings::default();
    let values = defaults.table();
    let mut text = String::from("# Defaults of scalboticsd. `scalbotics initialize` writes the keys of [installation].\n");
    let mut section = "";
    for key in KEYS {
        let Some((head, name)) = key.path.rsplit_once('.') else { continue };
        if head != section {
            section = head;
            text.push_str(&format!("\n[{head}]\n"));
        }
        match values.get(key.path) {
            Some(value) => text.push_str(&format!("{name} = {value}\n")),
            None => text.push_str(&format!("# {name} =\n")),
        }
    }
    text
}
