//! An authority that no system knows.

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use scalbotics_core::egress::Roots;

/// An authority and its key.
#[derive(Debug)]
pub struct Authority {
    pem: String,
    der: Vec<u8>,
    issuer: Issuer<'static, KeyPair>,
}

/// A server's certificate with its key.
#[derive(Debug)]
pub struct Certificate {
    pub(super) der: CertificateDer<'static>,
    pub(super) key: PrivateKeyDer<'static>,
    pem: String,
}

impl Certificate {
    /// As PEM.
    #[must_use]
    pub fn pem(&self) -> &str {
        &self.pem
    }
}

impl Authority {
    /// A new one.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().unwrap();
        let made = params.self_signed(&key).unwrap();
        Self { pem: made.pem(), der: made.der().to_vec(), issuer: Issuer::new(params, key) }
    }

    /// Its certificate as PEM, as an operator's bundle holds it.
    #[must_use]
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// It alone, as clients are told to believe it.
    #[must_use]
    pub fn roots(&self) -> Roots {
        Roots::new(vec![self.der.clone()])
    }

    /// A certificate for servers of these names and addresses.
    #[must_use]
    pub fn certificate(&self, names: &[&str]) -> Certificate {
        self.sign(names, |_| ())
    }

    /// The same, which ended years ago.
    #[must_use]
    pub fn expired(&self, names: &[&str]) -> Certificate {
        self.sign(names, |params| {
            params.not_before = rcgen::date_time_ymd(2020, 1, 1);
            params.not_after = rcgen::date_time_ymd(2021, 1, 1);
        })
    }

    fn sign(&self, names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> Certificate {
        let mut params = CertificateParams::new(names.iter().map(ToString::to_string).collect::<Vec<_>>()).unwrap();
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let made = params.signed_by(&key, &self.issuer).unwrap();
        let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        Certificate { der: made.der().clone(), key: private, pem: made.pem() }
    }
}
