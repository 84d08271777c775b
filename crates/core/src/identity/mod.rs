//! Identity values without keys: SPIFFE ids, the states of authorities, certificates and join tokens as they are kept. Keys, signatures and ciphers are in the identity crate.

mod authority;
mod join;
mod spiffe_id;
pub mod svid;

pub use authority::{AUTHORITIES_MAX, Authorities, Authority, AuthorityError, AuthorityId, AuthorityIdError, AuthorityState};
pub use join::{JOIN_TOKEN_LIFETIME_MS, JOIN_TOKENS_MAX, JoinToken};
pub use spiffe_id::{ParseError as SpiffeIdError, SpiffeId, Subject, TRUST_DOMAIN_LEN_MAX, TrustDomain, URI_LEN_MAX};
pub use svid::{Joined, Svid};
