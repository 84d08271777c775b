//! JWT-SVIDs (SPIFFE JWT-SVID): short tokens by which a workload shows a third party who it is, signed with a key that signs nothing else.
//!
//! **Invariant:** the algorithm is the key's, never the token's; the header has `alg`, `kid`, `typ` and nothing else; a token names its audience
//! and ends within minutes.
//! **Invariant:** keys of access tokens and keys of JWT-SVIDs differ, and so do the types of the tokens: neither is ever taken for the other.

mod signer;
mod validator;

pub use signer::{AUDIENCES_LEN_MAX, AUDIENCES_MAX, Error, LIFETIME_S, Signer, Subject};
pub use validator::{Refused, Valid, Validator};

#[cfg(test)]
mod tests;
