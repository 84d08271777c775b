//! Default, file, environment, flags: merged, each value with its origin.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize as _;
use toml::{Table, Value};

use super::suggest::nearest;
use super::{CONFIG_VARIABLE, Error, FAILPOINT_VARIABLE, KEYS, Key, Origin, Settings, Shape};

/// Longest file, in bytes; a full one takes 4 KiB.
const FILE_LEN_MAX: u64 = 256 << 10;

/// Everything that a configuration is made from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sources {
    /// The file.
    pub file: PathBuf,
    /// Environment variables of the daemon, as [`super::process`] gives them.
    pub environment: Vec<(String, String)>,
    /// Values given by flags, as `server.listen=127.0.0.1:0`.
    pub flags: Vec<String>,
}

/// Settings and the origin of each that is not the default.
pub(super) type Layered = (Settings, BTreeMap<&'static str, Origin>);

impl Sources {
    /// Reads the file and lays the others over it.
    pub(super) fn read(&self) -> Result<Layered, Error> {
        let text = read_file(&self.file).map_err(|source| Error::Unreadable { path: self.file.clone(), source })?;
        self.merge(&text)
    }

    /// Lays environment and flags over the text of the file.
    pub(super) fn merge(&self, text: &str) -> Result<Layered, Error> {
        let _typed: Settings = toml::from_str(text).map_err(|error| file_error(&self.file, text, &error))?;
        let mut table: Table = toml::from_str(text).map_err(|error| file_error(&self.file, text, &error))?;
        let mut origins = BTreeMap::new();
        for key in KEYS.iter().filter(|key| get(&table, key.path).is_some()) {
            origins.insert(key.path, Origin::File { path: self.file.clone(), line: line_of(text, key.path) });
        }
        for (origin, key, value) in self.overrides()? {
            let value = value_of(key, &value).and_then(|value| check(key, &value).map(|()| value));
            let value = value.map_err(|reason| Error::Value { origin: origin.clone(), key: key.path, reason })?;
            put(&mut table, key.path, value);
            origins.insert(key.path, origin);
        }
        let refused = |error: toml::de::Error| Error::Refused {
            origin: Origin::File { path: self.file.clone(), line: None },
            reason: error.message().to_owned(),
        };
        Ok((Settings::deserialize(table).map_err(refused)?, origins))
    }

    /// Environment first, then flags, which win.
    fn overrides(&self) -> Result<Vec<(Origin, &'static Key, String)>, Error> {
        let mut found = Vec::new();
        let special = [CONFIG_VARIABLE, FAILPOINT_VARIABLE];
        for (variable, value) in self.environment.iter().filter(|(name, _)| !special.contains(&name.as_str())) {
            let origin = Origin::Environment { variable: variable.clone() };
            let Some(key) = KEYS.iter().find(|key| key.variable() == *variable) else {
                let names: Vec<String> = KEYS.iter().map(Key::variable).collect();
                let suggestion = nearest(variable, names.iter().map(String::as_str)).map(str::to_owned);
                return Err(Error::UnknownKey { origin, key: variable.clone(), suggestion });
            };
            found.push((origin, key, value.clone()));
        }
        for text in &self.flags {
            let (path, value) = text.split_once('=').unwrap_or((text, ""));
            let origin = Origin::Flag { text: format!("--set {path}") };
            let key = Key::find(path).ok_or_else(|| {
                let suggestion = nearest(path, KEYS.iter().map(|key| key.path)).map(str::to_owned);
                Error::UnknownKey { origin: origin.clone(), key: path.to_owned(), suggestion }
            })?;
            found.push((origin, key, value.to_owned()));
        }
        Ok(found)
    }
}

fn read_file(path: &Path) -> std::io::Result<String> {
    use std::io::{Error, ErrorKind, Read as _};
    let mut text = String::new();
    std::fs::File::open(path)?.take(FILE_LEN_MAX + 1).read_to_string(&mut text)?;
    if text.len() as u64 > FILE_LEN_MAX {
        Err(Error::new(ErrorKind::FileTooLarge, "file is longer than 256 KiB"))
    } else {
        Ok(text)
    }
}

fn file_error(path: &Path, text: &str, error: &toml::de::Error) -> Error {
    let line = error.span().and_then(|span| text.get(..span.start)).map(|before| before.matches('\n').count() + 1);
    let origin = Origin::File { path: path.to_owned(), line };
    let mut words = error.message().split('`');
    match (words.next(), words.next()) {
        (Some("unknown field "), Some(key)) => {
            let section = line.map(|line| section_at(text, line)).unwrap_or_default();
            let prefix = if section.is_empty() { String::new() } else { format!("{section}.") };
            let known: Vec<&str> = words.filter(|word| !word.contains([' ', ','])).collect();
            let suggestion = nearest(key, known).map(|near| format!("{prefix}{near}"));
            Error::UnknownKey { origin, key: format!("{prefix}{key}"), suggestion }
        }
        _ => Error::Refused { origin, reason: error.message().to_owned() },
    }
}

/// The section that a line stands in; nothing for the head of the file and for a section's own line.
fn section_at(text: &str, line: usize) -> String {
    let header =
        |line: &str| line.trim().strip_prefix('[').and_then(|rest| rest.split(']').next()).map(|name| name.trim().to_owned());
    let mut lines: Vec<&str> = text.lines().take(line).collect();
    if lines.pop().is_some_and(|own| header(own).is_some()) {
        return String::new();
    }
    lines.iter().rev().find_map(|line| header(line)).unwrap_or_default()
}

/// The value of a text in the key's shape.
fn value_of(key: &Key, text: &str) -> Result<Value, String> {
    match key.shape {
        Shape::Text => Ok(Value::String(text.to_owned())),
        Shape::Flag => text.parse().map(Value::Boolean).map_err(|_| format!("`{text}` is not true or false")),
        Shape::Number => text.parse().map(Value::Integer).map_err(|_| format!("`{text}` is not a whole number")),
        Shape::List => {
            let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
            Ok(Value::Array(items.map(|item| Value::String(item.to_owned())).collect()))
        }
        Shape::Witnesses => {
            let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
            items.map(witness).collect::<Result<_, _>>().map(Value::Array)
        }
        Shape::Tables => {
            let table: Result<Table, _> = toml::from_str(&format!("tables = {text}"));
            let tables = table.ok().filter(|table| table.len() == 1).and_then(|mut table| table.remove("tables"));
            tables.ok_or_else(|| "it is no list of tables in TOML".to_owned())
        }
    }
}

fn witness(text: &str) -> Result<Value, String> {
    let (key, url) = text.split_once(' ').ok_or_else(|| format!("`{text}` is not a key, a space and an address"))?;
    let value = |text: &str| Value::String(text.trim().to_owned());
    Ok(Value::Table(Table::from_iter([("key".to_owned(), value(key)), ("url".to_owned(), value(url))])))
}

/// Whether the value fits by itself, so that an error names the key that it is about.
fn check(key: &Key, value: &Value) -> Result<(), String> {
    let mut alone = Table::new();
    put(&mut alone, key.path, value.clone());
    Settings::deserialize(alone).map(drop).map_err(|error| error.message().to_owned())
}

fn get<'a>(table: &'a Table, path: &str) -> Option<&'a Value> {
    let mut parts = path.split('.');
    let mut value = table.get(parts.next()?)?;
    for part in parts {
        value = value.get(part)?;
    }
    Some(value)
}

fn put(table: &mut Table, path: &str, value: Value) {
    match path.split_once('.') {
        None => drop(table.insert(path.to_owned(), value)),
        Some((section, rest)) => {
            let section = table.entry(section).or_insert_with(|| Value::Table(Table::new()));
            if let Value::Table(inner) = section {
                put(inner, rest, value);
            }
        }
    }
}

/// The line of `key = …` under `[section]`; `None` for other ways to write it.
fn line_of(text: &str, path: &str) -> Option<usize> {
    let (section, key) = path.rsplit_once('.')?;
    let mut current = "";
    for (number, line) in (1..).zip(text.lines().map(str::trim)) {
        if let Some(header) = line.strip_prefix('[').and_then(|rest| rest.split(']').next()) {
            current = header.trim();
        } else if current == section && line.split('=').next().is_some_and(|name| name.trim() == key) {
            return Some(number);
        }
    }
    None
}
