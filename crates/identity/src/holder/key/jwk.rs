//! The JWK form of a public key: the required members and nothing else, so that a private key or a URL never slips in.

use serde::{Deserialize, Serialize};

use super::{Algorithm, Error, Public};
use crate::encoding::{from_base64url, to_base64url};

/// A public key as JWK (RFC 7517; RFC 8037 for Ed25519) with its required members only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Jwk {
    /// Curve: `Ed25519` or `P-256`.
    pub crv: String,
    /// Key type: `OKP` or `EC`.
    pub kty: String,
    /// The public key, or the point's first coordinate, in base64url.
    pub x: String,
    /// The point's second coordinate in base64url; of P-256 keys only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub y: Option<String>,
}

impl From<&Public> for Jwk {
    fn from(key: &Public) -> Self {
        let (crv, kty) = match key.algorithm() {
            Algorithm::Ed25519 => ("Ed25519", "OKP"),
            Algorithm::P256 => ("P-256", "EC"),
        };
        let (x, y) = key.coordinates();
        Self { crv: crv.to_owned(), kty: kty.to_owned(), x: to_base64url(x), y: y.map(to_base64url) }
    }
}

impl TryFrom<&Jwk> for Public {
    type Error = Error;

    fn try_from(jwk: &Jwk) -> Result<Self, Error> {
        let x = from_base64url(&jwk.x).filter(|x| x.len() == 32).ok_or(Error::Jwk)?;
        match (jwk.kty.as_str(), jwk.crv.as_str(), &jwk.y) {
            ("OKP", "Ed25519", None) => Self::from_raw(Algorithm::Ed25519, &x),
            ("EC", "P-256", Some(y)) => {
                let y = from_base64url(y).filter(|y| y.len() == 32).ok_or(Error::Jwk)?;
                let point: Vec<u8> = [4].into_iter().chain(x).chain(y).collect();
                Self::from_raw(Algorithm::P256, &point)
            }
            _ => Err(Error::Jwk),
        }
    }
}
