//! What the configuration says of an issuer that is trusted.

use std::collections::BTreeMap;

use scalbotics_core::tenant::{Name, TenantId};
use serde_json::{Map, Value};

use super::Algorithm;

/// The names by which an issuer says what is needed. One that begins with `/` is a JSON pointer (RFC 6901).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimNames {
    /// Which tenant of the issuer's they are in.
    pub tenant: String,
    /// Which groups they are in.
    pub groups: String,
    /// What they are called, to find a name for them here when they come for the first time.
    pub name: String,
}

/// One issuer that is trusted, and for what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trusted {
    /// The issuer, exactly as its tokens name it.
    pub url: String,
    /// For whom its tokens are, exactly.
    pub audience: String,
    /// How it says what is needed.
    pub claims: ClaimNames,
    /// What it says of a tenant, and which tenant of ours that is. What is not here is nobody's.
    pub tenants: BTreeMap<String, TenantId>,
    /// What it calls groups, and which groups of ours they are. What is not here gives no right.
    pub groups: BTreeMap<String, Name>,
    /// The algorithms of its keys.
    pub algorithms: Vec<Algorithm>,
}

/// A claim by its name or pointer.
pub(super) fn claim<'a>(claims: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    match name.strip_prefix('/') {
        None => claims.get(name),
        Some(rest) => {
            let (first, rest) = rest.split_once('/').map_or((rest, None), |(first, rest)| (first, Some(rest)));
            let found = claims.get(&first.replace("~1", "/").replace("~0", "~"))?;
            rest.map_or(Some(found), |rest| found.pointer(&format!("/{rest}")))
        }
    }
}
