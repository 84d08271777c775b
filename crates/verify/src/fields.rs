//! Fields of an object, taken in their order: what is left over is unknown.

use crate::Refusal;
use crate::base;
use crate::hash::Hash;
use crate::json::Value;

/// Why fields do not fit.
const SCHEMA: &str = "schema";

/// The fields of an object that were not taken yet.
pub(crate) struct Fields<'d, 'p, I> {
    rest: I,
    next: Option<(Value<'d>, Value<'d>)>,
    place: &'p dyn Fn() -> String,
}

/// Begins to take the fields of an object.
pub(crate) fn of<'d, 'p>(
    value: Value<'d>,
    place: &'p dyn Fn() -> String,
) -> Result<Fields<'d, 'p, impl Iterator<Item = (Value<'d>, Value<'d>)> + use<'d>>, Refusal> {
    let mut rest = value.fields().ok_or_else(|| Refusal::new(SCHEMA, place(), "not an object"))?;
    let next = rest.next();
    Ok(Fields { rest, next, place })
}

impl<'d, I: Iterator<Item = (Value<'d>, Value<'d>)>> Fields<'d, '_, I> {
    fn refuse(&self, key: &str, what: &str) -> Refusal {
        let place = (self.place)();
        let place = if place.is_empty() { key.to_owned() } else { format!("{place}.{key}") };
        Refusal::new(SCHEMA, place, what)
    }

    /// A field, if it is there; keys are asked for in order.
    pub(crate) fn optional(&mut self, key: &str) -> Option<Value<'d>> {
        let (name, value) = self.next?;
        if name.plain() != Some(key) {
            return None;
        }
        self.next = self.rest.next();
        Some(value)
    }

    /// A field that must be there.
    pub(crate) fn value(&mut self, key: &str) -> Result<Value<'d>, Refusal> {
        self.optional(key).ok_or_else(|| self.refuse(key, "missing, or an unknown field stands before it"))
    }

    fn typed<T>(&self, key: &str, found: Option<T>, kind: &str) -> Result<T, Refusal> {
        found.ok_or_else(|| self.refuse(key, &format!("not {kind}")))
    }

    /// A string without escapes.
    pub(crate) fn plain(&mut self, key: &str) -> Result<&'d str, Refusal> {
        let value = self.value(key)?;
        self.typed(key, value.plain(), "a plain text")
    }

    /// The same, if it is there.
    pub(crate) fn optional_plain(&mut self, key: &str) -> Result<Option<&'d str>, Refusal> {
        let Some(value) = self.optional(key) else { return Ok(None) };
        self.typed(key, value.plain(), "a plain text").map(Some)
    }

    /// A number that is not negative.
    pub(crate) fn natural(&mut self, key: &str) -> Result<u64, Refusal> {
        let value = self.value(key)?;
        self.typed(key, value.natural(), "a whole number")
    }

    /// The same, if it is there.
    pub(crate) fn optional_natural(&mut self, key: &str) -> Result<Option<u64>, Refusal> {
        let Some(value) = self.optional(key) else { return Ok(None) };
        self.typed(key, value.natural(), "a whole number").map(Some)
    }

    /// A moment: milliseconds since 1970.
    pub(crate) fn moment(&mut self, key: &str) -> Result<i64, Refusal> {
        let value = self.value(key)?;
        self.typed(key, value.integer(), "a moment")
    }

    /// A digest.
    pub(crate) fn hash(&mut self, key: &str) -> Result<Hash, Refusal> {
        let value = self.value(key)?;
        self.typed(key, value.plain().and_then(base::hash_of_hex), "64 lower-case hexadecimal digits")
    }

    /// The same, if it is there.
    pub(crate) fn optional_hash(&mut self, key: &str) -> Result<Option<Hash>, Refusal> {
        let Some(value) = self.optional(key) else { return Ok(None) };
        self.typed(key, value.plain().and_then(base::hash_of_hex), "64 lower-case hexadecimal digits").map(Some)
    }

    /// The items of a list.
    pub(crate) fn list(&mut self, key: &str) -> Result<impl Iterator<Item = Value<'d>> + use<'d, I>, Refusal> {
        let value = self.value(key)?;
        self.typed(key, value.items(), "a list")
    }

    /// The end: nothing may be left.
    pub(crate) fn done(self) -> Result<(), Refusal> {
        match self.next {
            Some((name, _)) => Err(self.refuse(&shown(name.raw()), "unknown field")),
            None => Ok(()),
        }
    }
}

/// A stranger's text, short enough to be printed.
pub(crate) fn shown(text: &str) -> String {
    text.chars().take(80).flat_map(char::escape_debug).collect()
}
