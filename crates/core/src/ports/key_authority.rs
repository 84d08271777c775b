//! Who signs certificates: the local keystore, or another program that keeps the keys.

use std::net::IpAddr;

use async_trait::async_trait;

use crate::identity::{Authority, AuthorityError, AuthorityId, SpiffeId};
use crate::time::Timestamp;

/// Why nothing was signed or changed.
#[derive(Debug, thiserror::Error)]
pub enum KeyAuthorityError {
    /// The step is not one from the authority's state.
    #[error("the authority's state does not allow it")]
    State(#[from] AuthorityError),
    /// What was given is refused: an identity, a key, a lifetime, a certificate, a list.
    #[error("it is refused")]
    Refused {
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The keys could not be read, used or written; nothing has changed then.
    #[error("the keys of authorities could not be {attempt}")]
    Keys {
        /// What was attempted: `read`, `changed`, `used`.
        attempt: &'static str,
        /// What went wrong.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// What a certificate is to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SvidOrder {
    /// Whom it names.
    pub id: SpiffeId,
    /// Their public key, as DER `SubjectPublicKeyInfo`.
    pub key_spki: Vec<u8>,
    /// Its life, in milliseconds; cut where the authority ends before.
    pub lifetime_ms: u64,
    /// DNS names, for daemons only (semantics §4.1).
    pub dns: Vec<String>,
    /// IP addresses, for daemons only.
    pub ips: Vec<IpAddr>,
}

/// A certificate that was issued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuedSvid {
    /// DER, the leaf first, then the authority that signed it; the root is the verifier's own.
    pub chain: Vec<Vec<u8>>,
    /// The leaf's serial number, in lower-case hexadecimal.
    pub serial: String,
    /// Which authority signed it.
    pub authority: AuthorityId,
    /// First moment of its life.
    pub not_before: Timestamp,
    /// Last moment of its life.
    pub not_after: Timestamp,
}

/// What is to change about an authority.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuthorityMark {
    /// What it signed is to be renewed.
    Taint,
    /// Nothing that it signed is good any more; its key is destroyed.
    Revoke {
        /// The root's list of revoked authorities with this one on it, as DER; empty where the root is not at hand.
        root_crl: Vec<u8>,
    },
}

/// A certificate that is void before its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevokedSvid {
    /// Its serial number, in lower-case hexadecimal.
    pub serial: String,
    /// Since when.
    pub revoked_at: Timestamp,
}

/// Signs certificates. `issue` and `authorities` answer from memory; the others may block for the time of a file's write.
///
/// # Cancel safety
/// Dropping a future leaves the change made or not made, never half of it.
#[async_trait]
pub trait KeyAuthority: Send + Sync + std::fmt::Debug {
    /// All authorities, in the order in which they were made.
    ///
    /// # Errors
    /// [`KeyAuthorityError::Keys`].
    async fn authorities(&self) -> Result<Vec<Authority>, KeyAuthorityError>;

    /// Makes a key for the next authority and answers a signing request (PKCS#10, DER) for the root; where one waits already, its request
    /// again.
    ///
    /// # Errors
    /// [`KeyAuthorityError`].
    async fn prepare(&self, now: Timestamp) -> Result<(Authority, Vec<u8>), KeyAuthorityError>;

    /// Lets the prepared authority sign by its certificate (DER), which must be the root's for exactly that key; the one before retires.
    ///
    /// # Errors
    /// [`KeyAuthorityError`].
    async fn activate(&self, certificate: &[u8], now: Timestamp) -> Result<Authority, KeyAuthorityError>;

    /// Taints or revokes an authority.
    ///
    /// # Errors
    /// [`KeyAuthorityError`].
    async fn mark(&self, id: &AuthorityId, mark: AuthorityMark, now: Timestamp) -> Result<Authority, KeyAuthorityError>;

    /// Issues a certificate under the active authority.
    ///
    /// # Errors
    /// [`KeyAuthorityError::Refused`], [`KeyAuthorityError::Keys`].
    async fn issue(&self, order: &SvidOrder, now: Timestamp) -> Result<IssuedSvid, KeyAuthorityError>;

    /// The list of an authority's revoked certificates (RFC 5280 §5), DER, signed at `now`.
    ///
    /// # Errors
    /// [`KeyAuthorityError`]; [`AuthorityError::Absent`] also for one whose key is destroyed.
    async fn revocations(&self, id: &AuthorityId, revoked: &[RevokedSvid], now: Timestamp) -> Result<Vec<u8>, KeyAuthorityError>;
}
