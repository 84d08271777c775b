//! The local key authority: issuing CAs whose keys, certificates and states lie in the daemon's keystore.
//!
//! **Invariant:** keys and states change in one write of one file, so that no crash leaves one without the other.
//! **Invariant:** the root's key is never here: its signatures come from where it is kept (semantics §4.6).

mod authority;
mod book;

pub use authority::{KeystoreAccess, KeystoreAuthority};
pub use book::BOOTSTRAP_KEY;

#[cfg(test)]
mod tests;
