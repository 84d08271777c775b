//! The daemon's signature under the warrant of one call (semantics §8.1), by the key of its own certificate: whoever has the trust bundle can
//! verify it, also behind the worker that got it.
//!
//! **Invariant:** it is made behind a tag of its own, so that no handshake, token or statement is ever a warrant.

use rustls::client::danger::ServerCertVerifier as _;
use rustls::pki_types::{CertificateDer, DnsName, ServerName, UnixTime};
use scalbotics_core::identity::TrustDomain;
use scalbotics_core::time::Timestamp;

use super::key::{self, Pair, SIGNATURE_LEN};
use super::svid;
use super::tls::{self, DaemonVerifier};

/// Separates warrants from everything else that a daemon's key signs.
const TAG: &[u8] = b"scalbotics/worker-warrant/v1\0";

/// Certificates of a chain at most: the daemon's, and the issuing CA's.
const CHAIN_LEN_MAX: usize = 4;

/// Why a warrant's signature does not count.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no certificate beside it, or there are too many.
    #[error("a warrant comes with the certificate of its daemon, and at most three others")]
    Chain,
    /// The certificate is not that of a daemon of the trust domain, or has ended.
    #[error("the warrant is not a daemon's of this installation")]
    Certificate(#[from] rustls::Error),
    /// The certificate is no SVID.
    #[error("the daemon's certificate is not an SVID")]
    Svid(#[from] svid::Error),
    /// The signature is not of this text by that daemon.
    #[error("the signature under the warrant is not good")]
    Key(#[from] key::Error),
}

/// Signs the text of a warrant.
///
/// # Errors
/// [`key::Error::Library`].
pub fn sign(daemon: &Pair, text: &[u8]) -> Result<[u8; SIGNATURE_LEN], key::Error> {
    daemon.sign(&message(text))
}

/// Verifies warrants of the daemons of one installation.
#[derive(Debug)]
pub struct Verifier(DaemonVerifier);

impl Verifier {
    /// By the roots of the trust bundle.
    ///
    /// # Errors
    /// [`tls::Error::Root`], [`tls::Error::NoRoots`].
    pub fn new(roots: &[CertificateDer<'static>], trust_domain: &TrustDomain) -> Result<Self, tls::Error> {
        Ok(Self(DaemonVerifier::new(roots, trust_domain)?))
    }

    /// Verifies the signature under a text; `chain` is the daemon's, leaf first.
    ///
    /// # Errors
    /// Any [`Error`].
    pub fn verify(&self, text: &[u8], signature: &[u8], chain: &[CertificateDer<'_>], now: Timestamp) -> Result<(), Error> {
        let Some((daemon, others)) = chain.split_first().filter(|_| chain.len() <= CHAIN_LEN_MAX) else {
            return Err(Error::Chain);
        };
        let now = UnixTime::since_unix_epoch(std::time::Duration::from_millis(u64::try_from(now.unix_ms()).unwrap_or(0)));
        // The name plays no part in it, as in every connection to a daemon.
        let nobody = ServerName::DnsName(DnsName::try_from("daemon").map_err(|_| Error::Chain)?);
        self.0.verify_server_cert(daemon, others, &nobody, &[], now)?;
        Ok(svid::public_key(daemon)?.verify(&message(text), signature)?)
    }
}

fn message(text: &[u8]) -> Vec<u8> {
    [TAG, text].concat()
}
