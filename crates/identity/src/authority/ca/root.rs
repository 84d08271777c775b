//! The root CA: 10 years, sealed, signs issuing CAs and nothing else (semantics §4.6).

use rcgen::{Issuer, RevocationReason};
use rustls::pki_types::CertificateDer;
use scalbotics_core::identity::{AuthorityId, TrustDomain};
use scalbotics_core::time::Timestamp;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::ParsedExtension;
use x509_parser::prelude::FromDer as _;

use super::Error;
use super::crl::{self, Revoked};
use super::profile::{ISSUING_LIFETIME_MS, ROOT_LIFETIME_MS, Validity, authority_id, ca_params, read_ca, signing_key};
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

    /// Signs the list of revoked issuing CAs (DER), good for as long as an issuing CA's certificate.
    ///
    /// # Errors
    /// [`Error::Time`], [`Error::Library`].
    pub fn sign_crl(&self, revoked: &[Revoked], now: Timestamp) -> Result<Vec<u8>, Error> {
        let issuer = Issuer::from_ca_cert_der(&self.certificate, signing_key(&self.key)?).map_err(Error::Library)?;
        crl::sign(&issuer, revoked, (now, ISSUING_LIFETIME_MS), RevocationReason::CaCompromise)
    }
}

/// Whether `certificate` makes an issuing CA of `key` in this trust domain: signed by one of `roots`, valid at `now`, with no CA below it.
/// Answers the last moment of its life.
///
/// # Errors
/// [`Error::NotSigned`], [`Error::Certificate`].
pub fn check_issuing(
    certificate: &CertificateDer<'_>,
    (key, trust_domain): (&Public, &TrustDomain),
    roots: &[CertificateDer<'_>],
    now: Timestamp,
) -> Result<Timestamp, Error> {
    let refused = |what| Error::NotSigned { what };
    let (found, validity) = read_ca(certificate, key).map_err(|_| refused("it is another key's, or no authority's"))?;
    let (_, parsed) = X509Certificate::from_der(certificate).map_err(|_| Error::Certificate)?;
    if found != *trust_domain {
        return Err(refused("it is of another trust domain"));
    }
    let constraints = parsed.basic_constraints().map_err(|_| Error::Certificate)?.ok_or(Error::Certificate)?;
    if !constraints.critical || constraints.value.path_len_constraint != Some(0) {
        return Err(refused("it allows authorities below it"));
    }
    let usage = parsed.key_usage().map_err(|_| Error::Certificate)?;
    if !usage.is_some_and(|usage| usage.critical && usage.value.key_cert_sign() && usage.value.crl_sign()) {
        return Err(refused("it may not sign certificates and lists"));
    }
    if identifier(&parsed).as_ref() != Some(&authority_id(key)) {
        return Err(refused("its subject key identifier is not the authority's id"));
    }
    validity.within(validity, now).map_err(|_| refused("it is not valid now"))?;
    for root in roots {
        let (_, root) = X509Certificate::from_der(root).map_err(|_| Error::Certificate)?;
        if parsed.issuer() == root.subject() && parsed.verify_signature(Some(root.public_key())).is_ok() {
            let end = Timestamp::from_unix_ms(root.validity().not_after.timestamp().saturating_mul(1000));
            return Ok(validity.not_after.min(end));
        }
    }
    Err(refused("no root of the trust file has signed it"))
}

/// The subject key identifier of a certificate, where it is one of 20 bytes.
fn identifier(parsed: &X509Certificate<'_>) -> Option<AuthorityId> {
    let found = parsed.extensions().iter().find_map(|extension| {
        if let ParsedExtension::SubjectKeyIdentifier(id) = extension.parsed_extension() { Some(id.0) } else { None }
    });
    found.and_then(|bytes| <[u8; 20]>::try_from(bytes).ok()).map(AuthorityId::of_key_identifier)
}
