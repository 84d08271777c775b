//! A compact JWS of an outside issuer: its form first, then its signature, then what it says.

use scalbotics_core::json;
use scalbotics_core::time::Timestamp;
use serde_json::{Map, Value};

use super::key_set::KID_LEN_MAX;
use super::{Arrived, KeySet, Refusal, TokenKind, Trusted, claims};
use crate::encoding::from_base64url;
use crate::holder::key::Thumbprint;

/// Longest token, in bytes; a person of two hundred groups fits.
pub const TOKEN_LEN_MAX: usize = 16 * 1024;

/// Header parameters that make a token another thing than it looks like, or bring a key along (RFC 7515 §4.1, RFC 7516, RFC 7797).
const REFUSED: [&str; 10] = ["crit", "jwk", "jku", "x5u", "x5c", "b64", "enc", "zip", "cty", "epk"];

/// A token whose form is good and of which nothing is believed yet.
#[derive(Debug)]
pub struct Token<'a> {
    signed: &'a str,
    signature: Vec<u8>,
    alg: String,
    kid: String,
    issuer: String,
    claims: Map<String, Value>,
}

impl<'a> Token<'a> {
    /// Parses a token that somebody says is of this kind.
    ///
    /// # Errors
    /// [`Refusal`] about its form.
    pub fn parse(text: &'a str, kind: TokenKind) -> Result<Self, Refusal> {
        if text.len() > TOKEN_LEN_MAX {
            return Err(Refusal::TooLong);
        }
        let (signed, signature) = text.rsplit_once('.').ok_or(Refusal::Shape)?;
        let (header, payload) = signed.split_once('.').ok_or(Refusal::Shape)?;
        let signature = from_base64url(signature).ok_or(Refusal::Shape)?;
        let (header, claims) = (object(header)?, object(payload)?);
        if REFUSED.iter().any(|name| header.contains_key(*name)) {
            return Err(Refusal::Header);
        }
        let text = |name: &str| header.get(name).and_then(Value::as_str);
        let typ = header.get("typ").map(|typ| typ.as_str().ok_or(Refusal::Type)).transpose()?;
        if !kind.takes(typ) {
            return Err(Refusal::Type);
        }
        let alg = text("alg").ok_or(Refusal::Header)?.to_owned();
        let kid = text("kid").filter(|kid| (1..=KID_LEN_MAX).contains(&kid.len())).ok_or(Refusal::Header)?.to_owned();
        let issuer = claims.get("iss").and_then(Value::as_str).ok_or(Refusal::Claim { claim: "iss" })?.to_owned();
        Ok(Self { signed, signature, alg, kid, issuer, claims })
    }

    /// Whom it claims to be of: only to find the keys that can verify it.
    #[must_use]
    pub fn claimed_issuer(&self) -> &str {
        &self.issuer
    }

    /// The name of the key that it says it is signed by.
    #[must_use]
    pub fn claimed_key(&self) -> &str {
        &self.kid
    }

    /// Verifies the token with the keys of the issuer that [`Token::claimed_issuer`] named; `proved` is the key that it comes with. Whether it
    /// comes a second time is the caller's to find, by [`Arrived::once`].
    ///
    /// # Errors
    /// Any [`Refusal`].
    pub fn verify(&self, trusted: &Trusted, keys: &KeySet, proved: Thumbprint, now: Timestamp) -> Result<Arrived, Refusal> {
        if self.issuer != trusted.url {
            return Err(Refusal::Issuer);
        }
        let key = keys.get(&self.kid).ok_or(Refusal::UnknownKey)?;
        if self.alg != key.algorithm.as_jws() {
            return Err(Refusal::Algorithm);
        }
        if !key.verifies(self.signed.as_bytes(), &self.signature) {
            return Err(Refusal::Signature);
        }
        claims::check(&self.claims, trusted, (self.signed, proved), now)
    }
}

/// A part as a JSON object that has each member once, with nothing behind it.
fn object(part: &str) -> Result<Map<String, Value>, Refusal> {
    let bytes = from_base64url(part).ok_or(Refusal::Shape)?;
    match json::parse(&bytes) {
        Ok(Value::Object(members)) => Ok(members),
        Ok(_) | Err(_) => Err(Refusal::Shape),
    }
}
