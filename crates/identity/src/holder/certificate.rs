//! Lists of certificates as PEM: trust bundles and chains.

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use crate::pem;

/// The text is not a list of at least one PEM certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("text is not a list of PEM certificates")]
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

#[cfg(test)]
mod tests {
    use super::*;

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
