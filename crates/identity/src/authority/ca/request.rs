//! Signing requests (PKCS#10, RFC 2986): made for an issuing CA's new key, and read when strangers send them (security row 6).
//!
//! **Invariant:** nothing of a request is believed but its key, which it proves to hold. What it asks for beside that is compared with what
//! is registered, and a request that asks for more is refused rather than corrected: whoever sent it expects something else.

use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyUsagePurpose};
use scalbotics_core::identity::{SpiffeId, Subject, TrustDomain};
use x509_parser::asn1_rs::oid;
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::cri_attributes::ParsedCriAttribute;
use x509_parser::extensions::{GeneralName, KeyUsage, ParsedExtension};
use x509_parser::prelude::FromDer as _;
use x509_parser::x509::X509Version;

use super::Error;
use super::profile::{signing_key, uri};
use crate::holder::key::{self, Algorithm, Pair, Public};

/// Longest signing request, in bytes: one with a key of either algorithm and a SPIFFE id of full length has under 3 KiB.
pub const REQUEST_LEN_MAX: usize = 8 << 10;

/// Why a signing request is refused.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// It is too long to be one.
    #[error("signing request of {len} bytes is longer than {REQUEST_LEN_MAX}")]
    Length {
        /// Its length, in bytes.
        len: usize,
    },
    /// The bytes are not one PKCS#10 request, or say something twice.
    #[error("signing request is malformed: {what}")]
    Malformed {
        /// What is wrong.
        what: &'static str,
    },
    /// Its key is weak, or of an algorithm that is not accepted here.
    #[error("signing request has a key that is not accepted")]
    Key(#[from] key::Error),
    /// It is not signed by its own key, or by another algorithm than the key's.
    #[error("signing request is not signed by its own key")]
    Signature,
    /// It asks to be a certificate authority, or not to be one where one is signed.
    #[error("signing request asks for the rights of a certificate authority")]
    Authority,
    /// It asks for another identity than the registered one, for several, or for host names.
    #[error("signing request asks for other names than `{registered}`")]
    Names {
        /// Whose it must be.
        registered: SpiffeId,
    },
    /// It asks for something that is not known here.
    #[error("signing request asks for an extension that is not issued: {oid}")]
    Extension {
        /// Its object identifier.
        oid: String,
    },
}

/// The request of an issuing CA's new key, DER, for the root to sign.
///
/// # Errors
/// [`Error::Key`], [`Error::Library`].
pub fn request(key: &Pair, trust_domain: &TrustDomain) -> Result<Vec<u8>, Error> {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.subject_alt_names = vec![uri(&SpiffeId::new(trust_domain.clone(), &Subject::TrustDomain))?];
    Ok(params.serialize_request(&signing_key(key)?).map_err(Error::Library)?.der().to_vec())
}

/// The key of a workload's request, which may ask for the identity that is registered and for nothing else.
///
/// # Errors
/// [`RequestError`].
pub fn read_workload(der: &[u8], registered: &SpiffeId) -> Result<Public, RequestError> {
    let (key, asked) = read(der, registered)?;
    if asked.authority { Err(RequestError::Authority) } else { Ok(key) }
}

/// The P-256 key of an issuing CA's request, for the root of this trust domain.
///
/// # Errors
/// [`RequestError`].
pub fn read_authority(der: &[u8], trust_domain: &TrustDomain) -> Result<Public, RequestError> {
    let (key, asked) = read(der, &SpiffeId::new(trust_domain.clone(), &Subject::TrustDomain))?;
    if key.algorithm() != Algorithm::P256 {
        return Err(key::Error::Public { algorithm: Algorithm::P256 }.into());
    }
    if asked.authority { Ok(key) } else { Err(RequestError::Authority) }
}

/// What a request asks for beside its key.
#[derive(Debug, Default)]
struct Asked {
    authority: bool,
}

fn read(der: &[u8], registered: &SpiffeId) -> Result<(Public, Asked), RequestError> {
    let malformed = |what| RequestError::Malformed { what };
    if der.len() > REQUEST_LEN_MAX {
        return Err(RequestError::Length { len: der.len() });
    }
    let (rest, request) = X509CertificationRequest::from_der(der).map_err(|_| malformed("no PKCS#10"))?;
    if !rest.is_empty() {
        return Err(malformed("bytes follow it"));
    }
    let info = &request.certification_request_info;
    if info.version != X509Version::V1 {
        return Err(malformed("another version than 1"));
    }
    let key = Public::from_spki_der(info.subject_pki.raw)?;
    // One algorithm a key: the request's own field chooses none.
    let expected = match key.algorithm() {
        Algorithm::Ed25519 => oid!(1.3.101.112),
        Algorithm::P256 => oid!(1.2.840.10045.4.3.2),
    };
    if request.signature_algorithm.algorithm != expected || request.verify_signature().is_err() {
        return Err(RequestError::Signature);
    }
    let mut asked = Asked::default();
    let mut is_seen = false;
    for attribute in info.iter_attributes() {
        match attribute.parsed_attribute() {
            ParsedCriAttribute::ExtensionRequest(requested) if !is_seen => {
                is_seen = true;
                for (place, extension) in requested.extensions.iter().enumerate() {
                    if requested.extensions.iter().skip(place + 1).any(|other| other.oid == extension.oid) {
                        return Err(malformed("an extension stands twice"));
                    }
                    look(extension.parsed_extension(), &extension.oid.to_id_string(), registered, &mut asked)?;
                }
            }
            ParsedCriAttribute::ExtensionRequest(_) => return Err(malformed("extensions are asked for twice")),
            // A password for another kind of CA, or something unknown: it asks for nothing.
            ParsedCriAttribute::ChallengePassword(_) | ParsedCriAttribute::UnsupportedAttribute => {}
        }
    }
    Ok((key, asked))
}

/// Compares one wish with what is registered.
fn look(extension: &ParsedExtension<'_>, oid: &str, registered: &SpiffeId, asked: &mut Asked) -> Result<(), RequestError> {
    if let ParsedExtension::BasicConstraints(constraints) = extension {
        asked.authority |= constraints.ca;
    } else if let ParsedExtension::KeyUsage(usage) = extension {
        asked.authority |= signs_certificates(usage);
    } else if let ParsedExtension::SubjectAlternativeName(names) = extension {
        let is_own = matches!(names.general_names.as_slice(), [GeneralName::URI(uri)] if *uri == registered.to_string());
        if !is_own {
            return Err(RequestError::Names { registered: registered.clone() });
        }
    } else if let ParsedExtension::ParseError { .. } = extension {
        return Err(RequestError::Malformed { what: "an extension cannot be read" });
    } else if !is_issued(extension) {
        return Err(RequestError::Extension { oid: oid.to_owned() });
    }
    Ok(())
}

/// Whether every certificate has the extension, in the house's own form: the key's identifier, and use by servers and clients, but no other.
fn is_issued(extension: &ParsedExtension<'_>) -> bool {
    if let ParsedExtension::ExtendedKeyUsage(usage) = extension {
        let others = usage.any || usage.code_signing || usage.email_protection || usage.time_stamping || usage.ocsp_signing;
        return !others && usage.other.is_empty();
    }
    matches!(extension, ParsedExtension::SubjectKeyIdentifier(_))
}

fn signs_certificates(usage: &KeyUsage) -> bool {
    usage.key_cert_sign() || usage.crl_sign()
}

#[cfg(test)]
mod tests;
