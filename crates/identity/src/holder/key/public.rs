//! Public keys: validated once when parsed, then used for any number of verifications.

use std::fmt;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey, VerificationAlgorithm};

use super::{Algorithm, Error, Jwk, Thumbprint};

/// Length of a signature of either algorithm, in bytes (RFC 8032 §5.1.6; `r ‖ s` of RFC 7518 §3.4).
pub const SIGNATURE_LEN: usize = 64;

/// Length of an Ed25519 public key, in bytes.
const ED25519_LEN: usize = 32;

/// Length of an uncompressed P-256 point, in bytes.
const P256_LEN: usize = 65;

/// DER of an Ed25519 `SubjectPublicKeyInfo` up to the key (RFC 8410 §4).
const ED25519_SPKI_PREFIX: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// DER of a P-256 `SubjectPublicKeyInfo` with a named curve and an uncompressed point, up to the point (RFC 5480 §2).
const P256_SPKI_PREFIX: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03,
    0x01, 0x07, 0x03, 0x42, 0x00,
];

/// The encodings, sign bit cleared, of the points of order 1, 2, 4 and 8 of edwards25519. Under such a key one signature
/// verifies for many messages, so that its owner could disown what they signed.
const ED25519_SMALL_ORDER: [[u8; 32]; 7] = [
    [0; 32],
    with_ends(0x01, 0x00, 0x00),
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf, 0xac, 0x05,
        0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20, 0x53, 0xfa,
        0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
    ],
    with_ends(0xec, 0xff, 0x7f),
    with_ends(0xed, 0xff, 0x7f),
    with_ends(0xee, 0xff, 0x7f),
];

/// 32 bytes with a first, a last, and one value between.
const fn with_ends(first: u8, middle: u8, last: u8) -> [u8; 32] {
    let mut bytes = [middle; 32];
    if let Some(byte) = bytes.first_mut() {
        *byte = first;
    }
    if let Some(byte) = bytes.last_mut() {
        *byte = last;
    }
    bytes
}

/// A valid public key of an accepted algorithm.
#[derive(Clone)]
pub struct Public {
    algorithm: Algorithm,
    raw: Vec<u8>,
    parsed: ParsedPublicKey,
}

impl Public {
    /// Parses 32 bytes of Ed25519, or the 65 bytes of an uncompressed P-256 point.
    ///
    /// # Errors
    /// [`Error::Public`], also for a point off the curve or, for Ed25519, of small order.
    pub fn from_raw(algorithm: Algorithm, raw: &[u8]) -> Result<Self, Error> {
        let refuse = Error::Public { algorithm };
        let (len, verification): (usize, &'static dyn VerificationAlgorithm) = match algorithm {
            Algorithm::Ed25519 => (ED25519_LEN, &ED25519),
            Algorithm::P256 => (P256_LEN, &ECDSA_P256_SHA256_FIXED),
        };
        let weak = match algorithm {
            Algorithm::Ed25519 => has_small_order(raw),
            Algorithm::P256 => raw.first() != Some(&4),
        };
        if raw.len() != len || weak {
            return Err(refuse);
        }
        let parsed = ParsedPublicKey::new(verification, raw).map_err(|_| refuse)?;
        Ok(Self { algorithm, raw: raw.to_vec(), parsed })
    }

    /// Parses a DER `SubjectPublicKeyInfo` in the one canonical encoding of an accepted algorithm.
    ///
    /// # Errors
    /// [`Error::UnknownAlgorithm`], [`Error::Public`].
    pub fn from_spki_der(der: &[u8]) -> Result<Self, Error> {
        if let Some(raw) = der.strip_prefix(&ED25519_SPKI_PREFIX) {
            Self::from_raw(Algorithm::Ed25519, raw)
        } else if let Some(raw) = der.strip_prefix(&P256_SPKI_PREFIX) {
            Self::from_raw(Algorithm::P256, raw)
        } else {
            Err(Error::UnknownAlgorithm)
        }
    }

    /// The key as DER `SubjectPublicKeyInfo`.
    #[must_use]
    pub fn to_spki_der(&self) -> Vec<u8> {
        let prefix: &[u8] = match self.algorithm {
            Algorithm::Ed25519 => &ED25519_SPKI_PREFIX,
            Algorithm::P256 => &P256_SPKI_PREFIX,
        };
        [prefix, &self.raw].concat()
    }

    /// The key's only algorithm.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// 32 bytes of Ed25519, or 65 of an uncompressed P-256 point.
    #[must_use]
    pub fn raw(&self) -> &[u8] {
        &self.raw
    }

    /// The JWK coordinates: `x`, and `y` for P-256.
    pub(crate) fn coordinates(&self) -> (&[u8], Option<&[u8]>) {
        match self.algorithm {
            Algorithm::Ed25519 => (&self.raw, None),
            Algorithm::P256 => {
                let (x, y) = self.raw.split_at_checked(33).unwrap_or_default();
                (x.get(1..).unwrap_or_default(), Some(y))
            }
        }
    }

    /// The key's name (RFC 7638).
    #[must_use]
    pub fn thumbprint(&self) -> Thumbprint {
        let jwk = Jwk::from(self);
        let mut members = vec![("crv", jwk.crv.as_str()), ("kty", jwk.kty.as_str()), ("x", jwk.x.as_str())];
        members.extend(jwk.y.as_deref().map(|y| ("y", y)));
        Thumbprint::of_members(&members)
    }

    /// The key as the JSON text of a JWK.
    ///
    /// # Errors
    /// [`Error::Jwk`].
    pub fn to_jwk_json(&self) -> Result<String, Error> {
        serde_json::to_string(&Jwk::from(self)).map_err(|_| Error::Jwk)
    }

    /// Parses the JSON text of a JWK that has the required public members and nothing else.
    ///
    /// # Errors
    /// [`Error::Jwk`], [`Error::Public`].
    pub fn from_jwk_json(text: &str) -> Result<Self, Error> {
        let jwk: Jwk = serde_json::from_str(text).map_err(|_| Error::Jwk)?;
        Self::try_from(&jwk)
    }

    /// Verifies a signature of [`SIGNATURE_LEN`] bytes.
    ///
    /// # Errors
    /// [`Error::Signature`].
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), Error> {
        if signature.len() != SIGNATURE_LEN {
            return Err(Error::Signature);
        }
        self.parsed.verify_sig(message, signature).map_err(|_| Error::Signature)
    }
}

fn has_small_order(raw: &[u8]) -> bool {
    let Ok(mut bytes) = <[u8; ED25519_LEN]>::try_from(raw) else {
        return false;
    };
    if let Some(last) = bytes.last_mut() {
        *last &= 0x7f;
    }
    ED25519_SMALL_ORDER.contains(&bytes)
}

impl PartialEq for Public {
    fn eq(&self, other: &Self) -> bool {
        self.algorithm == other.algorithm && self.raw == other.raw
    }
}

impl Eq for Public {}

impl fmt::Debug for Public {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Public({} {})", self.algorithm, self.thumbprint())
    }
}
