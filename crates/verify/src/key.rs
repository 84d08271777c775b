//! Public keys: Ed25519 (RFC 8032) and ECDSA on P-256, as JWK (RFC 7517, RFC 8037).

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, ED25519, UnparsedPublicKey};

use crate::base::{from_base64url, to_base64url};
use crate::fields;
use crate::hash::{self, Hash};
use crate::json::Value;

/// What a key signs with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Algorithm {
    Ed25519,
    P256,
}

/// A public key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Key {
    algorithm: Algorithm,
    /// 32 bytes of Ed25519, or the uncompressed point.
    raw: Vec<u8>,
}

impl Key {
    /// An Ed25519 key of its 32 bytes.
    pub(crate) fn ed25519(raw: &[u8]) -> Option<Self> {
        (raw.len() == 32).then(|| Self { algorithm: Algorithm::Ed25519, raw: raw.to_vec() })
    }

    /// A key of its JWK: the required members and no other.
    pub(crate) fn of_jwk(jwk: Value<'_>) -> Option<Self> {
        let no_place = String::new;
        let mut fields = fields::of(jwk, &no_place).ok()?;
        let (curve, kind) = (fields.plain("crv").ok()?, fields.plain("kty").ok()?);
        let x = from_base64url(fields.plain("x").ok()?).filter(|x| x.len() == 32)?;
        let key = match (curve, kind) {
            ("Ed25519", "OKP") => Self::ed25519(&x)?,
            ("P-256", "EC") => {
                let y = from_base64url(fields.plain("y").ok()?).filter(|y| y.len() == 32)?;
                Self { algorithm: Algorithm::P256, raw: [vec![4], x, y].concat() }
            }
            _ => return None,
        };
        fields.done().ok()?;
        Some(key)
    }

    /// Its bytes.
    pub(crate) fn raw(&self) -> &[u8] {
        &self.raw
    }

    /// What it signs with.
    pub(crate) const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Its thumbprint (RFC 7638), as text.
    pub(crate) fn thumbprint(&self) -> String {
        let json = match (self.algorithm, self.raw.split_at_checked(33)) {
            (Algorithm::P256, Some((head, y))) => {
                let x = head.get(1..).unwrap_or_default();
                format!(r#"{{"crv":"P-256","kty":"EC","x":"{}","y":"{}"}}"#, to_base64url(x), to_base64url(y))
            }
            (Algorithm::Ed25519 | Algorithm::P256, _) => {
                format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, to_base64url(&self.raw))
            }
        };
        let digest: Hash = hash::sha256(json.as_bytes());
        to_base64url(&digest)
    }

    /// Whether the signature is this key's over the message.
    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        let verified = match self.algorithm {
            Algorithm::Ed25519 => UnparsedPublicKey::new(&ED25519, &self.raw).verify(message, signature),
            Algorithm::P256 => UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &self.raw).verify(message, signature),
        };
        verified.is_ok()
    }
}
