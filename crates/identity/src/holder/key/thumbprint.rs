//! JWK thumbprints (RFC 7638): the name of a key everywhere in this house.

use std::fmt;
use std::str::FromStr;

use scalbotics_core::digest::Digest;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Error;
use crate::encoding::{from_base64url, to_base64url};

/// The SHA-256 thumbprint of a public key; its text is 43 base64url characters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Thumbprint(Digest);

impl Thumbprint {
    /// The thumbprint of a key with these required members, which must be in lexicographic order (RFC 7638 §3.2).
    pub(crate) fn of_members(members: &[(&str, &str)]) -> Self {
        // Names and values are base64url or plain ASCII words, so nothing needs escaping.
        let body: Vec<String> = members.iter().map(|(name, value)| format!("\"{name}\":\"{value}\"")).collect();
        Self(Digest::of_bytes(format!("{{{}}}", body.join(",")).as_bytes()))
    }

    /// The 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }
}

impl fmt::Display for Thumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&to_base64url(self.0.as_bytes()))
    }
}

impl fmt::Debug for Thumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Thumbprint {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        from_base64url(text)
            .and_then(|bytes| <[u8; 32]>::try_from(bytes).ok())
            .map(|bytes| Self(Digest::from_bytes(bytes)))
            .ok_or_else(|| Error::Thumbprint { text: text.chars().take(80).collect() })
    }
}

impl Serialize for Thumbprint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Thumbprint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}
