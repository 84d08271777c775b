//! Compact JWS (RFC 7515 §3.1) with exactly three header parameters, `alg`, `kid`, `typ`; a proof of possession has its key in the place of `kid`.
//!
//! **Invariant:** no other header parameter is understood, so a token with `jwk`, `x5u`, `jku`, `x5c`, `crit` or `b64` is
//! refused before any of its claims is looked at, and no URL of a token is ever fetched (security rows 1 and 2).

use serde::{Deserialize, Serialize};

use crate::encoding::to_base64url;
use crate::holder::key;

/// The header of every token that this house makes or accepts.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Header<'a> {
    /// Algorithm; must be the key's own.
    pub(crate) alg: &'a str,
    /// Thumbprint of the signing key.
    pub(crate) kid: &'a str,
    /// Media type of the token without `application/` (RFC 8725 §3.11).
    pub(crate) typ: &'a str,
}

/// Signs `claims` as a token of type `typ`.
pub(crate) fn sign(key: &key::Pair, typ: &str, claims: &impl Serialize) -> Result<String, key::Error> {
    let kid = key.thumbprint().to_string();
    sign_parts(key, &Header { alg: key.algorithm().as_jws(), kid: &kid, typ }, claims)
}

/// Signs `claims` under a header of another kind.
pub(crate) fn sign_parts(key: &key::Pair, header: &impl Serialize, claims: &impl Serialize) -> Result<String, key::Error> {
    let encode = |_| key::Error::Library { what: "encode a token" };
    let header = serde_json::to_vec(header).map_err(encode)?;
    let claims = serde_json::to_vec(claims).map_err(encode)?;
    let mut token = format!("{}.{}", to_base64url(header), to_base64url(claims));
    let signature = key.sign(token.as_bytes())?;
    token.push('.');
    token.push_str(&to_base64url(signature));
    Ok(token)
}
