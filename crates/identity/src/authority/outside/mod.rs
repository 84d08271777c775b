//! Tokens of outside issuers: what their keys are, and what one of their tokens proves (RFC 7519, RFC 8725, OpenID Connect Core 1.0).
//!
//! **Invariant:** a key has one algorithm, by its own kind and the configuration's list, and nothing that a token says changes it; a key or a URL
//! inside of a token is never looked at; the tenant is the one that the configuration gives to the issuer's word, never the word itself.
//! **Invariant:** no refusal repeats a byte of a token.

mod algorithm;
mod claims;
mod key;
mod key_set;
mod kind;
mod refusal;
mod token;
mod trusted;

pub use algorithm::Algorithm;
pub use claims::{AGE_S_MAX, Arrived, LIFETIME_S_MAX};
pub use key_set::{KeySet, KeySetError, SET_LEN_MAX};
pub use kind::TokenKind;
pub use refusal::Refusal;
pub use token::{TOKEN_LEN_MAX, Token};
pub use trusted::{ClaimNames, Trusted};

#[cfg(test)]
mod tests;
