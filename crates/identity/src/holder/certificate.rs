//! Lists of certificates as PEM: trust bundles and chains; and the requests and lists that go with them.

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, CertificateSigningRequestDer};

use crate::pem;

/// The text is not a list of at least one PEM certificate, or not one request or list of revoked certificates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("text is not the PEM that is wanted here")]
pub struct ParseError;

/// The PEM texts of certificates, one after the other.
#[must_use]
pub fn to_pem(certificates: &[CertificateDer<'_>]) -> String {
    certificates.iter().map(|certificate| pem::encode("CERTIFICATE", certificate).to_string()).collect()
}

/// The certificates of a PEM text, at least one, in its order; what they say is not looked at.
///
/// # Errors
/// [`ParseError`].
pub fn from_pem(text: &str) -> Result<Vec<CertificateDer<'static>>, ParseError> {
    let certificates: Vec<_> =
        CertificateDer::pem_slice_iter(text.as_bytes()).collect::<Result<_, _>>().map_err(|_| ParseError)?;
    if certificates.is_empty() { Err(ParseError) } else { Ok(certificates) }
}

/// The PEM text of a signing request (PKCS#10).
#[must_use]
pub fn request_to_pem(der: &[u8]) -> String {
    pem::encode("CERTIFICATE REQUEST", der).to_string()
}

/// The DER of the one signing request of a PEM text; what it says is not looked at.
///
/// # Errors
/// [`ParseError`].
pub fn request_from_pem(text: &str) -> Result<Vec<u8>, ParseError> {
    let mut found = CertificateSigningRequestDer::pem_slice_iter(text.as_bytes());
    match (found.next(), found.next()) {
        (Some(Ok(request)), None) => Ok(request.to_vec()),
        (_, _) => Err(ParseError),
    }
}

/// The PEM text of a list of revoked certificates.
#[must_use]
pub fn crl_to_pem(der: &[u8]) -> String {
    pem::encode("X509 CRL", der).to_string()
}

/// The DER of the one list of revoked certificates of a PEM text; what it says is not looked at.
///
/// # Errors
/// [`ParseError`].
pub fn crl_from_pem(text: &str) -> Result<Vec<u8>, ParseError> {
    let mut found = CertificateRevocationListDer::pem_slice_iter(text.as_bytes());
    match (found.next(), found.next()) {
        (Some(Ok(list)), None) => Ok(list.to_vec()),
        (_, _) => Err(ParseError),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_request_or_list_and_no_other_kind() {
        let (request, list) = (request_to_pem(&[7; 60]), crl_to_pem(&[8; 60]));
        assert_eq!(request_from_pem(&request), Ok(vec![7; 60]));
        assert_eq!(crl_from_pem(&list), Ok(vec![8; 60]));
        for bad in ["", "x", &list, &request.repeat(2), &request.replace("END", "EMD")] {
            assert_eq!(request_from_pem(bad), Err(ParseError), "{bad}");
        }
        for bad in ["", "x", &request, &list.repeat(2)] {
            assert_eq!(crl_from_pem(bad), Err(ParseError), "{bad}");
        }
    }

    #[test]
    fn round_trip_and_refusals() {
        for len in [1, 47, 48, 49, 96, 1000] {
            let certificates = vec![CertificateDer::from(vec![7; len]), CertificateDer::from(vec![8; len])];
            let text = to_pem(&certificates);
            assert_eq!(from_pem(&text), Ok(certificates), "{len}");
            assert!(text.lines().all(|line| !line.is_empty() && line.len() <= 64), "{len}");
        }
        let good = to_pem(&[CertificateDer::from(vec![7; 60])]);
        for bad in
            ["", "x", &good.replace("END", "EMD"), &good.replace("BwcH", "*wcH"), &good.replace("CERTIFICATE", "PRIVATE KEY")]
        {
            assert_eq!(from_pem(bad), Err(ParseError), "{bad}");
        }
    }
}
