//! Why a certificate is not issued.

use scalbotics_core::identity::TrustDomain;

use crate::entropy;
use crate::holder::key;

/// Why a CA could not be made or loaded, or refuses to issue.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The identity belongs to another trust domain.
    #[error("identity `{id}` is not in trust domain `{trust_domain}`")]
    Foreign {
        /// The identity asked for.
        id: String,
        /// The CA's trust domain.
        trust_domain: TrustDomain,
    },
    /// The identity is of a shape that this house does not issue.
    #[error("identity `{id}` names no agent, service or daemon")]
    Shape {
        /// The identity asked for.
        id: String,
    },
    /// DNS and IP names are for daemons only.
    #[error("identity `{id}` is no daemon and gets no host names")]
    HostNames {
        /// The identity asked for.
        id: String,
    },
    /// A DNS name is not one.
    #[error("host name `{name}` is not a DNS name")]
    DnsName {
        /// The name.
        name: String,
    },
    /// The lifetime is out of range.
    #[error("certificate lifetime of {lifetime_ms} ms is not between 5 minutes and 24 hours")]
    Lifetime {
        /// The lifetime asked for, in milliseconds.
        lifetime_ms: u64,
    },
    /// The time is outside the CA certificate's life, or before 1970 or after 9999.
    #[error("the time {unix_ms} ms is outside the life of the CA's certificate")]
    Time {
        /// The time given, in milliseconds since the Unix epoch.
        unix_ms: i64,
    },
    /// The CA's certificate is malformed, or is not that of its key.
    #[error("CA certificate is malformed or not that of its key")]
    Certificate,
    /// The certificate of an issuing CA is not the root's for the key that waits, or not of the house's profile.
    #[error("certificate is not the root's for the prepared key: {what}")]
    NotSigned {
        /// What is wrong.
        what: &'static str,
    },
    /// A list of revoked authorities is refused.
    #[error("list of revoked authorities is refused: {what}")]
    Crl {
        /// What is wrong.
        what: &'static str,
    },
    /// The CA's key is not P-256, or could not be used.
    #[error("cannot use the key of a CA")]
    Key(#[from] key::Error),
    /// No random serial number.
    #[error("cannot draw a serial number")]
    Entropy(#[from] entropy::Exhausted),
    /// The library refused to make the certificate.
    #[error("cannot make the certificate")]
    Library(#[source] rcgen::Error),
}
