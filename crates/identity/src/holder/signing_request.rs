//! A signing request (PKCS#10, RFC 2986) for a key: it proves that its maker holds the key, and asks for nothing, since whoever signs knows
//! whose it is.

use super::key::{Algorithm, Error, Pair};

/// DER of `SEQUENCE OF` nothing, for the subject; and of an empty set of attributes, which is tagged `[0]`.
const NO_NAME: [u8; 2] = [0x30, 0x00];
const NO_ATTRIBUTES: [u8; 2] = [0xa0, 0x00];

/// DER of version 1, which is written as 0.
const VERSION: [u8; 3] = [0x02, 0x01, 0x00];

/// DER of the algorithm identifiers of signatures by either kind of key (RFC 5758 §3.2, RFC 8410 §3).
const ECDSA_SHA256: [u8; 12] = [0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];
const ED25519: [u8; 7] = [0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70];

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;

/// The request of `key`, DER.
///
/// # Errors
/// [`Error::Library`] when it cannot be signed.
pub fn make(key: &Pair) -> Result<Vec<u8>, Error> {
    let asked = [&VERSION[..], &NO_NAME, &key.public().to_spki_der(), &NO_ATTRIBUTES].concat();
    let asked = element(SEQUENCE, &asked);
    let signature = key.sign(&asked)?;
    let (algorithm, signature): (&[u8], Vec<u8>) = match key.algorithm() {
        Algorithm::Ed25519 => (&ED25519, signature.to_vec()),
        Algorithm::P256 => (&ECDSA_SHA256, numbers(&signature)),
    };
    let signature = element(BIT_STRING, &[&[0][..], &signature].concat());
    Ok(element(SEQUENCE, &[&asked, algorithm, &signature].concat()))
}

/// `r ‖ s` as the sequence of two numbers that X.509 wants (RFC 3279 §2.2.3).
fn numbers(signature: &[u8]) -> Vec<u8> {
    let (r, s) = signature.split_at(signature.len() / 2);
    element(SEQUENCE, &[number(r), number(s)].concat())
}

/// A number that is not negative: without leading zeros, but one where its first bit is set.
fn number(bytes: &[u8]) -> Vec<u8> {
    let digits: Vec<u8> = bytes.iter().copied().skip_while(|byte| *byte == 0).collect();
    let sign: &[u8] = if digits.first().is_none_or(|first| first & 0x80 != 0) { &[0] } else { &[] };
    element(INTEGER, &[sign, &digits].concat())
}

/// Tag, length and value; nothing here is longer than 64 KiB.
fn element(tag: u8, value: &[u8]) -> Vec<u8> {
    let [.., high, low] = value.len().to_be_bytes();
    let length: &[u8] = match value.len() {
        0..=0x7f => &[low],
        0x80..=0xff => &[0x81, low],
        _ => &[0x82, high, low],
    };
    [&[tag], length, value].concat()
}

#[cfg(all(test, feature = "authority"))]
mod tests {
    use scalbotics_core::identity::SpiffeId;

    use super::*;
    use crate::authority::ca::read_workload;

    #[test]
    fn the_authority_reads_what_a_worker_asks() {
        let id = SpiffeId::parse("spiffe://td.test/acme/agent/clerk").unwrap();
        // Signatures are of several lengths: a number in it may begin with zeros.
        for algorithm in [Algorithm::P256, Algorithm::Ed25519] {
            for _ in 0..300 {
                let key = Pair::generate(algorithm).unwrap();
                let request = make(&key).unwrap();
                assert_eq!(read_workload(&request, &id).unwrap().to_spki_der(), key.public().to_spki_der());
            }
        }
    }

    #[test]
    fn numbers_are_minimal_and_never_negative() {
        for (bytes, wanted) in [
            (&[0, 0, 5][..], &[2, 1, 5][..]),
            (&[0x80], &[2, 2, 0, 0x80]),
            (&[0, 0x7f, 1], &[2, 2, 0x7f, 1]),
            (&[0, 0], &[2, 1, 0]),
        ] {
            assert_eq!(number(bytes), wanted, "{bytes:?}");
        }
        assert_eq!(element(4, &[7; 0x80])[..4], [4, 0x81, 0x80, 7]);
        assert_eq!(element(4, &[7; 0x100])[..5], [4, 0x82, 1, 0, 7]);
    }
}
