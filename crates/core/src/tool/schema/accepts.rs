//! Static wiring: may a value of one schema stand where another is wanted.

use super::{Array, Kind, Object, Schema, Text};

impl Schema {
    /// Whether a value described by `other` may stand where `self` is wanted.
    ///
    /// Types, properties and enums must be contained; ranges of lengths and numbers need only overlap, for
    /// [`Schema::check`] runs on every call's actual arguments and a tool's result rarely states a length.
    #[must_use]
    pub fn accepts(&self, other: &Self) -> bool {
        match (self.kind(), other.kind()) {
            (Kind::Object(wanted), Kind::Object(given)) => wanted.accepts(given),
            (Kind::Array(wanted), Kind::Array(given)) => wanted.accepts(given),
            (Kind::Text(wanted), Kind::Text(given)) => wanted.accepts(given),
            (Kind::Integer(wanted), Kind::Integer(given)) => wanted.min <= given.max && given.min <= wanted.max,
            (Kind::Number, Kind::Number | Kind::Integer(_)) | (Kind::Boolean, Kind::Boolean) => true,
            (Kind::Object(_) | Kind::Array(_) | Kind::Text(_) | Kind::Integer(_) | Kind::Number | Kind::Boolean, _) => false,
        }
    }
}

impl Object {
    fn accepts(&self, given: &Self) -> bool {
        self.required.is_subset(&given.required)
            && given
                .properties
                .iter()
                .all(|(name, schema)| self.properties.get(name).is_some_and(|wanted| wanted.accepts(schema)))
    }
}

impl Array {
    fn accepts(&self, given: &Self) -> bool {
        overlap((self.items_min, self.items_max), (given.items_min, given.items_max))
            && (self.items.accepts(&given.items) || given.items_max == Some(0))
    }
}

impl Text {
    fn accepts(&self, given: &Self) -> bool {
        match (&self.values, &given.values) {
            (_, Some(values)) => values.iter().all(|value| self.fits(value)),
            (Some(_), None) => false,
            (None, None) => overlap((self.len_min, self.len_max), (given.len_min, given.len_max)),
        }
    }
}

fn overlap(wanted: (u64, Option<u64>), given: (u64, Option<u64>)) -> bool {
    wanted.1.is_none_or(|max| given.0 <= max) && given.1.is_none_or(|max| wanted.0 <= max)
}
