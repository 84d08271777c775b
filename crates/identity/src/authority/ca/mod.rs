//! The certificate authority: root CA → issuing CA → X.509-SVIDs (SPIFFE X.509-SVID, RFC 5280).
//!
//! The root's key is sealed apart and only ever signs issuing CAs; the issuing CA's key lives in the keystore. Leaves are
//! issued for a public key and a registered identity: no field of a signing request is trusted but its key.
//!
//! Certificates begin [`BACKDATE_MS`] before now, so that a peer whose clock is a little behind accepts them at once.
//!
//! **Invariant:** a leaf has exactly one URI name, the SPIFFE ID given by the caller, in this CA's trust domain, and no
//! leaf outlives its issuer.
//!
//! The issuing CA carries no URI name constraint: webpki, which rustls verifies with, refuses every chain that has one.
//! The verifiers of this crate compare the trust domain themselves, and the root issues for one trust domain only.

mod crl;
mod error;
mod issuing;
mod profile;
mod request;
mod root;

pub use crl::{ROOT_CRL_LEN_MAX, Revoked, check_root_list};
pub use error::Error;
pub use issuing::{Issued, Issuing, Names};
pub use profile::{
    BACKDATE_MS, CRL_LIFETIME_MS, ISSUING_LIFETIME_MS, ROOT_LIFETIME_MS, SVID_LIFETIME_MS_MAX, SVID_LIFETIME_MS_MIN, authority_id,
};
pub use request::{REQUEST_LEN_MAX, RequestError, read_authority, read_workload, request};
pub use root::{Root, check_issuing};

#[cfg(test)]
mod tests;
