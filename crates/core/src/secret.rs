//! Secrets: how they are named, what is known about them without their value, and the value itself on its short way.
//!
//! **Invariant:** a value is shown by neither `Debug` nor `Display`, has no `Serialize`, and its memory is cleared when it is
//! dropped; only [`Secret::expose`] reads it, so that the readers can be counted.
//! **Invariant:** what is sealed says which secret and version it is, so that a row moved to another name does not count.

mod reference;

use std::fmt;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::ids::SecretId;
use crate::ports::StoreError;
use crate::principal::Uid;
use crate::tenant::{Name, TenantId};
use crate::time::Timestamp;

pub use reference::*;

/// Longest value, in bytes: a private key with its chain of certificates fits several times.
pub const VALUE_LEN_MAX: usize = 64 << 10;

/// Secrets that one tenant may have: all of them are looked for in every output of a tool.
pub const SECRETS_MAX: usize = 1_000;

/// A value in memory, cleared when it is dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Takes the bytes of a value.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The bytes, for whoever must send them.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(hidden)")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(hidden)")
    }
}

/// What is known about a secret without its value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// Identity for good; another secret of the same name later is another one.
    pub id: SecretId,
    /// The tenant.
    pub tenant: TenantId,
    /// The name.
    pub name: Name,
    /// Which value it is, from 1; each rotation is the next.
    pub version: u64,
    /// When its first value was put.
    pub created_at: Timestamp,
    /// When its value was last replaced.
    pub rotated_at: Option<Timestamp>,
    /// When it was last handed to a call.
    pub used_at: Option<Timestamp>,
    /// Who put the value of now.
    pub by: Uid,
    /// Tells whether two values are the same one, to whoever has the tenant's key and to nobody else.
    pub fingerprint: String,
}

/// Why a secret is not handed over.
#[derive(Debug, thiserror::Error)]
pub enum RevealError {
    /// The tenant has no such secret, or it is another tenant's.
    #[error("secret `{reference}` does not exist: put it with `scalbotics secret put {}`", .reference.name)]
    NotFound {
        /// What was asked for.
        reference: SecretRef,
    },
    /// What is stored does not open, or is another secret's.
    #[error("secret `{reference}` cannot be opened: put its value again with `scalbotics secret rotate {}`", .reference.name)]
    Unreadable {
        /// What was asked for.
        reference: SecretRef,
    },
    /// The store did not answer, or has no room for the record of the use.
    #[error("secret store did not answer")]
    Store(#[from] StoreError),
}

/// The bytes that are sealed: which secret and version, and the value.
#[must_use]
pub fn enclose(name: &Name, version: u64, value: &Secret) -> Zeroizing<Vec<u8>> {
    let head = head(name, version);
    let mut bytes = Zeroizing::new(Vec::with_capacity(head.len().saturating_add(value.0.len())));
    bytes.extend_from_slice(&head);
    bytes.extend_from_slice(&value.0);
    bytes
}

/// The value in such bytes, if they are of this secret and version.
#[must_use]
pub fn disclose(name: &Name, version: u64, bytes: Vec<u8>) -> Option<Secret> {
    let bytes = Zeroizing::new(bytes);
    bytes.strip_prefix(head(name, version).as_slice()).map(|value| Secret::new(value.to_vec()))
}

/// Neither a name nor a number holds a NUL byte, so no two heads begin alike.
fn head(name: &Name, version: u64) -> Vec<u8> {
    format!("{name}\0{version}\0").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        Name::parse(text).unwrap()
    }

    #[test]
    fn a_value_shows_itself_nowhere() {
        let secret = Secret::new(b"hunter2-hunter2".to_vec());
        for shown in [format!("{secret:?}"), format!("{secret}"), format!("{:#?}", Some(&secret))] {
            assert!(!shown.contains("hunter"), "{shown}");
        }
        assert_eq!(secret.expose(), b"hunter2-hunter2");
    }

    #[test]
    fn what_is_enclosed_is_of_one_secret_and_version() {
        let value = Secret::new(b"a\0b".to_vec());
        let enclosed = enclose(&name("token"), 12, &value).to_vec();
        assert_eq!(disclose(&name("token"), 12, enclosed.clone()), Some(value));
        for (other, version) in [("token", 1), ("token", 2), ("tok", 12), ("token2", 12)] {
            assert_eq!(disclose(&name(other), version, enclosed.clone()), None, "{other} {version}");
        }
        assert_eq!(disclose(&name("token"), 12, Vec::new()), None);
    }
}
