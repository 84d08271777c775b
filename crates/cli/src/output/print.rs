//! Printing of resources that are already JSON values with stable field names.

use std::io::Write as _;

use serde_json::Value;

use super::table::{cell, detail, table};
use super::{Fields, Format, escape, escape_json, is_plain, progress};
use crate::codes;
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
#[derive(Debug, Clone)]
pub(crate) struct Printer {
    /// Format of data.
    pub(crate) format: Format,
    /// The fields that are wanted; all of them where not said.
    pub(crate) fields: Option<Fields>,
    /// No notes.
    pub(crate) quiet: bool,
    /// More notes.
    pub(crate) verbose: bool,
}

impl Printer {
    /// Whether a person reads the output, and reads it whole: what belongs to no field may be printed too.
    pub(crate) fn is_for_people(&self) -> bool {
        matches!(self.format, Format::Table | Format::Wide) && self.fields.is_none()
    }

    /// Prints a list.
    pub(crate) fn list(&self, items: &[Value], columns: &[Column]) -> Result<(), Failure> {
        if let Some(fields) = &self.fields {
            fields.check(items)?;
        }
        match self.format {
            Format::Table | Format::Wide if items.is_empty() => {
                self.note("nothing found");
                Ok(())
            }
            Format::Table | Format::Wide => print_data(&self.table(items, columns)),
            Format::Json => print_data(&pretty(&Value::Array(items.iter().map(|item| self.part(item)).collect()))),
            Format::Yaml => print_data(&yaml(&Value::Array(items.iter().map(|item| self.part(item)).collect()))?),
            Format::Jsonl | Format::Name => items.iter().try_for_each(|item| self.line(item)),
        }
    }

    /// Prints one resource in full.
    pub(crate) fn one(&self, item: &Value, columns: &[Column]) -> Result<(), Failure> {
        if let Some(fields) = &self.fields {
            fields.check(std::slice::from_ref(item))?;
        }
        match self.format {
            Format::Table | Format::Wide => print_data(&self.detail(item, columns)),
            Format::Json => print_data(&pretty(&self.part(item))),
            Format::Yaml => print_data(&yaml(&self.part(item))?),
            Format::Jsonl | Format::Name => self.line(item),
        }
    }

    /// Prints a document that has a form of its own, such as a task's output: as JSON where no other format is asked for.
    pub(crate) fn document(&self, item: &Value) -> Result<(), Failure> {
        if let Some(fields) = &self.fields {
            fields.check(std::slice::from_ref(item))?;
        }
        match self.format {
            Format::Table | Format::Wide | Format::Json | Format::Name => print_data(&pretty(&self.part(item))),
            Format::Yaml => print_data(&yaml(&self.part(item))?),
            Format::Jsonl => self.line(item),
        }
    }

    /// Prints the list at `pointer` of a resource that was just printed, for people only: programs have it already.
    pub(crate) fn section(&self, item: &Value, pointer: &str, columns: &[Column]) -> Result<(), Failure> {
        match item.pointer(pointer).and_then(Value::as_array) {
            Some(items) if self.is_for_people() && !items.is_empty() => {
                print_data("")?;
                self.list(items, columns)
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Prints one item of a stream at once; `text` is safe already.
    pub(crate) fn item(&self, item: &Value, text: impl FnOnce() -> String) -> Result<(), Failure> {
        match (self.format, &self.fields) {
            (Format::Table | Format::Wide, None) => print_data(&text()),
            (Format::Table | Format::Wide, Some(fields)) => {
                let cells: Vec<String> = fields.iter().map(|field| cell(item, field.pointer())).collect();
                print_data(cells.join("  ").trim_end())
            }
            (Format::Json | Format::Jsonl | Format::Name, _) => self.line(item),
            (Format::Yaml, _) => print_data(&format!("---\n{}", yaml(&self.part(item))?)),
        }
    }

    /// Prints a note for people.
    pub(crate) fn note(&self, text: &str) {
        if !self.quiet {
            tell(text);
        }
    }

    /// Prints a note for people who want to know how it works.
    pub(crate) fn detail_note(&self, text: &str) {
        if self.verbose {
            tell(text);
        }
    }

    fn part(&self, item: &Value) -> Value {
        self.fields.as_ref().map_or_else(|| item.clone(), |fields| fields.of(item))
    }

    fn line(&self, item: &Value) -> Result<(), Failure> {
        let text = match self.format {
            Format::Name => cell(item, "/name"),
            Format::Table | Format::Wide | Format::Json | Format::Jsonl | Format::Yaml => {
                escape_json(&self.part(item).to_string())
            }
        };
        print_data(&text)
    }

    /// Heads and pointers of what is shown.
    fn shown<'a>(&'a self, columns: &'a [Column]) -> Vec<(String, &'a str)> {
        match &self.fields {
            Some(fields) => fields.iter().map(|field| (escape(field.name()).to_uppercase(), field.pointer())).collect(),
            None => {
                let all = self.format == Format::Wide;
                let columns = columns.iter().filter(|column| all || !column.wide);
                columns.map(|column| (column.head.to_owned(), column.pointer)).collect()
            }
        }
    }

    fn table(&self, items: &[Value], columns: &[Column]) -> String {
        let shown = self.shown(columns);
        let heads: Vec<String> = shown.iter().map(|(head, _)| head.clone()).collect();
        table(&heads, items.iter().map(|item| shown.iter().map(|(_, pointer)| cell(item, pointer)).collect()))
    }

    fn detail(&self, item: &Value, columns: &[Column]) -> String {
        let asked = self.fields.is_some();
        let shown = self.shown(columns).into_iter();
        let full = shown.filter(|(_, pointer)| asked || item.pointer(pointer).is_some_and(|value| !is_empty(value)));
        detail(&full.map(|(head, pointer)| (head, cell(item, pointer))).collect::<Vec<_>>())
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

/// Prints a line for people, quiet or not: what they must do, else nothing goes on.
pub(crate) fn tell(text: &str) {
    progress::clear();
    let _closed_stderr = writeln!(anstream::stderr().lock(), "{}", escape(text));
}

/// JSON for reading, safe on a terminal.
pub(crate) fn pretty(value: &Value) -> String {
    escape_json(&serde_json::to_string_pretty(value).unwrap_or_else(|_| value.to_string()))
}

/// YAML, or JSON (which is YAML) where YAML's plain form would hold something that deceives.
fn yaml(value: &Value) -> Result<String, Failure> {
    let text = serde_saphyr::to_string(value).map_err(|error| Failure::internal("the answer has no YAML form", &error))?;
    Ok(if is_plain(&text) { text.trim_end().to_owned() } else { pretty(value) })
}

/// Writes a line of data; a reader that has gone ends the program without a message, as `head` expects.
pub(crate) fn print_data(text: &str) -> Result<(), Failure> {
    progress::clear();
    let mut stdout = anstream::stdout().lock();
    let written = writeln!(stdout, "{text}").and_then(|()| stdout.flush());
    written.map_err(|error| {
        let gone = error.kind() == std::io::ErrorKind::BrokenPipe;
        let exit = if gone { Exit::Closed } else { Exit::Failed };
        Failure::new(exit, codes::STDOUT, "cannot write to stdout")
            .why(error.to_string())
            .next("write to a place with free space, or through a pipe that is read")
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn printer(format: Format, fields: Option<&str>) -> Printer {
        Printer { format, fields: fields.map(|text| text.parse().unwrap()), quiet: true, verbose: false }
    }

    #[test]
    fn a_detail_leaves_out_what_is_empty_unless_it_was_asked_for() {
        let item = json!({ "name": "a", "why": "", "list": [], "n": 0 });
        let columns = [column("name", "/name"), column("why", "/why"), column("list", "/list"), column("number", "/n")];
        assert_eq!(printer(Format::Table, None).detail(&item, &columns), "name    a\nnumber  0");
        assert_eq!(printer(Format::Table, Some("why,n")).detail(&item, &columns), "WHY  \nN    0");
    }

    #[test]
    fn wide_shows_more_and_fields_show_what_they_say() {
        let items = [json!({ "name": "a", "uid": "u", "deep": { "er": 1 } })];
        let columns = [column("NAME", "/name"), wide("UID", "/uid")];
        assert_eq!(printer(Format::Table, None).table(&items, &columns), "NAME\na");
        assert_eq!(printer(Format::Wide, None).table(&items, &columns), "NAME  UID\na     u");
        assert_eq!(printer(Format::Table, Some("uid,deep/er")).table(&items, &columns), "UID  DEEP/ER\nu    1");
    }

    #[test]
    fn yaml_of_anything_is_plain_and_the_same_value() {
        for text in ["a", "\u{202e}b", "\u{1b}[2J", "a: b\n- c", "\u{9b}", "'\"", "yes", "null", "1", ""] {
            let value = json!([{ "k": text, "n": 1.5 }]);
            let written = yaml(&value).unwrap();
            assert!(is_plain(&written), "{written}");
            assert_eq!(serde_saphyr::from_str::<Value>(&written).unwrap(), value, "{written}");
        }
    }
}
