//! The server's side of TLS: version 1.3, HTTP/2 and HTTP/1.1, client certificates asked for but not demanded.
//!
//! **Invariant:** a client certificate that is presented must be signed by an issuing CA that vouches now, and be an SVID of this
//! trust domain, or the handshake fails; a connection without one carries humans' tokens.
//!
//! Sessions resume by tickets, and a resumed session keeps the identity of its first handshake: whoever authenticates a
//! call must check the certificate's end and its epoch then, not rely on the handshake.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use rustls::client::danger::HandshakeSignatureValid;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ClientHello, ResolvesServerCert, VerifierBuilderError, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::time_provider::TimeProvider;
use rustls::version::TLS13;
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, OtherError, ServerConfig, SignatureScheme};
use scalbotics_core::identity::{SpiffeId, Subject, TrustDomain};

use crate::holder::tls::{Identity, Signatures, private_key, provider, root_store};
use crate::holder::{svid, tls};

/// Application protocols, in the server's order of preference.
const ALPN: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// Why the server's TLS could not be configured.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The roots or a key cannot be used.
    #[error("cannot use the roots or the key for TLS")]
    Material(#[from] tls::Error),
    /// The certificate is not that of the key, or rustls refuses it.
    #[error("cannot serve with the certificate")]
    Certificate(#[source] rustls::Error),
    /// The verifier of client certificates could not be made.
    #[error("cannot verify client certificates")]
    Verifier(#[source] VerifierBuilderError),
    /// Tickets or versions could not be set up.
    #[error("cannot configure TLS")]
    Tls(#[from] rustls::Error),
}

/// Why a client that has a good chain is refused.
#[derive(Debug, thiserror::Error)]
pub enum PeerError {
    /// Its certificate is not an SVID.
    #[error("the client's certificate is not an SVID")]
    NotSvid(#[from] svid::Error),
    /// It names nobody that this installation issues for.
    #[error("the client `{found}` is no workload of trust domain `{expected}`")]
    Foreign {
        /// Whom its certificate names.
        found: SpiffeId,
        /// The installation's trust domain.
        expected: TrustDomain,
    },
}

/// The certificate that the daemon serves with; replaced while it runs, at half of its life.
pub struct ServingCertificate {
    current: RwLock<Arc<CertifiedKey>>,
    /// Sent after the chain, for workers that know the installation by the digest of these alone (semantics §4.2).
    roots: Vec<CertificateDer<'static>>,
}

impl ServingCertificate {
    /// Serves with `identity`.
    ///
    /// # Errors
    /// [`Error::Certificate`] when the leaf is not that of the key.
    pub fn new(identity: &Identity) -> Result<Arc<Self>, Error> {
        Self::announcing(identity, Vec::new())
    }

    /// The same, and sends these roots after the chain: whoever knows their digest needs nothing else to know the daemon.
    ///
    /// # Errors
    /// [`Error::Certificate`].
    pub fn announcing(identity: &Identity, roots: Vec<CertificateDer<'static>>) -> Result<Arc<Self>, Error> {
        Ok(Arc::new(Self { current: RwLock::new(certified_key(identity, &roots)?), roots }))
    }

    /// The certificates that new connections are served with, DER, the daemon's own first, without the roots.
    #[must_use]
    pub fn chain(&self) -> Vec<Vec<u8>> {
        let serving = self.current.read().unwrap_or_else(PoisonError::into_inner);
        let len = serving.cert.len().saturating_sub(self.roots.len());
        serving.cert.iter().take(len).map(|certificate| certificate.to_vec()).collect()
    }

    /// Serves new connections with `identity`; open ones go on.
    ///
    /// # Errors
    /// [`Error::Certificate`], and the old certificate stays.
    pub fn replace(&self, identity: &Identity) -> Result<(), Error> {
        let fresh = certified_key(identity, &self.roots)?;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        Ok(())
    }
}

fn certified_key(identity: &Identity, roots: &[CertificateDer<'static>]) -> Result<Arc<CertifiedKey>, Error> {
    let key = private_key(&identity.key).map_err(tls::Error::from)?;
    let chain = [identity.chain.as_slice(), roots].concat();
    let certified = CertifiedKey::from_der(chain, key, &provider()).map_err(Error::Certificate)?;
    Ok(Arc::new(certified))
}

impl ResolvesServerCert for ServingCertificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

impl fmt::Debug for ServingCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ServingCertificate(hidden)")
    }
}

/// The issuing CAs whose certificates clients may present: not the root, so that a revoked CA vouches for nobody from the moment on at which
/// it is taken out, whatever a thief of its key writes into a certificate.
pub struct ClientAnchors {
    /// Whose names are told to clients.
    roots: Arc<dyn ClientCertVerifier>,
    /// `None` while no CA vouches for anybody.
    current: RwLock<Option<Arc<dyn ClientCertVerifier>>>,
}

impl ClientAnchors {
    /// No anchors yet; `roots` are what clients are told to have certificates of.
    ///
    /// # Errors
    /// [`Error::Material`], [`Error::Verifier`].
    pub fn new(roots: &[CertificateDer<'static>]) -> Result<Arc<Self>, Error> {
        Ok(Arc::new(Self { roots: verifier(roots)?, current: RwLock::new(None) }))
    }

    /// From now on exactly these CAs vouch for new connections.
    ///
    /// # Errors
    /// [`Error::Material`], [`Error::Verifier`]; nobody is vouched for then.
    pub fn replace(&self, issuing: &[CertificateDer<'static>]) -> Result<(), Error> {
        let set = |verifier| *self.current.write().unwrap_or_else(PoisonError::into_inner) = verifier;
        if issuing.is_empty() {
            set(None);
            return Ok(());
        }
        let fresh = verifier(issuing);
        set(fresh.as_ref().ok().map(Arc::clone));
        fresh.map(drop)
    }
}

impl fmt::Debug for ClientAnchors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientAnchors").finish_non_exhaustive()
    }
}

fn verifier(anchors: &[CertificateDer<'static>]) -> Result<Arc<dyn ClientCertVerifier>, Error> {
    let builder = WebPkiClientVerifier::builder_with_provider(root_store(anchors)?, provider());
    builder.allow_unauthenticated().build().map_err(Error::Verifier)
}

/// The server's configuration; `anchors` verify clients, `time` says when certificates are valid.
///
/// # Errors
/// Any [`Error`].
pub fn server_config(
    serving: Arc<ServingCertificate>,
    anchors: Arc<ClientAnchors>,
    trust_domain: &TrustDomain,
    time: Arc<dyn TimeProvider>,
) -> Result<ServerConfig, Error> {
    let provider = provider();
    let verifier = WorkloadVerifier { anchors, trust_domain: trust_domain.clone() };
    let mut config = ServerConfig::builder_with_details(provider, time)
        .with_protocol_versions(&[&TLS13])?
        .with_client_cert_verifier(Arc::new(verifier))
        .with_cert_resolver(serving);
    config.alpn_protocols = ALPN.map(<[u8]>::to_vec).to_vec();
    config.ticketer = rustls::crypto::aws_lc_rs::Ticketer::new()?;
    // No early data: it could be replayed.
    config.max_early_data_size = 0;
    Ok(config)
}

/// Reads whom a verified client certificate names.
///
/// # Errors
/// [`PeerError`].
pub fn peer(certificate: &CertificateDer<'_>, trust_domain: &TrustDomain) -> Result<svid::Svid, PeerError> {
    let svid = svid::read(certificate)?;
    let known = matches!(svid.id.subject(), Some(Subject::Agent { .. } | Subject::Service { .. } | Subject::Daemon { .. }));
    if known && svid.id.trust_domain() == trust_domain {
        Ok(svid)
    } else {
        Err(PeerError::Foreign { found: svid.id, expected: trust_domain.clone() })
    }
}

#[derive(Debug)]
struct WorkloadVerifier {
    anchors: Arc<ClientAnchors>,
    trust_domain: TrustDomain,
}

impl ClientCertVerifier for WorkloadVerifier {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.anchors.roots.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        let current = self.anchors.current.read().unwrap_or_else(PoisonError::into_inner).clone();
        let chain = current.ok_or(CertificateError::UnknownIssuer)?;
        let verified = chain.verify_client_cert(end_entity, intermediates, now)?;
        peer(end_entity, &self.trust_domain).map_err(|error| CertificateError::Other(OtherError(Arc::new(error))))?;
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

#[cfg(test)]
mod tests;
