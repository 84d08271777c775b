//! Identity values without keys: SPIFFE ids, and the states of authorities. Keys, signatures and ciphers are in the identity crate.

mod authority;
mod spiffe_id;

pub use authority::{AUTHORITIES_MAX, Authorities, Authority, AuthorityError, AuthorityId, AuthorityIdError, AuthorityState};
pub use spiffe_id::{ParseError as SpiffeIdError, SpiffeId, Subject, TRUST_DOMAIN_LEN_MAX, TrustDomain, URI_LEN_MAX};
