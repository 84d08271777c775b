//! Key pairs that everyone knows, so that an input can get past a signature and the same input does the same each time.

use scalbotics_identity::holder::key::Pair;

/// PKCS #8 of an Ed25519 key, up to its 32 bytes (RFC 8410).
const ED25519: [u8; 16] = [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

/// PKCS #8 of a P-256 key without its public half, up to its 32 bytes (RFC 5915).
const P256: [u8; 35] = [
    0x30, 0x41, 0x02, 0x01, 0x00, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48,
    0xce, 0x3d, 0x03, 0x01, 0x07, 0x04, 0x27, 0x30, 0x25, 0x02, 0x01, 0x01, 0x04, 0x20,
];

/// An Ed25519 pair: logins, approvals, checkpoints.
#[must_use]
pub fn ed25519() -> Pair {
    pair(&ED25519, 7)
}

/// A P-256 pair: the issuer of access tokens.
#[must_use]
pub fn p256() -> Pair {
    pair(&P256, 9)
}

/// Another P-256 pair, which signs nothing.
#[must_use]
pub fn other_p256() -> Pair {
    pair(&P256, 11)
}

fn pair(prefix: &[u8], byte: u8) -> Pair {
    let der = [prefix, &[byte; 32]].concat();
    Pair::from_pkcs8_der(&der).expect("a constant key is one")
}
