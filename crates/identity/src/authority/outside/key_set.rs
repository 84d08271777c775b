//! The set of keys that an issuer publishes (RFC 7517), judged as a whole: one that tells a secret, or one name for two keys, counts for nothing.

use std::collections::BTreeMap;

use scalbotics_core::json;
use serde_json::{Map, Value};

use super::Algorithm;
use super::key::Key;

/// Longest set, in bytes: a hundred keys of RSA with their certificates.
pub const SET_LEN_MAX: usize = 256 << 10;

/// Keys that one issuer may publish: a few signing keys, with those of the last rotations.
const KEYS_MAX: usize = 100;

/// Longest name of a key, in bytes.
pub(super) const KID_LEN_MAX: usize = 256;

/// Members that only a private key or a shared secret has (RFC 7518 §6).
const SECRET: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// Why a set of keys counts for nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeySetError {
    /// It is no set of keys, or too long, or says a member twice.
    #[error("it is no JWKS within the limits")]
    Form,
    /// It has too many keys.
    #[error("it has {len} keys, more than {KEYS_MAX}")]
    TooMany {
        /// How many.
        len: usize,
    },
    /// It publishes a private key or a shared secret: whoever reads it can make tokens.
    #[error("it publishes a private key; whoever reads it can make tokens")]
    Secret,
    /// Two keys have one name, so that nobody can say which is meant.
    #[error("two of its keys have the same kid")]
    Duplicate,
    /// None of them verifies signatures by an algorithm of the list.
    #[error("it has no named key for signatures by an allowed algorithm")]
    Empty,
}

/// The keys of one issuer, by name. Sets of two issuers never meet, so that a name of one is nothing to the other.
#[derive(Debug)]
pub struct KeySet(BTreeMap<String, Key>);

impl KeySet {
    /// Parses what an issuer publishes; keys that are for something else, or by no algorithm of the list, are left out.
    ///
    /// # Errors
    /// [`KeySetError`].
    pub fn parse(text: &str, allowed: &[Algorithm]) -> Result<Self, KeySetError> {
        let value = json::parse_within(text.as_bytes(), SET_LEN_MAX).map_err(|_| KeySetError::Form)?;
        let listed = value.get("keys").and_then(Value::as_array).ok_or(KeySetError::Form)?;
        if listed.len() > KEYS_MAX {
            return Err(KeySetError::TooMany { len: listed.len() });
        }
        let mut keys = BTreeMap::new();
        for jwk in listed {
            let jwk = jwk.as_object().ok_or(KeySetError::Form)?;
            if SECRET.iter().any(|name| jwk.contains_key(*name)) {
                return Err(KeySetError::Secret);
            }
            let Some(kid) = name(jwk).filter(|_| is_for_signatures(jwk)) else { continue };
            let Some(key) = Key::of(jwk, allowed) else { continue };
            if keys.insert(kid.to_owned(), key).is_some() {
                return Err(KeySetError::Duplicate);
            }
        }
        if keys.is_empty() { Err(KeySetError::Empty) } else { Ok(Self(keys)) }
    }

    /// Whether it has a key of this name.
    #[must_use]
    pub fn has(&self, kid: &str) -> bool {
        self.0.contains_key(kid)
    }

    /// How many keys it has; one at least.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.len()
    }

    pub(super) fn get(&self, kid: &str) -> Option<&Key> {
        self.0.get(kid)
    }
}

fn name(jwk: &Map<String, Value>) -> Option<&str> {
    jwk.get("kid").and_then(Value::as_str).filter(|kid| (1..=KID_LEN_MAX).contains(&kid.len()))
}

/// What `use` and `key_ops` say, where they say something.
fn is_for_signatures(jwk: &Map<String, Value>) -> bool {
    let used = jwk.get("use").is_none_or(|used| used.as_str() == Some("sig"));
    let verifies = |ops: &Value| ops.as_array().is_some_and(|ops| ops.iter().any(|op| op.as_str() == Some("verify")));
    used && jwk.get("key_ops").is_none_or(verifies)
}
