//! `[keystore]`, `[trust]`, `[identity]`, `[issuer]`: its keys, its certificates, and who else says who people are.

use std::path::PathBuf;

use scalbotics_core::outside;
use scalbotics_core::time::Span;
use scalbotics_identity::authority::ca::SVID_LIFETIME_MS_MAX;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::TrustedIssuer;

/// `[keystore]`: exactly one of `key_file`, `passphrase_env` and `credential`; without any, `key_file = "keystore.key"`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Keystore {
    /// The encrypted file.
    pub path: PathBuf,
    /// A file of 32 random bytes that unlocks it: for unattended starts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_file: Option<PathBuf>,
    /// The environment variable that holds its passphrase.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub passphrase_env: Option<String>,
    /// The systemd credential that holds its 32 bytes (`LoadCredentialEncrypted=`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
}

impl Default for Keystore {
    fn default() -> Self {
        Self { path: "keystore.json".into(), key_file: None, passphrase_env: None, credential: None }
    }
}

/// `[trust]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Trust {
    /// The trust file: log keys, approver-admin keys, CA bundle.
    pub file: PathBuf,
}

impl Default for Trust {
    fn default() -> Self {
        Self { file: "trust.json".into() }
    }
}

/// `[identity]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Identity {
    /// Life of a certificate, 5 minutes to 24 hours; it is renewed at half of it.
    #[schemars(with = "String")]
    pub svid_lifetime: Span,
    /// The Unix socket of the SPIFFE Workload API, which clients find by `SPIFFE_ENDPOINT_SOCKET`; none where nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workload_socket: Option<PathBuf>,
}

impl Default for Identity {
    fn default() -> Self {
        Self { svid_lifetime: Span::from_ms(SVID_LIFETIME_MS_MAX), workload_socket: None }
    }
}

/// `[issuer]`: who else makes tokens for people.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Issuer {
    /// The issuer that `initialize` has judged, exactly as its tokens name it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Its keys as they were fetched, a JWKS file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keys: Option<PathBuf>,
    /// Issuers by whose tokens people log in.
    pub trusted: Vec<TrustedIssuer>,
    /// Whether people may log in by their own keys although there are issuers in `trusted`: for when those are down. It shows in `status`, in the log
    /// and in the record of each such login.
    pub break_glass: bool,
    /// How old their word about groups may be.
    pub claims_age: ClaimsAge,
}

/// `[issuer.claims_age]`: how old an issuer's word about somebody's groups may be for a call of a tool, a minute to 7 days. A task whose next call
/// would be allowed with a newer one is AUTH_REQUIRED until its human logs in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ClaimsAge {
    /// For tier 0, reads; without it, any age.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tier_0: Option<Span>,
    /// For tier 1, changes of the workspace; without it, any age.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tier_1: Option<Span>,
    /// For tier 2, what touches the world.
    pub tier_2: Span,
}

impl Default for ClaimsAge {
    fn default() -> Self {
        let outside::ClaimsAge { read, change, risky } = outside::ClaimsAge::default();
        Self { tier_0: read, tier_1: change, tier_2: risky }
    }
}

impl From<&ClaimsAge> for outside::ClaimsAge {
    fn from(ages: &ClaimsAge) -> Self {
        Self { read: ages.tier_0, change: ages.tier_1, risky: ages.tier_2 }
    }
}
