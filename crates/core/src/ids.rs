//! Identifiers: 128-bit UUIDv7 values whose text form is a prefix and 26 Crockford base-32 digits (`task_01K9…`).
//!
//! **Invariant:** one value has exactly one text; parsing accepts nothing else (no lower case, no `I L O U`).
//! Ids come from the [`crate::ports::IdSource`] port, never from the environment.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The digits of Crockford's base 32, in order of value.
const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// Length of the text of 128 bits in base 32, in characters.
const TEXT_LEN: usize = 26;

/// Digits that are made of 64 bits together, and those bits.
const PART_LEN: usize = 12;
const PART_MASK: u128 = (1 << (5 * PART_LEN)) - 1;

/// Why a text is not an identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The text lacks the prefix of the expected kind.
    #[error("id `{text}` does not start with `{prefix}_`")]
    Prefix {
        /// The text as given.
        text: String,
        /// The prefix that was expected, without the underscore.
        prefix: &'static str,
    },
    /// The part behind the prefix is not the canonical text of 128 bits.
    #[error("id `{text}` is not a prefix and 26 Crockford base-32 digits")]
    Digits {
        /// The text as given.
        text: String,
    },
}

/// The digits of 128 bits, the greatest first.
fn encode(value: u128) -> [u8; TEXT_LEN] {
    let mut text = [0; TEXT_LEN];
    let mut rest = value;
    for part in text.rchunks_mut(PART_LEN) {
        // Arithmetic with 128 bits costs several times as much, and records are full of ids.
        let mut digits = u64::try_from(rest & PART_MASK).unwrap_or_default();
        for place in part.iter_mut().rev() {
            *place = usize::try_from(digits & 31).ok().and_then(|digit| DIGITS.get(digit)).copied().unwrap_or(b'0');
            digits >>= 5;
        }
        rest >>= 5 * PART_LEN;
    }
    text
}

/// The values of the bytes from `0` to `Z` as digits. Records are full of ids, and a search for each digit took longer than all the rest of
/// reading one.
const VALUES: &[u8; 43] = b"\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\xff\xff\xff\xff\xff\xff\xff\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11\xff\x12\x13\xff\x14\x15\xff\x16\x17\x18\x19\x1a\xff\x1b\x1c\x1d\x1e\x1f";

/// What no digit is worth.
const NO_DIGIT: u8 = 0xff;

fn decode(text: &str) -> Option<u128> {
    let digits: &[u8; TEXT_LEN] = text.as_bytes().try_into().ok()?;
    // 26 digits are 130 bits.
    if digits.first().is_none_or(|first| *first > b'7') {
        return None;
    }
    let (first, parts) = digits.as_rchunks::<PART_LEN>();
    let joined = |value: u128, part: &[u8; PART_LEN]| Some(value << (5 * PART_LEN) | u128::from(number(part)?));
    parts.iter().try_fold(u128::from(number(first)?), joined)
}

/// The number that some digits are, no more than [`PART_LEN`].
fn number(digits: &[u8]) -> Option<u64> {
    let (mut number, mut all) = (0, 0);
    for digit in digits {
        let value = VALUES.get(usize::from(digit.wrapping_sub(b'0'))).copied().unwrap_or(NO_DIGIT);
        all |= value;
        number = number << 5 | u64::from(value & 31);
    }
    (all < 32).then_some(number)
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u128);

        impl $name {
            /// The prefix of the text form, without the underscore.
            pub const PREFIX: &'static str = $prefix;

            /// Wraps 128 bits, normally a UUIDv7 from the id source.
            #[must_use]
            pub const fn from_u128(value: u128) -> Self {
                Self(value)
            }

            /// The 128 bits, for binary storage.
            #[must_use]
            pub const fn as_u128(self) -> u128 {
                self.0
            }

            /// Prefix, underscore and digits.
            pub(crate) fn text(self) -> [u8; $prefix.len() + 1 + TEXT_LEN] {
                let mut text = [b'_'; $prefix.len() + 1 + TEXT_LEN];
                let (prefix, rest) = text.split_at_mut($prefix.len());
                prefix.copy_from_slice($prefix.as_bytes());
                rest.iter_mut().skip(1).zip(encode(self.0)).for_each(|(place, digit)| *place = digit);
                text
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(std::str::from_utf8(&self.text()).map_err(|_| fmt::Error)?)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = Error;

            fn from_str(text: &str) -> Result<Self, Error> {
                let digits = text
                    .strip_prefix(Self::PREFIX)
                    .and_then(|rest| rest.strip_prefix('_'))
                    .ok_or_else(|| Error::Prefix { text: text.to_owned(), prefix: Self::PREFIX })?;
                decode(digits).map(Self).ok_or_else(|| Error::Digits { text: text.to_owned() })
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let text = self.text();
                serializer.serialize_str(std::str::from_utf8(&text).map_err(serde::ser::Error::custom)?)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

id!(
    /// A task: one goal of one human, carried to a final state.
    TaskId, "task"
);
id!(
    /// An effect of a task: one decided call, whatever the number of its attempts (semantics §2.4).
    EffectId, "eff"
);
id!(
    /// An approval request, which belongs to exactly one effect (semantics §5.4).
    ApprovalId, "apr"
);
id!(
    /// A policy decision, kept for `policy explain` (semantics §9.2).
    DecisionId, "dec"
);
id!(
    /// A grant: rights handed from one principal to the next of a chain (semantics §3.4).
    GrantId, "grt"
);
id!(
    /// A stored payload: bytes that the journal only refers to (semantics §7.2).
    PayloadId, "pay"
);
id!(
    /// An agent's identity for good; names are never reused, uids bind grants and audit (semantics §3.7).
    AgentUid, "agt"
);
id!(
    /// A human's identity for good.
    HumanUid, "hum"
);
id!(
    /// A service's identity for good.
    ServiceUid, "svc"
);
id!(
    /// A secret's identity for good: what audit records name it by.
    SecretId, "sec"
);
id!(
    /// A legal hold: nothing that it is about is erased while it stands.
    HoldId, "hld"
);
id!(
    /// One order to erase, from the request to the last byte.
    ErasureId, "era"
);
id!(
    /// One request to the daemon, in every log line, error and audit record that it causes.
    RequestId, "req"
);
id!(
    /// One installation: a data directory, its keystore and its logs.
    InstallationId, "ins"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_value_one_text() {
        for value in [0, 1, 31, 32, u128::MAX, 0x0192_7f3c_0000_7000_8000_0000_0000_0001] {
            let id = TaskId::from_u128(value);
            assert_eq!(id.to_string().parse::<TaskId>().unwrap(), id);
        }
    }

    #[test]
    fn refuses_other_texts() {
        let good = TaskId::from_u128(77).to_string();
        for bad in [
            "",
            "task_",
            &good.to_lowercase(),
            &good.replace("task_", "apr_"),
            &format!("{good}0"),
            "task_80000000000000000000000000",
            "task_0000000000000000000000000O",
            "task_0000000000000000000000000\u{0660}",
        ] {
            assert!(bad.parse::<TaskId>().is_err(), "{bad}");
        }
    }
}
