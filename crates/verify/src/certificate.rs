//! X.509 certificates (RFC 5280) as this installation makes them: P-256, signed by ECDSA with SHA-256, named by a SPIFFE ID.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer as _;

use crate::base::from_base64;

/// A P-256 key as a certificate holds it (RFC 5480), before its 65 bytes.
const P256: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03,
    0x01, 0x07, 0x03, 0x42, 0x00,
];

/// The algorithm `ecdsa-with-SHA256` (RFC 5758).
const ALGORITHM: [u8; 12] = [0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];

/// A sequence, and a string of bits, in DER.
const SEQUENCE: u8 = 0x30;
const BITS: u8 = 0x03;

/// What is read of a certificate.
#[derive(Debug)]
pub(crate) struct Certificate {
    signed: Vec<u8>,
    signature: Vec<u8>,
    key: Vec<u8>,
    issuer: Vec<u8>,
    subject: Vec<u8>,
    pub(crate) is_ca: bool,
    /// The one URI among its names.
    pub(crate) uri: String,
    /// Seconds since 1970, both included.
    pub(crate) valid: (i64, i64),
}

/// An item of DER: what it is, how long, and the parts.
fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let len: usize = parts.iter().map(|part| part.len()).sum();
    let bytes = len.to_be_bytes();
    let significant = bytes.iter().position(|byte| *byte != 0).and_then(|first| bytes.get(first..)).unwrap_or_default();
    let mut item = vec![tag];
    match u8::try_from(len) {
        Ok(short) if short < 0x80 => item.push(short),
        Ok(_) | Err(_) => {
            item.push(0x80 | u8::try_from(significant.len()).unwrap_or_default());
            item.extend_from_slice(significant);
        }
    }
    item.extend(parts.iter().flat_map(|part| part.iter()));
    item
}

impl Certificate {
    /// Reads a certificate; what stands around the signed part has one form, so that no byte is free.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let (rest, parsed) = X509Certificate::from_der(bytes).ok()?;
        let (signed, signature) = (parsed.tbs_certificate.as_ref(), parsed.signature_value.data.as_ref());
        let whole = der(SEQUENCE, &[signed, &ALGORITHM, &der(BITS, &[&[0], signature])]);
        if !rest.is_empty() || whole != bytes {
            return None;
        }
        let key = parsed.public_key().raw.strip_prefix(&P256).filter(|key| key.len() == 65)?;
        let names = parsed.subject_alternative_name().ok()??;
        let uri = |name: &GeneralName<'_>| if let GeneralName::URI(uri) = name { Some((*uri).to_owned()) } else { None };
        let mut uris = names.value.general_names.iter().filter_map(uri);
        let (uri, validity) = (uris.next()?, parsed.validity());
        let found = Self {
            signed: signed.to_vec(),
            signature: signature.to_vec(),
            key: key.to_vec(),
            issuer: parsed.issuer().as_raw().to_vec(),
            subject: parsed.subject().as_raw().to_vec(),
            is_ca: parsed.is_ca(),
            uri,
            valid: (validity.not_before.timestamp(), validity.not_after.timestamp()),
        };
        uris.next().is_none().then_some(found)
    }

    /// Whether this is a CA that issued the other: by name and signature, for no longer than it lasts itself.
    pub(crate) fn issued(&self, other: &Self) -> bool {
        let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, &self.key);
        self.is_ca
            && other.issuer == self.subject
            && self.valid.0 <= other.valid.0
            && other.valid.1 <= self.valid.1
            && key.verify(&other.signed, &other.signature).is_ok()
    }
}

/// The certificates of a PEM text (RFC 7468), DER, in their order; of an empty text none.
pub(crate) fn of_pem(text: &str) -> Option<Vec<Vec<u8>>> {
    let (begin, end) = ("-----BEGIN CERTIFICATE-----\n", "-----END CERTIFICATE-----\n");
    let (mut found, mut rest) = (Vec::new(), text);
    while !rest.is_empty() {
        let (inside, after) = rest.strip_prefix(begin)?.split_once(end)?;
        found.push(from_base64(&inside.replace('\n', ""))?);
        rest = after;
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_and_lists() {
        assert_eq!(der(4, &[&[7; 2], &[8]]), [4, 3, 7, 7, 8]);
        assert_eq!(der(4, &[&[0; 127]])[..3], [4, 127, 0]);
        assert_eq!(der(4, &[&[0; 128]])[..3], [4, 0x81, 128]);
        assert_eq!(der(4, &[&[0; 256]])[..4], [4, 0x82, 1, 0]);
        assert_eq!(of_pem(""), Some(vec![]));
        let one = "-----BEGIN CERTIFICATE-----\nMA\nA=\n-----END CERTIFICATE-----\n";
        assert_eq!(of_pem(&[one, one].concat()), Some(vec![vec![0x30, 0]; 2]));
        for bad in ["x", &one[1..], &one[..one.len() - 1], &one.replace("MA\n", "M*\n"), &format!("{one}\n")] {
            assert_eq!(of_pem(bad), None, "{bad}");
        }
        assert!(Certificate::read(&[0x30, 0]).is_none() && Certificate::read(b"").is_none());
    }
}
