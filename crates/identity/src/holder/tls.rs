//! The client's side of TLS: version 1.3, the installation's own roots, and a daemon that proves who it is by SPIFFE ID.
//!
//! **Invariant:** a server is accepted only when its chain ends in the trust bundle and it names a daemon of the trust
//! domain. The host name plays no part: whoever holds a daemon's identity is the daemon, and no public CA can make one.

use std::sync::Arc;
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::time_provider::TimeProvider;
use rustls::version::TLS13;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, OtherError, PeerIncompatible, RootCertStore, SignatureScheme,
};
use scalbotics_core::identity::{Subject, TrustDomain};
use scalbotics_core::ports::Clock;

use super::{key, svid};

/// The only application protocol of a client: gRPC's HTTP/2.
pub(crate) const ALPN: &[u8] = b"h2";

/// Why a TLS configuration could not be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A root certificate cannot be used as a trust anchor.
    #[error("a certificate of the trust bundle cannot be used as a root")]
    Root(#[source] rustls::Error),
    /// There is no root to trust.
    #[error("the trust bundle is empty")]
    NoRoots,
    /// The private key could not be handed to TLS.
    #[error("cannot use the private key for TLS")]
    Key(#[from] key::Error),
    /// TLS refused the certificate, the key or the versions.
    #[error("cannot configure TLS")]
    Tls(#[from] rustls::Error),
}

/// Why a server that has a good chain is refused.
#[derive(Debug, thiserror::Error)]
pub enum PeerError {
    /// Its certificate is not an SVID.
    #[error("the server's certificate is not an SVID")]
    NotSvid(#[from] svid::Error),
    /// It names something else than a daemon of the trust domain.
    #[error("the server is `{found}`, not a daemon of trust domain `{expected}`")]
    NotDaemon {
        /// Whom its certificate names.
        found: String,
        /// The trust domain of which it should be a daemon.
        expected: TrustDomain,
    },
}

/// A certificate chain, leaf first, and the leaf's private key.
#[derive(Debug)]
pub struct Identity {
    /// The chain, leaf first, without the root.
    pub chain: Vec<CertificateDer<'static>>,
    /// The leaf's key.
    pub key: key::Pair,
}

/// The house's clock as rustls asks for it, so that certificates end by the clock that everything else ends by.
#[derive(Debug)]
pub struct ClockTime(pub Arc<dyn Clock>);

impl TimeProvider for ClockTime {
    /// `None`, which fails every verification, for a clock before 1970.
    fn current_time(&self) -> Option<UnixTime> {
        let unix_ms = u64::try_from(self.0.now().unix_ms()).ok()?;
        Some(UnixTime::since_unix_epoch(Duration::from_millis(unix_ms)))
    }
}

/// The cryptography of every TLS connection: aws-lc-rs, post-quantum key exchange preferred.
#[must_use]
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

/// The client's configuration; `time` says when certificates are valid.
///
/// # Errors
/// Any [`Error`].
pub fn client_config(
    roots: &[CertificateDer<'static>],
    trust_domain: &TrustDomain,
    identity: Option<&Identity>,
    time: Arc<dyn TimeProvider>,
) -> Result<ClientConfig, Error> {
    let provider = provider();
    let verifier = DaemonVerifier::new(roots, trust_domain)?;
    let builder = ClientConfig::builder_with_details(provider, time)
        .with_protocol_versions(&[&TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    let mut config = match identity {
        None => builder.with_no_client_auth(),
        Some(identity) => builder.with_client_auth_cert(identity.chain.clone(), private_key(&identity.key)?)?,
    };
    config.alpn_protocols = vec![ALPN.to_vec()];
    Ok(config)
}

/// The trust anchors of a bundle.
pub(crate) fn root_store(roots: &[CertificateDer<'static>]) -> Result<Arc<RootCertStore>, Error> {
    let mut store = RootCertStore::empty();
    for root in roots {
        store.add(root.clone()).map_err(Error::Root)?;
    }
    if store.is_empty() { Err(Error::NoRoots) } else { Ok(Arc::new(store)) }
}

/// A key in the form that rustls takes.
pub(crate) fn private_key(key: &key::Pair) -> Result<PrivateKeyDer<'static>, key::Error> {
    Ok(PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.to_pkcs8_der()?.to_vec())))
}

/// How the signature of the other end of a handshake is verified, by servers and clients alike: TLS 1.3, for nothing older is offered.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Signatures(WebPkiSupportedAlgorithms);

impl Default for Signatures {
    fn default() -> Self {
        Self(provider().signature_verification_algorithms)
    }
}

impl Signatures {
    /// What every verifier says of TLS 1.2.
    pub(crate) fn refuse_tls12() -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(PeerIncompatible::Tls12NotOfferedOrEnabled.into())
    }

    /// Verifies one of TLS 1.3.
    pub(crate) fn verify(
        self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.0)
    }

    /// The schemes that are offered.
    pub(crate) fn schemes(self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}

/// Accepts a daemon of a trust domain, and nobody else.
#[derive(Debug)]
pub(crate) struct DaemonVerifier {
    roots: Arc<RootCertStore>,
    trust_domain: TrustDomain,
    signatures: Signatures,
}

impl DaemonVerifier {
    /// By these roots.
    ///
    /// # Errors
    /// [`Error::Root`], [`Error::NoRoots`].
    pub(crate) fn new(roots: &[CertificateDer<'static>], trust_domain: &TrustDomain) -> Result<Self, Error> {
        Ok(Self { roots: root_store(roots)?, trust_domain: trust_domain.clone(), signatures: Signatures::default() })
    }

    fn check_name(&self, certificate: &CertificateDer<'_>) -> Result<(), PeerError> {
        let id = svid::read(certificate)?.id;
        let is_daemon = matches!(id.subject(), Some(Subject::Daemon { .. }));
        if is_daemon && *id.trust_domain() == self.trust_domain {
            Ok(())
        } else {
            Err(PeerError::NotDaemon { found: id.to_string(), expected: self.trust_domain.clone() })
        }
    }
}

impl ServerCertVerifier for DaemonVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let parsed = ParsedCertificate::try_from(end_entity)?;
        verify_server_cert_signed_by_trust_anchor(&parsed, &self.roots, intermediates, now, self.signatures.0.all)?;
        self.check_name(end_entity).map_err(|error| CertificateError::Other(OtherError(Arc::new(error))))?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Signatures::refuse_tls12()
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.signatures.verify(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.signatures.schemes()
    }
}
