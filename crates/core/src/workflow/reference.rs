//! References: `input.a.b`, `steps.scan.output.x`, `steps.scan.outputs`, `item.x`, each with an optional `?? literal`.

use serde_json::Value;

use super::{Fault, STEP_ID_LEN_MAX};
use crate::tool::schema::PROPERTY_LEN_MAX;

/// Most segments of a reference's path; a schema nests no deeper.
const SEGMENTS_MAX: usize = 20;

/// A reference.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Reference {
    /// Where it starts.
    pub(super) root: Root,
    /// The way from there.
    pub(super) path: Vec<Segment>,
    /// What stands in where the way ends early.
    pub(super) default: Option<Value>,
    /// The text as written, without `${` and `}`.
    pub(super) text: String,
}

/// Where a reference starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Root {
    /// The workflow's input.
    Input,
    /// The result of a step that runs once.
    Output(String),
    /// The results of a `for_each` step, as a list.
    Outputs(String),
    /// The item at hand.
    Item(String),
}

/// One part of a way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Segment {
    /// A property.
    Key(String),
    /// An item by its index from 0.
    Index(usize),
}

impl Reference {
    /// Reads the text between `${` and `}`.
    pub(super) fn parse(text: &str) -> Result<Self, Fault> {
        let refuse = |reason| Fault::Syntax { text: format!("${{{}}}", text.chars().take(80).collect::<String>()), reason };
        let (way, default) = match text.split_once("??") {
            None => (text, None),
            Some((way, literal)) => {
                let literal = crate::json::parse(literal.trim().as_bytes()).map_err(|_| refuse("its default is not JSON"))?;
                (way, Some(literal))
            }
        };
        let mut parts = way.trim().split('.');
        let root = match parts.next() {
            Some("input") => Root::Input,
            Some("steps") => {
                let id = parts.next().filter(|id| is_id(id)).ok_or_else(|| refuse("steps. needs the id of a step"))?.to_owned();
                match parts.next() {
                    Some("output") => Root::Output(id),
                    Some("outputs") => Root::Outputs(id),
                    Some(_) | None => return Err(refuse("the id of a step is followed by .output or .outputs")),
                }
            }
            Some(name) if is_id(name) => Root::Item(name.to_owned()),
            Some(_) | None => return Err(refuse("it starts with none of input, steps or an item's name")),
        };
        let path = parts
            .map(Segment::parse)
            .collect::<Option<Vec<_>>>()
            .ok_or_else(|| refuse("a part of it is no name and no index"))?;
        if path.len() > SEGMENTS_MAX {
            return Err(refuse("it has too many parts"));
        }
        Ok(Self { root, path, default, text: text.trim().to_owned() })
    }
}

impl Segment {
    fn parse(part: &str) -> Option<Self> {
        let bytes = part.as_bytes();
        if bytes.is_empty() || bytes.len() > PROPERTY_LEN_MAX {
            return None;
        }
        if bytes.iter().all(u8::is_ascii_digit) {
            return part.parse().ok().map(Self::Index);
        }
        bytes.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-')).then(|| Self::Key(part.to_owned()))
    }

    /// The value one part further, if it is there.
    pub(super) fn step<'a>(&self, value: &'a Value) -> Option<&'a Value> {
        match self {
            Self::Key(key) => value.as_object().and_then(|map| map.get(key)),
            Self::Index(index) => value.as_array().and_then(|items| items.get(*index)),
        }
    }
}

/// Whether a text may be the id of a step or the name of an item.
pub(super) fn is_id(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() <= STEP_ID_LEN_MAX
        && bytes.first().is_some_and(u8::is_ascii_lowercase)
        && bytes.iter().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_'))
        && !matches!(text, "input" | "steps")
}
