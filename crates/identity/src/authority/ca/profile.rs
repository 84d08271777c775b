//! What the three kinds of certificate have in common, and their lives.

use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256,
    SanType, SerialNumber, date_time_ymd,
};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use scalbotics_core::digest::Digest;
use scalbotics_core::identity::{AuthorityId, SpiffeId, Subject, TrustDomain};
use scalbotics_core::time::Timestamp;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer as _;

use super::Error;
use crate::entropy;
use crate::holder::key;
use crate::holder::svid::Serial;

/// Milliseconds of a day.
const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// How long before now a certificate begins: clocks of one house differ by less than five minutes.
pub const BACKDATE_MS: u64 = 5 * 60 * 1000;

/// Life of the root certificate: 10 years.
pub const ROOT_LIFETIME_MS: u64 = 3650 * DAY_MS;

/// Life of an issuing CA's certificate: 1 year.
pub const ISSUING_LIFETIME_MS: u64 = 365 * DAY_MS;

/// Longest life of an SVID, and the default: 24 hours.
pub const SVID_LIFETIME_MS_MAX: u64 = DAY_MS;

/// Shortest life of an SVID: 5 minutes, so that renewal at half-life leaves room for a retry.
pub const SVID_LIFETIME_MS_MIN: u64 = 5 * 60 * 1000;

/// How long a list of revoked certificates is good: whoever checks fetches it daily.
pub const CRL_LIFETIME_MS: u64 = DAY_MS;

/// Last moment that an X.509 date can say: the end of the year 9999.
const TIME_MS_MAX: i64 = 253_402_300_799_000;

/// Bytes of a serial number: 127 random bits (RFC 5280 §4.1.2.2 allows 20 bytes; CA/Browser Forum asks for 64 bits).
const SERIAL_LEN: usize = 16;

/// The life of a certificate, in whole seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Validity {
    pub(super) not_before: Timestamp,
    pub(super) not_after: Timestamp,
}

impl Validity {
    /// From a little before `now` until `lifetime_ms` after it.
    pub(super) fn from_now(now: Timestamp, lifetime_ms: u64) -> Result<Self, Error> {
        let whole = |unix_ms: i64| Timestamp::from_unix_ms(unix_ms.div_euclid(1000).saturating_mul(1000));
        let not_before = whole(now.unix_ms().saturating_sub_unsigned(BACKDATE_MS));
        let not_after = whole(now.plus_ms(lifetime_ms).unix_ms());
        if not_before.unix_ms() < 0 || not_after.unix_ms() > TIME_MS_MAX {
            return Err(Error::Time { unix_ms: now.unix_ms() });
        }
        Ok(Self { not_before, not_after })
    }

    /// Cut to lie within `outer`; refused when `now` does not.
    pub(super) fn within(self, outer: Self, now: Timestamp) -> Result<Self, Error> {
        if now < outer.not_before || now >= outer.not_after {
            return Err(Error::Time { unix_ms: now.unix_ms() });
        }
        Ok(Self { not_before: self.not_before.max(outer.not_before), not_after: self.not_after.min(outer.not_after) })
    }
}

/// A random positive serial number of exactly [`SERIAL_LEN`] bytes.
pub(super) fn new_serial() -> Result<Serial, Error> {
    let mut bytes: [u8; SERIAL_LEN] = entropy::bytes()?;
    if let Some(first) = bytes.first_mut() {
        // Neither negative nor shortened by a leading zero.
        *first = (*first & 0x7f) | 0x40;
    }
    Ok(Serial::from_bytes(&bytes))
}

/// Parameters that every certificate has.
pub(super) fn params(subject: DistinguishedName, validity: Validity, serial: &Serial) -> CertificateParams {
    let at = |time: Timestamp| date_time_ymd(1970, 1, 1) + Duration::from_millis(u64::try_from(time.unix_ms()).unwrap_or(0));
    let mut params = CertificateParams::default();
    params.distinguished_name = subject;
    params.not_before = at(validity.not_before);
    params.not_after = at(validity.not_after);
    params.serial_number = Some(SerialNumber::from_slice(serial.as_bytes()));
    params.use_authority_key_identifier_extension = true;
    params
}

/// Parameters of a CA certificate, which names its trust domain (SPIFFE X.509-SVID §3).
pub(super) fn ca_params(
    role: &str,
    trust_domain: &TrustDomain,
    path_len: u8,
    validity: Validity,
    key: &key::Public,
) -> Result<CertificateParams, Error> {
    // The thumbprint keeps apart CAs of one name: chains are built by subject.
    let mut subject = DistinguishedName::new();
    subject.push(DnType::OrganizationName, "ScalBotics");
    subject.push(DnType::CommonName, format!("{role} {}", key.thumbprint()));
    let mut params = params(subject, validity, &new_serial()?);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(path_len));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.subject_alt_names = vec![uri(&SpiffeId::new(trust_domain.clone(), &Subject::TrustDomain))?];
    Ok(params)
}

/// The URI name of a SPIFFE ID.
pub(super) fn uri(id: &SpiffeId) -> Result<SanType, Error> {
    Ok(SanType::URI(id.to_string().try_into().map_err(Error::Library)?))
}

/// The id of the authority with this key: the first 20 bytes of SHA-256 over the key, as every certificate under it names it (RFC 7093 §2).
#[must_use]
pub fn authority_id(key: &key::Public) -> AuthorityId {
    let digest = Digest::of_bytes(&key.to_spki_der());
    let mut identifier = [0; 20];
    identifier.iter_mut().zip(digest.as_bytes()).for_each(|(place, byte)| *place = *byte);
    AuthorityId::of_key_identifier(identifier)
}

/// A CA's key in the form that the certificate library signs with.
pub(super) fn signing_key(key: &key::Pair) -> Result<KeyPair, Error> {
    let der = key.to_pkcs8_der()?;
    // rcgen keeps the encoded key and clears it when dropped.
    let pkcs8 = PrivatePkcs8KeyDer::from(der.as_slice());
    KeyPair::from_pkcs8_der_and_sign_algo(&pkcs8, &PKCS_ECDSA_P256_SHA256).map_err(Error::Library)
}

/// What a stored CA certificate must say to be that of `key`.
pub(super) fn read_ca(certificate: &CertificateDer<'_>, key: &key::Public) -> Result<(TrustDomain, Validity), Error> {
    let (rest, parsed) = X509Certificate::from_der(certificate).map_err(|_| Error::Certificate)?;
    if !rest.is_empty() || !parsed.is_ca() || parsed.public_key().raw != key.to_spki_der() {
        return Err(Error::Certificate);
    }
    let names = parsed.subject_alternative_name().map_err(|_| Error::Certificate)?.ok_or(Error::Certificate)?;
    let [GeneralName::URI(uri)] = names.value.general_names.as_slice() else {
        return Err(Error::Certificate);
    };
    let id = SpiffeId::parse(uri).map_err(|_| Error::Certificate)?;
    let at = |seconds: i64| Timestamp::from_unix_ms(seconds.saturating_mul(1000));
    let validity = Validity {
        not_before: at(parsed.validity().not_before.timestamp()),
        not_after: at(parsed.validity().not_after.timestamp()),
    };
    if id.path().is_empty() { Ok((id.trust_domain().clone(), validity)) } else { Err(Error::Certificate) }
}
