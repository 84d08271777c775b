//! Schemas of arguments and results: a strict subset of JSON Schema.
//!
//! The subset is what three readers understand without remainder: the policy schema derived from it (semantics §3.3),
//! the static wiring of workflows, and the exact check of every call. So it is closed: an object has no properties but
//! those named, an unknown keyword is refused, and there is no `null`, `oneOf`, `$ref` or `pattern`.
//!
//! **Invariant:** [`Schema::check`], [`Schema::accepts`] and `Display` are total; nothing in them recurses deeper than
//! [`DEPTH_MAX`].

mod accepts;
mod check;
mod parse;
mod render;

use std::collections::{BTreeMap, BTreeSet};

pub use check::Violation;

/// Deepest nesting of a schema; arguments of real tools stay under 5, and every walk recurses this far.
pub const DEPTH_MAX: usize = 16;

/// Most properties of one schema, over all its objects; a model cannot fill more, a person cannot review more.
pub const PROPERTIES_MAX: usize = 256;

/// Longest name of a property, in bytes.
pub const PROPERTY_LEN_MAX: usize = 64;

/// Most values of one `enum`.
pub const ENUM_MAX: usize = 256;

/// Largest magnitude of an integer: what RFC 8785 writes without rounding.
pub const INTEGER_MAX: i64 = (1 << 53) - 1;

/// A schema.
#[derive(Debug, Clone, PartialEq)]
pub struct Schema {
    description: Option<String>,
    kind: Kind,
}

/// What values a schema describes.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// An object with these properties and no others.
    Object(Object),
    /// A list.
    Array(Array),
    /// A text.
    Text(Text),
    /// A whole number.
    Integer(Integer),
    /// Any finite number; legal in results only, for a policy cannot hold it.
    Number,
    /// True or false.
    Boolean,
}

/// An object's properties.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Object {
    /// Every property that may be there.
    pub properties: BTreeMap<String, Schema>,
    /// The properties that must be there; each is in `properties`.
    pub required: BTreeSet<String>,
}

/// A list's items and length.
#[derive(Debug, Clone, PartialEq)]
pub struct Array {
    /// The schema of every item.
    pub items: Box<Schema>,
    /// Fewest items.
    pub items_min: u64,
    /// Most items; `None` is no limit but that of the whole value.
    pub items_max: Option<u64>,
}

/// A text's length and, if it is an enumeration, its values.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Text {
    /// Shortest length, in Unicode scalar values as JSON Schema counts.
    pub len_min: u64,
    /// Longest length, in Unicode scalar values; `None` is no limit but that of the whole value.
    pub len_max: Option<u64>,
    /// The only legal values.
    pub values: Option<BTreeSet<String>>,
}

/// An integer's range, within ±[`INTEGER_MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Integer {
    /// Smallest value.
    pub min: i64,
    /// Largest value.
    pub max: i64,
}

impl Default for Integer {
    fn default() -> Self {
        Self { min: -INTEGER_MAX, max: INTEGER_MAX }
    }
}

/// Why a schema is refused. Paths are JSON pointers into the schema, empty for its root.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A keyword is outside the subset, or does not belong to that type.
    #[error("keyword `{keyword}` at `{path}` is outside the subset for this type")]
    Keyword {
        /// Where.
        path: String,
        /// The keyword.
        keyword: String,
    },
    /// There is no `type`, or none of the subset.
    #[error("type `{found}` at `{path}` is none of object, array, string, integer, number, boolean")]
    Type {
        /// Where.
        path: String,
        /// What stands there.
        found: String,
    },
    /// A keyword's value has the wrong shape.
    #[error("value of `{keyword}` at `{path}` is not {expected}")]
    Value {
        /// Where.
        path: String,
        /// The keyword.
        keyword: &'static str,
        /// What it must be.
        expected: &'static str,
    },
    /// A range is empty.
    #[error("range of `{keyword}` at `{path}` is empty")]
    Range {
        /// Where.
        path: String,
        /// The lower keyword of the range.
        keyword: &'static str,
    },
    /// A property's name is not `[A-Za-z_][A-Za-z0-9_-]*` of at most [`PROPERTY_LEN_MAX`] bytes.
    #[error("property `{name}` at `{path}` is not a letter or `_` followed by letters, digits, `_` or `-`")]
    Property {
        /// Where.
        path: String,
        /// The name.
        name: String,
    },
    /// `required` names what `properties` does not.
    #[error("required property `{name}` at `{path}` is not among the properties")]
    Required {
        /// Where.
        path: String,
        /// The name.
        name: String,
    },
    /// It nests deeper than [`DEPTH_MAX`].
    #[error("schema nests deeper than {DEPTH_MAX} at `{path}`")]
    Depth {
        /// Where.
        path: String,
    },
    /// It has more properties than [`PROPERTIES_MAX`].
    #[error("schema has more than {PROPERTIES_MAX} properties at `{path}`")]
    Properties {
        /// Where.
        path: String,
    },
    /// A number that need not be whole stands in a schema of arguments.
    #[error("type `number` at `{path}` cannot be an argument, since policies hold whole numbers only")]
    Number {
        /// Where.
        path: String,
    },
    /// Arguments are not an object.
    #[error("arguments must be of type object, not `{found}`")]
    Root {
        /// The type that was given.
        found: &'static str,
    },
}

impl Schema {
    /// Wraps a kind that is made by code.
    #[must_use]
    pub const fn new(kind: Kind) -> Self {
        Self { description: None, kind }
    }

    /// Any text.
    #[must_use]
    pub fn text() -> Self {
        Self::new(Kind::Text(Text::default()))
    }

    /// A list of `items`, of any length.
    #[must_use]
    pub fn list(items: Self) -> Self {
        Self::new(Kind::Array(Array { items: Box::new(items), items_min: 0, items_max: None }))
    }

    /// The result of a tool without an output schema: `{"text": …}`.
    #[must_use]
    pub fn text_output() -> Self {
        let properties = BTreeMap::from([("text".to_owned(), Self::text())]);
        Self::new(Kind::Object(Object { properties, required: BTreeSet::from(["text".to_owned()]) }))
    }

    /// What values it describes.
    #[must_use]
    pub const fn kind(&self) -> &Kind {
        &self.kind
    }

    /// One sentence for people and models, if it was given.
    #[must_use]
    pub fn description(&self) -> Option<&str> {
        self.description.as_deref()
    }

    /// The schema of a property, if this is an object that has it.
    #[must_use]
    pub fn property(&self, name: &str) -> Option<&Self> {
        match &self.kind {
            Kind::Object(object) => object.properties.get(name),
            Kind::Array(_) | Kind::Text(_) | Kind::Integer(_) | Kind::Number | Kind::Boolean => None,
        }
    }

    /// The properties in order of name; none if this is no object.
    pub fn properties(&self) -> impl Iterator<Item = (&str, &Self)> {
        let properties = match &self.kind {
            Kind::Object(object) => Some(&object.properties),
            Kind::Array(_) | Kind::Text(_) | Kind::Integer(_) | Kind::Number | Kind::Boolean => None,
        };
        properties.into_iter().flatten().map(|(name, schema)| (name.as_str(), schema))
    }

    /// Whether every value has the property.
    #[must_use]
    pub fn requires(&self, name: &str) -> bool {
        match &self.kind {
            Kind::Object(object) => object.required.contains(name),
            Kind::Array(_) | Kind::Text(_) | Kind::Integer(_) | Kind::Number | Kind::Boolean => false,
        }
    }
}

impl Kind {
    /// The keyword of JSON Schema for it.
    #[must_use]
    pub const fn keyword(&self) -> &'static str {
        match self {
            Self::Object(_) => "object",
            Self::Array(_) => "array",
            Self::Text(_) => "string",
            Self::Integer(_) => "integer",
            Self::Number => "number",
            Self::Boolean => "boolean",
        }
    }
}

#[cfg(test)]
mod tests;
