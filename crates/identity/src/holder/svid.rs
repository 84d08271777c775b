//! Reading X.509-SVIDs (SPIFFE X.509-SVID §2–§5): whom a certificate names, checked beyond what a chain proves.

use std::fmt;

use rustls::pki_types::CertificateDer;
use scalbotics_core::digest::Digest;
use scalbotics_core::identity::{SpiffeId, SpiffeIdError};
use scalbotics_core::time::Timestamp;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer as _;

use super::key::Public;

/// Longest serial number, in bytes (RFC 5280 §4.1.2.2).
const SERIAL_LEN_MAX: usize = 20;

/// Why a certificate is not an SVID.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The bytes are not one X.509 certificate.
    #[error("certificate is malformed")]
    Malformed,
    /// An SVID carries exactly one URI name.
    #[error("certificate has {count} URI names, not one")]
    UriNames {
        /// How many it has.
        count: usize,
    },
    /// The URI name is not a SPIFFE ID.
    #[error("certificate's URI name is not a SPIFFE ID")]
    SpiffeId(#[source] SpiffeIdError),
    /// A leaf must be no certificate authority and may not sign certificates.
    #[error("certificate may sign other certificates")]
    Authority,
    /// A leaf must be allowed to make digital signatures.
    #[error("certificate's key usage lacks digital signatures")]
    KeyUsage,
    /// A leaf's SPIFFE ID must have a path.
    #[error("certificate names a trust domain, not a workload")]
    NoPath,
}

/// A certificate's serial number, without leading zeros; its text is lower-case hexadecimal.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Serial(Vec<u8>);

impl Serial {
    /// Wraps big-endian bytes, dropping leading zeros.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Self {
        Self(bytes.iter().copied().skip_while(|byte| *byte == 0).collect())
    }

    /// Reads the text of a serial number: hexadecimal of at most 20 bytes.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits: Vec<u8> =
            text.chars().map(|digit| digit.to_digit(16).and_then(|digit| u8::try_from(digit).ok())).collect::<Option<_>>()?;
        let bytes: Vec<u8> = digits.chunks(2).map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit)).collect();
        let serial = Self::from_bytes(&bytes);
        ((1..=SERIAL_LEN_MAX).contains(&bytes.len()) && serial.to_string() == text).then_some(serial)
    }

    /// The big-endian bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What a leaf certificate says. Reading it proves nothing: the chain must have been verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Svid {
    /// Whom it names.
    pub id: SpiffeId,
    /// Its serial number, which maps to an epoch (semantics §4.3).
    pub serial: Serial,
    /// First moment of its life.
    pub not_before: Timestamp,
    /// Last moment of its life; to be checked at each call, for connections and resumed sessions outlive it.
    pub not_after: Timestamp,
    /// SHA-256 of the DER bytes: `x5t#S256` of RFC 8705.
    pub digest: Digest,
    /// SHA-256 of its key's `SubjectPublicKeyInfo`.
    pub key: Digest,
}

/// Reads a leaf certificate.
///
/// # Errors
/// Any [`Error`].
pub fn read(certificate: &CertificateDer<'_>) -> Result<Svid, Error> {
    let (rest, parsed) = X509Certificate::from_der(certificate).map_err(|_| Error::Malformed)?;
    if !rest.is_empty() {
        return Err(Error::Malformed);
    }
    let id = only_spiffe_id(&parsed)?;
    check_leaf(&parsed)?;
    if id.path().is_empty() {
        return Err(Error::NoPath);
    }
    let serial = Serial::from_bytes(parsed.raw_serial());
    if serial.as_bytes().len() > SERIAL_LEN_MAX {
        return Err(Error::Malformed);
    }
    let at = |seconds: i64| Timestamp::from_unix_ms(seconds.saturating_mul(1000));
    Ok(Svid {
        id,
        serial,
        not_before: at(parsed.validity().not_before.timestamp()),
        not_after: at(parsed.validity().not_after.timestamp()),
        digest: Digest::of_bytes(certificate),
        key: Digest::of_bytes(parsed.public_key().raw),
    })
}

/// The last moment of the life of any certificate.
///
/// # Errors
/// [`Error::Malformed`].
pub fn end(certificate: &CertificateDer<'_>) -> Result<Timestamp, Error> {
    let (_, parsed) = X509Certificate::from_der(certificate).map_err(|_| Error::Malformed)?;
    Ok(Timestamp::from_unix_ms(parsed.validity().not_after.timestamp().saturating_mul(1000)))
}

/// The serial number of any certificate.
///
/// # Errors
/// [`Error::Malformed`].
pub fn serial(certificate: &CertificateDer<'_>) -> Result<Serial, Error> {
    let (_, parsed) = X509Certificate::from_der(certificate).map_err(|_| Error::Malformed)?;
    Ok(Serial::from_bytes(parsed.raw_serial()))
}

/// The key that a certificate is of.
///
/// # Errors
/// [`Error::Malformed`], also for a key of an algorithm that is not accepted.
pub fn public_key(certificate: &CertificateDer<'_>) -> Result<Public, Error> {
    let (_, parsed) = X509Certificate::from_der(certificate).map_err(|_| Error::Malformed)?;
    Public::from_spki_der(parsed.public_key().raw).map_err(|_| Error::Malformed)
}

fn only_spiffe_id(parsed: &X509Certificate<'_>) -> Result<SpiffeId, Error> {
    let names = parsed.subject_alternative_name().map_err(|_| Error::Malformed)?;
    let uris: Vec<&str> = names
        .iter()
        .flat_map(|extension| &extension.value.general_names)
        .filter_map(|name| if let GeneralName::URI(uri) = name { Some(*uri) } else { None })
        .collect();
    match uris.as_slice() {
        [uri] => SpiffeId::parse(uri).map_err(Error::SpiffeId),
        _ => Err(Error::UriNames { count: uris.len() }),
    }
}

fn check_leaf(parsed: &X509Certificate<'_>) -> Result<(), Error> {
    let constraints = parsed.basic_constraints().map_err(|_| Error::Malformed)?;
    if constraints.is_some_and(|extension| extension.value.ca) {
        return Err(Error::Authority);
    }
    let usage = parsed.key_usage().map_err(|_| Error::Malformed)?.ok_or(Error::KeyUsage)?;
    if usage.value.key_cert_sign() || usage.value.crl_sign() {
        return Err(Error::Authority);
    }
    if usage.value.digital_signature() { Ok(()) } else { Err(Error::KeyUsage) }
}
