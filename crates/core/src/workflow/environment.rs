//! Values at run time: what references give, and templates filled in.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::EvalError;
use super::reference::{Reference, Root, Segment};
use super::template::{Piece, Template};

/// Most bytes that may be copied for one call or for the result; what one call or one result may hold, see [`crate::payload::LEN_MAX`].
///
/// Without it a short text that refers a thousand times to one large result would fill the memory.
const COPIED_MAX: usize = crate::payload::LEN_MAX;

/// What a template gives, without a copy where that is possible.
#[derive(Debug)]
pub(super) enum View<'v, 'a> {
    /// A value.
    One(Cow<'v, Value>),
    /// The results of a `for_each` step.
    Many(&'v [&'a Value]),
}

/// What references are looked up in.
#[derive(Debug)]
pub(super) struct Environment<'a> {
    input: &'a Value,
    outputs: BTreeMap<&'a str, &'a Value>,
    lists: BTreeMap<&'a str, Vec<&'a Value>>,
    item: Option<(&'a str, Value)>,
    copied: Cell<usize>,
}

impl<'a> Environment<'a> {
    /// An environment in which no step has run.
    pub(super) const fn new(input: &'a Value) -> Self {
        Self { input, outputs: BTreeMap::new(), lists: BTreeMap::new(), item: None, copied: Cell::new(0) }
    }

    /// Notes the result of a step that ran once.
    pub(super) fn put_output(&mut self, step: &'a str, output: &'a Value) {
        self.outputs.insert(step, output);
    }

    /// Notes the results of a finished `for_each` step, in order of their items.
    pub(super) fn put_list(&mut self, step: &'a str, outputs: Vec<&'a Value>) {
        self.lists.insert(step, outputs);
    }

    /// Sets the item at hand.
    pub(super) fn put_item(&mut self, item: Option<(&'a str, Value)>) {
        self.item = item;
    }

    /// Starts counting copied bytes anew, for the next call.
    pub(super) fn forget_copies(&self) {
        self.copied.set(0);
    }

    fn charge(&self, bytes: usize) -> Result<(), EvalError> {
        let copied = self.copied.get().saturating_add(bytes);
        self.copied.set(copied);
        if copied > COPIED_MAX { Err(EvalError::TooLarge { limit: COPIED_MAX }) } else { Ok(()) }
    }

    fn copy(&self, value: &Value) -> Result<Value, EvalError> {
        self.charge(weight(value))?;
        Ok(value.clone())
    }

    /// What a template gives, copied only if it is not one reference.
    pub(super) fn view<'v>(&'v self, template: &'v Template) -> Result<View<'v, 'a>, EvalError> {
        match template {
            Template::Literal(value) => Ok(View::One(Cow::Borrowed(value))),
            Template::Reference(reference) => self.look_up(reference),
            Template::Text(_) | Template::List(_) | Template::Object(_) => self.fill(template).map(Cow::Owned).map(View::One),
        }
    }

    /// The template with every reference replaced.
    pub(super) fn fill(&self, template: &Template) -> Result<Value, EvalError> {
        match template {
            Template::Literal(value) => self.copy(value),
            Template::Reference(reference) => match self.look_up(reference)? {
                View::One(value) => self.copy(&value),
                View::Many(items) => items.iter().map(|item| self.copy(item)).collect::<Result<_, _>>().map(Value::Array),
            },
            Template::Text(pieces) => self.fill_text(pieces).map(Value::String),
            Template::List(items) => items.iter().map(|item| self.fill(item)).collect::<Result<_, _>>().map(Value::Array),
            Template::Object(members) => {
                let mut map = Map::new();
                for (name, member) in members {
                    map.insert(name.clone(), self.fill(member)?);
                }
                Ok(Value::Object(map))
            }
        }
    }

    fn fill_text(&self, pieces: &[Piece]) -> Result<String, EvalError> {
        let mut text = String::new();
        for piece in pieces {
            let reference = match piece {
                Piece::Plain(plain) => {
                    self.charge(plain.len())?;
                    text.push_str(plain);
                    continue;
                }
                Piece::Reference(reference) => reference,
            };
            let wrong = || EvalError::Result { reference: reference.text.clone() };
            let View::One(value) = self.look_up(reference)? else { return Err(wrong()) };
            let part = match value.as_ref() {
                Value::String(part) => Cow::Borrowed(part.as_str()),
                Value::Number(number) if !number.is_f64() => Cow::Owned(number.to_string()),
                Value::Bool(flag) => Cow::Borrowed(if *flag { "true" } else { "false" }),
                Value::Null | Value::Number(_) | Value::Array(_) | Value::Object(_) => return Err(wrong()),
            };
            self.charge(part.len())?;
            text.push_str(&part);
        }
        Ok(text)
    }

    fn look_up<'v>(&'v self, reference: &'v Reference) -> Result<View<'v, 'a>, EvalError> {
        let found = match &reference.root {
            Root::Input => walk(self.input, &reference.path),
            Root::Output(step) => self.outputs.get(step.as_str()).and_then(|output| walk(output, &reference.path)),
            Root::Item(name) => match &self.item {
                Some((item, value)) if item == name => walk(value, &reference.path),
                Some(_) | None => None,
            },
            Root::Outputs(step) => {
                let list = self.lists.get(step.as_str()).map(Vec::as_slice);
                match (list, reference.path.split_first()) {
                    (Some(list), None) => return Ok(View::Many(list)),
                    (Some(list), Some((Segment::Index(index), rest))) => list.get(*index).and_then(|output| walk(output, rest)),
                    (Some(_), Some((Segment::Key(_), _))) | (None, _) => None,
                }
            }
        };
        match found.or(reference.default.as_ref()) {
            Some(value) => Ok(View::One(Cow::Borrowed(value))),
            None => Err(EvalError::Result { reference: reference.text.clone() }),
        }
    }
}

fn walk<'v>(value: &'v Value, path: &[Segment]) -> Option<&'v Value> {
    path.iter().try_fold(value, |value, segment| segment.step(value))
}

/// About how many bytes a copy takes.
fn weight(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 8,
        Value::String(text) => text.len().saturating_add(8),
        Value::Array(items) => items.iter().fold(8, |sum, item| sum.saturating_add(weight(item))),
        Value::Object(map) => {
            map.iter().fold(8, |sum, (name, value)| sum.saturating_add(name.len()).saturating_add(weight(value)))
        }
    }
}
