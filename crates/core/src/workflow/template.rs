//! Templates: values in which texts may hold references.

use std::collections::BTreeMap;

use serde_json::Value;

use super::reference::Reference;
use super::{Fault, TEMPLATE_DEPTH_MAX};

/// A template.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Template {
    /// A null, a boolean, a number or a text without references.
    Literal(Value),
    /// A text that is one reference and nothing else: keeps the type of what it refers to.
    Reference(Reference),
    /// A text with references in it.
    Text(Vec<Piece>),
    /// A list.
    List(Vec<Self>),
    /// An object.
    Object(BTreeMap<String, Self>),
}

/// A part of a text.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Piece {
    /// Characters that stand for themselves.
    Plain(String),
    /// What the reference gives: a text, an integer or a boolean.
    Reference(Reference),
}

impl Template {
    /// Reads a value of a file; the path of a fault is relative to it.
    pub(super) fn parse(value: &Value) -> Result<Self, (String, Fault)> {
        Self::parse_at(value, 0)
    }

    fn parse_at(value: &Value, depth: usize) -> Result<Self, (String, Fault)> {
        if depth > TEMPLATE_DEPTH_MAX {
            return Err((String::new(), Fault::Depth));
        }
        match value {
            Value::Null | Value::Bool(_) | Value::Number(_) => Ok(Self::Literal(value.clone())),
            Value::String(text) => Self::parse_text(text).map_err(|fault| (String::new(), fault)),
            Value::Array(items) => {
                let parse =
                    |(index, item)| Self::parse_at(item, depth + 1).map_err(|(at, fault)| (format!(".{index}{at}"), fault));
                items.iter().enumerate().map(parse).collect::<Result<_, _>>().map(Self::List)
            }
            Value::Object(map) => {
                let parse = |(name, value): (&String, &Value)| match Self::parse_at(value, depth + 1) {
                    Ok(member) => Ok((name.clone(), member)),
                    Err((at, fault)) => Err((format!(".{name}{at}"), fault)),
                };
                map.iter().map(parse).collect::<Result<_, _>>().map(Self::Object)
            }
        }
    }

    fn parse_text(text: &str) -> Result<Self, Fault> {
        let mut pieces = pieces(text)?;
        match pieces.as_mut_slice() {
            [] => Ok(Self::Literal(Value::String(String::new()))),
            [Piece::Plain(plain)] => Ok(Self::Literal(Value::String(std::mem::take(plain)))),
            [Piece::Reference(_)] => match pieces.pop() {
                Some(Piece::Reference(reference)) => Ok(Self::Reference(reference)),
                Some(piece @ Piece::Plain(_)) => Ok(Self::Text(vec![piece])),
                None => Ok(Self::Text(Vec::new())),
            },
            _ => Ok(Self::Text(pieces)),
        }
    }

    /// Whether it refers to anything.
    pub(super) fn refers(&self) -> bool {
        match self {
            Self::Literal(_) => false,
            Self::Reference(_) | Self::Text(_) => true,
            Self::List(items) => items.iter().any(Self::refers),
            Self::Object(members) => members.values().any(Self::refers),
        }
    }
}

/// Splits a text at its references; neighbouring plain pieces are one.
fn pieces(text: &str) -> Result<Vec<Piece>, Fault> {
    let (mut pieces, mut plain, mut rest) = (Vec::new(), String::new(), text);
    while let Some((before, after)) = rest.split_once("${") {
        if let Some(before) = before.strip_suffix('$') {
            plain.push_str(before);
            plain.push_str("${");
            rest = after;
            continue;
        }
        plain.push_str(before);
        let end = closing(after).ok_or_else(|| Fault::Syntax {
            text: format!("${{{}", after.chars().take(80).collect::<String>()),
            reason: "its closing brace is missing",
        })?;
        let (inside, after) = after.split_at_checked(end).unwrap_or((after, ""));
        if !plain.is_empty() {
            pieces.push(Piece::Plain(std::mem::take(&mut plain)));
        }
        pieces.push(Piece::Reference(Reference::parse(inside)?));
        rest = after.strip_prefix('}').unwrap_or(after);
    }
    plain.push_str(rest);
    if !plain.is_empty() {
        pieces.push(Piece::Plain(plain));
    }
    Ok(pieces)
}

/// Where the brace that closes a reference stands; braces inside a quoted default do not count.
fn closing(text: &str) -> Option<usize> {
    let (mut quoted, mut escaped) = (false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'}' if !quoted => return Some(at),
            _ => {}
        }
    }
    None
}
