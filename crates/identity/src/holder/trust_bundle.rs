//! Trust bundles in the form that SPIFFE gives them (SPIFFE Trust Domain and Bundle §4): a JWK set, for verifiers that are no part of this
//! installation.

use rustls::pki_types::CertificateDer;
use serde_json::{Value, json};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer as _;

use super::certificate;
use super::key::{self, Jwk, Public};
use crate::encoding::to_base64;

/// How often a verifier looks for a newer bundle, in seconds: a root is announced weeks before anything is signed under it.
const REFRESH_HINT_S: u64 = 3_600;

/// Roots that the number of a bundle can tell apart; a trust file has one, or two while one follows the other.
const ROOTS_MAX: i64 = 64;

/// Why a bundle has no such form.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is no list of certificates.
    #[error("bundle is malformed")]
    Pem(#[from] certificate::ParseError),
    /// A root is malformed.
    #[error("a root certificate is malformed")]
    Certificate,
    /// The key of a root is of no algorithm that this house uses.
    #[error("a root certificate has another key than P-256 or Ed25519")]
    Key(#[from] key::Error),
    /// It cannot be written.
    #[error("bundle cannot be written")]
    Json(#[from] serde_json::Error),
}

/// The JWK set of a PEM bundle: one key a root, each with its certificate.
///
/// # Errors
/// [`Error`].
pub fn to_jwks(pem: &str) -> Result<String, Error> {
    let roots = certificate::from_pem(pem)?;
    let keys = roots.iter().map(one).collect::<Result<Vec<_>, _>>()?;
    Ok(serde_json::to_string(&json!({
        "keys": keys, "spiffe_refresh_hint": REFRESH_HINT_S, "spiffe_sequence": sequence(&roots)?,
    }))?)
}

/// A number that rises when a root is added, which is newer than the others, and when one is taken out: it needs no counter that could be lost.
fn sequence(roots: &[CertificateDer<'_>]) -> Result<i64, Error> {
    let mut newest = 0;
    for root in roots {
        let (_, parsed) = X509Certificate::from_der(root).map_err(|_| Error::Certificate)?;
        newest = newest.max(parsed.validity().not_before.timestamp());
    }
    let count = i64::try_from(roots.len()).unwrap_or(ROOTS_MAX).min(ROOTS_MAX);
    Ok(newest.saturating_mul(ROOTS_MAX).saturating_add(ROOTS_MAX - count))
}

fn one(root: &CertificateDer<'_>) -> Result<Value, Error> {
    let (_, parsed) = X509Certificate::from_der(root).map_err(|_| Error::Certificate)?;
    let key = Public::from_spki_der(parsed.public_key().raw)?;
    let mut jwk = serde_json::to_value(Jwk::from(&key))?;
    if let Some(members) = jwk.as_object_mut() {
        members.insert("use".to_owned(), json!("x509-svid"));
        members.insert("x5c".to_owned(), json!([to_base64(root)]));
    }
    Ok(jwk)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_root_becomes_a_key_with_its_certificate_and_nothing_else() {
        let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
        let made = |year| {
            let mut params = rcgen::CertificateParams::default();
            params.not_before = rcgen::date_time_ymd(year, 1, 1);
            params.self_signed(&key).unwrap().der().clone()
        };
        let (old, new) = (made(2024), made(2026));
        let bundle =
            |roots: &[CertificateDer<'_>]| serde_json::from_str::<Value>(&to_jwks(&certificate::to_pem(roots)).unwrap()).unwrap();
        let one = bundle(std::slice::from_ref(&old));
        let found = &one["keys"][0];
        assert_eq!((&found["use"], &found["kty"], &found["crv"]), (&json!("x509-svid"), &json!("EC"), &json!("P-256")));
        assert_eq!(found["x5c"], json!([to_base64(&old)]));
        assert_eq!(found.as_object().unwrap().len(), 6, "{found}");
        let number = |bundle: &Value| bundle["spiffe_sequence"].as_i64().unwrap();
        let both = bundle(&[old.clone(), new.clone()]);
        assert!(number(&one) < number(&both), "a root was added");
        assert!(number(&both) < number(&bundle(&[new])), "the old one was taken out");
        for bad in ["", "x", &certificate::to_pem(&[CertificateDer::from(vec![7; 60])])] {
            assert!(to_jwks(bad).is_err());
        }
    }
}
