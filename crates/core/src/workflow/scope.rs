//! Static types: what a reference gives at a place of the file, and whether a template fits a schema.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::Fault;
use super::reference::{Reference, Root, Segment};
use super::template::{Piece, Template};
use crate::tool::schema::{Kind, Schema};

/// What an earlier step leaves behind.
#[derive(Debug, Clone)]
pub(super) struct Left {
    /// Schema of one result.
    pub(super) output: Schema,
    /// Whether it may not run at all.
    pub(super) conditional: bool,
    /// Whether it is a `for_each` step.
    pub(super) many: bool,
}

/// What may be referred to at a place.
#[derive(Debug)]
pub(super) struct Scope {
    /// The workflow's input.
    pub(super) input: Schema,
    /// Ids of all steps, also of later ones, to tell a cycle from a typing error.
    pub(super) ids: BTreeSet<String>,
    /// The earlier steps.
    pub(super) earlier: BTreeMap<String, Left>,
    /// The item at hand.
    pub(super) item: Option<(String, Schema)>,
}

impl Scope {
    /// The type of a reference.
    pub(super) fn resolve(&self, reference: &Reference) -> Result<Schema, Fault> {
        let nowhere = |reason: String| Fault::UnknownReference { reference: reference.text.clone(), reason };
        let (mut schema, mut optional) = match &reference.root {
            Root::Input => (self.input.clone(), false),
            Root::Item(name) => match &self.item {
                Some((item, schema)) if item == name => (schema.clone(), false),
                Some(_) | None => return Err(nowhere(format!("`{name}` is not the name of an item here"))),
            },
            Root::Output(id) => match self.left(id, reference)? {
                left if left.many => return Err(nowhere(format!("`{id}` is a for_each step, which has .outputs"))),
                left => (left.output.clone(), left.conditional),
            },
            Root::Outputs(id) => match self.left(id, reference)? {
                left if left.many => (Schema::list(left.output.clone()), false),
                _ => return Err(nowhere(format!("`{id}` is no for_each step, so it has .output"))),
            },
        };
        for segment in &reference.path {
            let (next, present) = follow(&schema, segment).ok_or_else(|| nowhere(nothing_at(&schema, segment)))?;
            optional |= !present;
            schema = next;
        }
        match &reference.default {
            None if optional => Err(Fault::Optional { reference: reference.text.clone() }),
            None => Ok(schema),
            Some(default) => schema
                .check(default)
                .map(|()| schema)
                .map_err(|violation| Fault::Mismatch { reason: format!("default of `{}` {}", reference.text, violation.reason) }),
        }
    }

    fn left(&self, id: &str, reference: &Reference) -> Result<&Left, Fault> {
        self.earlier.get(id).ok_or_else(|| {
            if self.ids.contains(id) {
                Fault::Cycle { reference: reference.text.clone() }
            } else {
                Fault::UnknownReference { reference: reference.text.clone(), reason: format!("there is no step `{id}`") }
            }
        })
    }

    /// Checks that a template gives values of `wanted`; the path of a fault is relative to the template.
    pub(super) fn fit(&self, template: &Template, wanted: &Schema) -> Result<(), (String, Fault)> {
        let here = |fault| (String::new(), fault);
        let mismatch = |reason: String| (String::new(), Fault::Mismatch { reason });
        match (template, wanted.kind()) {
            (Template::Literal(value), _) => {
                wanted.check(value).map_err(|violation| mismatch(format!("value {}", violation.reason)))
            }
            (Template::Reference(reference), _) => {
                let given = self.resolve(reference).map_err(here)?;
                if wanted.accepts(&given) {
                    Ok(())
                } else {
                    Err(mismatch(format!("`{}` gives {}, but {} is wanted", reference.text, brief(&given), brief(wanted))))
                }
            }
            (Template::Text(pieces), Kind::Text(text)) if text.values.is_none() => self.fit_pieces(pieces).map_err(here),
            (Template::Text(_), _) => {
                Err(mismatch(format!("a text with references in it is given, but {} is wanted", brief(wanted))))
            }
            (Template::List(items), Kind::Array(array)) => {
                let len = items.len() as u64;
                if len < array.items_min || array.items_max.is_some_and(|max| len > max) {
                    return Err(mismatch(format!("{len} items are out of range")));
                }
                let fit = |(index, item)| self.fit(item, &array.items).map_err(|(at, fault)| (format!(".{index}{at}"), fault));
                items.iter().enumerate().try_for_each(fit)
            }
            (Template::Object(members), Kind::Object(object)) => {
                if let Some(name) = object.required.iter().find(|name| !members.contains_key(*name)) {
                    return Err(mismatch(format!("the required `{name}` is missing")));
                }
                for (name, member) in members {
                    let schema = object.properties.get(name).ok_or_else(|| mismatch(format!("there is no `{name}`")))?;
                    self.fit(member, schema).map_err(|(at, fault)| (format!(".{name}{at}"), fault))?;
                }
                Ok(())
            }
            (Template::List(_), _) => Err(mismatch(format!("a list is given, but {} is wanted", brief(wanted)))),
            (Template::Object(_), _) => Err(mismatch(format!("an object is given, but {} is wanted", brief(wanted)))),
        }
    }

    /// Checks a template that may give anything: only its references must lead somewhere.
    pub(super) fn fit_any(&self, template: &Template) -> Result<(), (String, Fault)> {
        let here = |fault| (String::new(), fault);
        match template {
            Template::Literal(_) => Ok(()),
            Template::Reference(reference) => self.resolve(reference).map(|_| ()).map_err(here),
            Template::Text(pieces) => self.fit_pieces(pieces).map_err(here),
            Template::List(items) => {
                let fit = |(index, item)| self.fit_any(item).map_err(|(at, fault)| (format!(".{index}{at}"), fault));
                items.iter().enumerate().try_for_each(fit)
            }
            Template::Object(members) => members
                .iter()
                .try_for_each(|(name, member)| self.fit_any(member).map_err(|(at, fault)| (format!(".{name}{at}"), fault))),
        }
    }

    fn fit_pieces(&self, pieces: &[Piece]) -> Result<(), Fault> {
        for piece in pieces {
            let Piece::Reference(reference) = piece else { continue };
            match self.resolve(reference)?.kind() {
                Kind::Text(_) | Kind::Integer(_) | Kind::Boolean => {}
                other @ (Kind::Object(_) | Kind::Array(_) | Kind::Number) => {
                    let reason = format!("`{}` gives {}, which has no place inside a text", reference.text, other.keyword());
                    return Err(Fault::Mismatch { reason });
                }
            }
        }
        Ok(())
    }

    /// The type of a template where the file does not say what is wanted: operands of conditions and `for_each` lists.
    pub(super) fn infer(&self, template: &Template) -> Result<Schema, Fault> {
        match template {
            Template::Literal(value) => infer_literal(value),
            Template::Reference(reference) => self.resolve(reference),
            Template::Text(pieces) => self.fit_pieces(pieces).map(|()| Schema::text()),
            Template::List(items) => {
                let first = items.first().ok_or_else(|| Fault::Mismatch { reason: "a written list is empty".to_owned() })?;
                let schema = self.infer(first)?;
                for item in items {
                    let given = self.infer(item)?;
                    if !schema.accepts(&given) {
                        return Err(Fault::Mismatch {
                            reason: format!("items of a list differ: {} and {}", brief(&schema), brief(&given)),
                        });
                    }
                }
                Ok(Schema::list(schema))
            }
            Template::Object(_) => Err(Fault::Mismatch { reason: "an object cannot stand here".to_owned() }),
        }
    }
}

fn infer_literal(value: &Value) -> Result<Schema, Fault> {
    let kind = match value {
        Value::String(_) => return Ok(Schema::text()),
        Value::Bool(_) => Kind::Boolean,
        Value::Number(number) if number.is_f64() => Kind::Number,
        Value::Number(_) => Kind::Integer(crate::tool::schema::Integer::default()),
        Value::Null | Value::Array(_) | Value::Object(_) => {
            return Err(Fault::Mismatch { reason: "null cannot stand here".to_owned() });
        }
    };
    Ok(Schema::new(kind))
}

/// The schema one part further, and whether the part is always there.
fn follow(schema: &Schema, segment: &Segment) -> Option<(Schema, bool)> {
    match (schema.kind(), segment) {
        (Kind::Object(_), Segment::Key(key)) => schema.property(key).map(|next| (next.clone(), schema.requires(key))),
        (Kind::Array(array), Segment::Index(index)) => Some((Schema::clone(&array.items), (*index as u64) < array.items_min)),
        (Kind::Object(_) | Kind::Array(_) | Kind::Text(_) | Kind::Integer(_) | Kind::Number | Kind::Boolean, _) => None,
    }
}

fn nothing_at(schema: &Schema, segment: &Segment) -> String {
    let part = match segment {
        Segment::Key(key) => key.clone(),
        Segment::Index(index) => index.to_string(),
    };
    let known: Vec<&str> = schema.properties().map(|(name, _)| name).take(10).collect();
    match known.as_slice() {
        [] => format!("a value of type {} has no `{part}`", schema.kind().keyword()),
        names => format!("there is no `{part}`, only {}", names.join(", ")),
    }
}

/// A schema in a few words, for messages.
pub(super) fn brief(schema: &Schema) -> String {
    let names = |names: &mut dyn Iterator<Item = &str>| names.take(10).collect::<Vec<_>>().join(", ");
    match schema.kind() {
        Kind::Object(_) => format!("an object with {}", names(&mut schema.properties().map(|(name, _)| name))),
        Kind::Array(array) => format!("a list, each item {}", brief(&array.items)),
        Kind::Text(text) => match &text.values {
            Some(values) => format!("one of {}", names(&mut values.iter().map(String::as_str))),
            None => "a text".to_owned(),
        },
        Kind::Integer(_) => "an integer".to_owned(),
        Kind::Number => "a number".to_owned(),
        Kind::Boolean => "a boolean".to_owned(),
    }
}
