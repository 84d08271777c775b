//! The root CA: 10 years, sealed, signs issuing CAs and nothing else (semantics §4.6).

use rcgen::Issuer;
use rustls::pki_types::CertificateDer;
use scalbotics_core::identity::TrustDomain;
use scalbotics_core::time::Timestamp;

use super::Error;
use super::profile::{ISSUING_LIFETIME_MS, ROOT_LIFETIME_MS, Validity, ca_params, read_ca, signing_key};
use crate::holder::key::{Algorithm, Pair, Public};

/// A root CA with its unsealed key; to be dropped as soon as the issuing CA is signed.
#[derive(Debug)]
pub struct Root {
    trust_domain: TrustDomain,
    key: Pair,
    certificate: CertificateDer<'static>,
    validity: Validity,
}

impl Root {
    /// Makes a root CA with a new P-256 key.
    ///
    /// # Errors
    /// [`Error::Time`], [`Error::Key`], [`Error::Entropy`], [`Error::Library`].
    pub fn generate(trust_domain: &TrustDomain, now: Timestamp) -> Result<Self, Error> {
        let key = Pair::generate(Algorithm::P256)?;
        let validity = Validity::from_now(now, ROOT_LIFETIME_MS)?;
        let params = ca_params("root CA", trust_domain, 1, validity, key.public())?;
        let certificate = params.self_signed(&signing_key(&key)?).map_err(Error::Library)?.der().clone();
        Ok(Self { trust_domain: trust_domain.clone(), key, certificate, validity })
    }

    /// Loads a root CA from its certificate and its unsealed key.
    ///
    /// # Errors
    /// [`Error::Certificate`] when the certificate is not that of the key.
    pub fn load(certificate: CertificateDer<'static>, key: Pair) -> Result<Self, Error> {
        let (trust_domain, validity) = read_ca(&certificate, key.public())?;
        Ok(Self { trust_domain, key, certificate, validity })
    }

    /// The root certificate, for the trust bundle.
    #[must_use]
    pub const fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// The key, for sealing.
    #[must_use]
    pub const fn key(&self) -> &Pair {
        &self.key
    }

    /// The trust domain.
    #[must_use]
    pub const fn trust_domain(&self) -> &TrustDomain {
        &self.trust_domain
    }

    /// Signs the certificate of an issuing CA with this P-256 key: 1 year, no CA below it.
    ///
    /// # Errors
    /// [`Error::Time`] when the root is not valid now; [`Error::Entropy`], [`Error::Library`].
    pub fn sign_issuing(&self, key: &Public, now: Timestamp) -> Result<CertificateDer<'static>, Error> {
        let validity = Validity::from_now(now, ISSUING_LIFETIME_MS)?.within(self.validity, now)?;
        let params = ca_params("issuing CA", &self.trust_domain, 0, validity, key)?;
        let public = rcgen::SubjectPublicKeyInfo::from_der(&key.to_spki_der()).map_err(Error::Library)?;
        let issuer = Issuer::from_ca_cert_der(&self.certificate, signing_key(&self.key)?).map_err(Error::Library)?;
        Ok(params.signed_by(&public, &issuer).map_err(Error::Library)?.der().clone())
    }
}
