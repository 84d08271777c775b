//! Secrets: the name under which one is kept, and its value on the way to the one adapter that must send it.
//!
//! **Invariant:** desired state, journal and audit hold a [`Ref`]; a [`Secret`] is never printed, stored or serialized, and
//! its bytes are wiped when it goes (architecture, rule 13).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::Zeroize as _;

use crate::tenant::{Name, TenantId};

/// How a reference begins.
const SCHEME: &str = "secret://";

/// Longest value of a secret, in bytes; a private key of any kind is shorter.
pub const LEN_MAX: usize = 16 << 10;

/// The name of a kept secret, written `secret://<tenant>/<name>`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ref {
    /// Whose it is.
    pub tenant: TenantId,
    /// Its name.
    pub name: Name,
}

/// Why a text is no reference to a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a secret is named as secret://<tenant>/<name>")]
pub struct RefError;

impl FromStr for Ref {
    type Err = RefError;

    fn from_str(text: &str) -> Result<Self, RefError> {
        // What was refused may be the secret itself: the error never quotes it.
        let (tenant, name) = text.strip_prefix(SCHEME).and_then(|rest| rest.split_once('/')).ok_or(RefError)?;
        Ok(Self { tenant: TenantId::parse(tenant).map_err(|_| RefError)?, name: Name::parse(name).map_err(|_| RefError)? })
    }
}

impl fmt::Display for Ref {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}/{}", self.tenant, self.name)
    }
}

impl Serialize for Ref {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Ref {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl schemars::JsonSchema for Ref {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "SecretRef".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "pattern": "^secret://[a-z]([a-z0-9.-]*[a-z0-9])?/[a-z]([a-z0-9.-]*[a-z0-9])?$",
        })
    }
}

/// The value of a secret. It is wiped when it goes, and can be neither copied nor printed.
pub struct Secret(Box<[u8]>);

impl Secret {
    /// Takes the bytes over; of a vector with room to spare the old place is wiped too.
    #[must_use]
    pub fn new(mut bytes: Vec<u8>) -> Self {
        let own = Self(bytes.as_slice().into());
        bytes.zeroize();
        own
    }

    /// The bytes, for the one who must send them.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for Secret {
    /// Prints that there is one, not even its length.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references() {
        let good: Ref = "secret://acme/open-ai.2".parse().unwrap();
        assert_eq!(good.to_string(), "secret://acme/open-ai.2");
        for bad in
            ["", "secret://acme", "secret://acme/", "secret:///x", "secret://Acme/x", "secret://a/b/c", "vault://a/b", "hunter2"]
        {
            let error = bad.parse::<Ref>().unwrap_err();
            assert!(bad.is_empty() || !error.to_string().contains(bad), "{bad}");
        }
    }

    #[test]
    fn a_secret_is_not_printed() {
        let secret = Secret::new(b"hunter2".to_vec());
        assert_eq!((format!("{secret:?}").as_str(), secret.expose()), ("Secret", b"hunter2".as_slice()));
    }
}
