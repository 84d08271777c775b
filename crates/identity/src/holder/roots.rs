//! Authorities that an operator trusts beside the system's, as a PEM file holds them (RFC 7468): what companies call their CA bundle.
//!
//! **Invariant:** only certificates of authorities are taken: the certificate of one server would be believed about any name.

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::{self, PemObject as _};
use scalbotics_core::egress::Roots;
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// Most certificates of a file: all public authorities together are about 150.
pub const ROOTS_MAX: usize = 512;

/// Why a file of authorities is not usable.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is no PEM.
    #[error("it is no PEM file")]
    Pem(#[source] pem::Error),
    /// There is none in it.
    #[error("it holds no certificate")]
    Empty,
    /// There are too many.
    #[error("it holds more than {ROOTS_MAX} certificates")]
    TooMany,
    /// One cannot be read.
    #[error("its certificate {number} cannot be read")]
    Unreadable {
        /// Which, from 1.
        number: usize,
        /// Why.
        #[source]
        source: rustls::Error,
    },
    /// One is that of a server or a person.
    #[error("its certificate {number} is not an authority's: put in the certificate of the authority that signed it")]
    NotAnAuthority {
        /// Which, from 1.
        number: usize,
    },
}

/// The authorities of a PEM text.
///
/// # Errors
/// Any [`Error`], the first thing that is wrong.
pub fn parse(text: &[u8]) -> Result<Roots, Error> {
    let mut found = Vec::new();
    for (number, certificate) in (1..).zip(CertificateDer::pem_slice_iter(text)) {
        if number > ROOTS_MAX {
            return Err(Error::TooMany);
        }
        let certificate = certificate.map_err(Error::Pem)?;
        let unreadable = |source| Error::Unreadable { number, source };
        RootCertStore::empty().add(certificate.clone()).map_err(unreadable)?;
        if !is_authority(&certificate) {
            return Err(Error::NotAnAuthority { number });
        }
        found.push(certificate.to_vec());
    }
    if found.is_empty() { Err(Error::Empty) } else { Ok(Roots::new(found)) }
}

/// Whether it may sign others (RFC 5280 §4.2.1.9).
fn is_authority(der: &[u8]) -> bool {
    let Ok((_, certificate)) = X509Certificate::from_der(der) else { return false };
    matches!(certificate.basic_constraints(), Ok(Some(constraints)) if constraints.value.ca)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pem(names: &[(&str, bool)]) -> String {
        let made = names.iter().map(|(name, is_ca)| {
            let mut params = rcgen::CertificateParams::new(vec![(*name).to_owned()]).unwrap();
            if *is_ca {
                params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
            }
            params.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap().pem()
        });
        made.collect::<Vec<_>>().join("some words between\n")
    }

    #[test]
    fn authorities_and_nothing_else() {
        assert_eq!(parse(pem(&[("a.test", true), ("b.test", true)]).as_bytes()).unwrap().len(), 2);
        let cut = pem(&[("a.test", true)]).replace("-----END", "-----ENDE");
        let spoilt = pem(&[("a.test", true)]).replacen("MII", "AAA", 1);
        for (text, says) in [
            (String::new(), "no certificate"),
            ("hello".to_owned(), "no certificate"),
            (cut, "no PEM"),
            (spoilt, "certificate 1 cannot be read"),
            (pem(&[("a.test", true), ("server.test", false)]), "certificate 2 is not an authority's"),
        ] {
            let error = parse(text.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(says), "{says}: {error}");
        }
        let many = pem(&[("a.test", true)]).repeat(ROOTS_MAX + 1);
        assert!(matches!(parse(many.as_bytes()), Err(Error::TooMany)));
    }
}
