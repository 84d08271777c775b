//! `[[issuer.trusted]]`: outside issuers that are trusted, as they are written and as they are used.

use std::collections::{BTreeMap, BTreeSet};

use scalbotics_adapters::issuer::check_address;
use scalbotics_core::tenant::{Name, TenantId};
use scalbotics_identity::authority::issuer::AUDIENCE_LEN_MAX;
use scalbotics_identity::authority::outside::{Algorithm, ClaimNames, Trusted};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Error, Settings};

/// The key that an error is about.
const KEY: &str = "issuer.trusted";

/// Most issuers: each is somebody who can make people of this installation.
const ISSUERS_MAX: usize = 16;

/// Most words for tenants or groups of one issuer, and the longest of them and of names of claims, in bytes.
const WORDS_MAX: usize = 256;
const WORD_LEN_MAX: usize = 256;

/// One issuer by whose tokens people log in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TrustedIssuer {
    /// The issuer, exactly as its tokens name it, `https://…`; its discovery document is below.
    pub url: String,
    /// For whom its tokens are: the `aud` that they have, exactly, and no other beside it.
    pub audience: String,
    /// What it says of a tenant, and which tenant of this installation that is; a token that says anything else is refused.
    pub tenants: BTreeMap<String, Name>,
    /// What it calls groups, and which groups of this installation they are; what is not here gives no right.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub groups: BTreeMap<String, Name>,
    /// The names of its claims.
    #[serde(default)]
    pub claims: IssuerClaims,
    /// Algorithms by which it may sign, as `RS256`; without any, all that are no weaker.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub algorithms: Vec<String>,
}

/// The names of an issuer's claims; one that begins with `/` is a JSON pointer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct IssuerClaims {
    /// Which tenant of the issuer's they are in, a text.
    pub tenant: String,
    /// Which groups they are in, a list of texts.
    pub groups: String,
    /// What they are called: their name here is made of it when they come for the first time.
    pub name: String,
}

impl Default for IssuerClaims {
    fn default() -> Self {
        Self { tenant: "tenant".to_owned(), groups: "groups".to_owned(), name: "preferred_username".to_owned() }
    }
}

/// The issuers of the configuration. Which tenants there are is the registry's: a word for another one logs nobody in.
pub(super) fn trusted(settings: &Settings, refuse: &dyn Fn(&'static str, String) -> Error) -> Result<Vec<Trusted>, Error> {
    let listed = &settings.issuer.trusted;
    if listed.len() > ISSUERS_MAX {
        return Err(refuse(KEY, format!("there are {} of them, more than {ISSUERS_MAX}", listed.len())));
    }
    let urls: BTreeSet<&str> = listed.iter().map(|issuer| issuer.url.as_str()).collect();
    if urls.len() < listed.len() {
        return Err(refuse(KEY, "an issuer stands twice".to_owned()));
    }
    listed.iter().map(|issuer| one(issuer).map_err(|why| refuse(KEY, format!("`{}`: {why}", issuer.url)))).collect()
}

fn one(issuer: &TrustedIssuer) -> Result<Trusted, String> {
    if issuer.url.len() > AUDIENCE_LEN_MAX {
        return Err("its address is too long".to_owned());
    }
    check_address(&issuer.url).map_err(str::to_owned)?;
    if issuer.audience.is_empty() || issuer.audience.len() > AUDIENCE_LEN_MAX {
        return Err("its audience is empty or too long".to_owned());
    }
    if issuer.tenants.is_empty() {
        return Err("it speaks for no tenant, so nobody could log in by it".to_owned());
    }
    if issuer.tenants.values().any(|name| TenantId::new(name.clone()).is_system()) {
        return Err("nobody is in the tenant `system`".to_owned());
    }
    let claims = &issuer.claims;
    let named = [&claims.tenant, &claims.groups, &claims.name].into_iter();
    let mut words = issuer.tenants.keys().chain(issuer.groups.keys()).chain(named);
    if issuer.tenants.len().max(issuer.groups.len()) > WORDS_MAX || words.any(|word| !(1..=WORD_LEN_MAX).contains(&word.len())) {
        return Err(format!("it has more than {WORDS_MAX} tenants or groups, or one that is empty or too long"));
    }
    let parse = |name: &String| Algorithm::parse(name).ok_or_else(|| format!("`{name}` is no algorithm that may sign a login"));
    let algorithms: Vec<Algorithm> = issuer.algorithms.iter().map(parse).collect::<Result<_, _>>()?;
    Ok(Trusted {
        url: issuer.url.clone(),
        audience: issuer.audience.clone(),
        claims: ClaimNames { tenant: claims.tenant.clone(), groups: claims.groups.clone(), name: claims.name.clone() },
        tenants: issuer.tenants.iter().map(|(word, name)| (word.clone(), TenantId::new(name.clone()))).collect(),
        groups: issuer.groups.clone(),
        algorithms: if algorithms.is_empty() { Algorithm::ALL.to_vec() } else { algorithms },
    })
}
