//! Canonical JSON documents that are signed, hashed or pinned: one value has one text (RFC 8785), nothing else is read.

use scalbotics_core::json;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Why bytes are not a document, or a value has no text.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The bytes are not JSON, repeat a key, or hold a number that would be rounded.
    #[error("cannot read or write canonical JSON")]
    Json(#[from] json::Error),
    /// The bytes denote a value, but are not its canonical text.
    #[error("JSON is not in its canonical form (RFC 8785)")]
    NotCanonical,
    /// The value has not the members that the document must have.
    #[error("JSON has not the members of this document")]
    Members(#[source] serde_json::Error),
}

/// The canonical text of a document.
pub(crate) fn to_bytes(document: &impl Serialize) -> Result<Vec<u8>, Error> {
    let value = serde_json::to_value(document).map_err(Error::Members)?;
    Ok(json::canonical(&value)?)
}

/// Reads a document whose bytes must be exactly its canonical text.
pub(crate) fn from_bytes<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Error> {
    let value = json::parse(bytes)?;
    if json::canonical(&value)? != bytes {
        return Err(Error::NotCanonical);
    }
    serde_json::from_value(value).map_err(Error::Members)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, serde::Deserialize, Serialize)]
    #[serde(deny_unknown_fields)]
    struct Sample {
        b: i64,
        a: String,
    }

    #[test]
    fn only_the_canonical_text_is_read() {
        let sample = Sample { b: 1, a: "x".into() };
        assert_eq!(to_bytes(&sample).unwrap(), br#"{"a":"x","b":1}"#);
        assert_eq!(from_bytes::<Sample>(br#"{"a":"x","b":1}"#).unwrap(), sample);
        for bad in [
            r#"{"b":1,"a":"x"}"#,
            r#"{"a":"x", "b":1}"#,
            r#"{"a":"\u0078","b":1}"#,
            r#"{"a":"x","b":1.0}"#,
            r#"{"a":"x","b":1}
"#,
            r#"{"a":"x","a":"x","b":1}"#,
            r#"{"a":"x","b":1,"c":2}"#,
            r#"{"a":"x"}"#,
            "",
        ] {
            assert!(from_bytes::<Sample>(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
