//! An outside issuer of tokens: its discovery document and its keys, read and judged (OpenID Connect Discovery 1.0 §4).
//!
//! **Boundary:** B1 of the security model. What answers is hostile until it is judged: redirects are not followed, sizes and time
//! are limited, and only `https` leaves this machine.

mod discovery;
mod document;
mod error;
mod keys;
mod published;
mod transfer;

pub use discovery::{Discovered, discover};
pub use error::Error;
pub use published::Published;
pub use transfer::check_address;

#[cfg(test)]
mod tests;
