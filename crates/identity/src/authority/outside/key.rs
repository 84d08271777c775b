//! One key of an outside issuer, as far as it verifies signatures.

use std::fmt;

use aws_lc_rs::signature::{
    ECDSA_P384_SHA384_FIXED, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512,
    RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, RsaParameters, RsaPublicKeyComponents,
};
use serde_json::{Map, Value};

use super::Algorithm;
use crate::encoding::from_base64url;
use crate::holder::key::{self, Public};

/// The public exponent that every RSA key of today has; a small one made forged signatures pass sloppy verifiers.
const RSA_EXPONENT: [u8; 3] = [1, 0, 1];

/// Shortest and longest modulus, in bytes: 2 048 to 8 192 bits.
const RSA_MODULUS_LEN: std::ops::RangeInclusive<usize> = 256..=1024;

/// Length of a P-384 coordinate and of a signature by it, in bytes.
const P384_LEN: usize = 48;
const P384_SIGNATURE_LEN: usize = 96;

/// A key with its one algorithm.
pub(super) struct Key {
    pub(super) algorithm: Algorithm,
    material: Material,
}

enum Material {
    /// P-256 and Ed25519.
    Ours(Public),
    P384(ParsedPublicKey),
    Rsa(RsaPublicKeyComponents<Vec<u8>>, &'static RsaParameters),
}

impl Key {
    /// The key of a JWK, if it is one that verifies signatures by an algorithm of the list.
    pub(super) fn of(jwk: &Map<String, Value>, allowed: &[Algorithm]) -> Option<Self> {
        let text = |name: &str| jwk.get(name).and_then(Value::as_str);
        let (kty, crv) = (text("kty")?, text("crv").unwrap_or_default());
        let by_kind = match (kty, crv) {
            ("EC", "P-256") => Some(Algorithm::Es256),
            ("EC", "P-384") => Some(Algorithm::Es384),
            ("OKP", "Ed25519") => Some(Algorithm::EdDsa),
            _ => None,
        };
        // A key that names no algorithm has the first of its kind, so that it never has two (RFC 8725 §3.1).
        let algorithm = match (kty, jwk.get("alg")) {
            ("RSA", None) => allowed.iter().copied().find(|algorithm| algorithm.is_rsa()),
            ("RSA", Some(named)) => Algorithm::parse(named.as_str()?).filter(|algorithm| algorithm.is_rsa()),
            (_, None) => by_kind,
            (_, Some(named)) => by_kind.filter(|algorithm| named.as_str() == Some(algorithm.as_jws())),
        };
        let algorithm = algorithm.filter(|algorithm| allowed.contains(algorithm))?;
        let part = |name: &str, len: usize| text(name).and_then(from_base64url).filter(|bytes| bytes.len() == len);
        let material = match algorithm {
            Algorithm::Es256 => {
                let point = [vec![4], part("x", 32)?, part("y", 32)?].concat();
                Material::Ours(Public::from_raw(key::Algorithm::P256, &point).ok()?)
            }
            Algorithm::EdDsa => Material::Ours(Public::from_raw(key::Algorithm::Ed25519, &part("x", 32)?).ok()?),
            Algorithm::Es384 => {
                let point = [vec![4], part("x", P384_LEN)?, part("y", P384_LEN)?].concat();
                Material::P384(ParsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, point).ok()?)
            }
            Algorithm::Rs256 => rsa(jwk, &RSA_PKCS1_2048_8192_SHA256)?,
            Algorithm::Rs384 => rsa(jwk, &RSA_PKCS1_2048_8192_SHA384)?,
            Algorithm::Rs512 => rsa(jwk, &RSA_PKCS1_2048_8192_SHA512)?,
            Algorithm::Ps256 => rsa(jwk, &RSA_PSS_2048_8192_SHA256)?,
            Algorithm::Ps384 => rsa(jwk, &RSA_PSS_2048_8192_SHA384)?,
            Algorithm::Ps512 => rsa(jwk, &RSA_PSS_2048_8192_SHA512)?,
        };
        Some(Self { algorithm, material })
    }

    /// Whether the signature is this key's over the message.
    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        match &self.material {
            Material::Ours(key) => key.verify(message, signature).is_ok(),
            Material::P384(key) => signature.len() == P384_SIGNATURE_LEN && key.verify_sig(message, signature).is_ok(),
            Material::Rsa(key, parameters) => key.verify(parameters, message, signature).is_ok(),
        }
    }
}

/// Modulus and exponent, in their one form without leading zeros (RFC 7518 §6.3.1).
fn rsa(jwk: &Map<String, Value>, parameters: &'static RsaParameters) -> Option<Material> {
    let part = |name: &str| jwk.get(name).and_then(Value::as_str).and_then(from_base64url);
    let (n, e) = (part("n")?, part("e")?);
    let sound = RSA_MODULUS_LEN.contains(&n.len()) && n.first() != Some(&0) && n.last().is_some_and(|last| last % 2 == 1);
    (sound && e == RSA_EXPONENT).then_some(Material::Rsa(RsaPublicKeyComponents { n, e }, parameters))
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}
