//! The built-in issuer of tokens of humans and services: takes login assertions (RFC 7523), gives ten-minute access tokens (RFC 9068).
//!
//! **Invariant:** the algorithm is the key's, never the token's; the header has `alg`, `kid`, `typ` and nothing else; the
//! signature is verified before any claim is believed; no refusal repeats a byte of the token.

mod access;
pub(in crate::authority) mod compact;
mod login;
mod proof;
mod refusal;
mod verified;

pub use access::{AUDIENCE_LEN_MAX, AccessToken, GROUPS_MAX, Issuer, LIFETIME_S, Session, Validator};
pub use compact::TOKEN_LEN_MAX;
pub use login::{Assertion, LoggedIn};
pub use proof::{ProofRefusal, verify_proof};
pub use refusal::{Error, LEEWAY_S, Refusal};

#[cfg(test)]
mod tests;
