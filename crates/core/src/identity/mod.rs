//! Identity values without keys: SPIFFE ids. Keys, signatures and ciphers are in the identity crate.

mod spiffe_id;

pub use spiffe_id::{ParseError as SpiffeIdError, SpiffeId, Subject, TRUST_DOMAIN_LEN_MAX, TrustDomain, URI_LEN_MAX};
