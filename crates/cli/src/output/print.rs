//! Printing of resources that are already JSON values with stable field names.

use std::io::Write as _;

use serde_json::Value;

use super::{Format, escape};
use crate::failure::{Exit, Failure};

/// A column of a table or a line of a detail: its head and the JSON pointer of its value.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Column {
    head: &'static str,
    pointer: &'static str,
    wide: bool,
}

/// A column of every table.
pub(crate) const fn column(head: &'static str, pointer: &'static str) -> Column {
    Column { head, pointer, wide: false }
}

/// A column of `-o wide` only.
pub(crate) const fn wide(head: &'static str, pointer: &'static str) -> Column {
    Column { head, pointer, wide: true }
}

/// Prints answers to stdout and notes to stderr.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Printer {
    /// Format of data.
    pub(crate) format: Format,
    /// No notes.
    pub(crate) quiet: bool,
}

impl Printer {
    /// Prints a list.
    pub(crate) fn list(&self, items: &[Value], columns: &[Column]) -> Result<(), Failure> {
        match self.format {
            Format::Table | Format::Wide => self.table(items, columns),
            Format::Json => print_data(&pretty(&Value::Array(items.to_vec()))),
            Format::Yaml => print_data(&yaml(&Value::Array(items.to_vec()))?),
            Format::Jsonl | Format::Name => items.iter().try_for_each(|item| self.line(item)),
        }
    }

    /// Prints one resource in full.
    pub(crate) fn one(&self, item: &Value, columns: &[Column]) -> Result<(), Failure> {
        match self.format {
            Format::Table | Format::Wide => self.detail(item, columns),
            Format::Json => print_data(&pretty(item)),
            Format::Yaml => print_data(&yaml(item)?),
            Format::Jsonl | Format::Name => self.line(item),
        }
    }

    /// Prints one item of a stream at once.
    pub(crate) fn item(&self, item: &Value, text: impl FnOnce() -> String) -> Result<(), Failure> {
        match self.format {
            Format::Table | Format::Wide => print_data(&text()),
            Format::Json | Format::Jsonl | Format::Name => self.line(item),
            Format::Yaml => print_data(&format!("---\n{}", yaml(item)?)),
        }
    }

    /// Prints a note for people.
    pub(crate) fn note(&self, text: &str) {
        if !self.quiet {
            let _closed_stderr = writeln!(anstream::stderr().lock(), "{text}");
        }
    }

    fn line(&self, item: &Value) -> Result<(), Failure> {
        let text = match self.format {
            Format::Name => cell(item, "/name"),
            Format::Table | Format::Wide | Format::Json | Format::Jsonl | Format::Yaml => item.to_string(),
        };
        print_data(&text)
    }

    fn shown<'a>(&self, columns: &'a [Column]) -> impl Iterator<Item = &'a Column> {
        let all = self.format == Format::Wide;
        columns.iter().filter(move |column| all || !column.wide)
    }

    fn table(&self, items: &[Value], columns: &[Column]) -> Result<(), Failure> {
        let mut table = comfy_table::Table::new();
        table.load_style(comfy_table::presets::NOTHING).set_content_arrangement(comfy_table::ContentArrangement::Disabled);
        table.set_header(self.shown(columns).map(|column| column.head));
        for item in items {
            table.add_row(self.shown(columns).map(|column| cell(item, column.pointer)));
        }
        let lines: Vec<String> = table.lines().map(|line| line.trim_end().trim_start_matches(' ').to_owned()).collect();
        print_data(&lines.join("\n"))
    }

    fn detail(&self, item: &Value, columns: &[Column]) -> Result<(), Failure> {
        let width = columns.iter().map(|column| column.head.len()).max().unwrap_or(0);
        let lines: Vec<String> = columns
            .iter()
            .filter(|column| item.pointer(column.pointer).is_some_and(|value| !is_empty(value)))
            .map(|column| format!("{:width$}  {}", column.head, cell(item, column.pointer)))
            .collect();
        print_data(&lines.join("\n"))
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

/// The value at `pointer` as one line of safe text.
fn cell(item: &Value, pointer: &str) -> String {
    match item.pointer(pointer) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => escape(text),
        Some(Value::Array(items)) if items.iter().all(Value::is_string) => {
            items.iter().filter_map(Value::as_str).map(escape).collect::<Vec<_>>().join(", ")
        }
        Some(other) => escape(&other.to_string()),
    }
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_else(|_| value.to_string())
}

fn yaml(value: &Value) -> Result<String, Failure> {
    let text = serde_saphyr::to_string(value).map_err(|error| Failure::internal("the answer has no YAML form", &error))?;
    Ok(text.trim_end().to_owned())
}

/// Writes a line of data; a reader that has gone ends the program without a message, as `head` expects.
pub(crate) fn print_data(text: &str) -> Result<(), Failure> {
    let mut stdout = anstream::stdout().lock();
    let written = writeln!(stdout, "{text}").and_then(|()| stdout.flush());
    written.map_err(|error| Failure::new(Exit::Failed, "CLI_STDOUT", "cannot write to stdout").why(error.to_string()))
}
