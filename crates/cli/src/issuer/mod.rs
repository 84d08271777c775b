//! The outside issuer of a context (OAuth 2.0, OpenID Connect): how a person logs in there and what comes back.
//!
//! **Boundary:** everything that the issuer says is data of a stranger until it was checked: each answer has a limit in size and time,
//! no redirect is followed, and no address is asked that is neither `https` nor on this machine.
//! **Invariant:** a refresh token goes to the issuer's token and revocation endpoints and into a 0600 file or the
//! keyring of the desktop, and nowhere else.

mod address;
mod browser;
mod callback;
mod client;
mod device;
mod discovery;
mod error;
mod grant;
mod http;
mod kept;
mod keyring;
mod listener;
mod metadata;
mod paste;
mod secret_tool;

pub(crate) use address::Address;
pub(crate) use browser::Opener;
pub(crate) use client::{Client, Way};
pub(crate) use kept::{Login, Turn};

#[cfg(test)]
mod tests;
