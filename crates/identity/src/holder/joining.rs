//! The client's side of TLS before there is a trust file: a daemon is known by the trust bundle whose digest the join token carries.
//!
//! **Invariant:** the handshake fails, and so nothing is said to a server, unless it sends roots with exactly that digest, its chain ends in
//! one of them, and it names a daemon of the trust domain of its own certificate.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::time_provider::TimeProvider;
use rustls::version::TLS13;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, OtherError, SignatureScheme};
use scalbotics_core::digest::Digest;
use scalbotics_core::identity::TrustDomain;

use super::join_token::bundle_digest;
use super::svid;
use super::tls::{ALPN, DaemonVerifier, Error, Signatures, provider};

/// Most certificates of a chain that are looked at: leaf, issuing CA, and a few roots.
const CHAIN_LEN_MAX: usize = 8;

/// Why a server is not the one that the token names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the server does not have the trust bundle that the join token names")]
pub struct OtherBundle;

/// What a handshake has found out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Learned {
    /// The installation's trust domain.
    pub trust_domain: TrustDomain,
    /// Its roots.
    pub roots: Vec<CertificateDer<'static>>,
}

/// Knows a daemon by the digest of its trust bundle.
#[derive(Debug)]
pub struct Joining {
    bundle: Digest,
    learned: OnceLock<Learned>,
    met_another: AtomicBool,
}

impl Joining {
    /// By this digest.
    #[must_use]
    pub fn new(bundle: Digest) -> Arc<Self> {
        Arc::new(Self { bundle, learned: OnceLock::new(), met_another: AtomicBool::new(false) })
    }

    /// Whose bundle it was, after a handshake that was good.
    #[must_use]
    pub fn learned(&self) -> Option<&Learned> {
        self.learned.get()
    }

    /// Whether a server had another bundle: somebody stands between, or it is another installation's daemon.
    #[must_use]
    pub fn met_another(&self) -> bool {
        self.met_another.load(Ordering::Relaxed)
    }

    /// The client's configuration.
    ///
    /// # Errors
    /// [`Error::Tls`].
    pub fn client_config(self: &Arc<Self>, time: Arc<dyn TimeProvider>) -> Result<ClientConfig, Error> {
        let builder = ClientConfig::builder_with_details(provider(), time).with_protocol_versions(&[&TLS13])?;
        let verifier = Arc::new(BundleVerifier(Arc::clone(self)));
        let mut config = builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth();
        config.alpn_protocols = vec![ALPN.to_vec()];
        Ok(config)
    }

    /// The roots at the end of what a server sent, by their digest.
    fn roots(&self, sent: &[CertificateDer<'_>]) -> Option<Vec<CertificateDer<'static>>> {
        let sent = sent.get(..sent.len().min(CHAIN_LEN_MAX))?;
        let mut ends = (0..sent.len()).filter_map(|first| sent.get(first..));
        let roots = ends.find(|roots| bundle_digest(roots) == self.bundle)?;
        Some(roots.iter().map(|root| root.clone().into_owned()).collect())
    }
}

/// The verifier of such a configuration.
#[derive(Debug)]
struct BundleVerifier(Arc<Joining>);

impl ServerCertVerifier for BundleVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let other = |error: Arc<dyn std::error::Error + Send + Sync>| CertificateError::Other(OtherError(error));
        let Some(roots) = self.0.roots(intermediates) else {
            self.0.met_another.store(true, Ordering::Relaxed);
            return Err(other(Arc::new(OtherBundle)).into());
        };
        let named = svid::read(end_entity).map_err(|error| other(Arc::new(error)))?;
        let trust_domain = named.id.trust_domain().clone();
        let daemon = DaemonVerifier::new(&roots, &trust_domain).map_err(|error| other(Arc::new(error)))?;
        let verified = daemon.verify_server_cert(end_entity, intermediates, name, ocsp, now)?;
        // A second connection that finds the same may find it again.
        let _first = self.0.learned.set(Learned { trust_domain, roots });
        Ok(verified)
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
        Signatures::default().verify(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        Signatures::default().schemes()
    }
}
