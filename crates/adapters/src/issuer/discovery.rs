//! From an issuer's address to its keys.

use scalbotics_core::egress::Roots;

use super::{Error, document, keys, transfer};

/// Longest discovery document, in bytes; large providers publish 4 KiB.
const DOCUMENT_LEN_MAX: usize = 64 << 10;

/// Longest set of keys, in bytes: a hundred RSA keys with their certificates.
const KEYS_LEN_MAX: usize = 256 << 10;

/// Where the document is, below the issuer's address.
const WELL_KNOWN: &str = "/.well-known/openid-configuration";

/// An issuer that was found to be what it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Discovered {
    /// The issuer, as its tokens name it.
    pub issuer: String,
    /// Where its keys are.
    pub jwks_uri: String,
    /// Its keys as it publishes them, JSON.
    pub jwks: String,
    /// How many of them check signatures.
    pub keys: usize,
}

/// Reads and judges the discovery document of an issuer, and its keys; `roots` are believed beside the system's authorities.
///
/// # Errors
/// [`Error`], the first thing that is wrong.
///
/// # Cancel safety
/// Cancel safe: reading changes nothing.
pub async fn discover(issuer: &str, roots: &Roots) -> Result<Discovered, Error> {
    transfer::parse(issuer).map_err(|reason| Error::Address { reason })?;
    let place = format!("{}{WELL_KNOWN}", issuer.trim_end_matches('/'));
    let refused = |reason: String| Error::Document { place: place.clone(), reason };
    let url = transfer::parse(&place).map_err(|reason| Error::Address { reason })?;
    let body = transfer::fetch(&url, DOCUMENT_LEN_MAX, roots).await?;
    let document = document::judge(issuer, &body).map_err(refused)?;
    let keys_url = transfer::parse(&document.jwks_uri).map_err(|reason| refused(format!("its jwks_uri: {reason}")))?;
    if keys_url.scheme() != url.scheme() {
        return Err(refused("its jwks_uri has another scheme than itself".to_owned()));
    }
    let jwks = transfer::fetch(&keys_url, KEYS_LEN_MAX, roots).await?;
    let refused = |reason: String| Error::Document { place: document.jwks_uri.clone(), reason };
    let keys = keys::count(&jwks).map_err(refused)?;
    let jwks = String::from_utf8(jwks).map_err(|_| refused("it is no text".to_owned()))?;
    Ok(Discovered { issuer: document.issuer, jwks_uri: document.jwks_uri, jwks, keys })
}
