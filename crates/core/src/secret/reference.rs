//! References to secrets: the only form in which desired state holds one.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::tenant::{Name, NameError, TenantId};

/// What every reference begins with.
const SCHEME: &str = "secret://";

/// Why a text is no reference to a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RefError {
    /// It has another form. It may be the secret itself, so it is not quoted.
    #[error("a secret is named as `secret://<tenant>/<name>`")]
    Form,
    /// Tenant or name is none.
    #[error("secret reference names something that cannot be")]
    Name(#[from] NameError),
}

/// A reference to a secret: `secret://<tenant>/<name>`, the only form in which desired state holds one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SecretRef {
    /// The tenant; a reference to another tenant's is refused when desired state is loaded.
    pub tenant: TenantId,
    /// The name in the tenant.
    pub name: Name,
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}/{}", self.tenant, self.name)
    }
}

impl FromStr for SecretRef {
    type Err = RefError;

    fn from_str(text: &str) -> Result<Self, RefError> {
        let (tenant, name) = text.strip_prefix(SCHEME).and_then(|rest| rest.split_once('/')).ok_or(RefError::Form)?;
        Ok(Self { tenant: TenantId::parse(tenant)?, name: Name::parse(name)? })
    }
}

impl Serialize for SecretRef {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for SecretRef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl schemars::JsonSchema for SecretRef {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references() {
        let reference: SecretRef = "secret://acme/git.token-2".parse().unwrap();
        assert_eq!((reference.tenant.as_str(), reference.name.as_str()), ("acme", "git.token-2"));
        assert_eq!(reference.to_string(), "secret://acme/git.token-2");
        assert_eq!(serde_json::to_value(&reference).unwrap(), "secret://acme/git.token-2");
        for bad in [
            "",
            "secret://",
            "secret://acme",
            "secret://acme/",
            "secret:///token",
            "secret://acme/a/b",
            "secret://Acme/token",
            "secret://acme/to ken",
            "secret://acme/token?version=1",
            "SECRET://acme/token",
            "https://acme/token",
        ] {
            assert!(bad.parse::<SecretRef>().is_err(), "{bad}");
        }
    }
}
