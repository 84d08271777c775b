//! The issuing CA: signs SVIDs with the key that the keystore holds.

use std::fmt;
use std::net::IpAddr;

use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    RevocationReason, SanType,
};
use rustls::pki_types::{CertificateDer, DnsName};
use scalbotics_core::identity::{AuthorityId, SpiffeId, Subject, TrustDomain};
use scalbotics_core::time::Timestamp;

use super::Error;
use super::crl::{self, Revoked};
use super::profile::{
    CRL_LIFETIME_MS, SVID_LIFETIME_MS_MAX, SVID_LIFETIME_MS_MIN, Validity, authority_id, new_serial, params, read_ca,
    signing_key, uri,
};
use crate::holder::key::{Pair, Public};
use crate::holder::svid::Serial;

/// Host names that a daemon's certificate also carries, so that browsers and curl can check it (semantics §4.1).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Names {
    /// DNS names.
    pub dns: Vec<String>,
    /// IP addresses.
    pub ips: Vec<IpAddr>,
}

/// A new certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issued {
    /// Leaf, then issuing CA; the root is the verifier's own.
    pub chain: Vec<CertificateDer<'static>>,
    /// The leaf's serial number.
    pub serial: Serial,
    /// First moment of its life.
    pub not_before: Timestamp,
    /// Last moment of its life.
    pub not_after: Timestamp,
}

/// An issuing CA.
pub struct Issuing {
    id: AuthorityId,
    trust_domain: TrustDomain,
    certificate: CertificateDer<'static>,
    validity: Validity,
    issuer: Issuer<'static, KeyPair>,
}

impl Issuing {
    /// Loads an issuing CA from its certificate and its key.
    ///
    /// # Errors
    /// [`Error::Certificate`] when the certificate is not that of the key; [`Error::Key`], [`Error::Library`].
    pub fn load(certificate: CertificateDer<'static>, key: &Pair) -> Result<Self, Error> {
        let (trust_domain, validity) = read_ca(&certificate, key.public())?;
        let issuer = Issuer::from_ca_cert_der(&certificate, signing_key(key)?).map_err(Error::Library)?;
        Ok(Self { id: authority_id(key.public()), trust_domain, certificate, validity, issuer })
    }

    /// The authority's id.
    #[must_use]
    pub const fn id(&self) -> &AuthorityId {
        &self.id
    }

    /// Signs the list of this authority's revoked certificates (DER), good for [`CRL_LIFETIME_MS`].
    ///
    /// # Errors
    /// [`Error::Time`], [`Error::Library`].
    pub fn sign_crl(&self, revoked: &[Revoked], now: Timestamp) -> Result<Vec<u8>, Error> {
        crl::sign(&self.issuer, revoked, (now, CRL_LIFETIME_MS), RevocationReason::PrivilegeWithdrawn)
    }

    /// The CA's certificate.
    #[must_use]
    pub const fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// The trust domain.
    #[must_use]
    pub const fn trust_domain(&self) -> &TrustDomain {
        &self.trust_domain
    }

    /// First moment of the CA certificate's life.
    #[must_use]
    pub const fn not_before(&self) -> Timestamp {
        self.validity.not_before
    }

    /// Last moment of the CA certificate's life.
    #[must_use]
    pub const fn not_after(&self) -> Timestamp {
        self.validity.not_after
    }

    /// Issues an SVID that binds `key` to `id` for `lifetime_ms`, or until the CA's own end; host names for daemons only.
    ///
    /// # Errors
    /// [`Error::Foreign`], [`Error::Shape`], [`Error::HostNames`], [`Error::DnsName`], [`Error::Lifetime`], [`Error::Time`].
    pub fn issue(&self, id: &SpiffeId, key: &Public, names: &Names, lifetime_ms: u64, now: Timestamp) -> Result<Issued, Error> {
        self.check(id, names)?;
        if !(SVID_LIFETIME_MS_MIN..=SVID_LIFETIME_MS_MAX).contains(&lifetime_ms) {
            return Err(Error::Lifetime { lifetime_ms });
        }
        let validity = Validity::from_now(now, lifetime_ms)?.within(self.validity, now)?;
        let serial = new_serial()?;
        let mut params = leaf_params(validity, &serial);
        params.subject_alt_names.push(uri(id)?);
        for name in &names.dns {
            params.subject_alt_names.push(dns(name)?);
        }
        params.subject_alt_names.extend(names.ips.iter().copied().map(SanType::IpAddress));
        let public = rcgen::SubjectPublicKeyInfo::from_der(&key.to_spki_der()).map_err(Error::Library)?;
        let leaf = params.signed_by(&public, &self.issuer).map_err(Error::Library)?.der().clone();
        let chain = vec![leaf, self.certificate.clone()];
        Ok(Issued { chain, serial, not_before: validity.not_before, not_after: validity.not_after })
    }

    fn check(&self, id: &SpiffeId, names: &Names) -> Result<(), Error> {
        if *id.trust_domain() != self.trust_domain {
            return Err(Error::Foreign { id: id.to_string(), trust_domain: self.trust_domain.clone() });
        }
        match id.subject() {
            Some(Subject::Daemon { .. }) => Ok(()),
            Some(Subject::Agent { .. } | Subject::Service { .. }) if *names == Names::default() => Ok(()),
            Some(Subject::Agent { .. } | Subject::Service { .. }) => Err(Error::HostNames { id: id.to_string() }),
            Some(Subject::TrustDomain) | None => Err(Error::Shape { id: id.to_string() }),
        }
    }
}

fn leaf_params(validity: Validity, serial: &Serial) -> CertificateParams {
    let mut subject = DistinguishedName::new();
    subject.push(DnType::OrganizationName, "ScalBotics");
    let mut params = params(subject, validity, serial);
    // Said, not left out: verifiers of other houses want to read that it is none.
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    params
}

fn dns(name: &str) -> Result<SanType, Error> {
    let refuse = || Error::DnsName { name: name.escape_debug().take(80).collect() };
    DnsName::try_from(name).map_err(|_| refuse())?;
    Ok(SanType::DnsName(name.to_owned().try_into().map_err(|_| refuse())?))
}

impl fmt::Debug for Issuing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issuing")
            .field("id", &self.id)
            .field("trust_domain", &self.trust_domain)
            .field("validity", &self.validity)
            .finish_non_exhaustive()
    }
}
