//! Tenants and the shape of every name that appears in a resource path or an SVID.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Longest name of a tenant, agent, team, tool or human, in bytes; a DNS label's limit, so names fit host names too.
pub const NAME_LEN_MAX: usize = 63;

/// The tenant that owns the installation.
const SYSTEM: &str = "system";

/// Why a text is not a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("name `{text}` is not 1 to 63 of a-z, 0-9, `-`, `.` starting with a letter and ending with a letter or digit")]
pub struct NameError {
    text: String,
}

/// A name: 1 to 63 bytes of `a-z 0-9 - .`, first a letter, last a letter or digit, no `..`.
///
/// The set is ASCII on purpose: no look-alike of another script can stand for a registered name (security row 9). Clones share one text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Arc<str>);

impl Name {
    /// Parses untrusted text.
    ///
    /// # Errors
    /// [`NameError`] when the text is not a name.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let bytes = text.as_bytes();
        let shaped = bytes.len() <= NAME_LEN_MAX
            && bytes.first().is_some_and(u8::is_ascii_lowercase)
            && bytes.last().is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
            && bytes.iter().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.'))
            && !text.contains("..");
        if shaped { Ok(Self(text.into())) } else { Err(NameError { text: text.chars().take(80).collect() }) }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Name {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::parse(text)
    }
}

impl Serialize for Name {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

impl schemars::JsonSchema for Name {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Name".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "pattern": "^[a-z]([a-z0-9.-]*[a-z0-9])?$",
            "maxLength": NAME_LEN_MAX,
        })
    }
}

/// A tenant's name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
#[expect(clippy::module_name_repetitions, reason = "read in every crate, where `Id` alone would not say whose")]
pub struct TenantId(Name);

impl TenantId {
    /// Wraps a parsed name.
    #[must_use]
    pub const fn new(name: Name) -> Self {
        Self(name)
    }

    /// Parses untrusted text.
    ///
    /// # Errors
    /// [`NameError`] when the text is not a name.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        Name::parse(text).map(Self)
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The tenant `system`, whose log is the installation log.
    #[must_use]
    pub fn system() -> Self {
        Self(Name(SYSTEM.into()))
    }

    /// Whether this is the `system` tenant, which owns installation verbs and reads no tenant's data (semantics §3.7).
    #[must_use]
    pub fn is_system(&self) -> bool {
        self.as_str() == SYSTEM
    }
}

impl fmt::Display for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for good in ["a", "acme", "ops-lead.2", &"a".repeat(63)] {
            assert!(Name::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "A", "1a", "a-", "a.", ".a", "a..b", "a/b", "a b", "аcme", "a\0", &"a".repeat(64)] {
            assert!(Name::parse(bad).is_err(), "{bad}");
        }
    }
}
