//! Strict JSON in, canonical JSON out (RFC 8785), so that what was approved is byte for byte what runs.
//!
//! **Invariant:** [`canonical`] of a [`parse`]d text never denotes another value than the text did: duplicate keys and
//! integers beyond ±(2^53 − 1), which RFC 8785 would round, are refused (semantics §2.2).

mod text;

use std::fmt;

use serde::Serialize;
use serde::de::{self, DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// Deepest nesting that is parsed; hostile texts reach 10⁵, real arguments stay under 10.
pub const DEPTH_MAX: usize = 64;

/// Longest text that is parsed, in bytes; the largest argument object that a call may carry.
pub const LEN_MAX: usize = 1 << 20;

/// Largest integer that survives RFC 8785 unrounded.
pub(crate) const INTEGER_MAX: u64 = (1 << 53) - 1;

/// The same limit as a float, exact.
const INTEGER_MAX_F64: f64 = 9_007_199_254_740_991.0;

/// Why a text is refused or a value has no canonical form.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The text is longer than [`LEN_MAX`], or than the limit of [`parse_within`].
    #[error("json of {len} bytes is longer than {len_max} bytes")]
    TooLong {
        /// The text's length in bytes.
        len: usize,
        /// The limit in bytes.
        len_max: usize,
    },
    /// The text is not JSON, nests too deep, repeats a key or holds a number that would be rounded.
    #[error("json is refused: {reason}")]
    Refused {
        /// What is wrong, with line and column.
        reason: String,
    },
    /// The value holds a number without exact canonical form.
    #[error("number `{number}` has no exact canonical form")]
    Number {
        /// The number as it was written.
        number: String,
    },
}

struct Strict {
    depth: usize,
}

impl Strict {
    fn deeper<E: de::Error>(&self) -> Result<Self, E> {
        if self.depth == 0 {
            Err(E::custom(format!("nesting deeper than {DEPTH_MAX}")))
        } else {
            Ok(Self { depth: self.depth - 1 })
        }
    }
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Value, E> {
        if value.unsigned_abs() > INTEGER_MAX {
            Err(E::custom(format!("integer {value} is beyond ±(2^53 − 1)")))
        } else {
            Ok(value.into())
        }
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Value, E> {
        if value > INTEGER_MAX { Err(E::custom(format!("integer {value} is beyond ±(2^53 − 1)"))) } else { Ok(value.into()) }
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Value, E> {
        if value.fract() == 0.0 && value.abs() > INTEGER_MAX_F64 {
            return Err(E::custom(format!("integer {value} is beyond ±(2^53 − 1)")));
        }
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("number is not finite"))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E: de::Error>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_unit<E: de::Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element_seed(self.deeper()?)? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(key) = access.next_key::<String>()? {
            if map.contains_key(&key) {
                return Err(de::Error::custom(format!("key `{key}` stands twice")));
            }
            let value = access.next_value_seed(self.deeper()?)?;
            map.insert(key, value);
        }
        Ok(Value::Object(map))
    }
}

/// Parses untrusted JSON, refusing what [`canonical`] could not render exactly.
///
/// # Errors
/// [`Error::TooLong`] or [`Error::Refused`].
pub fn parse(text: &[u8]) -> Result<Value, Error> {
    parse_within(text, LEN_MAX)
}

/// Like [`parse`], with a limit in bytes of its own: a tool's result may be longer than arguments.
///
/// # Errors
/// [`Error::TooLong`] or [`Error::Refused`].
pub fn parse_within(text: &[u8], len_max: usize) -> Result<Value, Error> {
    if text.len() > len_max {
        return Err(Error::TooLong { len: text.len(), len_max });
    }
    let refused = |error: serde_json::Error| Error::Refused { reason: error.to_string() };
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let value = Strict { depth: DEPTH_MAX }.deserialize(&mut deserializer).map_err(refused)?;
    deserializer.end().map_err(refused)?;
    Ok(value)
}

/// The RFC 8785 bytes of `value`.
///
/// # Errors
/// [`Error::Number`] when a number of the value would be rounded.
pub fn canonical(value: &Value) -> Result<Vec<u8>, Error> {
    canonical_of(value)
}

/// The canonical bytes of anything that serializes, for records that are hashed or signed.
///
/// # Errors
/// [`Error`] when the value does not serialize to JSON, has a key twice, or holds a number that would be rounded.
pub fn canonical_of<T: Serialize>(value: &T) -> Result<Vec<u8>, Error> {
    text::of(value)
}

#[cfg(test)]
mod tests;
