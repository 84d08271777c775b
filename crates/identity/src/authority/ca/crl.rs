//! Lists of revoked certificates (RFC 5280 §5), for verifiers that are no part of this installation.

use std::time::Duration;

use rcgen::{
    CertificateRevocationListParams, Issuer, KeyIdMethod, KeyPair, RevocationReason, RevokedCertParams, SerialNumber,
    date_time_ymd,
};
use rustls::pki_types::CertificateDer;
use scalbotics_core::time::Timestamp;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer as _;
use x509_parser::revocation_list::CertificateRevocationList;

use super::Error;
use super::profile::Validity;
use crate::holder::svid::Serial;

/// Longest list that is taken from outside, in bytes: the root's, which names a handful of authorities.
pub const ROOT_CRL_LEN_MAX: usize = 4 << 10;

/// A certificate that is void before its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revoked {
    /// Its serial number.
    pub serial: Serial,
    /// Since when.
    pub at: Timestamp,
}

/// The list, DER, signed by `issuer` at `now` and good for `lifetime_ms`. Its number is the time, which only rises.
pub(super) fn sign(
    issuer: &Issuer<'_, KeyPair>,
    revoked: &[Revoked],
    (now, lifetime_ms): (Timestamp, u64),
    reason: RevocationReason,
) -> Result<Vec<u8>, Error> {
    let life = Validity::from_now(now, lifetime_ms)?;
    let at = |time: Timestamp| date_time_ymd(1970, 1, 1) + Duration::from_secs(u64::try_from(time.unix_ms() / 1000).unwrap_or(0));
    let entry = |revoked: &Revoked| RevokedCertParams {
        serial_number: SerialNumber::from_slice(revoked.serial.as_bytes()),
        revocation_time: at(revoked.at),
        reason_code: Some(reason),
        invalidity_date: None,
    };
    let params = CertificateRevocationListParams {
        this_update: at(life.not_before),
        next_update: at(life.not_after),
        crl_number: SerialNumber::from(u64::try_from(now.unix_ms()).unwrap_or(0)),
        issuing_distribution_point: None,
        revoked_certs: revoked.iter().map(entry).collect(),
        key_identifier_method: KeyIdMethod::Sha256,
    };
    Ok(params.signed_by(issuer).map_err(Error::Library)?.der().to_vec())
}

/// Whether `list` (DER) is signed by `root` and names every one of `serials`.
///
/// # Errors
/// [`Error::Crl`].
pub fn check_root_list(list: &[u8], root: &CertificateDer<'_>, serials: &[Serial]) -> Result<(), Error> {
    let refused = |what| Error::Crl { what };
    if list.len() > ROOT_CRL_LEN_MAX {
        return Err(refused("it is too long"));
    }
    let (rest, parsed) = CertificateRevocationList::from_der(list).map_err(|_| refused("it is malformed"))?;
    let (_, root) = X509Certificate::from_der(root).map_err(|_| Error::Certificate)?;
    if !rest.is_empty() || parsed.issuer() != root.subject() {
        return Err(refused("it is not the root's"));
    }
    parsed.verify_signature(root.public_key()).map_err(|_| refused("the root has not signed it"))?;
    let named: Vec<Serial> = parsed.iter_revoked_certificates().map(|entry| Serial::from_bytes(entry.raw_serial())).collect();
    if serials.iter().all(|serial| named.contains(serial)) {
        Ok(())
    } else {
        Err(refused("it does not name every revoked authority"))
    }
}
