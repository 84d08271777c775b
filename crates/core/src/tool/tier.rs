//! How risky a tool is. The tier is bound to the registered digest; an unknown tool is [`Tier::Risky`] (security row 9).

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A tool's tier, written as the number 0, 1 or 2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tier {
    /// Tier 0: reads inside the workspace, changes nothing.
    Read,
    /// Tier 1: changes what the workspace holds, or what can be undone.
    Change,
    /// Tier 2: touches the world; waits for an approval.
    Risky,
}

impl Tier {
    /// The tier's number.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Read => 0,
            Self::Change => 1,
            Self::Risky => 2,
        }
    }

    /// The tier of a number, if there is one.
    #[must_use]
    pub const fn from_number(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::Read),
            1 => Some(Self::Change),
            2 => Some(Self::Risky),
            _ => None,
        }
    }
}

impl Serialize for Tier {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(self.number())
    }
}

impl<'de> Deserialize<'de> for Tier {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = u8::deserialize(deserializer)?;
        Self::from_number(number).ok_or_else(|| serde::de::Error::custom(format!("tier {number} is not 0, 1 or 2")))
    }
}

impl schemars::JsonSchema for Tier {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Tier".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "integer", "minimum": 0, "maximum": 2 })
    }
}
